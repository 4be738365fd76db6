//! `headwater admin …`.

use std::io::Read;

use headwater_server::administration::{Administration, Invitation, NewAccount};
use headwater_store::{Administrator, AdministratorEdit, StoreError};
use serde_json::{Value, json};

use crate::{
    arguments::{AdminCommand, DataArguments, Role},
    failure::Failure,
    output::{self, say},
    workplace,
};

/// The most that is read as a password.
const MOST_PASSWORD_BYTES: u64 = 8 * 1024;

pub(crate) async fn run(command: AdminCommand) -> Result<(), Failure> {
    match command {
        AdminCommand::Create { email, name, role, password_stdin, url, data } => {
            let origin = workplace::origin(&url, &data).await?;
            let password = if password_stdin { Some(password()?) } else { None };
            let account = NewAccount {
                name: name.unwrap_or_else(|| email.clone()),
                email,
                role: match role {
                    Role::Administrator => headwater_store::Role::Administrator,
                    Role::Auditor => headwater_store::Role::Auditor,
                },
            };
            let administration = workplace::open(&data).await?;
            let act = workplace::act(&administration);
            let (made, invitation) = match password {
                Some(password) => (administration.create_administrator(account, password, act).await?, None),
                None => {
                    let (made, invitation) = administration.invite_administrator(account, act).await?;
                    (made, Some(invitation))
                }
            };
            show(&made, invitation.as_ref(), &origin, &data);
        }
        AdminCommand::List { data } => list(&workplace::open_existing(&data).await?, &data).await?,
        AdminCommand::ResetPassword { email, password_stdin, url, data } => {
            let origin = workplace::origin(&url, &data).await?;
            let password = if password_stdin { Some(password()?) } else { None };
            let administration = workplace::open_existing(&data).await?;
            let administrator = find(&administration, &email).await?;
            let act = workplace::act(&administration);
            let invitation = match password {
                Some(password) => {
                    administration.set_password(administrator.id, password, None, act).await?;
                    None
                }
                None => Some(administration.reset_password(administrator.id, act).await?),
            };
            show(&administrator, invitation.as_ref(), &origin, &data);
        }
        AdminCommand::Disable { email, data } => set_disabled(&email, true, &data).await?,
        AdminCommand::Enable { email, data } => set_disabled(&email, false, &data).await?,
    }
    Ok(())
}

async fn list(administration: &Administration, data: &DataArguments) -> Result<(), Failure> {
    let all = administration.store().administrators().await?;
    if data.json {
        let all: Vec<Value> = all.iter().map(describe).collect();
        output::json(&all.into());
        return Ok(());
    }
    if all.is_empty() {
        say!("There is no administrator yet; `headwater admin create EMAIL` makes one.");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|administrator| {
            vec![
                administrator.email.clone(),
                administrator.name.clone(),
                administrator.role.to_string(),
                status(administrator).to_owned(),
                output::moment_or(administrator.last_login, "never"),
            ]
        })
        .collect();
    output::table(&["EMAIL", "NAME", "ROLE", "STATUS", "LAST LOGIN"], &rows);
    Ok(())
}

async fn set_disabled(email: &str, disabled: bool, data: &DataArguments) -> Result<(), Failure> {
    let administration = workplace::open_existing(data).await?;
    let administrator = find(&administration, email).await?;
    let edit = AdministratorEdit { disabled: Some(disabled), ..AdministratorEdit::default() };
    let act = workplace::act(&administration);
    let edited = administration.edit_administrator(administrator.id, edit, act).await?;
    if data.json {
        output::json(&describe(&edited));
    } else {
        say!("{} is {}.", edited.email, status(&edited));
    }
    Ok(())
}

async fn find(administration: &Administration, email: &str) -> Result<Administrator, Failure> {
    let found = administration.store().administrator_by_email(email.trim()).await?;
    found.ok_or_else(|| StoreError::NoAdministrator(email.to_owned()).into())
}

fn show(administrator: &Administrator, invitation: Option<&Invitation>, origin: &str, data: &DataArguments) {
    let link = invitation.map(|invitation| invitation.link(origin));
    let expires = invitation.map(|invitation| output::moment(invitation.expires));
    if data.json {
        let mut described = describe(administrator);
        described["link"] = json!(link);
        described["link_expires"] = json!(expires);
        output::json(&described);
        return;
    }
    match (link, expires) {
        (Some(link), Some(expires)) => {
            say!(
                "{} sets the password with this link. It works once, until {expires}:\n",
                administrator.email
            );
            say!("  {link}");
        }
        _ => say!("{} can sign in with the password now.", administrator.email),
    }
}

fn describe(administrator: &Administrator) -> Value {
    json!({
        "id": administrator.id.to_string(),
        "email": administrator.email,
        "name": administrator.name,
        "role": administrator.role.name(),
        "disabled": administrator.disabled,
        "has_password": administrator.password_hash.is_some(),
        "created": output::moment(administrator.created),
        "last_login": administrator.last_login.map(output::moment),
    })
}

fn status(administrator: &Administrator) -> &'static str {
    match (administrator.disabled, &administrator.password_hash) {
        (true, _) => "disabled",
        (false, Some(_)) => "enabled",
        (false, None) => "invited",
    }
}

/// The first line of standard input.
fn password() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(MOST_PASSWORD_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::Usage(format!("the password can't be read from standard input: {error}")))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::Usage("standard input has no password in it".to_owned()));
    }
    Ok(line.to_owned())
}
