//! `headwater schema …`, `headwater resource-type …`, `headwater attribute …`.

use std::{io::Read, path::Path};

use headwater_server::administration::{DescribedSchema, DescribedType, Extends, Unknown, schema_json};
use serde_json::{Value, json};

use crate::{
    arguments::{AttributeCommand, DataArguments, ResourceTypeCommand, SchemaCommand},
    failure::Failure,
    output::{self, say},
    workplace,
};

/// The longest definition that is read, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

pub(crate) async fn run(command: SchemaCommand) -> Result<(), Failure> {
    match command {
        SchemaCommand::List { slug, data } => list(&slug, &data).await,
        SchemaCommand::Show { slug, urn, data } => {
            let schema = workplace::open_existing(&data).await?.schema(&slug, &urn).await?;
            if data.json {
                output::json(&describe(&schema));
            } else {
                // What `schema put` takes.
                say!("{:#}", schema_json(&schema.schema));
            }
            Ok(())
        }
        SchemaCommand::Put { slug, file, extends, required, data } => {
            let extends =
                extends.map(|resource_type| Extends { resource_type, required: required.then_some(true) });
            let definition = definition(&file)?;
            let administration = workplace::open_existing(&data).await?;
            let act = workplace::act(&administration);
            let (schema, is_new) =
                administration.put_schema(slug.clone(), None, definition, extends, act).await?;
            for warning in &schema.warnings {
                output::complain(format_args!("warning: {warning}"));
            }
            if data.json {
                output::json(&describe(&schema));
            } else {
                let done = if is_new { "made" } else { "up to date" };
                say!("The schema {} of {slug} is {done}.", schema.schema.id);
                if schema.uses.is_empty() {
                    say!(
                        "No resource type uses it yet; put it again with --extends, or put a resource type."
                    );
                }
            }
            Ok(())
        }
        SchemaCommand::Remove { slug, urn, data } => {
            let administration = workplace::open_existing(&data).await?;
            let act = workplace::act(&administration);
            administration.remove_schema(slug.clone(), urn.clone(), act).await?;
            if data.json {
                output::json(&json!({"slug": slug, "schema": urn, "removed": true}));
            } else {
                say!("What {slug} had of the schema {urn} is removed.");
            }
            Ok(())
        }
    }
}

pub(crate) async fn resource_types(command: ResourceTypeCommand) -> Result<(), Failure> {
    match command {
        ResourceTypeCommand::List { slug, data } => {
            let types = workplace::open_existing(&data).await?.resource_types(&slug).await?;
            if data.json {
                output::json(&types.iter().map(describe_type).collect::<Vec<_>>().into());
                return Ok(());
            }
            let row = |one: &DescribedType| {
                vec![
                    one.resource_type.name.to_string(),
                    one.origin.name().replace('_', "-"),
                    one.resource_type.endpoint.clone(),
                    one.resources.to_string(),
                    one.resource_type.schema.id.clone(),
                ]
            };
            let rows: Vec<_> = types.iter().map(row).collect();
            output::table(&["NAME", "ORIGIN", "ENDPOINT", "RESOURCES", "SCHEMA"], &rows);
        }
        ResourceTypeCommand::Put { slug, file, data } => {
            let definition = definition(&file)?;
            let administration = workplace::open_existing(&data).await?;
            let act = workplace::act(&administration);
            let (one, is_new) = administration.put_resource_type(slug.clone(), None, definition, act).await?;
            if data.json {
                output::json(&describe_type(&one));
            } else {
                let done = if is_new { "made" } else { "up to date" };
                let (name, endpoint) = (&one.resource_type.name, &one.resource_type.endpoint);
                say!("The resource type {name} of {slug} is {done}; it is served at {endpoint}.");
            }
        }
        ResourceTypeCommand::Remove { slug, name, data } => {
            let administration = workplace::open_existing(&data).await?;
            let act = workplace::act(&administration);
            administration.remove_resource_type(slug.clone(), name.clone(), act).await?;
            if data.json {
                output::json(&json!({"slug": slug, "resource_type": name, "removed": true}));
            } else {
                say!("What {slug} had of the resource type {name} is removed.");
            }
        }
    }
    Ok(())
}

