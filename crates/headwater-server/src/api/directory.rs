//! `/api/v1/users`, `/api/v1/groups` and what is below a source: what the identity providers have
//! written, to be read.

use axum::{Json, extract::State};
use futures_util::{StreamExt, stream};
use headwater_scim::{Object, comparison, projection::Projection, registry::Registry};
use headwater_store::{
    Include, ListPage, ListPosition, Listing, MemberId, Named, Related, ResourceId, Sort, Source, SourceId,
    StoreError, StoredResource,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    extract::{Params, Segments, searched},
    moment::Moment,
    paging::{self, Page},
    server_url::ServerUrl,
    sources::SourceRef,
};
use crate::{
    Context,
    provisioning::{Caller, Provisioning},
};

const USER: &str = "User";
const GROUP: &str = "Group";
const USER_SEARCH: &[&str] = &["userName", "displayName", "name.familyName", "emails.value", "externalId"];
const GROUP_SEARCH: &[&str] = &["displayName", "externalId"];
/// How many members of a group are looked at for a page of those that are searched for.
const MOST_MEMBERS: usize = 20_000;

/// About how long the documents of a page are together, at most.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How many sources a page looks at: a search that few meet would look at all.
const MOST_SOURCES: usize = 500;

/// A user, in short.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are SCIM's")]
pub(super) struct User {
    source: SourceRef,
    id: String,
    user_name: String,
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    /// The primary e-mail address, else the first.
    email: Option<String>,
    external_id: Option<String>,
    active: bool,
    created: Moment,
    last_modified: Moment,
}

/// A group, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Group {
    source: SourceRef,
    id: String,
    display_name: String,
    external_id: Option<String>,
    member_count: u64,
    created: Moment,
    last_modified: Moment,
}

/// A user with all that is known of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserDetail {
    user: User,
    /// The resource as its identity provider would get it.
    #[schema(value_type = Object)]
    resource: Value,
    groups: Vec<MembershipRef>,
}

/// A group that somebody is a member of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MembershipRef {
    id: String,
    display_name: Option<String>,
}

/// A group without its members.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupDetail {
    group: Group,
    /// The resource as its identity provider would get it, without members.
    #[schema(value_type = Object)]
    resource: Value,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Member {
    id: String,
    /// The name of its resource type, such as `User`; none for an id that is nobody's.
    #[serde(rename = "type")]
    resource_type: Option<String>,
    display_name: Option<String>,
    user_name: Option<String>,
    active: Option<bool>,
}

/// Which users are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct UserParams {
    /// Users of the source of this slug; without one those of all sources, one source after the
    /// other.
    source: Option<String>,
    /// What user name, display name, family name, e-mail address or external id begins
    /// with. A search that more than 2,000 meet comes in an order of its own.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only those who are active, or are not.
    active: Option<bool>,
    sort: Option<UserSort>,
    order: Option<Order>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UserSort {
    UserName,
    DisplayName,
    Created,
    LastModified,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Asc,
    Desc,
}

/// Which groups are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupParams {
    /// Groups of the source of this slug; without one those of all sources, one source after the
    /// other.
    source: Option<String>,
    /// What display name or external id begins with.
    #[param(max_length = 200)]
    q: Option<String>,
    sort: Option<GroupSort>,
    order: Option<Order>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum GroupSort {
    DisplayName,
    Created,
    LastModified,
}

/// Which members are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberParams {
    /// A part of the display name, or what the user name begins with, in any letter case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

/// A place in a list that may go over several sources.
#[derive(Serialize, Deserialize)]
struct ListCursor {
    /// The number and the slug of the source.
    s: i64,
    n: String,
    /// Where in it.
    at: Option<CursorInSource>,
}

#[derive(Serialize, Deserialize)]
enum CursorInSource {
    K(String, ResourceIdText),
    M(i64, ResourceIdText),
    I(ResourceIdText),
    F(usize, String, ResourceIdText),
}

type ResourceIdText = String;

