//! `/api/v1/sources/{slug}/unknown-attributes`: what clients send and no schema knows.

use axum::{Json, extract::State};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    caller::Caller,
    definitions::AttributeDefinition,
    extract::{Body, Params, Segments},
    moment::Moment,
    paging::{self, ByKey, Page, Paging},
    schemas::of_definition,
};
use crate::administration::{Adopted as MadeAttribute, Unknown};

/// An attribute that clients sent and no schema knows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnknownAttribute {
    /// The type of the resources that it was sent for.
    resource_type: String,
    /// Its path: a name, a part of an attribute behind a dot, or a name behind the URN of its extension.
    path: String,
    /// What its values look like.
    shape: AttributeDefinition,
    /// How often it was sent.
    seen: u64,
    first_seen: Moment,
    last_seen: Moment,
    /// Whether it can be made an attribute.
    adoptable: bool,
    /// Why not.
    reason: Option<String>,
}

impl From<Unknown> for UnknownAttribute {
    fn from(Unknown { counted, shape, hindrance }: Unknown) -> Self {
        Self {
            resource_type: counted.resource_type,
            path: counted.path,
            shape: AttributeDefinition(shape),
            seen: counted.seen,
            first_seen: Moment(counted.first_seen),
            last_seen: Moment(counted.last_seen),
            adoptable: hindrance.is_none(),
            reason: hindrance,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adoption {
    resource_type: String,
    /// The path as it is listed, or the URN of an extension for all of its attributes.
    path: String,
}

/// What has come into the schemas.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Adopted {
    attributes: Vec<AdoptedAttribute>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdoptedAttribute {
    /// The path as it was listed.
    path: String,
    /// The URN of the schema that has it now.
    schema: String,
    /// Its name there.
    attribute: String,
}

impl From<MadeAttribute> for AdoptedAttribute {
    fn from(made: MadeAttribute) -> Self {
        Self { path: made.path, schema: made.schema, attribute: made.attribute }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgetParams {
    /// The type of the resources that it was sent for; with `path`.
    resource_type: Option<String>,
    /// Its path as it is listed; with `resource_type`.
    path: Option<String>,
}

/// What clients of a source sent and no schema knows, the most frequent first.
#[utoipa::path(
    get, path = "/sources/{slug}/unknown-attributes", tag = "Schemas", params(("slug" = String, Path), Paging),
    responses((status = 200, body = Page<UnknownAttribute>))
)]
pub(super) async fn list(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<UnknownAttribute>>, Problem> {
    // What was sent a moment ago may not be written down yet.
    context.unknown_attributes.write_down(&context.store).await;
    let mut unknown = context.administration.unknown_attributes(&slug).await?;
    let key = |one: &Unknown| (one.counted.seen, one.counted.resource_type.clone(), one.counted.path.clone());
    unknown.sort_by_key(|one| std::cmp::Reverse(key(one)));
    let page = paging::of_all(unknown, &paging, ByKey::Descending, key)?;
    let items = page.items.into_iter().map(UnknownAttribute::from).collect();
    Ok(Json(Page { items, next: page.next, total: page.total }))
}

/// Make an unknown attribute part of the schemas, with the type that was seen: of the base schema, of an
/// extension, or of a new extension under the URN that was sent.
#[utoipa::path(
    post, path = "/sources/{slug}/unknown-attributes/adopt", tag = "Schemas", params(("slug" = String, Path)),
    request_body = Adoption, responses((status = 201, body = Adopted))
)]
pub(super) async fn adopt(
    State(context): State<App>,
    caller: Caller,
    Segments(slug): Segments<String>,
    Body(body): Body<Adoption>,
) -> Result<(StatusCode, Json<Adopted>), Problem> {
    context.unknown_attributes.write_down(&context.store).await;
    let act = caller.act(&context);
    let adopted = context.administration.adopt(slug, body.resource_type, body.path, act).await;
    let attributes = adopted.map_err(of_definition)?.into_iter().map(Into::into).collect();
    Ok((StatusCode::CREATED, Json(Adopted { attributes })))
}

/// Forget what was counted: one attribute, or without parameters all of the source.
#[utoipa::path(
    delete, path = "/sources/{slug}/unknown-attributes", tag = "Schemas",
    params(("slug" = String, Path), ForgetParams), responses((status = 204))
)]
pub(super) async fn forget(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(params): Params<ForgetParams>,
) -> Result<StatusCode, Problem> {
    let one = match (params.resource_type, params.path) {
        (Some(resource_type), Some(path)) => Some((resource_type, path)),
        (None, None) => None,
        (None, Some(_)) => return Err(Problem::invalid("resource_type", "It is needed beside path.")),
        (Some(_), None) => return Err(Problem::invalid("path", "It is needed beside resource_type.")),
    };
    context.unknown_attributes.write_down(&context.store).await;
    context.administration.forget_unknown(&slug, one).await?;
    Ok(StatusCode::NO_CONTENT)
}
