//! Sources as a request needs them: with the token in question and their types and schemas.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use headwater_scim::{
    definition,
    registry::{Additions, Registry},
};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{gather::count, reindex, session::Session, statement::Typed};
use crate::{Actor, Credential, Profile, Provider, Slug, Source, SourceId, StoreError, Token, lock, records};

/// The source of a slug, and its token of these first bytes of the hash, if there is one; and in which
/// form it is to be searched for what is in it.
const CREDENTIAL: &str = "SELECT s.id, s.slug, s.name, s.enabled, s.unique_display_names, s.created, s.provider, \
     s.log_bodies, s.log_days, s.log_megabytes, s.profile, s.keep_passwords, s.hidden, s.revision, \
     t.id, t.service_account_id, t.created, t.created_by, t.expires, t.last_used, t.revoked, \
     CASE WHEN t.sealed IS NULL THEN NULL ELSE t.copyable_until END, t.hash, g.value, \
     (SELECT f.wanted FROM index_form f WHERE f.id = 1) \
     FROM generation g LEFT JOIN (source s JOIN token t ON t.source_id = s.id AND t.lookup = $2) \
     ON s.slug = $1 AND s.deleted = 0 WHERE g.id = 1";
/// What the source adds to the schemas, and with which revision.
const ADDITIONS: &str = "SELECT s.revision, \
     (SELECT array_agg(a.definition ORDER BY a.urn) FROM source_schema a WHERE a.source_id = s.id), \
     (SELECT array_agg(a.definition ORDER BY a.name) FROM source_resource_type a WHERE a.source_id = s.id), \
     s.unique_display_names, s.keep_passwords FROM source s WHERE s.id = $1";

/// Registries by source, each as of a revision.
pub(super) type Registries = Mutex<HashMap<SourceId, (u64, Arc<Registry>)>>;

/// A credential as it was when the generation had a value.
pub(super) async fn credential(
    session: &Session,
    registries: &Registries,
    slug: &str,
    lookup: [u8; 8],
) -> Result<(i64, Option<Credential>), StoreError> {
    let lookup = &lookup[..];
    let row = session.row(CREDENTIAL, &[slug.bound(), lookup.bound()]).await?;
    let generation = row.try_get(23)?;
    reindex::check(row.try_get(24)?)?;
    if row.try_get::<_, Option<i64>>(0)?.is_none() {
        return Ok((generation, None));
    }
    let mut source = source_of(&row)?;
    let registry = registry(session, registries, &mut source).await?;
    let token = token_of(&row, 14)?;
    let hash = row.try_get::<_, &[u8]>(22)?.try_into();
    let hash = hash.map_err(|_| StoreError::Damaged("a hash has other than 32 bytes".to_owned()))?;
    let credential = Credential { source, registry, service_account: token.service_account, token, hash };
    Ok((generation, Some(credential)))
}

/// The types and schemas of a source. Should the source have changed since it was read, its revision is
/// set back to none that there is: a write that is planned with both is refused and planned anew.
async fn registry(
    session: &Session,
    registries: &Registries,
    source: &mut Source,
) -> Result<Arc<Registry>, StoreError> {
    if let Some((revision, registry)) = lock(registries).get(&source.id)
        && *revision == source.revision
    {
        return Ok(Arc::clone(registry));
    }
    let Some(row) = session.first(ADDITIONS, &[source.id.0.bound()]).await? else {
        return Ok(Registry::built_in());
    };
    let revision = count(&row, 0)?;
    let additions = Additions {
        schemas: definitions(&row, 1)?.iter().map(definition::read_schema).collect::<Result<_, _>>()?,
        resource_types: definitions(&row, 2)?
            .iter()
            .map(definition::read_resource_type)
            .collect::<Result<_, _>>()?,
        unique_by_choice: row.try_get::<_, i64>(3)? != 0,
        keeps_secrets: row.try_get::<_, i64>(4)? != 0,
    };
    let registry = records::registry(&additions)?;
    lock(registries).insert(source.id, (revision, Arc::clone(&registry)));
    if revision != source.revision {
        source.revision = u64::MAX;
    }
    Ok(registry)
}

fn definitions(row: &Row, column: usize) -> Result<Vec<Value>, StoreError> {
    let texts: Vec<&str> = row.try_get::<_, Option<_>>(column)?.unwrap_or_default();
    let read = |text: &str| {
        serde_json::from_str(text)
            .map_err(|_| StoreError::Damaged("a definition of a source is not JSON".to_owned()))
    };
    texts.into_iter().map(read).collect()
}

fn source_of(row: &Row) -> Result<Source, StoreError> {
    let slug: &str = row.try_get(1)?;
    let slug = Slug::parse(slug).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let is_on = |column: usize| Ok::<_, StoreError>(row.try_get::<_, i64>(column)? != 0);
    let small = |column: usize| Ok::<_, StoreError>(u32::try_from(count(row, column)?).unwrap_or(u32::MAX));
    Ok(Source {
        id: SourceId(row.try_get(0)?),
        slug,
        name: row.try_get(2)?,
        enabled: is_on(3)?,
        unique_display_names: is_on(4)?,
        created: row.try_get(5)?,
        provider: Provider::parse(row.try_get(6)?).unwrap_or(Provider::Other),
        log_bodies: is_on(7)?,
        log_days: small(8)?,
        log_megabytes: small(9)?,
        profile: Profile::parse(row.try_get(10)?).unwrap_or_default(),
        keep_passwords: is_on(11)?,
        hidden: serde_json::from_str(row.try_get(12)?).unwrap_or_default(),
        revision: count(row, 13)?,
    })
}

fn token_of(row: &Row, first: usize) -> Result<Token, StoreError> {
    let uuid = |bytes: &[u8]| {
        Uuid::from_slice(bytes).map_err(|_| StoreError::Damaged("an id has other than 16 bytes".to_owned()))
    };
    let created_by: Option<&[u8]> = row.try_get(first + 3)?;
    Ok(Token {
        id: uuid(row.try_get(first)?)?,
        service_account: uuid(row.try_get(first + 1)?)?,
        created: row.try_get(first + 2)?,
        created_by: created_by.map(uuid).transpose()?.map(Actor::from_uuid),
        expires: row.try_get(first + 4)?,
        last_used: row.try_get(first + 5)?,
        revoked: row.try_get(first + 6)?,
        copyable_until: row.try_get(first + 7)?,
    })
}
