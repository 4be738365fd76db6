//! What is secret in a request, found and masked.
//!
//! Secret is the value of every attribute whose name says so (`password`, `clientSecret`,
//! `apiToken`, …) or whose schema does (`returned: never`, `mutability: writeOnly`), wherever it
//! stands: as a member at any depth, behind the path of a PATCH operation, in a filter. What is
//! masked in one place is remembered and masked in all other texts of the request too, such as
//! the sentence with which it was refused.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::MASK;

/// What the name of a secret attribute has in it, in lower case and without `-`, `_` and blanks.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "privatekey",
    "authorization",
];
/// Text in which none of these occurs names nothing secret: each of [`WORDS`] has one of them,
/// however it is separated.
const TRIGGERS: [&str; 7] = ["pass", "pwd", "secret", "token", "credential", "key", "authorization"];
/// A secret shorter than this is looked for elsewhere only in quotes: it would be found in half of
/// all words.
const SHORTEST: usize = 6;
/// How many secrets of one request are looked for elsewhere.
const MAX_SECRETS: usize = 100;

/// Whether a text has a word that says that what it names is secret; quick, and rather too often than too
/// seldom.
fn has_trigger(text: &str) -> bool {
    static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        // Of ours: see `without_tokens`. The separators of the names above have no letters, and an escape
        // may stand for a letter of a name.
        let words = TRIGGERS.into_iter().chain(["hw", "\\u"]);
        // Of this kind, and in one letter case, they are looked for in many bytes at a time.
        AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostFirst).build(words).ok()
    });
    WORDS.as_ref().is_none_or(|words| words.is_match(text))
}

/// Whether a name without separators says that what it names is secret.
fn says_so(name: &str) -> bool {
    let has = |word: &&str| {
        name.match_indices(word).any(|(start, word)| {
            // A secretary is not secret.
            !(*word == *"secret" && name[start + word.len()..].starts_with("ar"))
        })
    };
    WORDS.iter().any(has)
}

/// A name without what separates its words.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_') && !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// What is secret in a request: the names of it, and what was found under them.
#[derive(Default)]
pub(super) struct Secrets {
    /// Names that the schemas of the source mark, but for those that say so themselves, in lower case.
    marked: Vec<String>,
    found: Vec<String>,
    /// Whether something was secret of which it can't be told where it begins and ends.
    pub(super) unclear: bool,
}

impl Secrets {
    /// What is secret where the schemas mark these names.
    pub(super) fn marked(names: &[String]) -> Self {
        let silent = names.iter().filter(|name| !says_so(&plain(name)));
        Self { marked: silent.cloned().collect(), ..Self::default() }
    }

    /// Whether a text names a secret attribute: a member's name, or a path in any of its forms.
    pub(super) fn are_named_by(&self, text: &str) -> bool {
        let is_outside = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '$');
        let is_marked = |name: &String| text.split(is_outside).any(|part| part.eq_ignore_ascii_case(name));
        says_so(&plain(text)) || self.marked.iter().any(is_marked)
    }

    /// Whether a text may name something secret; quick, and rather too often than too seldom.
    fn may_be_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        has_trigger(&text) || self.marked.iter().any(|name| text.contains(name.as_str()))
    }

    fn add(&mut self, secret: &str) {
        if secret.is_empty() || self.found.iter().any(|known| known == secret) {
            return;
        }
        if self.found.len() >= MAX_SECRETS {
            self.unclear = true;
            return;
        }
        self.found.push(secret.to_owned());
    }

    /// A text without the secrets that were found, and without anything like a token of ours.
    pub(super) fn cleaned(&self, text: &str) -> String {
        let mut cleaned = without_tokens(text);
        let inside = |quoted: &str| quoted[1..quoted.len() - 1].to_owned();
        // The longest first: one may be a part of the other.
        let mut forms: Vec<(String, String)> = Vec::new();
        for secret in &self.found {
            // As it is in JSON, and as error messages quote it.
            let quoted = [Value::from(secret.as_str()).to_string(), format!("{secret:?}")];
            // A message that quotes it in an answer is escaped once more.
            let again = quoted.each_ref().map(|form| Value::from(inside(form)).to_string());
            if secret.chars().count() < SHORTEST {
                forms.extend(quoted.map(|form| (form, format!("\"{MASK}\""))));
                continue;
            }
            forms.extend(again.iter().chain(&quoted).map(|form| (inside(form), MASK.to_owned())));
            forms.push((secret.clone(), MASK.to_owned()));
        }
        forms.sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        for (form, mask) in &forms {
            if cleaned.contains(form.as_str()) {
                cleaned = cleaned.replace(form.as_str(), mask);
            }
        }
        cleaned
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && !self.unclear
    }
}

