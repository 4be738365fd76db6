//! Lists for people, each page read from where the last one ended.
//!
//! A search or a choice that few resources meet is answered from the index and sorted in memory. A
//! choice that many meet walks the sort order and passes over those who don't; a search that many
//! meet walks what the index has for one searched attribute after the other.

use std::collections::BTreeSet;

use headwater_scim::{Object, comparison, index, registry::Registry, resource_type::ResourceType};
use rusqlite::{Connection, Row, params};

use super::{
    SqliteStore,
    read::{self, COLUMNS},
    stretches,
};
use crate::{ListPage, ListPosition, Listing, ResourceId, Sort, SourceId, StoreError, StoredResource};

/// Up to how many resources are sorted in memory.
const FEW: usize = 2_000;
/// How many rows a walk looks at for a page at most.
const MOST_ROWS: usize = 20_000;

impl SqliteStore {
    /// A page of a list.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(&self, source: SourceId, listing: Listing) -> Result<ListPage, StoreError> {
        self.read_long(move |connection, _| list(connection, source, &listing)).await
    }

    /// How many resources of a type a source has.
    ///
    /// # Errors
    /// The database failed.
    pub fn count(&self, source: SourceId, resource_type: &str) -> Result<u64, StoreError> {
        self.read(|connection, _| stretches::count(connection, source, resource_type))
    }

    /// How many resources of a type have this value of a searchable attribute, in comparable form.
    ///
    /// # Errors
    /// The database failed.
    pub fn count_with(
        &self,
        source: SourceId,
        resource_type: &str,
        path: &str,
        key: &str,
    ) -> Result<u64, StoreError> {
        let code = index::code(resource_type, path);
        self.read(|connection, _| {
            let count = "SELECT COUNT(*) FROM resource_key WHERE source_id = ?1 AND path = ?2 AND key = ?3";
            Ok(connection.prepare_cached(count)?.query_row(params![source.0, code, key], |row| row.get(0))?)
        })
    }
}

fn list(connection: &Connection, source: SourceId, listing: &Listing) -> Result<ListPage, StoreError> {
    let registry = Registry::built_in();
    let Some(resource_type) = registry.resource_type(listing.resource_type) else {
        return Ok(ListPage::default());
    };
    let walk = Walk { connection, source, listing, resource_type };
    if let Some(ListPosition::Match { .. }) = &listing.after {
        return walk.matches();
    }
    match walk.candidates()? {
        Some(few) => walk.sorted(few),
        None if listing.search.is_some() => walk.matches(),
        None => walk.walk(),
    }
}

struct Walk<'a> {
    connection: &'a Connection,
    source: SourceId,
    listing: &'a Listing,
    resource_type: &'a ResourceType,
}

/// Where a resource stands in the order of a list. What has no value comes last, whichever way
/// round the list is.
type Rank = (bool, String, ResourceId);