impl From<ListPosition> for CursorInSource {
    fn from(position: ListPosition) -> Self {
        match position {
            ListPosition::Key(key, id) => Self::K(key, id.to_string()),
            ListPosition::Moment(moment, id) => Self::M(moment, id.to_string()),
            ListPosition::Id(id) => Self::I(id.to_string()),
            ListPosition::Match { attribute, key, id } => Self::F(attribute, key, id.to_string()),
        }
    }
}

impl CursorInSource {
    fn position(self) -> Option<ListPosition> {
        let id = |text: &str| ResourceId::parse(text);
        Some(match self {
            Self::K(key, text) => ListPosition::Key(key, id(&text)?),
            Self::M(moment, text) => ListPosition::Moment(moment, id(&text)?),
            Self::I(text) => ListPosition::Id(id(&text)?),
            Self::F(attribute, key, text) => ListPosition::Match { attribute, key, id: id(&text)? },
        })
    }
}

/// Users of one source or of all.
#[utoipa::path(
    get, path = "/users", tag = "Users", params(UserParams), responses((status = 200, body = Page<User>))
)]
pub(super) async fn users(
    State(context): State<App>,
    Params(params): Params<UserParams>,
) -> Result<Json<Page<User>>, Problem> {
    let listing = Listing {
        resource_type: USER,
        search: searched(params.q.clone())?,
        searched: USER_SEARCH,
        active: params.active,
        sort: match params.sort.unwrap_or(UserSort::UserName) {
            UserSort::UserName => Sort::Attribute("userName"),
            UserSort::DisplayName => Sort::Attribute("displayName"),
            UserSort::Created => Sort::Created,
            UserSort::LastModified => Sort::LastModified,
        },
        descending: params.order == Some(Order::Desc),
        after: None,
        limit: paging::limit(params.limit)?,
    };
    let (items, next) = walk(&context, listing, params.source.as_deref(), params.cursor.as_deref()).await?;
    let total =
        total(&context, USER, params.source.as_deref(), params.q.is_none() && params.active.is_none())
            .await?;
    let items = items.iter().map(|(source, stored)| User::new(source, stored)).collect();
    Ok(Json(Page { items, next, total }))
}

/// Groups of one source or of all.
#[utoipa::path(
    get, path = "/groups", tag = "Groups", params(GroupParams), responses((status = 200, body = Page<Group>))
)]
pub(super) async fn groups(
    State(context): State<App>,
    Params(params): Params<GroupParams>,
) -> Result<Json<Page<Group>>, Problem> {
    let listing = Listing {
        resource_type: GROUP,
        search: searched(params.q.clone())?,
        searched: GROUP_SEARCH,
        active: None,
        sort: match params.sort.unwrap_or(GroupSort::DisplayName) {
            GroupSort::DisplayName => Sort::Attribute("displayName"),
            GroupSort::Created => Sort::Created,
            GroupSort::LastModified => Sort::LastModified,
        },
        descending: params.order == Some(Order::Desc),
        after: None,
        limit: paging::limit(params.limit)?,
    };
    let (items, next) = walk(&context, listing, params.source.as_deref(), params.cursor.as_deref()).await?;
    let total = total(&context, GROUP, params.source.as_deref(), params.q.is_none()).await?;
    let items = items.iter().map(|(source, stored)| Group::new(source, stored)).collect();
    Ok(Json(Page { items, next, total }))
}

/// One user, with groups and everything that is known of them.
#[utoipa::path(
    get, path = "/sources/{slug}/users/{id}", tag = "Users",
    params(("slug" = String, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = UserDetail))
)]
pub(super) async fn user(
    State(context): State<App>,
    url: ServerUrl,
    Segments((slug, id)): Segments<(String, String)>,
) -> Result<Json<UserDetail>, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let include = Include { members: false, groups: true };
    let stored = find(&context, &source, USER, &id, include).await?;
    let resource = as_client(&context, &source, USER, &id, &url, &Projection::Default).await?;
    let groups = stored.groups.iter().flatten().map(|group| MembershipRef {
        id: group.id.to_text(),
        display_name: group.named.as_ref().and_then(|named| named.display.clone()),
    });
    Ok(Json(UserDetail { user: User::new(&source, &stored), groups: groups.collect(), resource }))
}