/// A text with everything masked that looks like a token of ours: somebody may have pasted one
/// where it doesn't belong.
pub(super) fn without_tokens(text: &str) -> String {
    let mut cleaned = String::new();
    let mut rest = text;
    while let Some((start, end)) = token(rest) {
        cleaned.push_str(&rest[..start]);
        cleaned.push_str(MASK);
        rest = &rest[end..];
    }
    cleaned.push_str(rest);
    cleaned
}

/// Where `hw_…` or `hwa_…` stands.
fn token(text: &str) -> Option<(usize, usize)> {
    const SHORTEST_TOKEN: usize = 16;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.match_indices("hw").find_map(|(start, _)| {
        let behind = &text.as_bytes()[start + 2..];
        let letters = behind.iter().take_while(|byte| byte.is_ascii_lowercase()).take(1).count();
        if behind.get(letters) != Some(&b'_') {
            return None;
        }
        let length = behind[letters + 1..].iter().take_while(|byte| is_part(byte)).count();
        (length >= SHORTEST_TOKEN).then_some((start, start + 2 + letters + 1 + length))
    })
}

/// A JSON object as text, masked; `None` when it is none. Text in which nothing can be secret is taken as
/// it is, without being looked through for its structure when `known` to be JSON.
pub(super) fn json(text: &[u8], known: bool, secrets: &mut Secrets) -> Option<String> {
    let plain = std::str::from_utf8(text).ok()?;
    if !secrets.may_be_in(plain) {
        let valid = known || serde_json::from_str::<serde::de::IgnoredAny>(plain).is_ok();
        return valid.then(|| plain.to_owned());
    }
    // What has two members of one name is no JSON here: of the two, the one may say what the other is.
    let mut value = headwater_scim::json::parse(text).ok().map(Value::Object)?;
    mask(&mut value, secrets);
    Some(value.to_string())
}

fn mask(value: &mut Value, secrets: &mut Secrets) {
    match value {
        Value::Object(members) => mask_object(members, secrets),
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, secrets)),
        Value::String(text) if secrets.may_be_in(text) => {
            // JSON in a text, as some send it.
            if text.trim_start().starts_with(['{', '['])
                && let Ok(mut inner) = serde_json::from_str::<Value>(text)
            {
                mask(&mut inner, secrets);
                *text = inner.to_string();
            } else {
                *text = without_tokens(text);
            }
        }
        _ => {}
    }
}

