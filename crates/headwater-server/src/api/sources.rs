//! `/api/v1/sources`: the places that identity providers provision into.

mod overview;
mod status;

use axum::{Json, extract::State};
use futures_util::{StreamExt, TryStreamExt, stream};
use headwater_store::{
    Profile as StoredProfile, Provider as StoredProvider, Slug, Source as Stored, SourceEdit as StoredEdit,
    StoreError,
};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use self::status::Status;
use super::{
    App, Problem,
    caller::Caller,
    changes::Actors,
    extract::{Body, Params, Segments, object, searched},
    moment::Moment,
    name::Name,
    paging::{self, ByKey, Page, Paging},
    server_url::ServerUrl,
    tokens::Token,
};
use crate::{Context, administration::SourceRequest};

pub(super) use overview::{__path_read as __path_overview, read as overview};

/// A place that an identity provider provisions into.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Source {
    /// Its name in URLs.
    slug: String,
    /// Its name for people.
    name: String,
    provider: Provider,
    /// Whether its clients are let in.
    enabled: bool,
    /// What its client is given: the SCIM base URL.
    base_url: String,
    created: Moment,
    switches: Switches,
    request_log: Retention,
    status: Status,
}

/// A source, as others name it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct SourceRef {
    pub(super) slug: String,
    name: String,
    provider: Provider,
}

impl From<&Stored> for SourceRef {
    fn from(source: &Stored) -> Self {
        Self { slug: source.slug.to_string(), name: source.name.clone(), provider: source.provider.into() }
    }
}

/// Which identity provider a source is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Provider {
    Entra,
    Okta,
    Google,
    OneLogin,
    JumpCloud,
    Ping,
    Other,
}

impl From<StoredProvider> for Provider {
    fn from(provider: StoredProvider) -> Self {
        match provider {
            StoredProvider::Entra => Self::Entra,
            StoredProvider::Okta => Self::Okta,
            StoredProvider::Google => Self::Google,
            StoredProvider::OneLogin => Self::OneLogin,
            StoredProvider::JumpCloud => Self::JumpCloud,
            StoredProvider::Ping => Self::Ping,
            StoredProvider::Other => Self::Other,
        }
    }
}

impl From<Provider> for StoredProvider {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Entra => Self::Entra,
            Provider::Okta => Self::Okta,
            Provider::Google => Self::Google,
            Provider::OneLogin => Self::OneLogin,
            Provider::JumpCloud => Self::JumpCloud,
            Provider::Ping => Self::Ping,
            Provider::Other => Self::Other,
        }
    }
}

/// Which rules a source obeys where several can be obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Profile {
    /// RFC 7643 and 7644, lenient towards what real clients send.
    Rfc,
    /// The SCIM interoperability profile, where it is stricter than the RFC.
    Interop,
}

impl From<StoredProfile> for Profile {
    fn from(profile: StoredProfile) -> Self {
        match profile {
            StoredProfile::Rfc => Self::Rfc,
            StoredProfile::Interop => Self::Interop,
        }
    }
}

impl From<Profile> for StoredProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Rfc => Self::Rfc,
            Profile::Interop => Self::Interop,
        }
    }
}

/// What a source can be made to do differently.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Switches {
    /// Whether two of its groups may not share a displayName.
    unique_group_names: bool,
    /// Whether the request log keeps bodies of its requests.
    log_bodies: bool,
    /// Which rules it obeys.
    profile: Profile,
    /// Whether passwords that clients set are kept, as Argon2id hashes.
    keep_passwords: bool,
    /// What is left out of /Schemas, for clients that refuse what they find there: attributes, such as
    /// password or emails.display, and whole schemas by their URN.
    hidden_from_schemas: Vec<String>,
}

/// Changes to switches; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchesEdit {
    /// Whether two of its groups may not share a displayName.
    unique_group_names: Option<bool>,
    /// Whether the request log keeps bodies of its requests.
    log_bodies: Option<bool>,
    /// Which rules it obeys.
    profile: Option<Profile>,
    /// Whether passwords that clients set are kept, as Argon2id hashes. Turned off, those that are kept
    /// are forgotten.
    keep_passwords: Option<bool>,
    /// What is left out of /Schemas: attributes, such as password or emails.display, and whole schemas
    /// by their URN.
    #[schema(max_items = 100)]
    hidden_from_schemas: Option<Vec<String>>,
}

/// How long requests are kept: whichever of the two is reached first.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct Retention {
    days: u32,
    megabytes: u32,
}

/// A change to how long requests are kept.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetentionEdit {
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u32>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    megabytes: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceRequestBody {
    /// Its name for people.
    name: Name,
    /// Its name in URLs; made from the name where it is left out.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    slug: Option<String>,
    provider: Option<Provider>,
    #[serde(default, deserialize_with = "object")]
    switches: Option<SwitchesEdit>,
}