/// The groups that a user is a member of.
#[utoipa::path(
    get, path = "/sources/{slug}/users/{id}/groups", tag = "Users",
    params(("slug" = String, Path), ("id" = uuid::Uuid, Path), paging::Paging),
    responses((status = 200, body = Page<Group>))
)]
pub(super) async fn groups_of_user(
    State(context): State<App>,
    Segments((slug, id)): Segments<(String, String)>,
    Params(paging): Params<paging::Paging>,
) -> Result<Json<Page<Group>>, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let include = Include { members: false, groups: true };
    let stored = find(&context, &source, USER, &id, include).await?;
    let groups = stored.groups.unwrap_or_default().into_iter();
    let mut groups: Vec<(bool, ResourceId)> =
        groups.filter_map(|group| Some((!group.direct, group.id.resource_id()?))).collect();
    // The direct ones come first.
    groups.sort_unstable();
    let key = |(is_indirect, id): &(bool, ResourceId)| (*is_indirect, id.0);
    let page = paging::of_all(groups, &paging, paging::ByKey::Ascending, key)?;
    let mut items = Vec::with_capacity(page.items.len());
    for (_, id) in page.items {
        if let Some(group) = context.store.resource(source.id, GROUP, id, Include::default()).await? {
            items.push(Group::new(&source, &group));
        }
    }
    Ok(Json(Page { items, next: page.next, total: page.total }))
}

/// One group, without its members.
#[utoipa::path(
    get, path = "/sources/{slug}/groups/{id}", tag = "Groups",
    params(("slug" = String, Path), ("id" = uuid::Uuid, Path)), responses((status = 200, body = GroupDetail))
)]
pub(super) async fn group(
    State(context): State<App>,
    url: ServerUrl,
    Segments((slug, id)): Segments<(String, String)>,
) -> Result<Json<GroupDetail>, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let stored = find(&context, &source, GROUP, &id, Include::default()).await?;
    let registry = Registry::built_in();
    let resource_type =
        registry.resource_type(GROUP).ok_or_else(|| Problem::not_found("There are no groups."))?;
    let without = Projection::read(None, Some("members"), resource_type);
    let projection = without.unwrap_or(Projection::Default);
    let resource = as_client(&context, &source, GROUP, &id, &url, &projection).await?;
    Ok(Json(GroupDetail { group: Group::new(&source, &stored), resource }))
}

/// The members of a group.
#[utoipa::path(
    get, path = "/sources/{slug}/groups/{id}/members", tag = "Groups",
    params(("slug" = String, Path), ("id" = uuid::Uuid, Path), MemberParams),
    responses((status = 200, body = Page<Member>))
)]
pub(super) async fn members(
    State(context): State<App>,
    Segments((slug, id)): Segments<(String, String)>,
    Params(params): Params<MemberParams>,
) -> Result<Json<Page<Member>>, Problem> {
    let source = context.administration.store().source(&slug).await?;
    let group = find(&context, &source, GROUP, &id, Include::default()).await?;
    let limit = paging::limit(params.limit)?;
    let after: Option<String> = paging::place(params.cursor.as_deref())?;
    let mut after = after.map_or_else(MemberId::lowest, |text| MemberId::from_text(&text));
    let q = searched(params.q)?;
    let search = MemberSearch {
        context: &context,
        source: source.id,
        wanted: q.as_deref().map(|q| comparison::key(q, false).into_owned()),
    };
    let mut items = Vec::new();
    let mut looked_at = 0;
    let next = loop {
        let page = context.store.members_after(source.id, group.id, &after).await?;
        let more = page.more;
        let mut ended = None;
        // Some are read ahead: each may be a round trip to the database.
        let mut found =
            stream::iter(page.members).map(|related| search.look_at(related)).buffered(paging::AHEAD);
        while let Some(looked) = found.next().await {
            if items.len() >= limit || looked_at >= MOST_MEMBERS {
                ended = Some(after.to_text());
                break;
            }
            let (id, member) = looked?;
            looked_at += 1;
            after = id;
            items.extend(member);
        }
        match ended {
            Some(place) => break Some(paging::cursor(&place)),
            None if !more => break None,
            None => {}
        }
    };
    Ok(Json(Page { items, next, total: q.is_none().then_some(group.member_count) }))
}