pub(crate) async fn attributes(command: AttributeCommand) -> Result<(), Failure> {
    match command {
        AttributeCommand::Unknown { slug, data } => {
            let unknown = workplace::open_existing(&data).await?.unknown_attributes(&slug).await?;
            if data.json {
                output::json(&unknown.iter().map(describe_unknown).collect::<Vec<_>>().into());
            } else if unknown.is_empty() {
                say!("The clients of {slug} send nothing that no schema knows.");
            } else {
                let row = |one: &Unknown| {
                    vec![
                        one.counted.resource_type.clone(),
                        one.counted.path.clone(),
                        kind(&one.shape),
                        one.counted.seen.to_string(),
                        output::moment(one.counted.last_seen),
                        one.hindrance.clone().unwrap_or_else(|| "yes".to_owned()),
                    ]
                };
                let rows: Vec<_> = unknown.iter().map(row).collect();
                output::table(&["TYPE", "PATH", "VALUES", "SEEN", "LAST SEEN", "CAN BE ADOPTED"], &rows);
            }
        }
        AttributeCommand::Adopt { slug, resource_type, path, data } => {
            let administration = workplace::open_existing(&data).await?;
            let act = workplace::act(&administration);
            let adopted = administration.adopt(slug, resource_type.clone(), path, act).await?;
            if data.json {
                let adopted = adopted
                    .iter()
                    .map(|one| json!({"path": one.path, "schema": one.schema, "attribute": one.attribute}));
                output::json(&adopted.collect::<Vec<_>>().into());
            } else {
                for one in adopted {
                    say!("{} of {resource_type} is an attribute of {} now.", one.path, one.schema);
                }
            }
        }
    }
    Ok(())
}

async fn list(slug: &str, data: &DataArguments) -> Result<(), Failure> {
    let schemas = workplace::open_existing(data).await?.schemas(slug).await?;
    if data.json {
        output::json(&schemas.iter().map(describe).collect::<Vec<_>>().into());
        return Ok(());
    }
    let row = |one: &DescribedSchema| {
        let uses: Vec<&str> = one.uses.iter().map(|used| used.resource_type.as_str()).collect();
        vec![
            one.schema.id.clone(),
            one.origin.name().replace('_', "-"),
            one.schema.attributes.len().to_string(),
            one.added.len().to_string(),
            uses.join(", "),
        ]
    };
    let rows: Vec<_> = schemas.iter().map(row).collect();
    output::table(&["URN", "ORIGIN", "ATTRIBUTES", "ADDED", "USED BY"], &rows);
    Ok(())
}

fn describe(one: &DescribedSchema) -> Value {
    let uses: Vec<Value> = one
        .uses
        .iter()
        .map(|used| json!({"name": used.resource_type, "base": used.base, "required": used.required}))
        .collect();
    json!({
        "schema": schema_json(&one.schema),
        "origin": one.origin.name(),
        "added_attributes": one.added,
        "resource_types": uses,
        "warnings": one.warnings,
    })
}

fn describe_type(one: &DescribedType) -> Value {
    let indexed: Vec<&str> = one.resource_type.searchable.iter().map(|path| &*path.name).collect();
    json!({
        "resource_type": one.to_json(),
        "origin": one.origin.name(),
        "added_extensions": one.added_extensions,
        "indexed": indexed,
        "resources": one.resources,
    })
}

fn describe_unknown(one: &Unknown) -> Value {
    json!({
        "resource_type": one.counted.resource_type,
        "path": one.counted.path,
        "shape": one.shape,
        "seen": one.counted.seen,
        "first_seen": output::moment(one.counted.first_seen),
        "last_seen": output::moment(one.counted.last_seen),
        "adoptable": one.hindrance.is_none(),
        "reason": one.hindrance,
    })
}

/// What values look like, in a word or two.
fn kind(shape: &Value) -> String {
    let kind = shape["type"].as_str().unwrap_or("string");
    if shape["multiValued"] == true { format!("list of {kind}") } else { kind.to_owned() }
}

/// The JSON in a file, or with `-` on standard input.
fn definition(file: &Path) -> Result<Value, Failure> {
    let name = file.display();
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::Usage(format!("{name} can't be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::Usage(format!("{name} is not JSON: {error}")))
}