/// A source that has been made.
#[derive(Serialize, ToSchema)]
pub(super) struct NewSource {
    source: Source,
    token: Token,
    /// The token itself; none when the answer is given again under an Idempotency-Key.
    secret: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceEdit {
    /// Its name for people.
    name: Option<Name>,
    /// Its name in URLs: the identity provider has to be told the new URL.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    slug: Option<String>,
    /// Whether its clients are let in.
    enabled: Option<bool>,
    provider: Option<Provider>,
    #[serde(default, deserialize_with = "object")]
    switches: Option<SwitchesEdit>,
    #[serde(default, deserialize_with = "object")]
    request_log: Option<RetentionEdit>,
}

/// Which sources are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceParams {
    /// A part of name or slug, in any letter case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteParams {
    /// The name of the source, typed by whoever deletes it.
    #[param(required = true)]
    confirm: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct NameParams {
    /// The name that a slug is to be made from.
    name: Option<String>,
}

/// A slug looked at before it is used.
#[derive(Serialize, ToSchema)]
pub(super) struct SlugCheck {
    slug: String,
    /// Whether it has the form of a slug.
    valid: bool,
    /// Whether no source has it.
    available: bool,
    /// What the base URL would be.
    base_url: String,
    /// Why it can't be used.
    reason: Option<String>,
}

/// The identity that a source's clients act as: the actor in its journal.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceAccount {
    id: Uuid,
    name: String,
    created: Moment,
    /// How many tokens it has that are not revoked.
    tokens: u64,
}

impl Source {
    async fn new(context: &Context, stored: &Stored, url: &ServerUrl) -> Result<Self, StoreError> {
        let (status, _) = status::of(context, stored).await?;
        Ok(Self::with_status(stored, url, status))
    }

    fn with_status(stored: &Stored, url: &ServerUrl, status: Status) -> Self {
        Self {
            slug: stored.slug.to_string(),
            name: stored.name.clone(),
            provider: stored.provider.into(),
            enabled: stored.enabled,
            base_url: url.of_source(stored.slug.as_str()),
            created: Moment(stored.created),
            switches: Switches {
                unique_group_names: stored.unique_display_names,
                log_bodies: stored.log_bodies,
                profile: stored.profile.into(),
                keep_passwords: stored.keep_passwords,
                hidden_from_schemas: stored.hidden.clone(),
            },
            request_log: Retention { days: stored.log_days, megabytes: stored.log_megabytes },
            status,
        }
    }
}

/// Every source, by slug.
#[utoipa::path(
    get, path = "/sources", tag = "Sources", params(SourceParams), responses((status = 200, body = Page<Source>))
)]
pub(super) async fn list(
    State(context): State<App>,
    url: ServerUrl,
    Params(params): Params<SourceParams>,
) -> Result<Json<Page<Source>>, Problem> {
    let wanted = searched(params.q)?.unwrap_or_default().to_lowercase();
    let mut stored = context.administration.store().sources().await?;
    stored.retain(|source| {
        source.name.to_lowercase().contains(&wanted) || source.slug.as_str().contains(&wanted)
    });
    let paging = Paging { limit: params.limit, cursor: params.cursor };
    let key = |source: &Stored| source.slug.to_string();
    let page = paging::of_all(stored, &paging, ByKey::Ascending, key)?;
    // Some are read ahead: how a source does is a few round trips to the database.
    let sources = page.items.into_iter().map(|source| {
        let (context, url) = (&context, &url);
        async move { Source::new(context, &source, url).await }
    });
    let items = stream::iter(sources).buffered(paging::AHEAD).try_collect().await?;
    Ok(Json(Page { items, next: page.next, total: page.total }))
}

/// Make a source, with its service account and first token.
#[utoipa::path(
    post, path = "/sources", tag = "Sources", request_body = SourceRequestBody,
    responses((status = 201, body = NewSource))
)]
pub(super) async fn create(
    State(context): State<App>,
    url: ServerUrl,
    caller: Caller,
    Body(body): Body<SourceRequestBody>,
) -> Result<(StatusCode, Json<NewSource>), Problem> {
    let switches = body.switches.unwrap_or_default();
    let request = SourceRequest {
        name: body.name.0,
        slug: body.slug,
        provider: body.provider.map(Into::into),
        unique_display_names: switches.unique_group_names,
        log_bodies: switches.log_bodies,
        profile: switches.profile.map(Into::into),
        keep_passwords: switches.keep_passwords,
        hidden: switches.hidden_from_schemas,
    };
    let act = caller.act(&context);
    let made = context.administration.create_source(request, act).await?;
    let store = context.administration.store();
    let actors = Actors::look_up_behind_change(store, act.actor.uuid()).await;
    let new = NewSource {
        source: Source::new(&context, &made.source, &url).await.map_err(Problem::behind_change)?,
        token: Token::new(&made.token, act.at, &actors),
        secret: Some(made.secret.reveal().to_owned()),
    };
    Ok((StatusCode::CREATED, Json(new)))
}

/// One source.
#[utoipa::path(
    get, path = "/sources/{slug}", tag = "Sources", params(("slug" = String, Path)),
    responses((status = 200, body = Source))
)]
pub(super) async fn read(
    State(context): State<App>,
    url: ServerUrl,
    Segments(slug): Segments<String>,
) -> Result<Json<Source>, Problem> {
    let stored = context.administration.store().source(&slug).await?;
    Ok(Json(Source::new(&context, &stored, &url).await?))
}

