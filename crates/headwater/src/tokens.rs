//! `headwater token …`.

use headwater_server::clock::{Clock, SystemClock};
use headwater_store::{Millis, Token, TokenState};
use serde_json::{Value, json};

use crate::{
    arguments::TokenCommand,
    failure::Failure,
    output::{self, say},
    workplace,
};

pub(crate) async fn run(command: TokenCommand) -> Result<(), Failure> {
    let now = SystemClock.now();
    match command {
        TokenCommand::Create { slug, expires, data } => {
            let expires = expires.map(|text| expiry(&text, now)).transpose()?;
            let administration = workplace::open_existing(&data).await?;
            let act = workplace::act(&administration);
            let made = administration.create_token(slug.clone(), expires, act).await?;
            let (id, secret) = (made.token.id, made.secret);
            if data.json {
                output::json(&json!({
                    "slug": slug,
                    "id": id.to_string(),
                    "token": secret.reveal(),
                    "expires": expires.map(output::moment),
                }));
            } else {
                say!("{}\n", secret.reveal());
                say!("Its id is {id}; it expires: {}.", output::moment_or(expires, "never"));
            }
        }
        TokenCommand::List { slug, data } => {
            let tokens = workplace::records(&data).await?.tokens(&slug).await?;
            if data.json {
                let tokens: Vec<Value> = tokens.iter().map(|token| describe(token, now)).collect();
                output::json(&tokens.into());
            } else {
                let rows: Vec<Vec<String>> = tokens
                    .iter()
                    .map(|token| {
                        vec![
                            token.id.to_string(),
                            status(token, now).to_owned(),
                            output::moment(token.created),
                            output::moment_or(token.last_used, "never"),
                            output::moment_or(token.expires, "never"),
                        ]
                    })
                    .collect();
                output::table(&["ID", "STATUS", "CREATED", "LAST USED", "EXPIRES"], &rows);
            }
        }
        TokenCommand::Revoke { slug, id, data } => {
            let administration = workplace::open_existing(&data).await?;
            administration.revoke_token(slug.clone(), id, workplace::act(&administration)).await?;
            if data.json {
                output::json(&json!({"slug": slug, "id": id.to_string(), "revoked": true}));
            } else {
                say!("Token {id} is revoked.");
            }
        }
    }
    Ok(())
}

fn describe(token: &Token, now: Millis) -> Value {
    json!({
        "id": token.id.to_string(),
        "status": status(token, now),
        "created": output::moment(token.created),
        "last_used": token.last_used.map(output::moment),
        "expires": token.expires.map(output::moment),
        "revoked": token.revoked.map(output::moment),
    })
}

fn status(token: &Token, now: Millis) -> &'static str {
    match token.state(now) {
        TokenState::Revoked => "revoked",
        TokenState::Expired => "expired",
        TokenState::Active => "valid",
    }
}

/// A span from now such as `90d`, `12h`, `30m`, or a moment of RFC 3339.
fn expiry(text: &str, now: Millis) -> Result<Millis, Failure> {
    let unreadable = || {
        Failure::Usage(format!(
            "--expires {text:?} is neither a span such as 90d or 12h nor a moment such as 2027-01-31T00:00:00Z"
        ))
    };
    let expires = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment.as_millisecond(),
        Err(_) => {
            let unit = text.chars().last().ok_or_else(unreadable)?;
            let seconds = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                'w' => 604_800,
                _ => return Err(unreadable()),
            };
            let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| unreadable())?;
            let span = number.checked_mul(seconds).and_then(|seconds| seconds.checked_mul(1_000));
            span.and_then(|span| now.checked_add(span)).ok_or_else(unreadable)?
        }
    };
    if jiff::Timestamp::from_millisecond(expires).is_err() {
        return Err(unreadable());
    }
    if expires <= now {
        return Err(Failure::Usage(format!("--expires {text:?} is in the past")));
    }
    Ok(expires)
}

#[cfg(test)]
mod tests {
    use super::expiry;

    #[test]
    fn spans_and_moments() {
        let now = 1_000_000;
        let read = |text: &str| expiry(text, now).ok();
        assert_eq!(read("1h"), Some(now + 3_600_000));
        assert_eq!(read("90d"), Some(now + 90 * 86_400_000));
        assert_eq!(read("2027-01-31T00:00:00Z"), Some(1_801_353_600_000));
        for bad in [
            "",
            "d",
            "1",
            "1y",
            "-1d",
            "0d",
            "1.5h",
            "99999999999999d",
            "999999999d",
            "1960-01-01T00:00:00Z",
            "5é",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