/// Whether a text, or one in a list where a text belongs, names something secret.
fn names_secret(value: &Value, secrets: &Secrets) -> bool {
    match value {
        Value::String(text) => secrets.are_named_by(text),
        Value::Array(values) => values.iter().any(|value| names_secret(value, secrets)),
        Value::Object(members) => {
            members.iter().any(|(name, value)| secrets.are_named_by(name) || names_secret(value, secrets))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn mask_object(members: &mut Map<String, Value>, secrets: &mut Secrets) {
    // `{"op": "replace", "path": "password", "value": …}`, or `{"name": "password", "value": …}`.
    let about_secret = members.iter().any(|(name, value)| {
        let names = ["path", "name", "key", "type", "attribute", "attributename", "attributepath", "field"];
        names.iter().any(|known| name.eq_ignore_ascii_case(known)) && names_secret(value, secrets)
    });
    // `{"credentials[id eq \"…\"].x": …}`
    if members.keys().any(|name| name.contains('[') && secrets.are_named_by(name)) {
        let taken = std::mem::take(members).into_iter();
        members.extend(taken.map(|(name, value)| {
            let bracketed = name.contains('[') && secrets.are_named_by(&name);
            (if bracketed { filter(&name, secrets) } else { name }, value)
        }));
    }
    for (name, value) in members.iter_mut() {
        let is_value = ["value", "values", "data"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if secrets.are_named_by(name) || (about_secret && is_value) {
            hide(value, secrets);
            continue;
        }
        let is_grammar = ["path", "filter"].iter().any(|known| name.eq_ignore_ascii_case(known));
        match value {
            Value::String(text) if is_grammar && secrets.are_named_by(text) => *text = filter(text, secrets),
            value => mask(value, secrets),
        }
    }
}

/// `null`, `true` and `false` are no secrets; anything else becomes a mask.
fn hide(value: &mut Value, secrets: &mut Secrets) {
    collect(value, secrets);
    if !matches!(value, Value::Null | Value::Bool(_)) {
        *value = Value::from(MASK);
    }
}

fn collect(value: &Value, secrets: &mut Secrets) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => secrets.add(&number.to_string()),
        Value::String(text) => secrets.add(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, secrets)),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            // Names such as `value` and `type` are no secrets; anything else may be one.
            if !matches!(name.as_str(), "value" | "type" | "primary" | "display" | "$ref" | "name") {
                secrets.add(name);
            }
            collect(value, secrets);
        }),
    }
}

/// A filter or PATCH path that names something secret, without its literals.
pub(super) fn filter(text: &str, secrets: &mut Secrets) -> String {
    match literals(text) {
        Some(pieces) => pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Kept(text) => text,
                Piece::Literal(text) => {
                    secrets.add(text.trim_matches('"'));
                    if let Ok(plain) = serde_json::from_str::<String>(text) {
                        secrets.add(&plain);
                    }
                    MASK
                }
            })
            .collect(),
        None => {
            secrets.unclear = true;
            MASK.to_owned()
        }
    }
}

enum Piece<'a> {
    Kept(&'a str),
    Literal(&'a str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// A path, `not`, or an opening bracket.
    Path,
    Operator,
    Literal,
    /// `and`, `or`, or a closing bracket and what is behind it.
    Logic,
}

/// A filter taken apart; `None` for one whose literals can't be told.
fn literals(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut expected = Expected::Path;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_whitespace() => c.len_utf8(),
            '(' | ')' | '[' | ']' => 1,
            '"' => quoted_length(rest)?,
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"'))
                .unwrap_or(rest.len()),
        };
        let (token, behind) = rest.split_at(length);
        rest = behind;
        let is = |words: &[&str]| words.iter().any(|word| token.eq_ignore_ascii_case(word));
        let mut kept = Piece::Kept(token);
        expected = match (expected, first) {
            (same, c) if c.is_whitespace() => same,
            // `emails[type eq "work"].value`
            (Expected::Path | Expected::Operator, '[' | '(') => Expected::Path,
            (Expected::Logic | Expected::Path, ')' | ']') => Expected::Logic,
            (Expected::Literal, '(' | ')' | '[' | ']') => return None,
            (Expected::Literal, _) => {
                kept = Piece::Literal(token);
                Expected::Logic
            }
            (_, '"') => return None,
            (Expected::Path, _) if is(&["not"]) => Expected::Path,
            (Expected::Path, _) => Expected::Operator,
            (Expected::Operator, _) if is(&["pr"]) => Expected::Logic,
            (Expected::Operator, _) if is(&["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]) => {
                Expected::Literal
            }
            (Expected::Logic, _) if is(&["and", "or"]) => Expected::Path,
            // Behind the bracket of a PATCH path: `.value`.
            (Expected::Logic, '.') => Expected::Operator,
            _ => return None,
        };
        pieces.push(kept);
    }
    (expected != Expected::Literal).then_some(pieces)
}

