//! `/api/v1/sources/{slug}/resource-types`: the resource types of a source, and what it adds to them.

use axum::{Json, extract::State};
use hyper::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, Problem,
    caller::Caller,
    definitions::TypeDefinition,
    extract::{Definition, Params, Segments},
    paging::{self, ByKey, Page, Paging},
    schemas::{Origin, of_definition},
};
use crate::administration::{self, DescribedType};

/// A resource type of a source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceResourceType {
    /// The type as the source has it, with what it adds.
    resource_type: TypeDefinition,
    origin: Origin,
    /// The URNs of the extensions that the source adds.
    added_extensions: Vec<String>,
    /// Every path that is found by an index.
    indexed: Vec<String>,
    /// How many resources of the type there are.
    resources: u64,
}

impl From<DescribedType> for SourceResourceType {
    fn from(described: DescribedType) -> Self {
        let one = &described.resource_type;
        Self {
            resource_type: TypeDefinition(described.to_json()),
            origin: described.origin.into(),
            indexed: one.searchable.iter().map(|searchable| searchable.name.to_string()).collect(),
            added_extensions: described.added_extensions,
            resources: described.resources,
        }
    }
}

/// The resource types of a source, those that are built in first.
#[utoipa::path(
    get, path = "/sources/{slug}/resource-types", tag = "Schemas", params(("slug" = String, Path), Paging),
    responses((status = 200, body = Page<SourceResourceType>))
)]
pub(super) async fn list(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<SourceResourceType>>, Problem> {
    let mut types = context.administration.resource_types(&slug).await?;
    let key =
        |one: &DescribedType| (one.origin == administration::Origin::Own, one.resource_type.name.to_string());
    types.sort_by_key(key);
    let page = paging::of_all(types, &paging, ByKey::Ascending, key)?;
    let items = page.items.into_iter().map(SourceResourceType::from).collect();
    Ok(Json(Page { items, next: page.next, total: page.total }))
}

/// One resource type of a source.
#[utoipa::path(
    get, path = "/sources/{slug}/resource-types/{name}", tag = "Schemas",
    params(("slug" = String, Path), ("name" = String, Path)), responses((status = 200, body = SourceResourceType))
)]
pub(super) async fn read(
    State(context): State<App>,
    Segments((slug, name)): Segments<(String, String)>,
) -> Result<Json<SourceResourceType>, Problem> {
    Ok(Json(context.administration.resource_type(&slug, &name).await?.into()))
}

/// Make a resource type, or replace it. To one that is built in, extensions and searchable paths are
/// added; those that it has anyway may be among them.
#[utoipa::path(
    put, path = "/sources/{slug}/resource-types/{name}", tag = "Schemas",
    params(("slug" = String, Path), ("name" = String, Path)), request_body = TypeDefinition,
    responses(
        (status = 200, body = SourceResourceType),
        (status = 201, body = SourceResourceType, description = "It is new"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "What resources hold contradicts it"),
    )
)]
pub(super) async fn put(
    State(context): State<App>,
    caller: Caller,
    Segments((slug, name)): Segments<(String, String)>,
    Definition(definition): Definition,
) -> Result<(StatusCode, Json<SourceResourceType>), Problem> {
    let act = caller.act(&context);
    let put = context.administration.put_resource_type(slug, Some(name), definition, act).await;
    let (resource_type, is_new) = put.map_err(of_definition)?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(resource_type.into())))
}

/// Remove a resource type of the source's own, which may have no resources, or what the source adds to
/// one that is built in.
#[utoipa::path(
    delete, path = "/sources/{slug}/resource-types/{name}", tag = "Schemas",
    params(("slug" = String, Path), ("name" = String, Path)),
    responses(
        (status = 204),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There are resources of the type"),
    )
)]
pub(super) async fn remove(
    State(context): State<App>,
    caller: Caller,
    Segments((slug, name)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    context.administration.remove_resource_type(slug, name, caller.act(&context)).await?;
    Ok(StatusCode::NO_CONTENT)
}
