//! The stores against a model in memory, under random operations.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use headwater_scim::{Object, index, patch::RelationEdit, registry::Registry, resource};
use headwater_store::{
    Act, ApplyError, ChangeQuery, ChangeSet, DocumentChange, Include, IndexKeys, MemberId, Millis, NewSource,
    NewToken, Records, ResourceId, SecretHash, Slug, Store, StoreError, StoredResource, Write,
    sqlite::SqliteStore,
};
use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use serde_json::json;
use support::{Kind, Under, on_postgres, runtime};
use uuid::Uuid;

/// A random operation on one of a few resources.
#[derive(Debug, Clone)]
enum Step {
    Create { group: bool, number: usize, name: &'static str },
    Rename { number: usize, name: &'static str, stale: bool },
    Edit { number: usize, edits: Vec<RelationEdit> },
    Delete { number: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..6_usize;
    let name = select(vec!["a", "A", "b", "c"]);
    let members = prop::collection::vec((0..8_usize).prop_map(member), 0..4);
    let edit = prop_oneof![
        3 => members.clone().prop_map(RelationEdit::Add),
        2 => members.clone().prop_map(RelationEdit::Remove),
        1 => members.prop_map(RelationEdit::Replace),
        1 => Just(RelationEdit::Clear),
    ];
    prop_oneof![
        3 => (any::<bool>(), number.clone(), name.clone()).prop_map(|(group, number, name)| Step::Create { group, number, name }),
        2 => (number.clone(), name, prop::bool::weighted(0.2)).prop_map(|(number, name, stale)| Step::Rename { number, name, stale }),
        4 => (number.clone(), prop::collection::vec(edit, 1..4)).prop_map(|(number, edits)| Step::Edit { number, edits }),
        1 => number.prop_map(|number| Step::Delete { number }),
    ]
}

/// Six that may be resources, and two that never are.
fn member(number: usize) -> String {
    if number < 6 { id(number).to_string() } else { format!("nobody-{number}") }
}

fn id(number: usize) -> ResourceId {
    ResourceId(uuid::Builder::from_unix_timestamp_millis(1 + number as u64, &[5; 10]).into_uuid())
}

#[derive(Debug, Clone, PartialEq)]
struct Known {
    type_name: &'static str,
    name: &'static str,
    version: u64,
    members: BTreeSet<String>,
}

#[derive(Default)]
struct Model {
    resources: BTreeMap<usize, Known>,
    changes: u64,
}

async fn apply(under: &Under, write: Write) -> Result<Vec<bool>, ApplyError> {
    apply_at(under, 5, write).await
}

async fn apply_at(under: &Under, at: Millis, write: Write) -> Result<Vec<bool>, ApplyError> {
    let change_set = ChangeSet {
        source: under.source,
        revision: 0,
        requires: Vec::new(),
        actor: Uuid::nil(),
        request_id: Uuid::nil(),
        at,
        writes: vec![write.into()],
    };
    let mut applied = under.store.apply(change_set).await?;
    Ok(applied.writes.remove(0).member_edits)
}

fn attributes(type_name: &str, name: &str) -> Object {
    let attribute = if type_name == "User" { "userName" } else { "displayName" };
    json!({attribute: name}).as_object().expect("an object").clone()
}

fn keys(type_name: &str, name: &str) -> Vec<index::IndexKey> {
    let registry = Registry::built_in();
    index::keys(registry.resource_type(type_name).expect("built in"), &attributes(type_name, name))
}

fn document(type_name: &str, number: usize, name: &str) -> String {
    let registry = Registry::built_in();
    let resource_type = registry.resource_type(type_name).expect("built in");
    resource::document(resource_type, &id(number).to_string(), &attributes(type_name, name))
}

impl Model {
    fn taken(&self, type_name: &str, name: &str, but: usize) -> bool {
        self.resources.iter().any(|(number, known)| {
            *number != but && known.type_name == type_name && known.name.eq_ignore_ascii_case(name)
        })
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of step")]
    async fn step(&mut self, step: Step, under: &Under) -> Result<(), TestCaseError> {
        match step {
            Step::Create { group, number, name } => {
                if self.resources.contains_key(&number) {
                    return Ok(()); // ids are never given twice
                }
                let type_name = if group { "Group" } else { "User" };
                let applied = apply(
                    under,
                    Write::Create {
                        resource_type: type_name.to_owned(),
                        id: id(number),
                        document: document(type_name, number, name),
                        keys: keys(type_name, name),
                        display: Some(name.to_owned()),
                        has_references: false,
                        members: Vec::new(),
                        secrets: Vec::new(),
                    },
                )
                .await;
                if self.taken(type_name, name, number) {
                    prop_assert!(matches!(applied, Err(ApplyError::Taken { .. })), "{applied:?}");
                    return Ok(());
                }
                prop_assert!(applied.is_ok(), "{applied:?}");
                self.changes += 1;
                self.resources
                    .insert(number, Known { type_name, name, version: 1, members: BTreeSet::new() });
            }
            Step::Rename { number, name, stale } => {
                let known = self.resources.get(&number).cloned();
                let (type_name, before, version) = known
                    .as_ref()
                    .map_or(("User", "x", 1), |known| (known.type_name, known.name, known.version));
                let applied = apply(
                    under,
                    Write::Update {
                        resource_type: type_name.to_owned(),
                        id: id(number),
                        expected: Some(if stale { version + 1 } else { version }),
                        document: Some(DocumentChange {
                            document: document(type_name, number, name),
                            keys: IndexKeys::between(&keys(type_name, before), keys(type_name, name)),
                            display: Some(name.to_owned()),
                            has_references: false,
                            before: "{}".to_owned(),
                            after: "{}".to_owned(),
                        }),
                        members: Vec::new(),
                        secrets: Vec::new(),
                    },
                )
                .await;
                let taken = self.taken(type_name, name, number);
                match self.resources.get_mut(&number) {
                    None => prop_assert!(matches!(applied, Err(ApplyError::NotFound))),
                    Some(_) if stale => prop_assert!(matches!(applied, Err(ApplyError::Conflict))),
                    Some(_) if taken => {
                        prop_assert!(matches!(applied, Err(ApplyError::Taken { .. })), "{applied:?}");
                    }
                    Some(known) => {
                        prop_assert!(applied.is_ok(), "{applied:?}");
                        self.changes += 1;
                        (known.name, known.version) = (name, known.version + 1);
                    }
                }
            }
            Step::Edit { number, edits } => {
                let Some(known) = self.resources.get_mut(&number).filter(|known| known.type_name == "Group")
                else {
                    return Ok(());
                };
                let write = Write::Update {
                    resource_type: "Group".to_owned(),
                    id: id(number),
                    expected: None,
                    document: None,
                    members: edits.clone(),
                    secrets: Vec::new(),
                };
                let applied =
                    apply(under, write).await.map_err(|error| TestCaseError::fail(error.to_string()))?;
                let before = known.members.clone();
                let effects: Vec<bool> = edits.iter().map(|edit| known.edit(edit)).collect();
                prop_assert_eq!(applied, effects);
                if known.members != before {
                    known.version += 1;
                    self.changes += 1;
                }
            }
            Step::Delete { number } => {
                let Some(known) = self.resources.remove(&number) else { return Ok(()) };
                let write = Write::Delete {
                    resource_type: known.type_name.to_owned(),
                    id: id(number),
                    expected: known.version,
                    keys: keys(known.type_name, known.name),
                };
                let applied = apply(under, write).await;
                prop_assert!(applied.is_ok(), "{applied:?}");
                self.changes += 1;
                for group in self.resources.values_mut() {
                    if group.members.remove(&id(number).to_string()) {
                        group.version += 1;
                        self.changes += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// The groups that hold a resource, and those that hold these, and so on: each with whether it is
    /// a membership of its own.
    fn groups_of(&self, number: usize) -> BTreeSet<(MemberId, bool)> {
        let holding = |number: usize| {
            let text = id(number).to_string();
            self.resources
                .iter()
                .filter(move |(_, group)| group.members.contains(&text))
                .map(|(group, _)| *group)
                .collect::<BTreeSet<usize>>()
        };
        let direct = holding(number);
        let mut all = direct.clone();
        loop {
            let above: BTreeSet<usize> = all.iter().flat_map(|group| holding(*group)).collect();
            if above.is_subset(&all) {
                break;
            }
            all.extend(above);
        }
        all.into_iter().map(|group| (MemberId::from(id(group)), direct.contains(&group))).collect()
    }

    async fn compare(&self, under: &Under) -> Result<(), TestCaseError> {
        let failed = |error: StoreError| TestCaseError::fail(error.to_string());
        let all = || (0..6).flat_map(|number| ["User", "Group"].map(|type_name| (number, type_name)));
        let read = async |(number, type_name), members| {
            let include = Include { members, groups: true };
            under.store.resource(under.source, type_name, id(number), include).await.map_err(failed)
        };
        // At first without members: these are read in what is kept of before, as far as it may be.
        let mut without_members = Vec::new();
        for one in all() {
            without_members.push(read(one, false).await?);
        }
        for ((number, type_name), without_members) in all().zip(without_members) {
            let found = read((number, type_name), true).await?;
            let whole = found.clone().map(|found| StoredResource { members: None, ..found });
            prop_assert_eq!(without_members, whole, "asked for without the members");
            let known = self.resources.get(&number).filter(|known| known.type_name == type_name);
            prop_assert_eq!(found.is_some(), known.is_some());
            let (Some(found), Some(known)) = (found, known) else { continue };
            prop_assert_eq!(found.version, known.version);
            prop_assert_eq!(found.document, document(type_name, number, known.name));
            let members = found.members.expect("asked for").members;
            prop_assert_eq!(found.member_count, members.len() as u64);
            let members: BTreeSet<String> = members.iter().map(|member| member.id.to_text()).collect();
            prop_assert_eq!(&members, &known.members);
            let groups: BTreeSet<(MemberId, bool)> =
                found.groups.expect("asked for").into_iter().map(|group| (group.id, group.direct)).collect();
            prop_assert_eq!(groups, self.groups_of(number));
        }
        Ok(())
    }
}

impl Known {
    /// Does what an edit says; returns whether it changed anything.
    fn edit(&mut self, edit: &RelationEdit) -> bool {
        let before = self.members.clone();
        match edit {
            RelationEdit::Add(ids) => self.members.extend(ids.iter().cloned()),
            RelationEdit::Remove(ids) => self.members.retain(|member| !ids.contains(member)),
            RelationEdit::Replace(ids) => self.members = ids.iter().cloned().collect(),
            RelationEdit::Clear => self.members.clear(),
            RelationEdit::RemoveMatching(_) => unreachable!("the strategy makes none"),
        }
        self.members != before
    }
}

async fn follow(kind: &Kind, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let under = Under::new(kind).await;
    let mut model = Model::default();
    for (number, step) in steps.into_iter().enumerate() {
        model.step(step, &under).await?;
        // Not behind each, so that what is kept of before has several steps behind it.
        if number % 3 == 0 {
            model.compare(&under).await?;
        }
    }
    model.compare(&under).await?;
    prop_assert_eq!(under.changes().await, model.changes);
    Ok(())
}

/// Shows VER-007, USR-002.
#[test]
fn the_store_does_what_the_model_does() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 30, ..ProptestConfig::default() });
    runner
        .run(&prop::collection::vec(step(), 1..60), |steps| runtime().block_on(follow(&Kind::Sqlite, steps)))
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_store_on_postgres_does_what_the_model_does() {
    on_postgres(async |kind| {
        let mut runner = TestRunner::new(ProptestConfig { cases: 30, ..ProptestConfig::default() });
        let steps = prop::collection::vec(step(), 1..60);
        for _ in 0..30 {
            let steps = steps.new_tree(&mut runner).expect("steps").current();
            follow(kind, steps.clone()).await.unwrap_or_else(|error| panic!("{error}: {steps:#?}"));
        }
    });
}

#[test]
fn a_source_that_is_gone_takes_no_writes() {
    runtime().block_on(a_gone_source(&Kind::Sqlite));
    on_postgres(a_gone_source);
}

async fn a_gone_source(kind: &Kind) {
    let Under { store, records, source: gone, .. } = &Under::new(kind).await;
    let slug = records.sources().await.expect("the sources").remove(0).slug.to_string();
    records.delete_source(slug, Act::of_server(1)).await.expect("deleted");
    records.purge_deleted().await.expect("purged");
    let token = NewToken::new(Uuid::nil(), [0; 32]);
    let new = NewSource::new(Slug::parse("next").expect("a slug"), "S".to_owned(), Uuid::nil(), token);
    let next = records.create_source(new, Act::of_server(0)).await.expect("a source").id;
    assert_ne!(*gone, next, "a number is never given twice");
    let write = Write::Create {
        resource_type: "User".to_owned(),
        id: id(0),
        document: document("User", 0, "a"),
        keys: keys("User", "a"),
        display: None,
        has_references: false,
        members: Vec::new(),
        secrets: Vec::new(),
    };
    let change_set = ChangeSet {
        source: *gone,
        revision: 0,
        requires: Vec::new(),
        actor: Uuid::nil(),
        request_id: Uuid::nil(),
        at: 5,
        writes: vec![write.into()],
    };
    assert!(matches!(store.apply(change_set).await, Err(ApplyError::SourceChanged)));
}

/// A table that is gone stands for whatever the database may fail with in the middle of a transaction.
#[test]
fn nothing_is_done_of_change_sets_that_come_together_when_the_store_fails_in_one() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path()).expect("a store");
        let records = Records::from(store.clone());
        let token = NewToken::new(Uuid::nil(), [0; 32]);
        let new = NewSource::new(Slug::parse("one").expect("a slug"), "S".to_owned(), Uuid::nil(), token);
        let source = records.create_source(new, Act::of_server(0)).await.expect("a source").id;
        let connection =
            rusqlite::Connection::open(folder.path().join("headwater.db")).expect("a connection");
        let creation = |number: usize, secret: Option<&str>| {
            let hash =
                |hash: &str| SecretHash { attribute: "password".to_owned(), hash: Some(hash.to_owned()) };
            let name = format!("user-{number}");
            let write = Write::Create {
                resource_type: "User".to_owned(),
                id: id(number),
                document: document("User", number, &name),
                keys: keys("User", &name),
                display: None,
                has_references: false,
                members: Vec::new(),
                secrets: secret.map(hash).into_iter().collect(),
            };
            Arc::new(write)
        };
        let change_set = |writes| ChangeSet {
            source,
            revision: 0,
            requires: Vec::new(),
            actor: Uuid::nil(),
            request_id: Uuid::nil(),
            at: 5,
            writes,
        };
        let count = || {
            connection
                .query_row("SELECT COUNT(*) FROM resource", [], |row| row.get::<_, i64>(0))
                .expect("a count")
        };
        let sets = |last: Vec<Arc<Write>>| vec![change_set(vec![creation(1, None)]), change_set(last)];
        connection.execute_batch("ALTER TABLE secret RENAME TO other").expect("renamed");
        for last in [vec![creation(2, Some("hash"))], vec![creation(2, None), creation(3, Some("hash"))]] {
            let failed = store.apply_all(sets(last), usize::MAX).await;
            assert!(matches!(failed, Err(StoreError::Database(_))), "{failed:?}");
            assert_eq!(count(), 0);
        }
        connection.execute_batch("ALTER TABLE other RENAME TO secret").expect("renamed");
        let done =
            store.apply_all(sets(vec![creation(2, None), creation(3, Some("hash"))]), usize::MAX).await;
        assert!(done.expect("applied").iter().all(Result::is_ok));
        assert_eq!(count(), 3);
    });
}

/// Clocks of servers differ a little, and requests wait for their turn. A clock that was far ahead is another
/// matter.
async fn check_moments_dont_run_back(kind: &Kind) {
    let under = Under::new(kind).await;
    let moments = [100_000, 99_990, 100_010, 900_000, 100_020, 100_020];
    for (number, at) in moments.into_iter().enumerate() {
        let name = format!("user-{number}");
        let write = Write::Create {
            resource_type: "User".to_owned(),
            id: id(number),
            document: document("User", number, &name),
            keys: keys("User", &name),
            display: None,
            has_references: false,
            members: Vec::new(),
            secrets: Vec::new(),
        };
        apply_at(&under, at, write).await.expect("applied");
    }
    let query = ChangeQuery { limit: 100, ..ChangeQuery::default() };
    let mut changes = under.records.changes(under.source, query).await.expect("read").changes;
    changes.reverse();
    let journalled: Vec<Millis> = changes.iter().map(|change| change.at).collect();
    assert_eq!(journalled, [100_000, 100_000, 100_010, 900_000, 100_020, 100_020]);
    for change in changes {
        let found = under.store.resource(under.source, "User", change.resource_id, Include::default()).await;
        let found = found.expect("read").expect("there");
        assert_eq!((found.created, found.last_modified), (change.at, change.at), "as the journal has it");
    }
}

#[test]
fn moments_dont_run_back() {
    runtime().block_on(check_moments_dont_run_back(&Kind::Sqlite));
}

#[test]
fn moments_dont_run_back_on_postgres() {
    on_postgres(check_moments_dont_run_back);
}
