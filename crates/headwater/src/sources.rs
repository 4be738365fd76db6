//! `headwater source …`.

use std::io::{BufRead, IsTerminal, Write};

use headwater_server::{
    clock::{Clock, SystemClock, SystemRandom, Uuids},
    configuration, scim,
    tokens::Secret,
};
use headwater_store::{NewToken, Slug, Source, SourceCounts, SourceEdit, sqlite::SqliteStore};
use serde_json::{Value, json};

use crate::{
    arguments::{DataArguments, SourceCommand, Switch, UrlArguments},
    data_lock,
    failure::Failure,
    output,
};

/// Where `headwater serve` listens unless it is told otherwise.
const DEFAULT_ORIGIN: &str = "http://127.0.0.1:8080";

pub(crate) async fn run(command: SourceCommand) -> Result<(), Failure> {
    match command {
        SourceCommand::Create { name, slug, unique_group_names, url, data } => {
            create(name, slug, unique_group_names == Switch::On, &url, &data).await
        }
        SourceCommand::List { url, data } => list(&url, &data),
        SourceCommand::Show { slug, url, data } => {
            let store = SqliteStore::open_existing(&data.data)?;
            let source = store.source(&slug)?;
            show(&store, &source, &url, &data)
        }
        SourceCommand::Set { slug, name, unique_group_names, url, data } => {
            if name.is_none() && unique_group_names.is_none() {
                return Err(Failure::Usage("nothing to set; give --name or --unique-group-names".to_owned()));
            }
            let unique = unique_group_names.map(|switch| switch == Switch::On);
            let name = name.map(|name| checked_name(&name)).transpose()?;
            edit(
                slug,
                SourceEdit { name, unique_display_names: unique, ..SourceEdit::default() },
                &url,
                &data,
            )
            .await
        }
        SourceCommand::Enable { slug, url, data } => {
            edit(slug, SourceEdit { enabled: Some(true), ..SourceEdit::default() }, &url, &data).await
        }
        SourceCommand::Disable { slug, url, data } => {
            edit(slug, SourceEdit { enabled: Some(false), ..SourceEdit::default() }, &url, &data).await
        }
        SourceCommand::Delete { slug, yes, data } => delete(slug, yes, &data).await,
    }
}

async fn create(
    name: String,
    slug: Option<String>,
    unique: bool,
    url: &UrlArguments,
    data: &DataArguments,
) -> Result<(), Failure> {
    let name = checked_name(&name)?;
    let slug = match slug {
        Some(slug) => Slug::parse(&slug).map_err(|error| Failure::Usage(error.to_string()))?,
        None => Slug::from_name(&name).ok_or_else(|| {
            Failure::Usage(format!("no slug can be made from {name:?}; give one with --slug"))
        })?,
    };
    let origin = origin(url, data)?;
    let store = SqliteStore::open(&data.data)?;
    let (clock, random, uuids) = (SystemClock, SystemRandom, Uuids::default());
    let secret = Secret::generate(&random);
    let token = NewToken { id: uuids.next(&clock, &random), hash: secret.hash(), expires: None };
    let account = uuids.next(&clock, &random);
    let source = store.create_source(slug, name, unique, account, token, clock.now()).await?;
    let base_url = base_url(&origin, &source);
    if data.json {
        output::json(&json!({
            "slug": source.slug.as_str(),
            "name": source.name,
            "base_url": base_url,
            "token": secret.reveal(),
        }));
    } else {
        println!("Source {:?} is ready. Give these to the identity provider:\n", source.name);
        println!("  SCIM base URL  {base_url}");
        println!("  Token          {}\n", secret.reveal());
        println!("The token is shown this once; `headwater token create {}` makes another.", source.slug);
    }
    Ok(())
}