/// The length of a quoted text with its quotes.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (position, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(position + 1),
            _ => {}
        }
    }
    None
}

/// The parameters of SCIM, whose values are kept.
fn is_known_parameter(name: &str) -> bool {
    let known = ["startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor"];
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A query, masked: of parameters that aren't SCIM's just the names are kept.
pub(super) fn query(text: &str, secrets: &mut Secrets) -> String {
    let parameters = text.split('&').map(|pair| {
        let Some((name, value)) = pair.split_once('=') else { return without_tokens(pair) };
        let bare = name.trim_start_matches('?');
        if bare.eq_ignore_ascii_case("filter") {
            return format!("{name}={}", filter_parameter(value, secrets));
        }
        if is_known_parameter(bare) {
            return format!("{name}={}", without_tokens(value));
        }
        if secrets.are_named_by(name) {
            secrets.add(value);
            secrets.add(&decoded(value).unwrap_or_default());
        }
        format!("{}={}", without_tokens(name), if value.is_empty() { "" } else { MASK })
    });
    parameters.collect::<Vec<_>>().join("&")
}

fn filter_parameter(value: &str, secrets: &mut Secrets) -> String {
    let Some(plain) = decoded(value) else {
        secrets.unclear = true;
        return MASK.to_owned();
    };
    // Encoded more than once: it is not read as a filter, and may hold one all the same.
    let innermost = innermost(&plain);
    if innermost != plain && secrets.are_named_by(&innermost) {
        secrets.add(value);
        secrets.add(&plain);
        secrets.unclear = true;
        return MASK.to_owned();
    }
    if secrets.are_named_by(&outside_quotes(&plain)) {
        return encoded(&filter(&plain, secrets));
    }
    let harmless = without_tokens(&plain);
    if harmless == plain { value.to_owned() } else { encoded(&harmless) }
}

/// What of a filter may be a name.
fn outside_quotes(text: &str) -> String {
    let mut names = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        names.push_str(&rest[..start]);
        match quoted_length(&rest[start..]) {
            Some(length) => rest = &rest[start + length..],
            // Never closed: nobody knows what is what.
            None => break,
        }
    }
    names.push_str(rest);
    names
}

/// A value of a query as it is meant; `None` when it isn't UTF-8.
pub(crate) fn decoded(value: &str) -> Option<String> {
    let spaced = value.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// What is left when a text is decoded until nothing changes, a few times at most.
fn innermost(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..8 {
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            break;
        }
        text = decoded;
    }
    text
}

/// A value in the form in which it can stand in a query; the mask stays readable.
fn encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            ' ' => encoded.push('+'),
            '"' => encoded.push_str("%22"),
            '%' => encoded.push_str("%25"),
            '&' => encoded.push_str("%26"),
            '+' => encoded.push_str("%2B"),
            '#' => encoded.push_str("%23"),
            c => encoded.push(c),
        }
    }
    encoded
}

/// A path without tokens, plain or escaped.
pub(super) fn path(text: &str) -> String {
    let plain = percent_decode_str(text).decode_utf8_lossy();
    let cleaned = without_tokens(&plain);
    if cleaned == plain { text.to_owned() } else { cleaned }
}

/// A sentence about a request that could not be looked through: what it quotes is masked if it
/// speaks of something secret.
pub(super) fn sentence(text: &str, secrets: &Secrets) -> String {
    if !secrets.are_named_by(text) {
        return without_tokens(text);
    }
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        masked.push_str(&rest[..start]);
        masked.push_str(MASK);
        // The last quote of all: quotes in quotes may be escaped in any way.
        rest = rest.rfind('"').map_or("", |end| &rest[end + 1..]);
    }
    masked.push_str(rest);
    without_tokens(&masked)
}

#[cfg(test)]
mod tests {
    use super::{Secrets, filter, json, path, query, sentence, without_tokens};

    fn masked(text: &str) -> Option<String> {
        json(text.as_bytes(), false, &mut Secrets::default())
    }

