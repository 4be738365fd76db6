//! What a source holds, in a form that doesn't tell two sources apart: ids are told by names, and
//! moments are left out.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::Value;
use uuid::Uuid;

use crate::support::Source;

/// The length of an id as text.
const ID: usize = 36;

/// What resources are called, by id.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_id: BTreeMap<String, String>,
    ids: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn add(&mut self, id: &str, name: &str) {
        assert_eq!(id.len(), ID);
        self.by_id.insert(id.to_owned(), name.to_owned());
        self.ids.insert(name.to_owned(), id.to_owned());
    }

    pub(super) fn id_of(&self, name: &str) -> Option<String> {
        self.ids.get(name).cloned()
    }

    /// A text with names in the place of ids.
    pub(super) fn tell(&self, text: &str) -> String {
        let mut told = String::new();
        let mut rest = text;
        // An id has its first hyphen behind eight digits.
        while let Some((hyphen, _)) = rest.match_indices('-').find(|(hyphen, _)| *hyphen >= 8) {
            let start = hyphen - 8;
            let name = rest.get(start..start + ID).and_then(|id| self.by_id.get(id));
            let end = if name.is_some() { start + ID } else { hyphen + 1 };
            told.push_str(name.map_or(&rest[..end], |_| &rest[..start]));
            told.push_str(name.map_or("", String::as_str));
            rest = &rest[end..];
        }
        told.push_str(rest);
        told
    }

    /// A text of an answer, with nothing left of where the source is.
    pub(super) fn tell_of(&self, source: &Source, text: &str) -> String {
        self.tell(&text.replace(&source.base_url(), "BASE"))
    }
}

/// The resource's own number of a version, and whether something about its groups stands behind it.
pub(super) fn own_version(version: &str) -> String {
    match version.split_once('-') {
        Some((own, _)) => format!("{own}-…"),
        None => version.to_owned(),
    }
}

/// Everything that a client can read, by what it reads.
pub(super) fn answers(source: &Source, names: &Names, every: usize) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (endpoint, named) in [("/Users", "userName"), ("/Groups", "displayName")] {
        let listed = walk(source, endpoint);
        for resource in &listed {
            let id = resource["id"].as_str().expect("an id");
            let told = told(source, names, resource);
            // By its number: the order of ids is another one elsewhere.
            let number: usize = names.tell(id).split_off(1).parse().expect("a number");
            if number.is_multiple_of(every) {
                let read = source.get(&format!("{endpoint}/{id}")).expect(200);
                assert_eq!(read.header("etag"), resource["meta"]["version"].as_str());
                assert_eq!(self::told(source, names, &read.json()), told, "by id as in a list");
                let filter = format!("{named} eq {}", resource[named]);
                let by_name: Vec<String> = source
                    .found(endpoint, &filter)
                    .iter()
                    .map(|found| names.tell(found["id"].as_str().expect("an id")))
                    .collect();
                found.insert(format!("{endpoint} {filter}"), by_name.join(" "));
            }
            found.insert(format!("{endpoint}/{}", names.tell(id)), told);
        }
        let sorted = walk(source, &format!("{endpoint}?sortBy={named}"));
        let sorted: Vec<&str> = sorted.iter().filter_map(|resource| resource[named].as_str()).collect();
        found.insert(format!("{endpoint} by {named}"), sorted.join(" "));
    }
    for (id, name) in &names.by_id {
        let endpoint = if name.starts_with('u') { "/Users" } else { "/Groups" };
        found.entry(format!("{endpoint}/{name}")).or_insert_with(|| {
            let answer = source.get(&format!("{endpoint}/{id}")).expect(404);
            names.tell(&String::from_utf8_lossy(&answer.body))
        });
    }
    found
}

fn walk(source: &Source, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = source.get(&format!("{path}{separator}count=300&cursor={cursor}")).expect(200).json();
        found.extend(page["Resources"].as_array().into_iter().flatten().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return found,
        }
    }
}

fn told(source: &Source, names: &Names, resource: &Value) -> String {
    let mut resource = resource.clone();
    let meta = resource["meta"].as_object_mut().expect("meta");
    assert!(meta.remove("created").is_some() && meta.remove("lastModified").is_some());
    meta["version"] = own_version(meta["version"].as_str().expect("a version")).into();
    // Members and groups have no order, and that of their ids is another one elsewhere.
    for relation in ["members", "groups"] {
        if let Some(values) = resource.get_mut(relation).and_then(Value::as_array_mut) {
            values.sort_by_key(|value| names.tell(value["value"].as_str().unwrap_or_default()));
        }
    }
    names.tell_of(source, &resource.to_string())
}

/// The rows of a source, by table, each as one text.
pub(super) fn rows(database: &Path, slug: &str, names: &Names) -> BTreeMap<&'static str, Vec<String>> {
    let selects = [
        ("resource", "id, type, version, display, has_references, member_count, document FROM resource"),
        ("resource_key", "path, key, resource_id, is_unique FROM resource_key"),
        ("membership", "group_id, member_id FROM membership"),
        ("stretch", "type, SUM(resources) FROM stretch"),
        ("change", "resource_id, version, kind, resource_type, before, after FROM change"),
        (
            "change_member",
            "resource_id, version, member_id, added FROM change JOIN change_member USING (source_id, sequence)",
        ),
        ("secret", "resource_id, attribute FROM secret"),
    ];
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let rows_of = |(table, select): (&'static str, &str)| {
        let grouped = if table == "stretch" { "GROUP BY type" } else { "" };
        let select = format!(
            "SELECT {select} WHERE source_id = (SELECT id FROM source WHERE slug = ?1 AND deleted = 0) {grouped}"
        );
        let mut statement = connection.prepare(&select).expect("a statement");
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cells = (0..columns).map(|column| Ok(cell(row.get_ref(column)?, names)));
            Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join(" | "))
        };
        let rows = statement.query_map([slug], row).expect("rows");
        let mut rows: Vec<String> = rows.collect::<Result<_, _>>().expect("readable rows");
        rows.sort_unstable();
        (table, rows)
    };
    selects.into_iter().map(rows_of).collect()
}

fn cell(value: ValueRef<'_>, names: &Names) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => names.tell(&String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => match Uuid::from_slice(bytes) {
            Ok(id) => names.tell(&id.to_string()),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        },
    }
}
