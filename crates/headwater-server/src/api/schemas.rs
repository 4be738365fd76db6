//! `/api/v1/sources/{slug}/schemas`: the schemas of a source, and what it adds to them.

use axum::{Json, extract::State};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    caller::Caller,
    definitions::SchemaDefinition,
    extract::{Definition, Params, Segments},
    paging::{self, ByKey, Page, Paging},
};
use crate::administration::{self, AdministrationError, DescribedSchema, Extends, schema_json};

/// A schema of a source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceSchema {
    /// The schema as the source has it, with what it adds.
    schema: SchemaDefinition,
    origin: Origin,
    /// The names of the attributes that the source adds; of a schema of its own, all.
    added_attributes: Vec<String>,
    /// The resource types that use it.
    resource_types: Vec<SchemaUse>,
    /// What had better be otherwise: attributes that the standard's schemas of a type have already.
    warnings: Vec<String>,
}

/// Where a schema or a resource type comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// It is as the RFC has it.
    BuiltIn,
    /// It is built in, and the source adds to it.
    Extended,
    /// It is the source's own.
    Own,
}

impl From<administration::Origin> for Origin {
    fn from(origin: administration::Origin) -> Self {
        match origin {
            administration::Origin::BuiltIn => Self::BuiltIn,
            administration::Origin::Extended => Self::Extended,
            administration::Origin::Own => Self::Own,
        }
    }
}

/// A resource type that uses a schema.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SchemaUse {
    name: String,
    /// Whether it is the type's base schema, and not an extension.
    base: bool,
    /// Whether a resource without it is refused.
    required: bool,
}

impl From<DescribedSchema> for SourceSchema {
    fn from(described: DescribedSchema) -> Self {
        let used = |one: administration::Use| SchemaUse {
            name: one.resource_type,
            base: one.base,
            required: one.required,
        };
        Self {
            schema: SchemaDefinition(schema_json(&described.schema)),
            origin: described.origin.into(),
            added_attributes: described.added,
            resource_types: described.uses.into_iter().map(used).collect(),
            warnings: described.warnings,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PutParams {
    /// The name of a resource type that it is to be an extension of, such as User.
    #[param(max_length = 200)]
    extends: Option<String>,
    /// Whether a resource of that type without it is refused.
    required: Option<bool>,
}

/// The schemas of a source, those that are built in first.
#[utoipa::path(
    get, path = "/sources/{slug}/schemas", tag = "Schemas", params(("slug" = String, Path), Paging),
    responses((status = 200, body = Page<SourceSchema>))
)]
pub(super) async fn list(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<SourceSchema>>, Problem> {
    let mut schemas = context.administration.schemas(&slug).await?;
    let key = |one: &DescribedSchema| {
        (one.origin == administration::Origin::Own, one.schema.id.to_ascii_lowercase())
    };
    schemas.sort_by_key(key);
    let page = paging::of_all(schemas, &paging, ByKey::Ascending, key)?;
    let items = page.items.into_iter().map(SourceSchema::from).collect();
    Ok(Json(Page { items, next: page.next, total: page.total }))
}

/// One schema of a source.
#[utoipa::path(
    get, path = "/sources/{slug}/schemas/{urn}", tag = "Schemas",
    params(("slug" = String, Path), ("urn" = String, Path)), responses((status = 200, body = SourceSchema))
)]
pub(super) async fn read(
    State(context): State<App>,
    Segments((slug, urn)): Segments<(String, String)>,
) -> Result<Json<SourceSchema>, Problem> {
    Ok(Json(context.administration.schema(&slug, &urn).await?.into()))
}

/// Make a schema, or replace it. Under the URN of one that is built in, attributes are added to it;
/// those that it has anyway may be among them.
#[utoipa::path(
    put, path = "/sources/{slug}/schemas/{urn}", tag = "Schemas",
    params(("slug" = String, Path), ("urn" = String, Path), PutParams), request_body = SchemaDefinition,
    responses(
        (status = 200, body = SourceSchema),
        (status = 201, body = SourceSchema, description = "It is new"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "What resources hold contradicts it"),
    )
)]
pub(super) async fn put(
    State(context): State<App>,
    caller: Caller,
    Segments((slug, urn)): Segments<(String, String)>,
    Params(params): Params<PutParams>,
    Definition(definition): Definition,
) -> Result<(StatusCode, Json<SourceSchema>), Problem> {
    let extends = match (params.extends, params.required) {
        (Some(resource_type), required) => Some(Extends { resource_type, required }),
        (None, None) => None,
        (None, Some(_)) => {
            let detail = "Say which resource type it is required for, with extends.";
            return Err(Problem::invalid("required", detail));
        }
    };
    let put = context.administration.put_schema(slug, Some(urn), definition, extends, caller.act(&context));
    let (schema, is_new) = put.await.map_err(of_definition)?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(schema.into())))
}

/// Remove a schema of the source's own, or what it adds to one that is built in. What resources hold of
/// it stays with them.
#[utoipa::path(
    delete, path = "/sources/{slug}/schemas/{urn}", tag = "Schemas",
    params(("slug" = String, Path), ("urn" = String, Path)),
    responses(
        (status = 204),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "A resource type uses it"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Something else needs it"),
    )
)]
pub(super) async fn remove(
    State(context): State<App>,
    caller: Caller,
    Segments((slug, urn)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    context.administration.remove_schema(slug, urn, caller.act(&context)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a definition is refused. What is used twice is an attribute's here, and no switch's.
pub(super) fn of_definition(error: AdministrationError) -> Problem {
    let is_doubled =
        matches!(error, AdministrationError::Store(headwater_store::StoreError::NotUnique { .. }));
    let problem = Problem::from(error);
    if is_doubled { problem.of_field("uniqueness") } else { problem }
}
