//! `/api/v1/…/changes`: the journal.

use std::collections::HashMap;

use axum::{Json, extract::State};
use headwater_scim::resource;
use headwater_store::{
    Change as Stored, ChangeQuery, ChangedMember, ChangedMembers, NamedActor, Records, ResourceId, SERVER,
    Source, SourceId, requests::MASK,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    App, Problem,
    extract::{Params, Segments},
    moment::Moment,
    paging::{self, Page},
    sources::SourceRef,
};

/// One change: who did what, when, by which request, before and after.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Change {
    /// The source it happened in, or for an act of an administrator the source it is about.
    source: Option<SourceRef>,
    /// Its number in its journal.
    sequence: i64,
    at: Moment,
    /// `create`, `update`, `delete`; for acts of administrators also `copy`, `revoke`,
    /// `set_password`, `reset_password`, `sign_in` and `sign_out`.
    kind: String,
    resource: ChangedResource,
    /// The version of the resource afterwards.
    version: u64,
    actor: Actor,
    request_id: Option<Uuid>,
    /// The attributes before: all of them for a deletion, else those that differ.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The attributes after: all of them for a creation, else those that differ.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// The first of the members that came.
    members_added: Vec<MemberRef>,
    /// The first of the members that went.
    members_removed: Vec<MemberRef>,
    members_added_count: u64,
    members_removed_count: u64,
}

/// What a change is about.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedResource {
    /// The name of a resource type, such as `User`; for acts of administrators `Source`, `Token`, `Administrator`,
    /// `ApiToken` or `Settings`.
    #[serde(rename = "type")]
    resource_type: String,
    id: String,
    /// What it is called now, or was when it was deleted.
    display: Option<String>,
    /// Whether it is gone.
    deleted: bool,
}

/// A member of a group, as a reference.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberRef {
    id: String,
    #[serde(rename = "type")]
    resource_type: Option<String>,
    display: Option<String>,
}

/// Who did something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Actor {
    kind: ActorKind,
    id: Option<Uuid>,
    name: String,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ActorKind {
    ServiceAccount,
    Administrator,
    ApiToken,
    CommandLine,
    Link,
    Server,
    Unknown,
}

/// Those who have done something, by the ids that the journal has.
pub(super) struct Actors(HashMap<Uuid, NamedActor>);

impl Actors {
    pub(super) async fn look_up(
        store: &Records,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Self, Problem> {
        let ids: std::collections::HashSet<Uuid> = ids.into_iter().collect();
        Ok(Self(store.actors(ids.into_iter().collect()).await?))
    }

    /// The same behind a change, which is not to fail for want of a name.
    pub(super) async fn look_up_behind_change(store: &Records, actor: Uuid) -> Self {
        Self::look_up(store, [actor]).await.unwrap_or_else(|_| Self(std::collections::HashMap::new()))
    }

    pub(super) fn of(&self, id: Uuid) -> Actor {
        use headwater_store::Actor as Known;
        let (kind, id, name) = match self.0.get(&id) {
            Some(NamedActor::Administrator { id, name }) => {
                (ActorKind::Administrator, Some(*id), name.clone())
            }
            Some(NamedActor::ApiToken { id, name }) => (ActorKind::ApiToken, Some(*id), name.clone()),
            _ => match Known::from_uuid(id) {
                Known::CommandLine => (ActorKind::CommandLine, None, "Command line".to_owned()),
                Known::Link => (ActorKind::Link, None, "One-time link".to_owned()),
                Known::Server => (ActorKind::Server, None, "Headwater".to_owned()),
                Known::Id(id) => (ActorKind::Unknown, Some(id), "Unknown".to_owned()),
            },
        };
        Actor { kind, id, name }
    }
}

/// Which changes are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeParams {
    /// Changes of this user or group; of a user also those of memberships.
    #[param(value_type = Option<Uuid>)]
    resource: Option<String>,
    /// Changes of resources of this type.
    #[serde(rename = "type")]
    resource_type: Option<String>,
    /// Changes of this kind, such as `create`.
    kind: Option<String>,
    /// The earliest moment.
    from: Option<Moment>,
    /// The first moment that is too late.
    to: Option<Moment>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

/// Which acts are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ActParams {
    /// Acts about the source of this slug.
    source: Option<String>,
    /// Acts on things of this type: `Source`, `Token`, `Administrator`, `ApiToken`, `Settings`.
    #[serde(rename = "type")]
    resource_type: Option<String>,
    /// Acts of this kind, such as `revoke`.
    kind: Option<String>,
    /// The earliest moment.
    from: Option<Moment>,
    /// The first moment that is too late.
    to: Option<Moment>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

/// What happened in a source, newest first.
#[utoipa::path(
    get, path = "/sources/{slug}/changes", tag = "Changes", params(("slug" = String, Path), ChangeParams),
    responses((status = 200, body = Page<Change>))
)]
pub(super) async fn of_source(
    State(context): State<App>,
    Segments(slug): Segments<String>,
    Params(params): Params<ChangeParams>,
) -> Result<Json<Page<Change>>, Problem> {
    let store = context.administration.store();
    let source = store.source(&slug).await?;
    let resource = params.resource.as_deref().map(|id| {
        ResourceId::parse(id).ok_or_else(|| Problem::invalid("resource", format!("{id:?} is not an id.")))
    });
    let query = ChangeQuery {
        resource: resource.transpose()?,
        resource_type: params.resource_type,
        kind: params.kind,
        from: params.from.map(|Moment(from)| from),
        to: params.to.map(|Moment(to)| to),
        before: paging::place(params.cursor.as_deref())?,
        limit: paging::limit(params.limit)?,
        ..ChangeQuery::default()
    };
    let page = store.changes(source.id, query).await?;
    let items = shown(store, &source, page.changes).await?;
    Ok(Json(Page::new(items, page.next.map(|next| paging::cursor(&next)))))
}

