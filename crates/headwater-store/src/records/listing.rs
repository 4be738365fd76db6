//! Lists for people, each page read from where the last one ended.
//!
//! A search or a choice that few resources meet is answered from the index and sorted in memory. A
//! choice that many meet walks the sort order and passes over those who don't; a search that many
//! meet walks what the index has for one searched attribute after the other.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{PAGE, Records, lowest};
use crate::{
    ListPage, ListPosition, Listing, ResourceId, Sort, SourceId, StoreError, StoredResource,
    pages::PAGE_BYTES,
    sql::{Row, RowsRead, Sql, Value, values},
    stored::{COLUMN_COUNT, COLUMNS, parsed, stored},
};
use headwater_scim::{Object, comparison, index, registry::Registry, resource_type::ResourceType};

/// The resources of the keys of a path, each with its key. The join is an outer one, though each key
/// has its resource, so that no database begins with the resources: the order is that of the keys.
const KEYS_WITH_RESOURCES: &str = "resource_key k LEFT JOIN resource r \
                                   ON r.source_id = k.source_id AND r.id = k.resource_id \
                                   WHERE k.source_id = ?1 AND k.path = ?2";

/// Up to how many resources are sorted in memory.
const FEW: usize = 2_000;
/// How many rows a walk looks at for a page at most.
const MOST_ROWS: usize = 20_000;
/// The most bytes of a value that stand in the position behind a page.
const LONGEST_KEY: usize = 450;
/// How many resources one statement reads by their ids.
const AT_ONCE: usize = 100;

impl Records {
    /// The sources that have resources of a type.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sources_with(&self, resource_type: &str) -> Result<HashSet<SourceId>, StoreError> {
        let resource_type = resource_type.to_owned();
        self.read_long(move |sql| {
            let some = "SELECT DISTINCT source_id FROM stretch WHERE type = ?1 AND resources > 0";
            Ok(sql.all(some, &values![&resource_type], |row| row.get(0))?.into_iter().collect())
        })
        .await
    }

    /// A page of a list.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(&self, source: SourceId, listing: Listing) -> Result<ListPage, StoreError> {
        self.read_long(move |sql| list(sql, source, &listing)).await
    }

    /// How many resources of a type a source has.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count(&self, source: SourceId, resource_type: &str) -> Result<u64, StoreError> {
        let resource_type = resource_type.to_owned();
        self.read(move |sql| count(sql, source, &resource_type)).await
    }

    /// How many resources of a type have this value of a searchable attribute, in comparable form.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_with(
        &self,
        source: SourceId,
        resource_type: &str,
        path: &str,
        key: &str,
    ) -> Result<u64, StoreError> {
        let count = "SELECT COUNT(*) FROM resource_key WHERE source_id = ?1 AND path = ?2 AND key = ?3";
        let parameters = values![source, index::code(resource_type, path), key];
        self.read_long(move |sql| sql.count(count, &parameters)).await
    }
}

/// How many resources of a type there are.
pub(crate) fn count(sql: &dyn Sql, source: SourceId, resource_type: &str) -> Result<u64, StoreError> {
    let sum =
        "SELECT COALESCE(CAST(SUM(resources) AS BIGINT), 0) FROM stretch WHERE source_id = ?1 AND type = ?2";
    sql.count(sum, &values![source, resource_type])
}

pub(super) fn list(sql: &dyn Sql, source: SourceId, listing: &Listing) -> Result<ListPage, StoreError> {
    let registry = Registry::built_in();
    let Some(resource_type) = registry.resource_type(listing.resource_type) else {
        return Ok(ListPage::default());
    };
    let mut walk = Walk { sql, source, listing, resource_type, after: listing.after.clone() };
    let few = match &walk.after {
        Some(ListPosition::Match { .. }) => None,
        _ => walk.candidates()?,
    };
    let mut page = match few {
        Some(few) => walk.sorted(few)?,
        None => {
            walk.after = walk.after.take().map(|position| walk.completed(position)).transpose()?;
            let by_match = listing.search.is_some() || matches!(walk.after, Some(ListPosition::Match { .. }));
            if by_match { walk.matches()? } else { walk.walk()? }
        }
    };
    if let Some(key) = page.next.as_mut().and_then(key_in) {
        key.truncate(key.floor_char_boundary(LONGEST_KEY));
    }
    Ok(page)
}