impl Walk<'_> {
    /// The resources that may be meant, where the index says that they are few.
    fn candidates(&self) -> Result<Option<BTreeSet<ResourceId>>, StoreError> {
        let mut found = BTreeSet::new();
        if self.listing.search.is_some() {
            let select = "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = ?2 AND key >= ?3 \
                          AND key < ?4 LIMIT ?5";
            let mut statement = self.connection.prepare_cached(select)?;
            for path in self.listing.searched {
                let prefix = self.prefix(path);
                let code = index::code(self.listing.resource_type, path);
                let bound = params![self.source.0, code, prefix, end_of(&prefix), FEW + 1];
                let rows = statement.query_map(bound, |row| id(row, 0))?;
                for row in rows {
                    found.insert(row?);
                }
                if found.len() > FEW {
                    return Ok(None);
                }
            }
            return Ok(Some(found));
        }
        let Some(active) = self.listing.active else { return Ok(None) };
        let select =
            "SELECT resource_id FROM resource_key WHERE source_id = ?1 AND path = ?2 AND key = ?3 LIMIT ?4";
        let mut statement = self.connection.prepare_cached(select)?;
        let code = index::code(self.listing.resource_type, "active");
        let rows = statement
            .query_map(params![self.source.0, code, active.to_string(), FEW + 1], |row| id(row, 0))?;
        for row in rows {
            found.insert(row?);
        }
        Ok((found.len() <= FEW).then_some(found))
    }

    /// A page of few resources, sorted here.
    fn sorted(&self, candidates: BTreeSet<ResourceId>) -> Result<ListPage, StoreError> {
        let select =
            format!("SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id = ?3");
        let mut statement = self.connection.prepare_cached(&select)?;
        let mut ranked: Vec<(Rank, StoredResource)> = Vec::new();
        for id in candidates {
            let bound = params![self.source.0, self.listing.resource_type, id.as_bytes()];
            let mut rows = statement.query(bound)?;
            let Some(row) = rows.next()? else { continue };
            let resource = read::stored(row)?;
            let document = document(&resource)?;
            if self.is_meant(&document) {
                ranked.push((self.rank(&resource, &document), resource));
            }
        }
        ranked.sort_unstable_by(|left, right| self.order(&left.0, &right.0));
        if let Some(after) = &self.listing.after {
            let after = self.rank_of(after);
            ranked.retain(|(rank, _)| self.order(rank, &after).is_gt());
        }
        let more = ranked.len() > self.listing.limit;
        ranked.truncate(self.listing.limit);
        let next = ranked.last().filter(|_| more).map(|(rank, resource)| self.position(rank, resource));
        Ok(ListPage { resources: ranked.into_iter().map(|(_, resource)| resource).collect(), next })
    }

    /// Walks the sort order from where the last page ended.
    fn walk(&self) -> Result<ListPage, StoreError> {
        let mut page = ListPage::default();
        let mut looked_at = 0;
        let behind_values = matches!(
            (self.listing.sort, &self.listing.after),
            (Sort::Attribute(_), Some(ListPosition::Id(_)))
        );
        if !behind_values && self.walk_values(&mut page, &mut looked_at)? {
            return Ok(page);
        }
        if let Sort::Attribute(path) = self.listing.sort {
            self.walk_valueless(path, &mut page, &mut looked_at)?;
        }
        Ok(page)
    }

    /// Walks those that have a value; true when the page ends there.
    fn walk_values(&self, page: &mut ListPage, looked_at: &mut usize) -> Result<bool, StoreError> {
        let (beyond, order) = if self.listing.descending { ("<", "DESC") } else { (">", "ASC") };
        let (source, resource_type) = (self.source.0, self.listing.resource_type);
        match self.listing.sort {
            Sort::Attribute(path) => {
                // The first page and the others have statements of their own: one for both would scan.
                let behind = match &self.listing.after {
                    Some(ListPosition::Key(key, id)) => Some((key.clone(), *id.as_bytes())),
                    _ => None,
                };
                let condition = match behind {
                    Some(_) => format!("AND (k.key, k.resource_id) {beyond} (?3, ?4)"),
                    None => String::new(),
                };
                let select = format!(
                    "SELECT {COLUMNS}, k.key FROM resource_key k \
                     CROSS JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
                     WHERE k.source_id = ?1 AND k.path = ?2 {condition} \
                     ORDER BY k.key {order}, k.resource_id {order}"
                );
                let code = index::code(resource_type, path);
                let mut statement = self.connection.prepare_cached(&select)?;
                let rows = match behind {
                    Some((key, id)) => statement.query(params![source, code, key, id])?,
                    None => statement.query(params![source, code])?,
                };
                let position = |row: &Row<'_>| Ok(ListPosition::Key(row.get(COLUMN_COUNT)?, id(row, 1)?));
                self.fill(rows, position, page, looked_at)
            }
            Sort::Created => {
                let from = match &self.listing.after {
                    Some(ListPosition::Id(id)) => id.as_bytes().to_vec(),
                    _ if self.listing.descending => vec![u8::MAX; 17],
                    _ => Vec::new(),
                };
                let select = format!(
                    "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id {beyond} ?3 \
                     ORDER BY r.id {order}"
                );
                let mut statement = self.connection.prepare_cached(&select)?;
                let rows = statement.query(params![source, resource_type, from])?;
                self.fill(rows, |row| Ok(ListPosition::Id(id(row, 1)?)), page, looked_at)
            }
            Sort::LastModified => {
                let (moment, from) = match &self.listing.after {
                    Some(ListPosition::Moment(moment, id)) => (*moment, id.as_bytes().to_vec()),
                    _ if self.listing.descending => (i64::MAX, Vec::new()),
                    _ => (i64::MIN, Vec::new()),
                };
                let select = format!(
                    "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 \
                     AND (r.last_modified, r.id) {beyond} (?3, ?4) ORDER BY r.last_modified {order}, r.id {order}"
                );
                let mut statement = self.connection.prepare_cached(&select)?;
                let rows = statement.query(params![source, resource_type, moment, from])?;
                self.fill(rows, |row| Ok(ListPosition::Moment(row.get(4)?, id(row, 1)?)), page, looked_at)
            }
        }
    }

    /// Walks those without a value, unless a look at the index tells that there are none.
    fn walk_valueless(
        &self,
        path: &str,
        page: &mut ListPage,
        looked_at: &mut usize,
    ) -> Result<(), StoreError> {
        let (source, resource_type) = (self.source.0, self.listing.resource_type);
        let all = stretches::count(self.connection, self.source, resource_type)?;
        let with_value = "SELECT COUNT(*) FROM resource_key WHERE source_id = ?1 AND path = ?2";
        let with_value: u64 = self
            .connection
            .prepare_cached(with_value)?
            .query_row(params![source, index::code(resource_type, path)], |row| row.get(0))?;
        if with_value >= all {
            return Ok(());
        }
        let from = match &self.listing.after {
            Some(ListPosition::Id(id)) => id.as_bytes().to_vec(),
            _ => Vec::new(),
        };
        let select = format!(
            "SELECT {COLUMNS} FROM resource r WHERE r.source_id = ?1 AND r.type = ?2 AND r.id > ?3 ORDER BY r.id"
        );
        let mut statement = self.connection.prepare_cached(&select)?;
        let mut rows = statement.query(params![source, resource_type, from])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            if page.resources.len() >= self.listing.limit || *looked_at >= MOST_ROWS {
                page.next =
                    last.or(page.next.take()).or(Some(ListPosition::Id(ResourceId(uuid::Uuid::nil()))));
                return Ok(());
            }
            *looked_at += 1;
            let resource = read::stored(row)?;
            let document = document(&resource)?;
            last = Some(ListPosition::Id(resource.id));
            if key_of(&document, path).is_none() && self.is_meant(&document) {
                page.resources.push(resource);
            }
        }
        Ok(())
    }

    /// Takes rows until the page is full, or enough have been looked at; true when it ends there.
    fn fill(
        &self,
        mut rows: rusqlite::Rows<'_>,
        position: impl Fn(&Row<'_>) -> rusqlite::Result<ListPosition>,
        page: &mut ListPage,
        looked_at: &mut usize,
    ) -> Result<bool, StoreError> {
        let mut last = None;
        while let Some(row) = rows.next()? {
            if page.resources.len() >= self.listing.limit || *looked_at >= MOST_ROWS {
                page.next = last;
                return Ok(true);
            }
            *looked_at += 1;
            last = Some(position(row)?);
            let resource = read::stored(row)?;
            let chosen = self.listing.search.is_some() || self.listing.active.is_some();
            if !chosen || self.is_meant(&document(&resource)?) {
                page.resources.push(resource);
            }
        }
        Ok(false)
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
        let (first, mut from) = match &self.listing.after {
            Some(ListPosition::Match { attribute, key, id }) => (*attribute, Some((key.clone(), *id))),
            _ => (0, None),
        };
        let select = format!(
            "SELECT {COLUMNS}, k.key FROM resource_key k \
             CROSS JOIN resource r ON r.source_id = k.source_id AND r.id = k.resource_id \
             WHERE k.source_id = ?1 AND k.path = ?2 AND (k.key, k.resource_id) > (?3, ?4) AND k.key < ?5 \
             ORDER BY k.key, k.resource_id"
        );
        let mut statement = self.connection.prepare_cached(&select)?;
        let mut page = ListPage::default();
        let mut looked_at = 0;
        let mut last = self.listing.after.clone();
        for (attribute, path) in self.listing.searched.iter().enumerate().skip(first) {
            let prefix = self.prefix(path);
            let (key, behind) = match from.take() {
                Some((key, id)) => (key, id.as_bytes().to_vec()),
                None => (prefix.clone(), Vec::new()),
            };
            let code = index::code(self.listing.resource_type, path);
            let bound = params![self.source.0, code, key, behind, end_of(&prefix)];
            let mut rows = statement.query(bound)?;
            while let Some(row) = rows.next()? {
                if page.resources.len() >= self.listing.limit || looked_at >= MOST_ROWS {
                    page.next = last;
                    return Ok(page);
                }
                looked_at += 1;
                let resource = read::stored(row)?;
                let key: String = row.get(COLUMN_COUNT)?;
                let document = document(&resource)?;
                let is_first = self.first_match(&document) == Some((attribute, key.clone()));
                last = Some(ListPosition::Match { attribute, key, id: resource.id });
                if is_first && self.is_active(&document) {
                    page.resources.push(resource);
                }
            }
        }
        Ok(page)
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

/// How many columns [`COLUMNS`] are.
const COLUMN_COUNT: usize = 8;

/// A moment whose text sorts as it does.
fn sortable(moment: i64) -> String {
    format!("{:020}", moment.max(0))
}

/// Above every text that begins with this one.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

fn document(resource: &StoredResource) -> Result<Object, StoreError> {
    serde_json::from_str(&resource.document)
        .map_err(|_| StoreError::Damaged("resource.document is not JSON".to_owned()))
}

/// The comparable form of a top-level text.
fn key_of(document: &Object, path: &str) -> Option<String> {
    Some(comparison::key(document.get(path)?.as_str()?, false).into_owned())
}

fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<ResourceId> {
    super::administration::uuid(row, column).map(ResourceId)
}
