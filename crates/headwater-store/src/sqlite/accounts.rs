//! Administrators, one-time links, sessions, failed logins and API tokens.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    SqliteStore,
    administration::uuid,
    journal::{self, Entry},
};
use crate::{
    Act, Actor, Administrator, AdministratorEdit, ApiToken, FailedLogins, Link, Millis, NewAdministrator,
    Role, Session, StoreError,
};

const ADMINISTRATOR: &str =
    "a.id, a.email, a.name, a.role, a.disabled, a.password_hash, a.created, a.last_login";
const SESSION: &str =
    "s.id, s.administrator_id, s.csrf_token, s.created, s.last_seen, s.expires, s.address, s.user_agent";
const API_TOKEN: &str = "id, name, role, created, created_by, expires, last_used, revoked";

/// Failed logins that are older than this are forgotten.
const FAILURES_COUNT_FOR: Millis = 24 * 3_600_000;
/// How many failed logins are remembered at most.
const MOST_FAILURES: usize = 100_000;

impl SqliteStore {
    /// Makes an administrator.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`].
    pub async fn create_administrator(
        &self,
        new: NewAdministrator,
        act: Act,
    ) -> Result<Administrator, StoreError> {
        self.shared.writer.run(move |connection| insert_administrator(connection, &new, &act)).await
    }

