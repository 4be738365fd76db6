//! Changes to the members of large groups: carried out by the database, however many members there
//! are, and noted in the journal by the same statements.

use std::sync::Arc;

use headwater_scim::{filter::Filter, patch::RelationEdit};

use super::{
    edits::Outcome,
    flush::{Counted, MOST_REMOVED, flush},
    gather::{Needs, gather},
    overlay::{Overlay, from_texts},
    session::Session,
    statement::{Parameter, Pipeline, Typed},
};
use crate::{Applied, ApplyError, ChangeSet, MemberId, ResourceId, SourceId, StoreError, Write, related};

/// How many members are looked at in one go.
const PORTION: i64 = 5_000;

// What a change adds and then removes, or the other way round, is nothing to the journal: the second
// mark takes the place of the first as -1, and is swept up behind.
const ADD: &str = "WITH done AS (INSERT INTO membership (source_id, group_id, member_id) \
       SELECT $1, $2, w.id FROM unnest($4) AS w (id) ON CONFLICT (source_id, group_id, member_id) DO NOTHING \
       RETURNING member_id) \
     INSERT INTO change_member (source_id, sequence, member_id, added) SELECT $1, $3, member_id, 1 FROM done \
     ON CONFLICT (source_id, sequence, member_id) DO UPDATE SET added = -1";
const REMOVE: &str = "WITH done AS (DELETE FROM membership m USING unnest($4) AS w (id) \
       WHERE m.source_id = $1 AND m.group_id = $2 AND m.member_id = w.id \
       AND m.member_id >= $4[1] AND m.member_id <= $4[cardinality($4)] RETURNING m.member_id) \
     INSERT INTO change_member (source_id, sequence, member_id, added) SELECT $1, $3, member_id, 0 FROM done \
     ON CONFLICT (source_id, sequence, member_id) DO UPDATE SET added = -1";
const KEEP_ONLY: &str = "WITH done AS (DELETE FROM membership m \
       WHERE m.source_id = $1 AND m.group_id = $2 AND NOT EXISTS (SELECT 1 FROM unnest($4) AS w (id) WHERE w.id = m.member_id) \
       RETURNING m.member_id) \
     INSERT INTO change_member (source_id, sequence, member_id, added) SELECT $1, $3, member_id, 0 FROM done \
     ON CONFLICT (source_id, sequence, member_id) DO UPDATE SET added = -1";
const SWEEP: &str = "DELETE FROM change_member WHERE source_id = $1 AND sequence = $2 AND added = -1";
const HAS_ENTRIES: &str =
    "SELECT EXISTS (SELECT 1 FROM change_member WHERE source_id = $1 AND sequence = $2)";
const PORTION_OF_MEMBERS: &str = "SELECT m.member_id, r.type, r.display FROM (SELECT member_id FROM membership \
       WHERE source_id = $1 AND group_id = $2 AND member_id > $3 ORDER BY member_id LIMIT $4) m \
     LEFT JOIN LATERAL (SELECT type, display FROM resource \
       WHERE source_id = $1 AND id = m.member_id LIMIT 1) r ON TRUE ORDER BY m.member_id";

/// Whether a change set does something to all members of a group that has too many of them to be read.
pub(super) fn is_large(change_set: &ChangeSet, overlay: &Overlay) -> bool {
    let is_large = |id: &ResourceId| overlay.rows.contains_key(id) && !overlay.complete.contains(id);
    change_set.writes.iter().any(|write| match &**write {
        Write::Create { .. } => false,
        Write::Update { id, members, .. } => members.iter().any(|edit| match edit {
            RelationEdit::Add(_) | RelationEdit::Remove(_) => false,
            RelationEdit::Clear | RelationEdit::Replace(_) => is_large(id),
            RelationEdit::RemoveMatching(_) => true,
        }),
        Write::Delete { id, .. } => is_large(id),
    })
}

