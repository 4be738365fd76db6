//! Stretches kept short: those that have grown too long are cut, those that have run empty go. The
//! counts themselves are right at every moment; see the statements of `flush`.

use super::{
    flush::Counted,
    pool::Connections,
    session::Session,
    statement::{BEGIN, Typed},
};
use crate::{SourceId, StoreError};

/// How many resources a stretch has when it is cut.
const MOST: i64 = 1_024;
/// How many each piece has then.
const PIECE: i64 = 512;

const LOCK: &str = "SELECT last FROM source_sequence WHERE source_id = $1 FOR UPDATE";
const REMOVE: &str = "DELETE FROM stretch WHERE source_id = $1 AND type = $2 AND first_id = $3 AND resources = 0 \
     AND first_id <> ''::BYTEA";
/// Only while the stretch is there: those of one that has gone are counted in the one before.
const CUT: &str = "INSERT INTO stretch (source_id, type, first_id, resources) \
     SELECT $1, $2, CASE WHEN n.place = 0 THEN $3 ELSE n.id END, LEAST($4, n.all_of_them - n.place) \
     FROM (SELECT r.id, ROW_NUMBER() OVER (ORDER BY r.id) - 1 AS place, COUNT(*) OVER () AS all_of_them \
       FROM resource r WHERE r.source_id = $1 AND r.type = $2 AND r.id >= $3 AND (r.id < (\
         SELECT s.first_id FROM stretch s WHERE s.source_id = $1 AND s.type = $2 AND s.first_id > $3 \
         ORDER BY s.first_id LIMIT 1) OR NOT EXISTS (\
         SELECT 1 FROM stretch s WHERE s.source_id = $1 AND s.type = $2 AND s.first_id > $3))) n \
     WHERE n.place % $4 = 0 AND EXISTS (\
       SELECT 1 FROM stretch s WHERE s.source_id = $1 AND s.type = $2 AND s.first_id = $3) \
     ON CONFLICT (source_id, type, first_id) DO UPDATE SET resources = excluded.resources";

/// The stretches among these that are too long or empty.
pub(super) fn untidy(counted: Vec<Counted>) -> Vec<Counted> {
    let is_untidy =
        |stretch: &Counted| stretch.resources > MOST || stretch.resources == 0 && !stretch.first.is_empty();
    counted.into_iter().filter(is_untidy).collect()
}

/// Cuts stretches that are too long and removes empty ones, in a transaction of its own. When it comes
/// to nothing, the next change to such a stretch finds it again.
pub(super) async fn tidy(connections: &Connections, source: SourceId, untidy: &[Counted]) {
    let tidied = async {
        let connection = connections.get().await?;
        connections.answered(connections.deadline(), tidy_on(&connection, source, untidy)).await?;
        connection.release();
        Ok::<(), StoreError>(())
    };
    if let Err(error) = tidied.await {
        tracing::warn!(%error, source = source.0, "stretches could not be tidied; this is tried again");
    }
}

async fn tidy_on(session: &Session, source: SourceId, untidy: &[Counted]) -> Result<(), StoreError> {
    session.batch_execute(BEGIN).await?;
    session.execute(LOCK, &[source.0.bound()]).await?;
    for stretch in untidy {
        let place = [source.0.bound(), stretch.resource_type.bound(), stretch.first.bound()];
        if stretch.resources == 0 {
            session.execute(REMOVE, &place).await?;
        } else {
            let [source, resource_type, first] = place;
            session.execute(CUT, &[source, resource_type, first, PIECE.bound()]).await?;
        }
    }
    Ok(session.batch_execute("COMMIT").await?)
}