/// Looks for members of a group.
struct MemberSearch<'a> {
    context: &'a Context,
    source: SourceId,
    /// What is looked for, as it is compared; all of them without it.
    wanted: Option<String>,
}

impl MemberSearch<'_> {
    /// The id of a member, and how it is shown where it is one of those that are looked for: by a part of what it
    /// is called, or by the beginning of its user name or its id.
    async fn look_at(&self, related: Related) -> Result<(MemberId, Option<Member>), StoreError> {
        let display = related.named.as_ref().and_then(|named| named.display.as_deref());
        let by_display = self.wanted.as_ref().is_none_or(|wanted| {
            display.is_some_and(|display| comparison::key(display, false).contains(wanted.as_str()))
        });
        let document = match &related.named {
            Some(Named { resource_type, id, .. }) if by_display || resource_type == USER => {
                let store = &self.context.store;
                let found = store.resource(self.source, resource_type, *id, Include::default()).await?;
                found.and_then(|found| serde_json::from_str::<Object>(&found.document).ok())
            }
            _ => None,
        };
        let member = Member::new(&related, document.as_ref());
        let by_name = self.wanted.as_ref().is_some_and(|wanted| {
            let name = member.user_name.as_deref().unwrap_or(&member.id);
            comparison::key(name, false).starts_with(wanted.as_str())
        });
        Ok((related.id, (by_display || by_name).then_some(member)))
    }
}

/// A page of a list over one source or all of them.
async fn walk(
    context: &Context,
    mut listing: Listing,
    slug: Option<&str>,
    cursor: Option<&str>,
) -> Result<(Vec<(Source, StoredResource)>, Option<String>), Problem> {
    let store = context.administration.store();
    let sources = match slug {
        Some(slug) => vec![store.source(slug).await?],
        None => {
            let with_some = store.sources_with(listing.resource_type).await?;
            let mut sources = store.sources().await?;
            sources.retain(|source| with_some.contains(&source.id));
            sources
        }
    };
    let place: Option<ListCursor> = paging::place(cursor)?;
    let begin = match &place {
        // If it is gone, those go on that would have come behind it.
        Some(place) => sources.partition_point(|source| source.slug.as_str() < place.n.as_str()),
        None => 0,
    };
    let same = sources.get(begin).map(|source| source.id.0);
    listing.after = place
        .filter(|place| same == Some(place.s))
        .and_then(|place| place.at)
        .and_then(CursorInSource::position);
    let (mut found, mut bytes) = (Vec::new(), 0);
    let wanted = listing.limit;
    // The next page goes on with the source that isn't looked at for this one.
    let begin_behind = |number: usize| {
        let next = sources.get(number + 1)?;
        Some(paging::cursor(&ListCursor { s: next.id.0, n: next.slug.to_string(), at: None }))
    };
    // Few have what is searched for: some are looked at ahead, as each may be a few round trips.
    let ahead = if listing.search.is_some() { paging::AHEAD } else { 1 };
    let after = listing.after.take();
    let pages = (begin..sources.len()).map(|number| {
        let (id, after) = (sources[number].id, after.clone().filter(|_| number == begin));
        let listing = Listing { after, ..listing.clone() };
        async move { (number, store.list(id, listing.clone()).await, listing) }
    });
    let mut pages = stream::iter(pages).buffered(ahead);
    while let Some((number, page, listing)) = pages.next().await {
        let (mut page, source) = (page?, &sources[number]);
        let limit = wanted - found.len();
        if page.resources.len() > limit {
            page = store.list(source.id, Listing { limit, ..listing }).await?;
        }
        let ListPage { resources, next } = page;
        bytes += resources.iter().map(|resource| resource.document.len()).sum::<usize>();
        found.extend(resources.into_iter().map(|resource| (source.clone(), resource)));
        if let Some(next) = next {
            let place = ListCursor { s: source.id.0, n: source.slug.to_string(), at: Some(next.into()) };
            return Ok((found, Some(paging::cursor(&place))));
        }
        if found.len() >= wanted || bytes >= MOST_BYTES || number - begin + 1 >= MOST_SOURCES {
            return Ok((found, begin_behind(number)));
        }
    }
    Ok((found, None))
}

