//! What is noted beside the changes: when tokens were used, and attributes that no schema knows.

use std::collections::BTreeMap;

use headwater_scim::unknown;

use super::{
    session::Session,
    statement::{BEGIN, Pipeline, Typed},
};
use crate::{SourceId, StoreError, TokenUse, UnknownAttribute};

/// How many attributes that no schema knows are counted for a source.
const MOST_UNKNOWN: i64 = 1_000;
/// The longest path of such an attribute that is counted, in bytes.
const LONGEST_PATH: usize = 1_000;

const NOTE_USES: &str = "UPDATE token t SET last_used = GREATEST(t.last_used, w.at), \
     sealed = CASE WHEN w.succeeded = 1 THEN NULL ELSE t.sealed END \
     FROM unnest($2, $3, $4) AS w (id, at, succeeded) WHERE t.source_id = $1 AND t.id = w.id";

/// Notes when tokens were last used.
pub(super) async fn note_uses(session: &Session, uses: &[TokenUse]) -> Result<(), StoreError> {
    // Of several uses of a token, the last counts, and whether any succeeded.
    let mut by_source: BTreeMap<SourceId, BTreeMap<&[u8], (i64, i64)>> = BTreeMap::new();
    for used in uses {
        let tokens = by_source.entry(used.source).or_default();
        let noted = tokens.entry(&used.token.as_bytes()[..]).or_insert((used.at, 0));
        *noted = (noted.0.max(used.at), noted.1.max(used.succeeded.into()));
    }
    let columns: Vec<_> = by_source
        .iter()
        .map(|(source, tokens)| {
            let ids: Vec<&[u8]> = tokens.keys().copied().collect();
            let (at, succeeded): (Vec<i64>, Vec<i64>) = tokens.values().copied().unzip();
            (source.0, ids, at, succeeded)
        })
        .collect();
    let parameters: Vec<_> = columns
        .iter()
        .map(|(source, ids, at, succeeded)| [source.bound(), ids.bound(), at.bound(), succeeded.bound()])
        .collect();
    let mut pipeline = Pipeline::new(session);
    for parameters in &parameters {
        pipeline.add(NOTE_USES, parameters);
    }
    pipeline.run().await?;
    Ok(())
}

/// Adds to what is known of attributes that no schema knows.
pub(super) async fn note_unknown(session: &Session, noted: &[UnknownAttribute]) -> Result<(), StoreError> {
    let mut by_source: BTreeMap<SourceId, Vec<&UnknownAttribute>> = BTreeMap::new();
    for one in noted.iter().filter(|one| one.path.len() <= LONGEST_PATH) {
        by_source.entry(one.source).or_default().push(one);
    }
    for (source, noted) in by_source {
        note_unknown_of(session, source, &noted).await?;
    }
    Ok(())
}

async fn note_unknown_of(
    session: &Session,
    source: SourceId,
    noted: &[&UnknownAttribute],
) -> Result<(), StoreError> {
    // Other replicas do the same: behind the source's lock their counts and shapes are seen.
    let lock = "SELECT last FROM source_sequence WHERE source_id = $1 FOR UPDATE";
    let known = "SELECT resource_type, path, shape FROM unknown_attribute WHERE source_id = $1";
    // A source that has been deleted in the meantime stays without.
    let insert = "INSERT INTO unknown_attribute AS u (source_id, resource_type, path, shape, seen, first_seen, last_seen) \
                  SELECT $1, $2, $3, $4, $5, $6, $7 FROM source s WHERE s.id = $1 AND s.deleted = 0 \
                  ON CONFLICT (source_id, resource_type, path) DO UPDATE SET seen = u.seen + excluded.seen, \
                  shape = excluded.shape, last_seen = GREATEST(u.last_seen, excluded.last_seen)";
    session.batch_execute(BEGIN).await?;
    session.execute(lock, &[source.0.bound()]).await?;
    let mut shapes: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in session.rows(known, &[source.0.bound()]).await? {
        shapes.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    for one in noted {
        let count = i64::try_from(shapes.len()).unwrap_or(i64::MAX);
        let place = (one.resource_type.clone(), one.path.clone());
        let shape = match shapes.get(&place) {
            Some(shape) => unknown::widened(shape, &one.shape),
            None if count < MOST_UNKNOWN => one.shape.clone(),
            None => continue,
        };
        let seen = i64::try_from(one.seen).unwrap_or(i64::MAX);
        let parameters = [
            source.0.bound(),
            one.resource_type.bound(),
            one.path.bound(),
            shape.bound(),
            seen.bound(),
            one.first_seen.bound(),
            one.last_seen.bound(),
        ];
        session.execute(insert, &parameters).await?;
        shapes.insert(place, shape);
    }
    Ok(session.batch_execute("COMMIT").await?)
}
