//! Resources as the searches read them, and what is read beside them.

use crate::{
    Named, ResourceId, SourceId, StoreError,
    sql::{Row, Sql, Value},
};

/// How many ids stand in one statement.
const IDS_AT_ONCE: usize = 1_000;

/// What resources are called, of those that are there.
pub(super) fn names(sql: &dyn Sql, source: SourceId, ids: &[ResourceId]) -> Result<Vec<Named>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_AT_ONCE) {
        let (resources, parameters) = listed(source, ids.iter().copied());
        let select = format!("SELECT r.id, r.type, r.display FROM {resources}");
        let named =
            |row: &Row| Ok(Named { id: row.get(0)?, resource_type: row.get(1)?, display: row.get(2)? });
        found.extend(sql.all(&select, &parameters, named)?);
    }
    Ok(found)
}

/// Some resources as a table `r`, each looked up by itself (see `relations`), and the parameters, of
/// which the source is the first.
pub(super) fn listed(source: SourceId, ids: impl Iterator<Item = ResourceId>) -> (String, Vec<Value>) {
    let mut parameters = vec![Value::from(source)];
    parameters.extend(ids.map(Value::from));
    let places: Vec<String> = (2..=parameters.len()).map(|number| format!("?{number}")).collect();
    (looked_up(&places), parameters)
}

/// The resources whose ids are at these places, as a table `r`, beside `w.place`, which is in their order.
pub(super) fn looked_up(places: &[String]) -> String {
    let wanted: Vec<String> =
        places.iter().enumerate().map(|(number, place)| format!("({place}, {number})")).collect();
    format!(
        "(VALUES {}) AS w (id, place) \
         CROSS JOIN LATERAL (SELECT * FROM resource WHERE source_id = ?1 AND id = w.id LIMIT 1) r",
        wanted.join(", ")
    )
}