/// The value that a position is behind.
fn key_in(position: &mut ListPosition) -> Option<&mut String> {
    match position {
        ListPosition::Key(key, _) | ListPosition::Match { key, .. } => Some(key),
        ListPosition::Moment(..) | ListPosition::Id(_) => None,
    }
}

/// Whether something may have been cut off a value, so that the position can be told.
fn may_be_cut(key: &str) -> bool {
    key.len() > LONGEST_KEY - char::MAX.len_utf8()
}

struct Walk<'a> {
    sql: &'a dyn Sql,
    source: SourceId,
    listing: &'a Listing,
    resource_type: &'a ResourceType,
    /// What the page is behind.
    after: Option<ListPosition>,
}

/// Where a resource stands in the order of a list. What has no value comes last, whichever way
/// round the list is.
type Rank = (bool, String, ResourceId);

/// A page, and what has been done for it.
#[derive(Default)]
struct Filling {
    page: ListPage,
    looked_at: usize,
    /// How long the documents of its resources are together.
    bytes: usize,
}

impl Filling {
    fn push(&mut self, resource: StoredResource) {
        self.bytes += resource.document.len();
        self.page.resources.push(resource);
    }
}

impl Walk<'_> {
    /// The resources that may be meant, where the index says that they are few.
    fn candidates(&self) -> Result<Option<BTreeSet<ResourceId>>, StoreError> {
        let mut found = BTreeSet::new();
        if self.listing.search.is_some() {
            let mut bound = values![self.source, FEW + 1].to_vec();
            let mut by_each = Vec::new();
            for path in self.listing.searched {
                let (prefix, first) = (self.prefix(path), bound.len() + 1);
                bound.extend(values![self.code(path), &prefix, end_of(&prefix)]);
                by_each.push(format!(
                    "SELECT resource_id, {first} FROM (SELECT resource_id FROM resource_key WHERE source_id = ?1 \
                     AND path = ?{first} AND key >= ?{} AND key < ?{} LIMIT ?2) by_{first}",
                    first + 1,
                    first + 2
                ));
            }
            let select = by_each.join(" UNION ALL ");
            let keys = self.sql.all(&select, &bound, |row| Ok((row.get(0)?, row.get::<i64>(1)?)))?;
            let mut by_attribute: HashMap<i64, usize> = HashMap::new();
            for (id, attribute) in keys {
                *by_attribute.entry(attribute).or_default() += 1;
                found.insert(id);
            }
            // Somebody may have several values of an attribute: that there are more is seen by their number.
            let are_all = by_attribute.values().all(|keys| *keys <= FEW);
            return Ok((are_all && found.len() <= FEW).then_some(found));
        }
        let Some(active) = self.listing.active else { return Ok(None) };
        let select =
            "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = ?2 AND key = ?3 LIMIT ?4";
        let bound = values![self.source, self.code("active"), active.to_string(), FEW + 1];
        found.extend(self.sql.all(select, &bound, |row| row.get::<ResourceId>(0))?);
        Ok((found.len() <= FEW).then_some(found))
    }

    /// A page of few resources, sorted here.
    fn sorted(&self, candidates: BTreeSet<ResourceId>) -> Result<ListPage, StoreError> {
        let ids: Vec<ResourceId> = candidates.into_iter().collect();
        let mut ranked: Vec<(Rank, usize)> = Vec::new();
        self.each_by_id(&ids, |resource| {
            let document = parsed(&resource.document)?;
            if self.is_meant(&document) {
                ranked.push((self.rank(&resource, &document), resource.document.len()));
            }
            Ok(())
        })?;
        ranked.sort_unstable_by(|left, right| self.order(&left.0, &right.0));
        if let Some(after) = &self.after {
            let after = self.rank_of(after);
            // A value that was cut off is known from the resource itself.
            let is_whole = |(rank, _): &&(Rank, usize)| rank.2 == after.2 && rank.1.starts_with(&after.1);
            let whole = ranked.iter().find(is_whole).filter(|_| may_be_cut(&after.1));
            let after = whole.map_or(after.clone(), |(rank, _)| rank.clone());
            ranked.retain(|(rank, _)| self.order(rank, &after).is_gt());
        }
        let mut bytes = 0;
        let has_room = |(_, length): &&(Rank, usize)| {
            let has_room = bytes < PAGE_BYTES;
            bytes += length;
            has_room
        };
        let on_page: Vec<&Rank> =
            ranked.iter().take(self.listing.limit).take_while(has_room).map(|(rank, _)| rank).collect();
        let mut found = HashMap::new();
        let ids: Vec<ResourceId> = on_page.iter().map(|rank| rank.2).collect();
        self.each_by_id(&ids, |resource| {
            found.insert(resource.id, resource);
            Ok(())
        })?;
        let resources: Vec<_> = ids.iter().filter_map(|id| found.remove(id)).collect();
        let more = ranked.len() > on_page.len();
        let last = on_page.last().zip(resources.last()).filter(|_| more);
        let next = last.map(|(rank, resource)| self.position(rank, resource));
        Ok(ListPage { resources, next })
    }

    /// Walks the sort order from where the last page ended.
    fn walk(&self) -> Result<ListPage, StoreError> {
        let mut filling = Filling::default();
        let behind_values =
            matches!((self.listing.sort, &self.after), (Sort::Attribute(_), Some(ListPosition::Id(_))));
        if !behind_values && self.walk_values(&mut filling)? {
            return Ok(filling.page);
        }
        if let Sort::Attribute(path) = self.listing.sort {
            self.walk_valueless(path, &mut filling)?;
        }
        Ok(filling.page)
    }

    /// Walks those that have a value; true when the page ends there.
    fn walk_values(&self, filling: &mut Filling) -> Result<bool, StoreError> {
        let (beyond, order) = if self.listing.descending { ("<", "DESC") } else { (">", "ASC") };
        match self.listing.sort {
            Sort::Attribute(path) => {
                // The first page and the others have statements of their own: one for both would scan.
                let statement = |condition: &str| {
                    format!(
                        "SELECT {COLUMNS}, k.key FROM {KEYS_WITH_RESOURCES} {condition} \
                         ORDER BY k.key {order}, k.resource_id {order} LIMIT "
                    )
                };
                let first = statement("") + "?3";
                let next = statement(&format!("AND (k.key, k.resource_id) {beyond} (?3, ?4)")) + "?5";
                let rows = |after: Option<&ListPosition>, most: usize| match after {
                    Some(ListPosition::Key(key, id)) => {
                        self.read(&next, &values![self.source, self.code(path), key, *id, most])
                    }
                    _ => self.read(&first, &values![self.source, self.code(path), most]),
                };
                let position = |row: &Row| Ok(ListPosition::Key(row.get(COLUMN_COUNT)?, row.get(1)?));
                self.fill(rows, position, filling)
            }
            Sort::Created => {
                let select = format!(
                    "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id {beyond} ?3 \
                     ORDER BY r.id {order} LIMIT ?4"
                );
                let rows = |after: Option<&ListPosition>, most: usize| {
                    let from = match after {
                        Some(ListPosition::Id(id)) => (*id).into(),
                        _ if self.listing.descending => highest(),
                        _ => lowest(),
                    };
                    self.read(&select, &values![self.source, self.listing.resource_type, from, most])
                };
                self.fill(rows, |row| Ok(ListPosition::Id(row.get(1)?)), filling)
            }
            Sort::LastModified => {
                let select = format!(
                    "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 \
                     AND (r.last_modified, r.id) {beyond} (?3, ?4) \
                     ORDER BY r.last_modified {order}, r.id {order} LIMIT ?5"
                );
                let rows = |after: Option<&ListPosition>, most: usize| {
                    let (moment, from) = match after {
                        Some(ListPosition::Moment(moment, id)) => (*moment, (*id).into()),
                        _ if self.listing.descending => (i64::MAX, lowest()),
                        _ => (i64::MIN, lowest()),
                    };
                    let bound = values![self.source, self.listing.resource_type, moment, from, most];
                    self.read(&select, &bound)
                };
                self.fill(rows, |row| Ok(ListPosition::Moment(row.get(4)?, row.get(1)?)), filling)
            }
        }
    }

    /// Walks those without a value, unless a look at the index tells that there are none.
    fn walk_valueless(&self, path: &str, filling: &mut Filling) -> Result<(), StoreError> {
        let resource_type = self.listing.resource_type;
        let with_value = "SELECT COUNT(*) FROM resource_key WHERE source_id = ?1 AND path = ?2";
        let with_value = self.sql.count(with_value, &values![self.source, self.code(path)])?;
        if with_value >= count(self.sql, self.source, resource_type)? {
            return Ok(());
        }
        let select = format!(
            "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id > ?3 \
             ORDER BY r.id LIMIT ?4"
        );
        let mut last = match &self.after {
            Some(ListPosition::Id(id)) => Some(*id),
            _ => None,
        };
        loop {
            let most = self.wanted(filling);
            let from = last.map_or_else(lowest, Value::from);
            let RowsRead { rows, is_cut } =
                self.read(&select, &values![self.source, resource_type, from, most])?;
            for row in &rows {
                if self.is_full(filling) {
                    let last = last.unwrap_or(ResourceId(uuid::Uuid::nil()));
                    filling.page.next = Some(ListPosition::Id(last));
                    return Ok(());
                }
                filling.looked_at += 1;
                let resource = stored(row)?;
                let document = parsed(&resource.document)?;
                last = Some(resource.id);
                if key_of(&document, path).is_none() && self.is_meant(&document) {
                    filling.push(resource);
                }
            }
            if !is_cut && rows.len() < most {
                return Ok(());
            }
        }
    }

    /// Takes rows until the page is full, or enough have been looked at; true when it ends there.
    /// `rows` reads so many from behind a position.
    fn fill(
        &self,
        rows: impl Fn(Option<&ListPosition>, usize) -> Result<RowsRead, StoreError>,
        position: impl Fn(&Row) -> Result<ListPosition, StoreError>,
        filling: &mut Filling,
    ) -> Result<bool, StoreError> {
        let chosen = self.listing.search.is_some() || self.listing.active.is_some();
        let mut last = None;
        loop {
            let most = self.wanted(filling);
            let RowsRead { rows: found, is_cut } = rows(last.as_ref().or(self.after.as_ref()), most)?;
            for row in &found {
                if self.is_full(filling) {
                    filling.page.next = last;
                    return Ok(true);
                }
                filling.looked_at += 1;
                last = Some(position(row)?);
                let resource = stored(row)?;
                if !chosen || self.is_meant(&parsed(&resource.document)?) {
                    filling.push(resource);
                }
            }
            if !is_cut && found.len() < most {
                return Ok(false);
            }
        }
    }

    /// As many of the rows as there is room for.
    fn read(&self, statement: &str, parameters: &[Value]) -> Result<RowsRead, StoreError> {
        self.sql.query_within(PAGE_BYTES, statement, parameters)
    }

    fn is_full(&self, filling: &Filling) -> bool {
        filling.page.resources.len() >= self.listing.limit
            || filling.looked_at >= MOST_ROWS
            || filling.bytes >= PAGE_BYTES
    }

    /// How many rows are read at once: what the page lacks, and one that tells whether more follow;
    /// more where most of those before were not meant.
    fn wanted(&self, filling: &Filling) -> usize {
        let lacking = self.listing.limit.saturating_sub(filling.page.resources.len()).saturating_add(1);
        if filling.looked_at <= self.listing.limit { lacking.min(PAGE) } else { PAGE }
    }

    /// A position with its whole value, where that was cut off and the resource is still there.
    fn completed(&self, mut position: ListPosition) -> Result<ListPosition, StoreError> {
        let (path, id) = match (&position, self.listing.sort) {
            (ListPosition::Key(_, id), Sort::Attribute(path)) => (Some(path), *id),
            (ListPosition::Match { attribute, id, .. }, _) => {
                (self.listing.searched.get(*attribute).copied(), *id)
            }
            _ => return Ok(position),
        };
        if let (Some(path), Some(key)) = (path, key_in(&mut position))
            && may_be_cut(key)
        {
            let select = "SELECT key FROM resource_key WHERE source_id = ?1 AND path = ?2 AND key >= ?3 \
                          AND key < ?4 AND resource_id = ?5 LIMIT 1";
            let bound = values![self.source, self.code(path), &*key, end_of(key), id];
            if let Some(whole) = self.sql.value(select, &bound)? {
                *key = whole;
            }
        }
        Ok(position)
    }

    fn code(&self, path: &str) -> i64 {
        index::code(self.listing.resource_type, path)
    }

    /// Calls `visit` with those of these resources that are there and of the list's type, in any order.
    fn each_by_id(
        &self,
        ids: &[ResourceId],
        mut visit: impl FnMut(StoredResource) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let places: Vec<String> = (0..AT_ONCE).map(|number| format!("?{}", number + 3)).collect();
        let select = format!(
            "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id IN ({})",
            places.join(", ")
        );
        for some in ids.chunks(AT_ONCE) {
            let mut left: Vec<ResourceId> = some.to_vec();
            loop {
                // One statement for any number: the last stands in the places that are left.
                let last = left.last().copied().map(Value::from);
                let mut bound = values![self.source, self.listing.resource_type].to_vec();
                bound.extend(left.iter().copied().map(Value::from));
                bound.resize(AT_ONCE + 2, last.unwrap_or(Value::Null));
                let RowsRead { rows, is_cut } = self.read(&select, &bound)?;
                for row in &rows {
                    let resource = stored(row)?;
                    left.retain(|id| *id != resource.id);
                    visit(resource)?;
                }
                if !is_cut {
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_meant(&self, document: &Object) -> bool {
        self.is_active(document) && (self.listing.search.is_none() || self.begins(document))
    }

    fn is_active(&self, document: &Object) -> bool {
        self.listing
            .active
            .is_none_or(|active| document.get("active").and_then(serde_json::Value::as_bool) == Some(active))
    }

    /// What is searched for, as the index has the values of this attribute.
    fn prefix(&self, path: &str) -> String {
        let search = self.listing.search.as_deref().unwrap_or_default();
        let searched = self.resource_type.searchable.iter().find(|searched| &*searched.name == path);
        let exact = searched.is_some_and(|searched| searched.path.leaf().compares_exactly());
        comparison::key(search, exact).into_owned()
    }

    fn begins(&self, document: &Object) -> bool {
        self.first_match(document).is_some()
    }

    /// The first searched attribute that has a value which is searched for, and its first such value.
    fn first_match(&self, document: &Object) -> Option<(usize, String)> {
        let keys = index::keys(self.resource_type, document);
        self.listing.searched.iter().enumerate().find_map(|(number, path)| {
            let prefix = self.prefix(path);
            let key = keys.iter().find(|key| &*key.path == *path && key.key.starts_with(&prefix))?;
            Some((number, key.key.clone()))
        })
    }

    /// A page of a search that many meet: those whose first searched attribute matches, in order of
    /// its values, then those who match by the second alone, and so on.
    fn matches(&self) -> Result<ListPage, StoreError> {
        let (first, mut from) = match &self.after {
            Some(ListPosition::Match { attribute, key, id }) => (*attribute, Some((key.clone(), *id))),
            _ => (0, None),
        };
        let select = format!(
            "SELECT {COLUMNS}, k.key FROM {KEYS_WITH_RESOURCES} AND (k.key, k.resource_id) > (?3, ?4) \
             AND k.key < ?5 ORDER BY k.key, k.resource_id LIMIT ?6"
        );
        let mut filling = Filling::default();
        let mut last = self.after.clone();
        for (attribute, path) in self.listing.searched.iter().enumerate().skip(first) {
            let prefix = self.prefix(path);
            let (mut from, mut behind) = match from.take() {
                Some((key, id)) => (key, Value::from(id)),
                None => (prefix.clone(), lowest()),
            };
            loop {
                let most = self.wanted(&filling);
                let bound = values![self.source, self.code(path), &from, behind, end_of(&prefix), most];
                let RowsRead { rows, is_cut } = self.read(&select, &bound)?;
                for row in &rows {
                    if self.is_full(&filling) {
                        filling.page.next = last;
                        return Ok(filling.page);
                    }
                    filling.looked_at += 1;
                    let resource = stored(row)?;
                    let key: String = row.get(COLUMN_COUNT)?;
                    let document = parsed(&resource.document)?;
                    let first = self.first_match(&document);
                    let is_first = first.is_some_and(|(number, first)| {
                        number == attribute && self.sql.stored_key(&first) == key
                    });
                    last = Some(ListPosition::Match { attribute, key, id: resource.id });
                    if is_first && self.is_active(&document) {
                        filling.push(resource);
                    }
                }
                match &last {
                    Some(ListPosition::Match { key, id, .. }) if is_cut || rows.len() == most => {
                        (from, behind) = (key.clone(), (*id).into());
                    }
                    _ => break,
                }
            }
        }
        Ok(filling.page)
    }

    fn rank(&self, resource: &StoredResource, document: &Object) -> Rank {
        match self.listing.sort {
            Sort::Attribute(path) => {
                let key = key_of(document, path);
                (key.is_none(), key.unwrap_or_default(), resource.id)
            }
            Sort::Created => (false, String::new(), resource.id),
            Sort::LastModified => (false, sortable(resource.last_modified), resource.id),
        }
    }

    fn rank_of(&self, position: &ListPosition) -> Rank {
        match position {
            ListPosition::Key(key, id) => (false, key.clone(), *id),
            ListPosition::Moment(moment, id) => (false, sortable(*moment), *id),
            ListPosition::Match { key, id, .. } => (false, key.clone(), *id),
            ListPosition::Id(id) => (matches!(self.listing.sort, Sort::Attribute(_)), String::new(), *id),
        }
    }

    fn position(&self, rank: &Rank, resource: &StoredResource) -> ListPosition {
        match self.listing.sort {
            Sort::Attribute(_) if !rank.0 => ListPosition::Key(rank.1.clone(), rank.2),
            Sort::LastModified => ListPosition::Moment(resource.last_modified, resource.id),
            _ => ListPosition::Id(resource.id),
        }
    }

    fn order(&self, left: &Rank, right: &Rank) -> std::cmp::Ordering {
        let by_value = (&left.1, left.2).cmp(&(&right.1, right.2));
        // Those without a value stay last, in the order of their ids.
        let turned = self.listing.descending && !left.0;
        left.0.cmp(&right.0).then(if turned { by_value.reverse() } else { by_value })
    }
}

/// A moment whose text sorts as it does.
fn sortable(moment: i64) -> String {
    format!("{:020}", moment.max(0))
}

/// Above every text that begins with this one.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// The comparable form of a top-level text.
fn key_of(document: &Object, path: &str) -> Option<String> {
    Some(comparison::key(document.get(path)?.as_str()?, false).into_owned())
}

/// Above every id.
fn highest() -> Value {
    Value::Bytes(vec![u8::MAX; 17])
}