    #[test]
    fn names_that_say_so() {
        for secret in [
            "password",
            "Password",
            "passWord",
            "new_password",
            "clientSecret",
            "urn:ietf:params:scim:schemas:core:2.0:User:password",
            "urn:x:Ext.api-key",
            "API_KEY",
            "credentials[type eq \"x\"].value",
            "OAuthToken",
            "Authorization",
        ] {
            assert!(Secrets::default().are_named_by(secret), "{secret}");
        }
        for open in ["userName", "secretary", "value", "keyPerson", "compass", "emails[type eq \"work\"]"] {
            assert!(!Secrets::default().are_named_by(open), "{open}");
        }
    }

    #[test]
    fn secret_members_at_any_depth() {
        let table = [
            (r#"{"userName":"ada","password":"geheim"}"#, r#"{"userName":"ada","password":"•••"}"#),
            (r#"{"a":[{"b":{"PassWord":["geheim",{"x":"y"}]}}]}"#, r#"{"a":[{"b":{"PassWord":"•••"}}]}"#),
            (r#"{"pass\u0077ord":"geheim"}"#, r#"{"password":"•••"}"#),
            (r#"{"password":null,"apiKey":12345}"#, r#"{"password":null,"apiKey":"•••"}"#),
            (
                r#"{"Operations":[{"op":"Replace","path":"password","value":"geheim"}]}"#,
                r#"{"Operations":[{"op":"Replace","path":"password","value":"•••"}]}"#,
            ),
            (
                r#"{"Operations":[{"VALUE":{"a":"geheim"},"PATH":"urn:x:User:password"}]}"#,
                r#"{"Operations":[{"VALUE":"•••","PATH":"urn:x:User:password"}]}"#,
            ),
            (
                r#"{"Operations":[{"op":"add","value":{"urn:x:User:password":"geheim","title":"t"}}]}"#,
                r#"{"Operations":[{"op":"add","value":{"urn:x:User:password":"•••","title":"t"}}]}"#,
            ),
            (
                r#"{"op":"remove","path":"tokens[value eq \"geheim\"].x"}"#,
                r#"{"op":"remove","path":"tokens[value eq •••].x"}"#,
            ),
            (r#"{"filter":"password eq \"geheim\""}"#, r#"{"filter":"password eq •••"}"#),
            (r#"{"x":"{\"password\":\"geheim\"}"}"#, r#"{"x":"{\"password\":\"•••\"}"}"#),
            (
                r#"{"op":"replace","path":["password"],"value":"geheim"}"#,
                r#"{"op":"replace","path":["password"],"value":"•••"}"#,
            ),
            (r#"{"path":{"of":"password"},"value":"geheim"}"#, r#"{"path":{"of":"password"},"value":"•••"}"#),
            (r#"{"name":"password","value":"geheim"}"#, r#"{"name":"password","value":"•••"}"#),
            (r#"{"note":"it is hw_0123456789012345678901234567890123456789012"}"#, r#"{"note":"it is •••"}"#),
        ];
        for (text, expected) in table {
            assert_eq!(masked(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_the_schemas_of_a_source_mark_is_secret() {
        let names = ["hint", "my-$pin", "password"].map(str::to_owned);
        let mut secrets = Secrets::marked(&names);
        let mut masked = |text: &str| json(text.as_bytes(), false, &mut secrets).expect("JSON");
        assert_eq!(
            masked(r#"{"urn:x":{"HINT":"Rex","other":"hint"}}"#),
            r#"{"urn:x":{"HINT":"•••","other":"hint"}}"#
        );
        assert_eq!(
            masked(r#"{"path":"urn:x:User:hint","value":"Bello"}"#),
            r#"{"path":"urn:x:User:hint","value":"•••"}"#
        );
        assert_eq!(masked(r#"{"path":"a[hint eq \"Wau\"]"}"#), r#"{"path":"a[hint eq •••]"}"#);
        assert_eq!(masked(r#"{"my-$pin":"1234","hints":"a"}"#), r#"{"my-$pin":"•••","hints":"a"}"#);
        assert_eq!(query("filter=hint+eq+%22Miau%22", &mut secrets), "filter=hint+eq+•••");
        assert_eq!(secrets.cleaned("no \"Bello\" here, nor \"Wau\""), "no \"•••\" here, nor \"•••\"");
    }

    #[test]
    fn what_has_nothing_secret_stays_as_it_is() {
        let text = "{ \"userName\" : \"ada\\n\", \"n\": 1.0 }";
        assert_eq!(masked(text).as_deref(), Some(text));
        for broken in ["", "{", "password=geheim", "{\"password\":\"geheim\"", "{} {}", "\u{fffd}"] {
            assert_eq!(masked(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_filter_that_is_encoded_more_than_once_is_masked_whole() {
        for text in ["password%2520eq%2520%2522geheim%2522", "password%252520eq%252520%252522geheim%252522"] {
            let mut secrets = Secrets::default();
            assert_eq!(query(&format!("filter={text}"), &mut secrets), "filter=•••");
            assert!(secrets.unclear, "what is said of it can't be told apart");
        }
        let harmless = "filter=userName+eq+%22100%2525%22";
        assert_eq!(query(harmless, &mut Secrets::default()), harmless);
    }

    #[test]
    fn filters_keep_their_shape() {
        let table = [
            ("password eq \"geheim\"", "password eq •••"),
            (
                "userName eq \"ada\" and (password sw \"ge\\\"heim\" or not (token pr))",
                "userName eq ••• and (password sw ••• or not (token pr))",
            ),
            ("password eq geheim", "password eq •••"),
            ("password geheim", "•••"),
            ("password eq \"geheim", "•••"),
            ("password eq geheim eq \"x\"", "•••"),
        ];
        for (text, expected) in table {
            assert_eq!(filter(text, &mut Secrets::default()), expected, "{text}");
        }
    }

    #[test]
    fn queries_keep_what_is_known() {
        let table = [
            ("filter=userName+eq+%22ada%22&count=2", "filter=userName+eq+%22ada%22&count=2"),
            ("filter=userName+eq+%22my+password%22", "filter=userName+eq+%22my+password%22"),
            ("filter=password%20eq%20%22geheim%22", "filter=password+eq+•••"),
            ("access_token=geheim&aadOptscim062020", "access_token=•••&aadOptscim062020"),
            ("x=1&StartIndex=1", "x=•••&StartIndex=1"),
            ("filter=%ff", "filter=•••"),
        ];
        for (text, expected) in table {
            assert_eq!(query(text, &mut Secrets::default()), expected, "{text}");
        }
    }

    #[test]
    fn secrets_are_masked_wherever_else_they_stand() {
        let mut secrets = Secrets::default();
        json(br#"{"password":"ge\"heim","displayName":"x"}"#, false, &mut secrets);
        assert_eq!(secrets.cleaned("no \"ge\\\"heim\" and no ge\"heim"), "no \"•••\" and no •••");
    }

    #[test]
    fn tokens_are_masked_wherever_they_stand() {
        let token = "hw_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE";
        assert_eq!(without_tokens(&format!("a {token}/b hwa_{token}")), "a •••/b •••");
        assert_eq!(path(&format!("/source/scim/{token}/v2")), "/source/scim/•••/v2");
        assert_eq!(
            path(&format!("/source/scim/{}/v2", token.replacen('_', "%5F", 1))),
            "/source/scim/•••/v2"
        );
        assert_eq!(path("/source/scim/a%20b"), "/source/scim/a%20b");
        for harmless in ["hw_", "hw_short", "highway_one_two_three_four_five", "somewhere"] {
            assert_eq!(without_tokens(harmless), harmless);
        }
    }

    #[test]
    fn sentences_about_what_could_not_be_read() {
        assert_eq!(sentence("userName: \"ada\" is taken", &Secrets::default()), "userName: \"ada\" is taken");
        assert_eq!(
            sentence("operation 1 (replace password[value eq \"geheim\"]): no", &Secrets::default()),
            "operation 1 (replace password[value eq •••]): no"
        );
    }
}