/// What administrators did on the server, newest first.
#[utoipa::path(
    get, path = "/changes", tag = "Changes", params(ActParams), responses((status = 200, body = Page<Change>))
)]
pub(super) async fn of_server(
    State(context): State<App>,
    Params(params): Params<ActParams>,
) -> Result<Json<Page<Change>>, Problem> {
    let store = context.administration.store();
    let about = match &params.source {
        Some(slug) => Some(store.source(slug).await?),
        None => None,
    };
    let query = ChangeQuery {
        about: about.map(|source| source.id),
        resource_type: params.resource_type,
        kind: params.kind,
        from: params.from.map(|Moment(from)| from),
        to: params.to.map(|Moment(to)| to),
        before: paging::place(params.cursor.as_deref())?,
        limit: paging::limit(params.limit)?,
        ..ChangeQuery::default()
    };
    let page = store.changes(SERVER, query).await?;
    let actors = Actors::look_up(store, page.changes.iter().map(|change| change.actor)).await?;
    let sources: HashMap<SourceId, Source> =
        store.sources().await?.into_iter().map(|source| (source.id, source)).collect();
    let items = page.changes.into_iter().map(|change| {
        let about = change.about.and_then(|about| sources.get(&about)).map(SourceRef::from);
        let actor = actors.of(change.actor);
        Change::new(change, about, actor)
    });
    Ok(Json(Page::new(items.collect(), page.next.map(|next| paging::cursor(&next)))))
}

/// Lines of the journal of a source, without its secrets.
pub(super) async fn shown(
    store: &Records,
    source: &Source,
    changes: Vec<Stored>,
) -> Result<Vec<Change>, Problem> {
    let actor = |id| Actor { kind: ActorKind::ServiceAccount, id: Some(id), name: source.name.clone() };
    let registry = store.registry(source).await?;
    let changes = changes.into_iter().map(|change| {
        let actor = actor(change.actor);
        let mut change = Change::new(change, Some(source.into()), actor);
        for described in [&mut change.before, &mut change.after] {
            let Some(Value::Object(attributes)) = described else { continue };
            match registry.resource_type(&change.resource.resource_type) {
                Some(resource_type) => resource::mask_never_returned(attributes, resource_type, MASK),
                // Of a type that is gone nobody knows what was secret.
                None => attributes.values_mut().for_each(|value| *value = MASK.into()),
            }
        }
        change
    });
    Ok(changes.collect())
}

impl Change {
    fn new(stored: Stored, source: Option<SourceRef>, actor: Actor) -> Self {
        let parse = |text: Option<String>| text.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let (before, after) = (parse(stored.before), parse(stored.after));
        let slug = || {
            let found = [&after, &before].into_iter().flatten().find_map(|described| described.get("slug"));
            source.as_ref().map(|source| source.slug.clone()).or_else(|| Some(found?.as_str()?.to_owned()))
        };
        // A source has no id of its own to show; its slug does.
        let id = match stored.resource_type.as_str() {
            "Source" => slug().unwrap_or_default(),
            _ => stored.resource_id.to_string(),
        };
        let members = |changed: ChangedMembers| {
            (changed.members.into_iter().map(MemberRef::from).collect(), changed.count)
        };
        let (members_added, members_added_count) = members(stored.added);
        let (members_removed, members_removed_count) = members(stored.removed);
        Self {
            source,
            sequence: stored.sequence,
            at: Moment(stored.at),
            kind: stored.kind,
            resource: ChangedResource {
                resource_type: stored.resource_type,
                id,
                display: stored.display,
                deleted: stored.deleted,
            },
            version: stored.version,
            actor,
            request_id: (!stored.request_id.is_nil()).then_some(stored.request_id),
            before,
            after,
            members_added,
            members_removed,
            members_added_count,
            members_removed_count,
        }
    }
}

impl From<ChangedMember> for MemberRef {
    fn from(member: ChangedMember) -> Self {
        Self { id: member.id.to_text(), resource_type: member.resource_type, display: member.display }
    }
}