fn list(url: &UrlArguments, data: &DataArguments) -> Result<(), Failure> {
    let origin = origin(url, data)?;
    let store = SqliteStore::open_existing(&data.data)?;
    let mut described = Vec::new();
    for source in store.sources()? {
        let counts = store.counts(source.id)?;
        described.push((source, counts));
    }
    if data.json {
        let sources: Vec<Value> =
            described.iter().map(|(source, counts)| describe(source, counts, &origin)).collect();
        output::json(&sources.into());
        return Ok(());
    }
    if described.is_empty() {
        println!("There is no source yet; `headwater source create NAME` makes one.");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = described
        .iter()
        .map(|(source, counts)| {
            vec![
                source.slug.to_string(),
                source.name.clone(),
                status(source).to_owned(),
                count(counts, "User").to_string(),
                count(counts, "Group").to_string(),
                base_url(&origin, source),
            ]
        })
        .collect();
    output::table(&["SLUG", "NAME", "STATUS", "USERS", "GROUPS", "BASE URL"], &rows);
    Ok(())
}

async fn edit(
    slug: String,
    edit: SourceEdit,
    url: &UrlArguments,
    data: &DataArguments,
) -> Result<(), Failure> {
    let store = SqliteStore::open_existing(&data.data)?;
    let source = store.edit_source(slug, edit).await?;
    show(&store, &source, url, data)
}

fn show(
    store: &SqliteStore,
    source: &Source,
    url: &UrlArguments,
    data: &DataArguments,
) -> Result<(), Failure> {
    let origin = origin(url, data)?;
    let counts = store.counts(source.id)?;
    if data.json {
        output::json(&describe(source, &counts, &origin));
        return Ok(());
    }
    let uniqueness = if source.unique_display_names { "on" } else { "off" };
    for (label, value) in [
        ("Slug", source.slug.to_string()),
        ("Name", source.name.clone()),
        ("Status", status(source).to_owned()),
        ("SCIM base URL", base_url(&origin, source)),
        ("Created", output::moment(source.created)),
        ("Users", count(&counts, "User").to_string()),
        ("Groups", count(&counts, "Group").to_string()),
        ("Memberships", counts.memberships.to_string()),
        ("Changes", counts.changes.to_string()),
        ("Unique group names", uniqueness.to_owned()),
    ] {
        println!("{label:<18}  {value}");
    }
    Ok(())
}

async fn delete(slug: String, yes: bool, data: &DataArguments) -> Result<(), Failure> {
    let store = SqliteStore::open_existing(&data.data)?;
    let source = store.source(&slug)?;
    let counts = store.counts(source.id)?;
    if !yes {
        confirm(&source, &counts)?;
    }
    let deleted = store.delete_source(slug).await?;
    if data.json {
        output::json(&json!({"slug": deleted.slug.as_str(), "deleted": true}));
    } else {
        println!(
            "Source {:?} is deleted, with {} users and {} groups.",
            deleted.name,
            count(&counts, "User"),
            count(&counts, "Group")
        );
    }
    Ok(())
}

/// Asks a person to type the slug. A script has nobody to ask, and is taken at its word.
fn confirm(source: &Source, counts: &SourceCounts) -> Result<(), Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Ok(());
    }
    eprint!(
        "This deletes {} users and {} groups for good. Type the slug to go on: ",
        count(counts, "User"),
        count(counts, "Group")
    );
    let failed = |error: std::io::Error| Failure::Other(format!("the terminal can't be used: {error}"));
    std::io::stderr().flush().map_err(failed)?;
    let mut typed = String::new();
    input.lock().read_line(&mut typed).map_err(failed)?;
    if typed.trim() == source.slug.as_str() {
        Ok(())
    } else {
        Err(Failure::Usage("nothing was deleted".to_owned()))
    }
}

fn describe(source: &Source, counts: &SourceCounts, origin: &str) -> Value {
    json!({
        "slug": source.slug.as_str(),
        "name": source.name,
        "base_url": base_url(origin, source),
        "enabled": source.enabled,
        "unique_group_names": source.unique_display_names,
        "created": output::moment(source.created),
        "users": count(counts, "User"),
        "groups": count(counts, "Group"),
        "memberships": counts.memberships,
        "changes": counts.changes,
    })
}

fn status(source: &Source) -> &'static str {
    if source.enabled { "enabled" } else { "disabled" }
}

fn count(counts: &SourceCounts, resource_type: &str) -> u64 {
    counts.resources.iter().find(|(name, _)| name == resource_type).map_or(0, |(_, count)| *count)
}

fn base_url(origin: &str, source: &Source) -> String {
    format!("{origin}{}{}/v2", scim::PREFIX, source.slug)
}

/// What base URLs start with: as told, else as the server on the data has announced it.
fn origin(url: &UrlArguments, data: &DataArguments) -> Result<String, Failure> {
    match &url.public_url {
        Some(url) => configuration::public_url(url).map_err(|error| Failure::Usage(error.to_string())),
        None => Ok(data_lock::announced(&data.data).unwrap_or_else(|| DEFAULT_ORIGIN.to_owned())),
    }
}

fn checked_name(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let usable = !name.is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    if usable {
        Ok(name.to_owned())
    } else {
        Err(Failure::Usage("a name has 1 to 200 characters, none of them a control character".to_owned()))
    }
}
