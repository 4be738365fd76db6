//! `headwater source …`.

use std::io::{BufRead, IsTerminal, Write};

use headwater_server::{
    administration::{AdministrationError, SourceRequest},
    scim,
};
use headwater_store::{Records, Slug, Source, SourceCounts, SourceEdit};
use serde_json::{Value, json};

use crate::{
    arguments::{DataArguments, SourceCommand, Switch, UrlArguments},
    failure::Failure,
    output::{self, say},
    workplace::{self, origin},
};

pub(crate) async fn run(command: SourceCommand) -> Result<(), Failure> {
    match command {
        SourceCommand::Create { name, slug, unique_group_names, provider, protocol, url, data } => {
            let request = SourceRequest {
                name,
                slug,
                provider: Some(provider.into()),
                unique_display_names: Some(unique_group_names == Switch::On),
                profile: protocol.profile.map(Into::into),
                keep_passwords: protocol.keep_passwords.map(|switch| switch == Switch::On),
                hidden: protocol.hidden(),
                ..SourceRequest::default()
            };
            create(request, &url, &data).await
        }
        SourceCommand::List { url, data } => list(&url, &data).await,
        SourceCommand::Show { slug, url, data } => {
            let store = workplace::records(&data).await?;
            let source = store.source(&slug).await?;
            show(&store, &source, &url, &data).await
        }
        SourceCommand::Set { slug, name, unique_group_names, provider, protocol, url, data } => {
            let other = name.is_some() || unique_group_names.is_some() || provider.is_some();
            if !other && protocol.is_empty() {
                let detail = "nothing to set; give --name, --provider, --unique-group-names, --profile, --keep-passwords or --hide";
                return Err(Failure::Usage(detail.to_owned()));
            }
            let change = SourceEdit {
                name,
                provider: provider.map(Into::into),
                unique_display_names: unique_group_names.map(|switch| switch == Switch::On),
                profile: protocol.profile.map(Into::into),
                keep_passwords: protocol.keep_passwords.map(|switch| switch == Switch::On),
                hidden: protocol.hidden(),
                ..SourceEdit::default()
            };
            edit(slug, change, &url, &data).await
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

async fn create(request: SourceRequest, url: &UrlArguments, data: &DataArguments) -> Result<(), Failure> {
    let origin = origin(url, data).await?;
    if request.slug.is_none() && Slug::from_name(&request.name).is_none() && !request.name.trim().is_empty() {
        let detail = format!("no slug can be made from {:?}; give one with --slug", request.name);
        return Err(Failure::Usage(detail));
    }
    let administration = workplace::open(data).await?;
    let made = administration.create_source(request, workplace::act(&administration)).await?;
    let (source, secret) = (made.source, made.secret);
    let base_url = base_url(&origin, &source);
    if data.json {
        output::json(&json!({
            "slug": source.slug.as_str(),
            "name": source.name,
            "base_url": base_url,
            "token": secret.reveal(),
        }));
    } else {
        say!("Source {:?} is ready. Give these to the identity provider:\n", source.name);
        say!("  SCIM base URL  {base_url}");
        say!("  Token          {}\n", secret.reveal());
        say!("`headwater token create {}` makes another token.", source.slug);
    }
    Ok(())
}

async fn list(url: &UrlArguments, data: &DataArguments) -> Result<(), Failure> {
    let origin = origin(url, data).await?;
    let store = workplace::records(data).await?;
    let mut described = Vec::new();
    for source in store.sources().await? {
        let counts = store.counts(source.id).await?;
        described.push((source, counts));
    }
    if data.json {
        let sources: Vec<Value> =
            described.iter().map(|(source, counts)| describe(source, counts, &origin)).collect();
        output::json(&sources.into());
        return Ok(());
    }
    if described.is_empty() {
        say!("There is no source yet; `headwater source create NAME` makes one.");
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
    let administration = workplace::open_existing(data).await?;
    let act = workplace::act(&administration);
    let source = administration.edit_source(slug, edit, act).await?;
    let shown = show(administration.store(), &source, url, data).await;
    shown.map_err(Failure::behind_change)
}

async fn show(
    store: &Records,
    source: &Source,
    url: &UrlArguments,
    data: &DataArguments,
) -> Result<(), Failure> {
    let origin = origin(url, data).await?;
    let counts = store.counts(source.id).await?;
    if data.json {
        output::json(&describe(source, &counts, &origin));
        return Ok(());
    }
    let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
    let hidden = if source.hidden.is_empty() { "nothing".to_owned() } else { source.hidden.join(", ") };
    for (label, value) in [
        ("Slug", source.slug.to_string()),
        ("Name", source.name.clone()),
        ("Provider", source.provider.name().to_owned()),
        ("Status", status(source).to_owned()),
        ("SCIM base URL", base_url(&origin, source)),
        ("Created", output::moment(source.created)),
        ("Users", count(&counts, "User").to_string()),
        ("Groups", count(&counts, "Group").to_string()),
        ("Memberships", counts.memberships.to_string()),
        ("Changes", counts.changes.to_string()),
        ("Unique group names", switch(source.unique_display_names)),
        ("Profile", source.profile.name().to_owned()),
        ("Keeps passwords", switch(source.keep_passwords)),
        ("Hidden from /Schemas", hidden),
    ] {
        say!("{label:<20}  {value}");
    }
    Ok(())
}

async fn delete(slug: String, yes: bool, data: &DataArguments) -> Result<(), Failure> {
    let administration = workplace::open_existing(data).await?;
    let source = administration.store().source(&slug).await?;
    let counts = administration.store().counts(source.id).await?;
    if !yes {
        confirm(&source, &counts)?;
    }
    let deleted = administration.delete_source(slug, workplace::act(&administration)).await?;
    let purged = administration.purge_deleted().await;
    purged.map_err(AdministrationError::behind_change)?;
    if data.json {
        output::json(&json!({"slug": deleted.slug.as_str(), "deleted": true}));
    } else {
        say!(
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
        "provider": source.provider.name(),
        "enabled": source.enabled,
        "unique_group_names": source.unique_display_names,
        "profile": source.profile.name(),
        "keep_passwords": source.keep_passwords,
        "hidden_from_schemas": source.hidden,
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