    /// Every administrator, by e-mail address.
    ///
    /// # Errors
    /// The database failed.
    pub fn administrators(&self) -> Result<Vec<Administrator>, StoreError> {
        self.read(|connection, _| {
            let select = format!("SELECT {ADMINISTRATOR} FROM administrator a ORDER BY a.email_key");
            let mut statement = connection.prepare(&select)?;
            let rows = statement.query_map([], |row| administrator(row, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// An administrator by id.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`].
    pub fn administrator(&self, id: Uuid) -> Result<Administrator, StoreError> {
        self.read(|connection, _| administrator_of(connection, id))
    }

    /// An administrator by e-mail address, in any letter case.
    ///
    /// # Errors
    /// The database failed.
    pub fn administrator_by_email(&self, email: &str) -> Result<Option<Administrator>, StoreError> {
        let select = format!("SELECT {ADMINISTRATOR} FROM administrator a WHERE a.email_key = ?1");
        self.read(|connection, _| {
            Ok(connection.query_row(&select, [email_key(email)], |row| administrator(row, 0)).optional()?)
        })
    }

    /// Changes an administrator. Whoever is disabled is signed out, and the API tokens that they, or
    /// their tokens, have made are revoked; of whoever becomes an auditor, those that may change
    /// anything.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`]; [`StoreError::LastAdministrator`] when nobody would be left
    /// who may change anything.
    pub async fn edit_administrator(
        &self,
        id: Uuid,
        edit: AdministratorEdit,
        act: Act,
    ) -> Result<Administrator, StoreError> {
        let change = move |connection: &Connection| {
            let before = administrator_of(connection, id)?;
            let update = "UPDATE administrator SET name = COALESCE(?2, name), role = COALESCE(?3, role), \
                          disabled = COALESCE(?4, disabled) WHERE id = ?1";
            connection.execute(
                update,
                params![id.as_bytes(), edit.name, edit.role.map(Role::name), edit.disabled],
            )?;
            let after = administrator_of(connection, id)?;
            let left = "SELECT COUNT(*) FROM administrator WHERE role = 'administrator' AND disabled = 0 \
                        AND password_hash IS NOT NULL";
            let loses_one = can_change(&before) && !can_change(&after);
            if loses_one && connection.query_row(left, [], |row| row.get::<_, u64>(0))? == 0 {
                return Err(StoreError::LastAdministrator);
            }
            let may_less = after.disabled && !before.disabled || after.role != before.role;
            if may_less && (after.disabled || after.role == Role::Auditor) {
                revoke_made_by(connection, &after, &act)?;
            }
            if after.disabled {
                connection.execute("DELETE FROM session WHERE administrator_id = ?1", [id.as_bytes()])?;
                connection.execute("DELETE FROM link WHERE administrator_id = ?1", [id.as_bytes()])?;
            }
            let entry = Entry::new("update", "Administrator", id);
            journal::append_difference(connection, &act, entry, described(&before), described(&after))?;
            Ok(after)
        };
        self.shared.writer.run(change).await
    }

    /// Sets the password of an administrator and ends their sessions, all but the one that is
    /// `kept`.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`].
    pub async fn set_password(
        &self,
        id: Uuid,
        password_hash: String,
        kept: Option<Uuid>,
        act: Act,
    ) -> Result<(), StoreError> {
        let set = move |connection: &Connection| {
            let administrator = administrator_of(connection, id)?;
            set_password(connection, &administrator, &password_hash, &act)?;
            let kept = kept.map(Uuid::into_bytes);
            let end = "DELETE FROM session WHERE administrator_id = ?1 AND id IS NOT ?2";
            connection.execute(end, params![id.as_bytes(), kept])?;
            Ok(())
        };
        self.shared.writer.run(set).await
    }

    /// Makes a one-time link: for an administrator it sets the password, and those before it are
    /// void, and it is journalled if it is a reset of what was there; without one it makes the first
    /// administrator.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`].
    pub async fn create_link(
        &self,
        hash: [u8; 32],
        administrator: Option<Uuid>,
        is_reset: bool,
        expires: Millis,
        act: Act,
    ) -> Result<(), StoreError> {
        let create = move |connection: &Connection| {
            connection.execute("DELETE FROM link WHERE expires <= ?1", [act.at])?;
            let for_whom = administrator.map(Uuid::into_bytes);
            connection.execute("DELETE FROM link WHERE administrator_id IS ?1", [for_whom])?;
            let insert =
                "INSERT INTO link (hash, administrator_id, created, expires) VALUES (?1, ?2, ?3, ?4)";
            connection.execute(insert, params![hash, for_whom, act.at, expires])?;
            if let Some(id) = administrator.filter(|_| is_reset) {
                let administrator = administrator_of(connection, id)?;
                let entry = Entry::new("reset_password", "Administrator", id);
                journal::append(connection, &act, &entry.after(json!({ "name": administrator.name })))?;
            }
            Ok(())
        };
        self.shared.writer.run(create).await
    }

    /// What a one-time link is for.
    ///
    /// # Errors
    /// [`StoreError::LinkInvalid`].
    pub fn link(&self, hash: &[u8; 32], now: Millis) -> Result<Link, StoreError> {
        self.read(|connection, _| link_of(connection, hash, now))
    }

    /// Uses a link: the first administrator is made (`new`), or a password is set. Of two who use
    /// it at once, one gets through.
    ///
    /// # Errors
    /// [`StoreError::LinkInvalid`].
    pub async fn use_link(
        &self,
        hash: [u8; 32],
        new: Option<NewAdministrator>,
        password_hash: String,
        act: Act,
    ) -> Result<Administrator, StoreError> {
        let follow = move |connection: &Connection| {
            let link = link_of(connection, &hash, act.at)?;
            connection.execute("DELETE FROM link WHERE hash = ?1", [hash])?;
            let Some(administrator) = link.administrator else {
                let new = new.ok_or(StoreError::LinkInvalid)?;
                return insert_administrator(connection, &new, &act);
            };
            set_password(connection, &administrator, &password_hash, &act)?;
            connection
                .execute("DELETE FROM session WHERE administrator_id = ?1", [administrator.id.as_bytes()])?;
            administrator_of(connection, administrator.id)
        };
        self.shared.writer.run(follow).await
    }

    /// Begins a session, and forgets those that are over. False when whoever signs in has meanwhile
    /// been disabled, or no longer has the password that was checked.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`].
    pub async fn create_session(
        &self,
        hash: [u8; 32],
        session: Session,
        password_hash: Option<String>,
        act: Act,
    ) -> Result<bool, StoreError> {
        let create = move |connection: &Connection| {
            let administrator = administrator_of(connection, session.administrator_id)?;
            if administrator.disabled || administrator.password_hash != password_hash {
                return Ok(false);
            }
            connection.execute("DELETE FROM session WHERE expires <= ?1", [session.created])?;
            let insert = "INSERT INTO session (hash, id, administrator_id, csrf_token, created, last_seen, expires, \
                          address, user_agent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            connection.execute(
                insert,
                params![
                    hash,
                    session.id.as_bytes(),
                    session.administrator_id.as_bytes(),
                    session.csrf_token,
                    session.created,
                    session.last_seen,
                    session.expires,
                    session.address,
                    session.user_agent
                ],
            )?;
            let login = "UPDATE administrator SET last_login = ?2 WHERE id = ?1";
            connection.execute(login, params![session.administrator_id.as_bytes(), session.created])?;
            let entry = Entry::new("sign_in", "Administrator", session.administrator_id);
            let after = json!({
                "name": administrator.name,
                "address": session.address,
                "user_agent": session.user_agent,
            });
            journal::append(connection, &act, &entry.after(after))?;
            Ok(true)
        };
        self.shared.writer.run(create).await
    }

    /// The session of a secret and who is signed in by it, as long as it lasts and they are let in.
    ///
    /// # Errors
    /// The database failed.
    pub fn session(
        &self,
        hash: &[u8; 32],
        now: Millis,
    ) -> Result<Option<(Session, Administrator)>, StoreError> {
        self.read(|connection, _| {
            let select = format!(
                "SELECT {SESSION}, {ADMINISTRATOR} FROM session s JOIN administrator a ON a.id = s.administrator_id \
                 WHERE s.hash = ?1 AND s.expires > ?2 AND a.disabled = 0"
            );
            let found = connection.prepare_cached(&select)?.query_row(params![hash, now], |row| {
                Ok((session(row)?, administrator(row, 8)?))
            });
            Ok(found.optional()?)
        })
    }

    /// The sessions of an administrator, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn sessions(&self, administrator: Uuid, now: Millis) -> Result<Vec<Session>, StoreError> {
        self.read(|connection, _| {
            let select = format!(
                "SELECT {SESSION} FROM session s WHERE s.administrator_id = ?1 AND s.expires > ?2 ORDER BY s.id DESC"
            );
            let mut statement = connection.prepare(&select)?;
            let rows = statement.query_map(params![administrator.as_bytes(), now], session)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_session(&self, id: Uuid, at: Millis) -> Result<(), StoreError> {
        let note = move |connection: &Connection| {
            let update = "UPDATE session SET last_seen = ?2 WHERE id = ?1";
            Ok(connection.execute(update, params![id.as_bytes(), at]).map(drop)?)
        };
        self.shared.writer.run(note).await
    }

    /// Ends one session of an administrator, or with `None` all of them.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`].
    pub async fn end_sessions(
        &self,
        administrator: Uuid,
        only: Option<Uuid>,
        act: Act,
    ) -> Result<(), StoreError> {
        let end = move |connection: &Connection| {
            let administrator = administrator_of(connection, administrator)?;
            let end = "DELETE FROM session WHERE administrator_id = ?1 AND (?2 IS NULL OR id = ?2)";
            let only = only.map(Uuid::into_bytes);
            let ended = connection.execute(end, params![administrator.id.as_bytes(), only])?;
            if ended == 0 {
                return Ok(());
            }
            let entry = Entry::new("sign_out", "Administrator", administrator.id);
            let before = json!({ "name": administrator.name, "sessions": ended });
            journal::append(connection, &act, &entry.before(before))
        };
        self.shared.writer.run(end).await
    }

    /// Counts a login under each of these keys as one that has failed, before its password is
    /// checked, unless one of them has to wait first: that is what `wait` says of the number of the
    /// key and of what has failed under it. Returns the longest wait, 0 when the password may be
    /// checked. Of many logins at once each counts those before it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_login(
        &self,
        keys: Vec<String>,
        now: Millis,
        wait: impl Fn(usize, FailedLogins) -> Millis + Send + 'static,
    ) -> Result<Millis, StoreError> {
        let begin = move |connection: &Connection| {
            connection.execute("DELETE FROM failed_login WHERE last <= ?1", [now - FAILURES_COUNT_FOR])?;
            let mut longest = 0;
            for (number, key) in keys.iter().enumerate() {
                longest = longest.max(wait(number, failed_logins(connection, key)?));
            }
            if longest > 0 {
                return Ok(longest);
            }
            let count = "SELECT COUNT(*) FROM failed_login";
            if connection.query_row(count, [], |row| row.get::<_, usize>(0))? >= MOST_FAILURES {
                // Whoever fills it up waits for as many passwords to be checked.
                let oldest = "DELETE FROM failed_login WHERE key IN \
                              (SELECT key FROM failed_login ORDER BY last LIMIT ?1)";
                connection.execute(oldest, [MOST_FAILURES / 100])?;
            }
            let upsert = "INSERT INTO failed_login (key, failures, last) VALUES (?1, 1, ?2) \
                          ON CONFLICT (key) DO UPDATE SET failures = failures + 1, last = ?2";
            for key in &keys {
                connection.execute(upsert, params![key, now])?;
            }
            Ok(0)
        };
        self.shared.writer.run(begin).await
    }

    /// Forgets the failed logins under a key.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forget_failed_logins(&self, key: String) -> Result<(), StoreError> {
        let forget = move |connection: &Connection| {
            Ok(connection.execute("DELETE FROM failed_login WHERE key = ?1", [key]).map(drop)?)
        };
        self.shared.writer.run(forget).await
    }

    /// Makes an API token.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_api_token(
        &self,
        token: ApiToken,
        hash: [u8; 32],
        act: Act,
    ) -> Result<ApiToken, StoreError> {
        let create = move |connection: &Connection| {
            let insert = "INSERT INTO api_token (id, name, role, hash, created, created_by, expires) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            connection.execute(
                insert,
                params![
                    token.id.as_bytes(),
                    token.name,
                    token.role.name(),
                    hash,
                    token.created,
                    token.created_by.uuid().as_bytes(),
                    token.expires
                ],
            )?;
            let after = json!({ "name": token.name, "role": token.role.name(), "expires": token.expires });
            journal::append(connection, &act, &Entry::new("create", "ApiToken", token.id).after(after))?;
            Ok(token)
        };
        self.shared.writer.run(create).await
    }

    /// Every API token, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(|connection, _| {
            let select = format!("SELECT {API_TOKEN} FROM api_token ORDER BY id DESC");
            let mut statement = connection.prepare(&select)?;
            let rows = statement.query_map([], api_token)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The API token of a secret, valid or not.
    ///
    /// # Errors
    /// The database failed.
    pub fn api_token(&self, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError> {
        let select = format!("SELECT {API_TOKEN} FROM api_token WHERE hash = ?1");
        self.read(|connection, _| {
            Ok(connection.prepare_cached(&select)?.query_row([hash], api_token).optional()?)
        })
    }

    /// Notes that an API token was used.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_api_token(&self, id: Uuid, at: Millis) -> Result<(), StoreError> {
        let note = move |connection: &Connection| {
            let update = "UPDATE api_token SET last_used = ?2 WHERE id = ?1";
            Ok(connection.execute(update, params![id.as_bytes(), at]).map(drop)?)
        };
        self.shared.writer.run(note).await
    }

    /// Revokes an API token for good.
    ///
    /// # Errors
    /// [`StoreError::NoApiToken`].
    pub async fn revoke_api_token(&self, id: Uuid, act: Act) -> Result<(), StoreError> {
        let end = move |connection: &Connection| {
            let select = format!("SELECT {API_TOKEN} FROM api_token WHERE id = ?1");
            let found = connection.query_row(&select, [id.as_bytes()], api_token).optional()?;
            let found = found.ok_or_else(|| StoreError::NoApiToken(id.to_string()))?;
            if found.revoked.is_some() { Ok(()) } else { revoke(connection, &found, &act) }
        };
        self.shared.writer.run(end).await
    }
}

/// How often a login has failed in a row.
fn failed_logins(connection: &Connection, key: &str) -> Result<FailedLogins, StoreError> {
    let select = "SELECT failures, last FROM failed_login WHERE key = ?1";
    let found = connection
        .prepare_cached(select)?
        .query_row([key], |row| Ok(FailedLogins { failures: row.get(0)?, last: row.get(1)? }))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// An e-mail address in the form in which no two administrators have the same.
fn email_key(email: &str) -> String {
    headwater_scim::comparison::key(email, false).into_owned()
}

fn insert_administrator(
    connection: &Connection,
    new: &NewAdministrator,
    act: &Act,
) -> Result<Administrator, StoreError> {
    let insert = "INSERT INTO administrator (id, email, email_key, name, role, password_hash, created) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let inserted = connection.execute(
        insert,
        params![
            new.id.as_bytes(),
            new.email,
            email_key(&new.email),
            new.name,
            new.role.name(),
            new.password_hash,
            act.at
        ],
    );
    inserted.map_err(|error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::EmailTaken(new.email.clone()),
        _ => error.into(),
    })?;
    let created = administrator_of(connection, new.id)?;
    // Where there is somebody who may change things, no link may make a first one.
    if created.role == Role::Administrator {
        connection.execute("DELETE FROM link WHERE administrator_id IS NULL", [])?;
    }
    let entry = Entry::new("create", "Administrator", created.id);
    journal::append(connection, act, &entry.after(described(&created)))?;
    Ok(created)
}

fn set_password(
    connection: &Connection,
    administrator: &Administrator,
    password_hash: &str,
    act: &Act,
) -> Result<(), StoreError> {
    // Links that were made to set it have done their work.
    connection.execute("DELETE FROM link WHERE administrator_id = ?1", [administrator.id.as_bytes()])?;
    let update = "UPDATE administrator SET password_hash = ?2 WHERE id = ?1";
    connection.execute(update, params![administrator.id.as_bytes(), password_hash])?;
    let entry = Entry::new("set_password", "Administrator", administrator.id);
    journal::append(connection, act, &entry.after(json!({ "name": administrator.name })))
}

/// Whether somebody can sign in and change things.
fn can_change(administrator: &Administrator) -> bool {
    administrator.role == Role::Administrator
        && !administrator.disabled
        && administrator.password_hash.is_some()
}

/// Revokes the API tokens that somebody has made who may no longer do what these can, and the tokens
/// that those have made.
fn revoke_made_by(connection: &Connection, maker: &Administrator, act: &Act) -> Result<(), StoreError> {
    let made = format!(
        "WITH RECURSIVE made (id) AS (SELECT id FROM api_token WHERE created_by = ?1 \
         UNION SELECT t.id FROM api_token t JOIN made m ON t.created_by = m.id) \
         SELECT {API_TOKEN} FROM api_token WHERE id IN (SELECT id FROM made) AND revoked IS NULL \
         AND (?2 OR role = 'administrator')"
    );
    let mut statement = connection.prepare(&made)?;
    let rows = statement.query_map(params![maker.id.as_bytes(), maker.disabled], api_token)?;
    for token in rows.collect::<Result<Vec<_>, _>>()? {
        revoke(connection, &token, act)?;
    }
    Ok(())
}

fn revoke(connection: &Connection, token: &ApiToken, act: &Act) -> Result<(), StoreError> {
    let update = "UPDATE api_token SET revoked = ?2 WHERE id = ?1";
    connection.execute(update, params![token.id.as_bytes(), act.at])?;
    let before = json!({ "name": token.name, "role": token.role.name() });
    journal::append(connection, act, &Entry::new("revoke", "ApiToken", token.id).before(before))
}

fn administrator_of(connection: &Connection, id: Uuid) -> Result<Administrator, StoreError> {
    let select = format!("SELECT {ADMINISTRATOR} FROM administrator a WHERE a.id = ?1");
    let found = connection.query_row(&select, [id.as_bytes()], |row| administrator(row, 0)).optional()?;
    found.ok_or_else(|| StoreError::NoAdministrator(id.to_string()))
}

fn link_of(connection: &Connection, hash: &[u8; 32], now: Millis) -> Result<Link, StoreError> {
    let select = "SELECT administrator_id, expires FROM link WHERE hash = ?1 AND expires > ?2";
    let found: Option<(Option<[u8; 16]>, Millis)> =
        connection.query_row(select, params![hash, now], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (administrator, expires) = found.ok_or(StoreError::LinkInvalid)?;
    let administrator =
        administrator.map(|id| administrator_of(connection, Uuid::from_bytes(id))).transpose()?;
    if administrator.as_ref().is_some_and(|administrator| administrator.disabled) {
        return Err(StoreError::LinkInvalid);
    }
    Ok(Link { administrator, expires })
}

/// An administrator as the journal has them.
fn described(administrator: &Administrator) -> Value {
    json!({
        "email": administrator.email,
        "name": administrator.name,
        "role": administrator.role.name(),
        "disabled": administrator.disabled,
    })
}

fn administrator(row: &Row<'_>, first: usize) -> rusqlite::Result<Administrator> {
    Ok(Administrator {
        id: uuid(row, first)?,
        email: row.get(first + 1)?,
        name: row.get(first + 2)?,
        role: role(row, first + 3)?,
        disabled: row.get(first + 4)?,
        password_hash: row.get(first + 5)?,
        created: row.get(first + 6)?,
        last_login: row.get(first + 7)?,
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: uuid(row, 0)?,
        administrator_id: uuid(row, 1)?,
        csrf_token: row.get(2)?,
        created: row.get(3)?,
        last_seen: row.get(4)?,
        expires: row.get(5)?,
        address: row.get(6)?,
        user_agent: row.get(7)?,
    })
}

fn api_token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: uuid(row, 0)?,
        name: row.get(1)?,
        role: role(row, 2)?,
        created: row.get(3)?,
        created_by: Actor::from_uuid(uuid(row, 4)?),
        expires: row.get(5)?,
        last_used: row.get(6)?,
        revoked: row.get(7)?,
    })
}

/// A role that this program doesn't know may do the least.
fn role(row: &Row<'_>, column: usize) -> rusqlite::Result<Role> {
    let name: String = row.get(column)?;
    Ok(Role::parse(&name).unwrap_or(Role::Auditor))
}