/// Carries out such a change set in the open transaction, which has given numbers up to `sequence`.
/// When something stands in its way nothing of it is left.
pub(super) async fn apply(
    session: &Session,
    source: SourceId,
    sequence: &mut i64,
    change_set: &ChangeSet,
    counted: &mut Vec<Counted>,
) -> Result<Result<Applied, ApplyError>, StoreError> {
    session.batch_execute("SAVEPOINT change_set").await?;
    let before = *sequence;
    let mut writes = Vec::with_capacity(change_set.writes.len());
    let mut failure = None;
    for write in &change_set.writes {
        let one = ChangeSet { writes: vec![Arc::clone(write)], ..change_set.clone() };
        match apply_write(session, source, sequence, &one, counted).await? {
            Ok(written) => writes.extend(written.writes),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    if let Some(error) = failure {
        session.batch_execute("ROLLBACK TO change_set; RELEASE change_set").await?;
        *sequence = before;
        return Ok(Err(error));
    }
    session.batch_execute("RELEASE change_set").await?;
    Ok(Ok(Applied { writes }))
}

/// Carries out a change set of one write.
async fn apply_write(
    session: &Session,
    source: SourceId,
    sequence: &mut i64,
    change_set: &ChangeSet,
    counted: &mut Vec<Counted>,
) -> Result<Result<Applied, ApplyError>, StoreError> {
    let mut needs = Needs::default();
    needs.add(change_set);
    let mut overlay = gather(session, source, &needs, Some(*sequence)).await?;
    let applied = match change_set.writes.as_slice() {
        [write] if is_large(change_set, &overlay) => {
            let number = *sequence + 1;
            let outcome = match &**write {
                Write::Update { id, members, .. } => edit(session, source, number, *id, members).await?,
                Write::Delete { id, .. } => {
                    // Those whose member it was come first in the journal.
                    let left = i64::try_from(overlay.groups_left(*id).len()).unwrap_or(i64::MAX);
                    edit(session, source, number + left, *id, &[RelationEdit::Clear]).await?
                }
                Write::Create { .. } => Ok(Outcome::default()),
            };
            let checked = overlay.check(change_set);
            match (checked, outcome) {
                (Ok(()), Ok(outcome)) => overlay
                    .write(change_set, write, Some(&outcome))
                    .map(|written| Applied { writes: vec![written] }),
                (Err(error), _) | (_, Err(error)) => Err(error),
            }
        }
        _ => overlay.apply(change_set),
    };
    if applied.is_ok() {
        counted.extend(flush(session, source, &overlay, false).await?);
        *sequence = overlay.last.sequence;
    }
    Ok(applied)
}

/// Carries out edits in order, for the line of the journal with a number.
async fn edit(
    session: &Session,
    source: SourceId,
    sequence: i64,
    group: ResourceId,
    edits: &[RelationEdit],
) -> Result<Result<Outcome, ApplyError>, StoreError> {
    let statement = Edit { session, source: source.0, sequence, group: &group.as_bytes()[..] };
    let mut outcome = Outcome::default();
    for edit in edits {
        let (added, removed) = match edit {
            RelationEdit::Add(texts) => match from_texts(texts) {
                Ok(members) => (statement.run(ADD, &members).await?, 0),
                Err(error) => return Ok(Err(error)),
            },
            RelationEdit::Remove(texts) => match from_texts(texts) {
                Ok(members) => (0, statement.remove(&members).await?),
                Err(error) => return Ok(Err(error)),
            },
            RelationEdit::Replace(texts) => match from_texts(texts) {
                Ok(members) => {
                    let removed = statement.run(KEEP_ONLY, &members).await?;
                    (statement.run(ADD, &members).await?, removed)
                }
                Err(error) => return Ok(Err(error)),
            },
            RelationEdit::Clear => (0, statement.run(KEEP_ONLY, &[]).await?),
            RelationEdit::RemoveMatching(filter) => (0, statement.remove_matching(filter).await?),
        };
        outcome.edits.push(added + removed > 0);
        outcome.added += added;
        outcome.removed += removed;
    }
    let parameters = [source.0.bound(), sequence.bound()];
    outcome.changed = session.row(HAS_ENTRIES, &parameters).await?.try_get(0)?;
    Ok(Ok(outcome))
}

/// The group and the line of the journal that statements are about.
struct Edit<'a> {
    session: &'a Session,
    source: i64,
    sequence: i64,
    group: &'a [u8],
}

impl Edit<'_> {
    /// Runs a statement and sweeps up behind it; answers how many memberships it was about.
    async fn run(&self, statement: &str, members: &[MemberId]) -> Result<u64, StoreError> {
        self.run_in_portions(statement, members, usize::MAX).await
    }

    async fn remove(&self, members: &[MemberId]) -> Result<u64, StoreError> {
        self.run_in_portions(REMOVE, members, MOST_REMOVED).await
    }

    async fn run_in_portions(
        &self,
        statement: &str,
        members: &[MemberId],
        portion: usize,
    ) -> Result<u64, StoreError> {
        let mut members: Vec<&[u8]> = members.iter().map(MemberId::as_bytes).collect();
        members.sort_unstable();
        members.dedup();
        let portions: Vec<Vec<&[u8]>> = match members.len() {
            0 => vec![Vec::new()],
            _ => members.chunks(portion).map(<[_]>::to_vec).collect(),
        };
        let bound: Vec<[Parameter<'_>; 4]> = portions
            .iter()
            .map(|members| [self.source.bound(), self.group.bound(), self.sequence.bound(), members.bound()])
            .collect();
        let swept = [self.source.bound(), self.sequence.bound()];
        let mut statements = Pipeline::new(self.session);
        for parameters in &bound {
            statements.add_once(statement, parameters);
        }
        statements.add_once(SWEEP, &swept);
        let done = statements.run().await?;
        Ok(done.iter().take(bound.len()).sum())
    }

    async fn remove_matching(&self, filter: &Filter) -> Result<u64, StoreError> {
        let mut last: Vec<u8> = Vec::new();
        let mut removed = 0;
        loop {
            let parameters = [self.source.bound(), self.group.bound(), last.bound(), PORTION.bound()];
            let rows = self.session.rows(PORTION_OF_MEMBERS, &parameters).await?;
            let Some(end) = rows.last() else { return Ok(removed) };
            let end: Vec<u8> = end.try_get(0)?;
            let mut matching = Vec::new();
            for row in &rows {
                let member = related::of(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, true);
                if filter.matches_element(&related::element(&member, false).into()) {
                    matching.push(member.id);
                }
            }
            if !matching.is_empty() {
                removed += self.remove(&matching).await?;
            }
            last = end;
        }
    }
}