/// How many there are, where that is quickly told.
async fn total(
    context: &Context,
    resource_type: &str,
    slug: Option<&str>,
    all: bool,
) -> Result<Option<u64>, Problem> {
    let Some(slug) = slug.filter(|_| all) else { return Ok(None) };
    let store = context.administration.store();
    Ok(Some(store.count(store.source(slug).await?.id, resource_type).await?))
}

async fn find(
    context: &Context,
    source: &Source,
    resource_type: &str,
    id: &str,
    include: Include,
) -> Result<StoredResource, Problem> {
    let none = || Problem::not_found(format!("The source has no {resource_type} with the id {id:?}."));
    let id = ResourceId::parse(id).ok_or_else(none)?;
    context.store.resource(source.id, resource_type, id, include).await?.ok_or_else(none)
}

/// A resource as the source's client would get it.
async fn as_client(
    context: &Context,
    source: &Source,
    resource_type: &str,
    id: &str,
    url: &ServerUrl,
    projection: &Projection,
) -> Result<Value, Problem> {
    let registry = context.administration.store().registry(source).await?;
    let found = registry.resource_type(resource_type);
    let resource_type = found.ok_or_else(|| Problem::not_found("There is no such type of resource."))?;
    let caller = Caller {
        source: source.clone(),
        registry: std::sync::Arc::clone(&registry),
        service_account: uuid::Uuid::nil(),
        request_id: context.new_uuid(),
        base_url: url.of_source(source.slug.as_str()),
        noted: std::sync::Arc::default(),
        let_in: None,
    };
    let answer = Provisioning::new(context, &caller).read(resource_type, id, projection).await;
    let answer = answer.map_err(|refusal| match refusal {
        crate::provisioning::Refusal::Scim(error) => Problem::not_found(format!("{error}")),
        crate::provisioning::Refusal::Store(error) => error.into(),
    })?;
    let text: String = answer
        .segments
        .into_iter()
        .map(|segment| match segment {
            crate::provisioning::Segment::Text(text) => text,
            // Members have a list of their own.
            crate::provisioning::Segment::Members { .. } => String::new(),
        })
        .collect();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

impl User {
    fn new(source: &Source, stored: &StoredResource) -> Self {
        let document: Object = serde_json::from_str(&stored.document).unwrap_or_default();
        let name = document.get("name").and_then(Value::as_object);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        Self {
            source: source.into(),
            id: stored.id.to_string(),
            user_name: text(document.get("userName")).unwrap_or_default(),
            display_name: text(document.get("displayName")),
            given_name: text(name.and_then(|name| name.get("givenName"))),
            family_name: text(name.and_then(|name| name.get("familyName"))),
            email: email(&document),
            external_id: text(document.get("externalId")),
            active: document.get("active").and_then(Value::as_bool).unwrap_or(true),
            created: Moment(stored.created),
            last_modified: Moment(stored.last_modified),
        }
    }
}

fn email(document: &Object) -> Option<String> {
    let emails = document.get("emails")?.as_array()?;
    let primary = emails.iter().find(|email| email.get("primary").and_then(Value::as_bool) == Some(true));
    primary.or(emails.first())?.get("value")?.as_str().map(str::to_owned)
}

impl Group {
    fn new(source: &Source, stored: &StoredResource) -> Self {
        let document: Object = serde_json::from_str(&stored.document).unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            source: source.into(),
            id: stored.id.to_string(),
            display_name: text("displayName").unwrap_or_default(),
            external_id: text("externalId"),
            member_count: stored.member_count,
            created: Moment(stored.created),
            last_modified: Moment(stored.last_modified),
        }
    }
}

impl Member {
    fn new(related: &headwater_store::Related, document: Option<&Object>) -> Self {
        let text = |name: &str| document?.get(name)?.as_str().map(str::to_owned);
        let named = related.named.as_ref();
        Self {
            id: related.id.to_text(),
            resource_type: named.map(|named| named.resource_type.clone()),
            display_name: named.and_then(|named| named.display.clone()),
            user_name: text("userName"),
            active: document.and_then(|document| document.get("active")).and_then(Value::as_bool),
        }
    }
}