/// Change a source; what is left out stays as it is.
#[utoipa::path(
    patch, path = "/sources/{slug}", tag = "Sources", params(("slug" = String, Path)), request_body = SourceEdit,
    responses(
        (status = 200, body = Source),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The slug is taken, or two groups share a name that is to be unique"),
    )
)]
pub(super) async fn edit(
    State(context): State<App>,
    url: ServerUrl,
    caller: Caller,
    Segments(slug): Segments<String>,
    Body(body): Body<SourceEdit>,
) -> Result<Json<Source>, Problem> {
    let switches = body.switches.unwrap_or_default();
    let retention = body.request_log.unwrap_or_default();
    let new_slug = body.slug.as_deref().map(crate::administration::checked_slug).transpose()?;
    let edit = StoredEdit {
        slug: new_slug,
        name: body.name.map(|Name(name)| name),
        provider: body.provider.map(Into::into),
        enabled: body.enabled,
        unique_display_names: switches.unique_group_names,
        log_bodies: switches.log_bodies,
        log_days: retention.days,
        log_megabytes: retention.megabytes,
        profile: switches.profile.map(Into::into),
        keep_passwords: switches.keep_passwords,
        hidden: switches.hidden_from_schemas,
    };
    let edited = context.administration.edit_source(slug, edit, caller.act(&context)).await?;
    Ok(Json(Source::new(&context, &edited, &url).await.map_err(Problem::behind_change)?))
}

/// Delete a source with all its users, groups, tokens and history. Its clients are refused at once.
#[utoipa::path(
    delete, path = "/sources/{slug}", tag = "Sources", params(("slug" = String, Path), DeleteParams),
    responses((status = 204))
)]
pub(super) async fn delete(
    State(context): State<App>,
    caller: Caller,
    Segments(slug): Segments<String>,
    Params(params): Params<DeleteParams>,
) -> Result<StatusCode, Problem> {
    let stored = context.administration.store().source(&slug).await?;
    if params.confirm.as_deref().map(str::trim) != Some(stored.name.as_str()) {
        return Err(Problem::invalid(
            "confirm",
            "To delete a source for good, give its name as it stands in the parameter confirm.",
        ));
    }
    let deleted = context.administration.delete_source(slug, caller.act(&context)).await?;
    let context = std::sync::Arc::clone(&context);
    // A large source takes its time; its clients are out already.
    tokio::spawn(async move { context.forget(deleted.id).await });
    Ok(StatusCode::NO_CONTENT)
}

/// The service accounts of a source.
#[utoipa::path(
    get, path = "/sources/{slug}/service-accounts", tag = "Sources", params(("slug" = String, Path), Paging),
    responses((status = 200, body = Page<ServiceAccount>))
)]
pub(super) async fn service_accounts(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(paging): Params<Paging>,
) -> Result<Json<Page<ServiceAccount>>, Problem> {
    let accounts = context.administration.store().service_accounts(&slug).await?;
    let accounts = accounts.into_iter().map(|account| ServiceAccount {
        id: account.id,
        name: account.name,
        created: Moment(account.created),
        tokens: account.tokens,
    });
    let key = |account: &ServiceAccount| (account.created.0, account.id);
    Ok(Json(paging::of_all(accounts.collect(), &paging, ByKey::Ascending, key)?))
}

/// The slug that a name would get, and whether it is free.
#[utoipa::path(
    get, path = "/slugs", tag = "Sources", params(NameParams), responses((status = 200, body = SlugCheck))
)]
pub(super) async fn slug_of_name(
    State(context): State<App>,
    url: ServerUrl,
    Params(params): Params<NameParams>,
) -> Result<Json<SlugCheck>, Problem> {
    let name = params.name.unwrap_or_default();
    let slug = Slug::from_name(&name).map(|slug| slug.to_string()).unwrap_or_default();
    checked(&context, slug, &url).await.map(Json)
}

/// Whether a slug can be used.
#[utoipa::path(
    get, path = "/slugs/{slug}", tag = "Sources", params(("slug" = String, Path)),
    responses((status = 200, body = SlugCheck))
)]
pub(super) async fn check_slug(
    State(context): State<App>,
    url: ServerUrl,
    Segments(slug): Segments<String>,
) -> Result<Json<SlugCheck>, Problem> {
    checked(&context, slug, &url).await.map(Json)
}

async fn checked(context: &Context, slug: String, url: &ServerUrl) -> Result<SlugCheck, Problem> {
    let parsed = Slug::parse(&slug);
    let valid = parsed.is_ok();
    let available = valid
        && match context.administration.store().source(&slug).await {
            Ok(_) => false,
            Err(headwater_store::StoreError::NoSource(_)) => true,
            Err(error) => return Err(error.into()),
        };
    let reason = if valid {
        (!available).then(|| "Another source has this slug.".to_owned())
    } else {
        Some(
            "A slug has 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends."
                .to_owned(),
        )
    };
    Ok(SlugCheck { base_url: url.of_source(&slug), valid, available, reason, slug })
}
