//! Administrators, one-time links, sessions, failed logins and API tokens.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Records,
    journal::{self, Entry},
};
use crate::{
    Act, Actor, Administrator, AdministratorEdit, ApiToken, FailedLogins, Link, LoginBegun, Millis,
    NewAdministrator, Role, Session, StoreError,
    sql::{Row, Sql, values},
};

const ADMINISTRATOR: &str =
    "a.id, a.email, a.name, a.role, a.disabled, a.password_hash, a.created, a.last_login";
const SESSION: &str =
    "s.id, s.administrator_id, s.csrf_token, s.created, s.last_seen, s.expires, s.address, s.user_agent";
const API_TOKEN: &str = "id, name, role, created, created_by, expires, last_used, revoked";

/// Failed logins that are older than this are forgotten.
const FAILURES_COUNT_FOR: Millis = 24 * 3_600_000;
/// So are those that are later than now by more than this: the clock has been set back since.
const CLOCKS_DIFFER_BY: Millis = 15 * 60_000;
/// How many failed logins are remembered at most.
const MOST_FAILURES: u64 = 100_000;

impl Records {
    /// Makes an administrator.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`].
    pub async fn create_administrator(
        &self,
        new: NewAdministrator,
        act: Act,
    ) -> Result<Administrator, StoreError> {
        self.write(move |sql| insert_administrator(sql, &new, &act)).await
    }

    /// Every administrator, by e-mail address.
    ///
    /// # Errors
    /// The database failed.
    pub async fn administrators(&self) -> Result<Vec<Administrator>, StoreError> {
        self.read(|sql| {
            let select = format!("SELECT {ADMINISTRATOR} FROM administrator a ORDER BY a.email_key");
            sql.all(&select, &[], |row| administrator(row, 0))
        })
        .await
    }

    /// An administrator by id.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`].
    pub async fn administrator(&self, id: Uuid) -> Result<Administrator, StoreError> {
        self.read(move |sql| administrator_of(sql, id)).await
    }

    /// An administrator by e-mail address, in any letter case.
    ///
    /// # Errors
    /// The database failed.
    pub async fn administrator_by_email(&self, email: &str) -> Result<Option<Administrator>, StoreError> {
        let key = email_key(email);
        self.read(move |sql| {
            let select = format!("SELECT {ADMINISTRATOR} FROM administrator a WHERE a.email_key = ?1");
            sql.first(&select, &values![&key])?.map(|row| administrator(&row, 0)).transpose()
        })
        .await
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
        let change = move |sql: &dyn Sql| {
            let before = administrator_of(sql, id)?;
            let update = "UPDATE administrator SET name = COALESCE(?2, name), role = COALESCE(?3, role), \
                          disabled = COALESCE(?4, disabled) WHERE id = ?1";
            let role = edit.role.map(Role::name);
            sql.execute(update, &values![id, edit.name.as_ref(), role, edit.disabled])?;
            let after = administrator_of(sql, id)?;
            let left = "SELECT COUNT(*) FROM administrator WHERE role = 'administrator' AND disabled = 0 \
                        AND password_hash IS NOT NULL";
            let loses_one = can_change(&before) && !can_change(&after);
            if loses_one && sql.count(left, &[])? == 0 {
                return Err(StoreError::LastAdministrator);
            }
            let may_less = after.disabled && !before.disabled || after.role != before.role;
            if may_less && (after.disabled || after.role == Role::Auditor) {
                revoke_made_by(sql, &after, &act)?;
            }
            if after.disabled {
                sql.execute("DELETE FROM session WHERE administrator_id = ?1", &values![id])?;
                sql.execute("DELETE FROM link WHERE administrator_id = ?1", &values![id])?;
            }
            let entry = Entry::new("update", "Administrator", id);
            journal::append_difference(sql, &act, entry, described(&before), described(&after))?;
            Ok(after)
        };
        self.write(change).await
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
        let set = move |sql: &dyn Sql| {
            let administrator = administrator_of(sql, id)?;
            set_password(sql, &administrator, &password_hash, &act)?;
            let end = "DELETE FROM session WHERE administrator_id = ?1 AND id IS DISTINCT FROM ?2";
            sql.execute(end, &values![id, kept])?;
            Ok(())
        };
        self.write(set).await
    }

    /// Makes a one-time link by which an administrator sets the password. Those before it are void. A reset of what
    /// was there is journalled, and ends their sessions.
    ///
    /// # Errors
    /// [`StoreError::NoAdministrator`].
    pub async fn create_link(
        &self,
        hash: [u8; 32],
        administrator: Uuid,
        is_reset: bool,
        expires: Millis,
        act: Act,
    ) -> Result<(), StoreError> {
        let create = move |sql: &dyn Sql| {
            sql.execute("DELETE FROM link WHERE administrator_id = ?1", &values![administrator])?;
            insert_link(sql, &hash, Some(administrator), expires, &act)?;
            if is_reset {
                let administrator = administrator_of(sql, administrator)?;
                let entry = Entry::new("reset_password", "Administrator", administrator.id);
                journal::append(sql, &act, &entry.after(json!({ "name": administrator.name })))?;
                end_sessions(sql, &administrator, None, &act)?;
            }
            Ok(())
        };
        self.write(create).await
    }

    /// Makes a one-time link by which the first administrator is made, unless there is one: then it returns
    /// false. Each replica that starts makes one of its own, and all of them are void once one is used.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_first_link(
        &self,
        hash: [u8; 32],
        expires: Millis,
        act: Act,
    ) -> Result<bool, StoreError> {
        let create = move |sql: &dyn Sql| {
            if has_administrator(sql)? {
                return Ok(false);
            }
            insert_link(sql, &hash, None, expires, &act)?;
            Ok(true)
        };
        self.write(create).await
    }

    /// What a one-time link is for.
    ///
    /// # Errors
    /// [`StoreError::LinkInvalid`].
    pub async fn link(&self, hash: &[u8; 32], now: Millis) -> Result<Link, StoreError> {
        let hash = *hash;
        self.read(move |sql| link_of(sql, &hash, now)).await
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
        let follow = move |sql: &dyn Sql| {
            let link = link_of(sql, &hash, act.at)?;
            sql.execute("DELETE FROM link WHERE hash = ?1", &values![hash])?;
            let Some(administrator) = link.administrator else {
                let new = new.as_ref().ok_or(StoreError::LinkInvalid)?;
                return insert_administrator(sql, new, &act);
            };
            set_password(sql, &administrator, &password_hash, &act)?;
            let end = "DELETE FROM session WHERE administrator_id = ?1";
            sql.execute(end, &values![administrator.id])?;
            administrator_of(sql, administrator.id)
        };
        self.write(follow).await
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
        let create = move |sql: &dyn Sql| {
            let administrator = administrator_of(sql, session.administrator_id)?;
            if administrator.disabled || administrator.password_hash != password_hash {
                return Ok(false);
            }
            sql.execute("DELETE FROM session WHERE expires <= ?1", &values![session.created])?;
            let insert = "INSERT INTO session (hash, id, administrator_id, csrf_token, created, last_seen, expires, \
                          address, user_agent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            sql.execute(
                insert,
                &values![
                    hash,
                    session.id,
                    session.administrator_id,
                    &session.csrf_token,
                    session.created,
                    session.last_seen,
                    session.expires,
                    &session.address,
                    session.user_agent.as_ref(),
                ],
            )?;
            let login = "UPDATE administrator SET last_login = ?2 WHERE id = ?1";
            sql.execute(login, &values![session.administrator_id, session.created])?;
            let entry = Entry::new("sign_in", "Administrator", session.administrator_id);
            let after = json!({
                "name": administrator.name,
                "address": session.address,
                "user_agent": session.user_agent,
            });
            journal::append(sql, &act, &entry.after(after))?;
            Ok(true)
        };
        self.write(create).await
    }

    /// The session of a secret and who is signed in by it, as long as it lasts and they are let in.
    ///
    /// # Errors
    /// The database failed.
    pub async fn session(
        &self,
        hash: &[u8; 32],
        now: Millis,
    ) -> Result<Option<(Session, Administrator)>, StoreError> {
        let hash = *hash;
        self.read(move |sql| {
            let select = format!(
                "SELECT {SESSION}, {ADMINISTRATOR} FROM session s JOIN administrator a ON a.id = s.administrator_id \
                 WHERE s.hash = ?1 AND s.expires > ?2 AND a.disabled = 0"
            );
            let Some(row) = sql.first(&select, &values![hash, now])? else { return Ok(None) };
            Ok(Some((session(&row)?, administrator(&row, 8)?)))
        })
        .await
    }

    /// The sessions of an administrator, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sessions(&self, administrator: Uuid, now: Millis) -> Result<Vec<Session>, StoreError> {
        self.read(move |sql| {
            let select = format!(
                "SELECT {SESSION} FROM session s WHERE s.administrator_id = ?1 AND s.expires > ?2 ORDER BY s.id DESC"
            );
            sql.all(&select, &values![administrator, now], session)
        })
        .await
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_session(&self, id: Uuid, at: Millis) -> Result<(), StoreError> {
        let note = move |sql: &dyn Sql| {
            let update = "UPDATE session SET last_seen = ?2 WHERE id = ?1";
            sql.execute(update, &values![id, at]).map(drop)
        };
        self.write(note).await
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
        self.write(move |sql| end_sessions(sql, &administrator_of(sql, administrator)?, only, &act)).await
    }

    /// Counts a login under each of these keys as one that has failed, before its password is
    /// checked, unless one of them has to wait first: that is what `wait` says of the number of the
    /// key and of what has failed under it. Of many logins at once each counts those before it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn begin_login(
        &self,
        keys: Vec<String>,
        now: Millis,
        wait: impl Fn(usize, FailedLogins) -> Millis + Send + 'static,
    ) -> Result<LoginBegun, StoreError> {
        let begin = move |sql: &dyn Sql| {
            let forget = "DELETE FROM failed_login WHERE last <= ?1 OR last > ?2";
            sql.execute(forget, &values![now - FAILURES_COUNT_FOR, now + CLOCKS_DIFFER_BY])?;
            let before = keys.iter().map(|key| failed_logins(sql, key)).collect::<Result<Vec<_>, _>>()?;
            let waits = before.iter().enumerate().map(|(number, failed)| wait(number, *failed));
            let longest = waits.max().unwrap_or_default();
            if longest > 0 {
                return Ok(LoginBegun { wait: longest, before });
            }
            if sql.count("SELECT COUNT(*) FROM failed_login", &[])? >= MOST_FAILURES {
                // Whoever fills it up waits for as many passwords to be checked.
                let oldest = "DELETE FROM failed_login WHERE key IN \
                              (SELECT key FROM failed_login ORDER BY last LIMIT ?1)";
                sql.execute(oldest, &values![MOST_FAILURES / 100])?;
            }
            let upsert = "INSERT INTO failed_login (key, failures, last) VALUES (?1, 1, ?2) \
                          ON CONFLICT (key) DO UPDATE SET failures = failed_login.failures + 1, last = ?2";
            for key in &keys {
                sql.execute(upsert, &values![key, now])?;
            }
            Ok(LoginBegun { wait: 0, before })
        };
        self.write(begin).await
    }

    /// Ends a login whose password was right: all that has failed under the `forgotten` keys is forgotten, under
    /// the `kept` ones only that [`Records::begin_login`] has counted it, at the moment `begun`. Of these it is said
    /// what had failed before.
    ///
    /// # Errors
    /// The database failed.
    pub async fn end_login(
        &self,
        begun: Millis,
        forgotten: Vec<String>,
        kept: Vec<(String, FailedLogins)>,
    ) -> Result<(), StoreError> {
        let end = move |sql: &dyn Sql| {
            for key in &forgotten {
                sql.execute("DELETE FROM failed_login WHERE key = ?1", &values![key])?;
            }
            for (key, before) in &kept {
                // If nobody has failed since, the last who did is the one before.
                let take_back = "UPDATE failed_login SET failures = failures - 1, \
                                   last = CASE WHEN last = ?2 THEN ?3 ELSE last END \
                                 WHERE key = ?1 AND failures > 0";
                sql.execute(take_back, &values![key, begun, before.last])?;
                sql.execute("DELETE FROM failed_login WHERE key = ?1 AND failures = 0", &values![key])?;
            }
            Ok(())
        };
        self.write(end).await
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
        let create = move |sql: &dyn Sql| {
            let insert = "INSERT INTO api_token (id, name, role, hash, created, created_by, expires) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            sql.execute(
                insert,
                &values![
                    token.id,
                    &token.name,
                    token.role.name(),
                    hash,
                    token.created,
                    token.created_by.uuid(),
                    token.expires,
                ],
            )?;
            let after = json!({ "name": token.name, "role": token.role.name(), "expires": token.expires });
            journal::append(sql, &act, &Entry::new("create", "ApiToken", token.id).after(after))?;
            Ok(token.clone())
        };
        self.write(create).await
    }

    /// Every API token, the newest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(|sql| {
            sql.all(&format!("SELECT {API_TOKEN} FROM api_token ORDER BY id DESC"), &[], api_token)
        })
        .await
    }

    /// The API token of a secret, valid or not.
    ///
    /// # Errors
    /// The database failed.
    pub async fn api_token(&self, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError> {
        let hash = *hash;
        self.read(move |sql| {
            let select = format!("SELECT {API_TOKEN} FROM api_token WHERE hash = ?1");
            sql.first(&select, &values![hash])?.as_ref().map(api_token).transpose()
        })
        .await
    }

    /// Notes that an API token was used.
    ///
    /// # Errors
    /// The database failed.
    pub async fn note_api_token(&self, id: Uuid, at: Millis) -> Result<(), StoreError> {
        let note = move |sql: &dyn Sql| {
            let update = "UPDATE api_token SET last_used = ?2 WHERE id = ?1";
            sql.execute(update, &values![id, at]).map(drop)
        };
        self.write(note).await
    }

    /// Revokes an API token for good.
    ///
    /// # Errors
    /// [`StoreError::NoApiToken`].
    pub async fn revoke_api_token(&self, id: Uuid, act: Act) -> Result<(), StoreError> {
        let end = move |sql: &dyn Sql| {
            let select = format!("SELECT {API_TOKEN} FROM api_token WHERE id = ?1");
            let found = sql.first(&select, &values![id])?;
            let found = api_token(&found.ok_or_else(|| StoreError::NoApiToken(id.to_string()))?)?;
            if found.revoked.is_some() { Ok(()) } else { revoke(sql, &found, &act) }
        };
        self.write(end).await
    }
}

/// Ends one session of an administrator, or with `None` all of them; journalled if there were any.
fn end_sessions(
    sql: &dyn Sql,
    administrator: &Administrator,
    only: Option<Uuid>,
    act: &Act,
) -> Result<(), StoreError> {
    let all = "DELETE FROM session WHERE administrator_id = ?1";
    let ended = match only {
        Some(only) => sql.execute(&format!("{all} AND id = ?2"), &values![administrator.id, only])?,
        None => sql.execute(all, &values![administrator.id])?,
    };
    if ended == 0 {
        return Ok(());
    }
    let entry = Entry::new("sign_out", "Administrator", administrator.id);
    journal::append(sql, act, &entry.before(json!({ "name": administrator.name, "sessions": ended })))
}

/// How often a login has failed in a row.
fn failed_logins(sql: &dyn Sql, key: &str) -> Result<FailedLogins, StoreError> {
    let select = "SELECT failures, last FROM failed_login WHERE key = ?1";
    let Some(row) = sql.first(select, &values![key])? else { return Ok(FailedLogins::default()) };
    Ok(FailedLogins { failures: row.get(0)?, last: row.get(1)? })
}

/// An e-mail address in the form in which no two administrators have the same.
fn email_key(email: &str) -> String {
    headwater_scim::comparison::key(email, false).into_owned()
}

fn insert_administrator(
    sql: &dyn Sql,
    new: &NewAdministrator,
    act: &Act,
) -> Result<Administrator, StoreError> {
    let insert = "INSERT INTO administrator (id, email, email_key, name, role, password_hash, created) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (email_key) DO NOTHING";
    let inserted = sql.execute(
        insert,
        &values![
            new.id,
            &new.email,
            email_key(&new.email),
            &new.name,
            new.role.name(),
            new.password_hash.as_ref(),
            act.at,
        ],
    )?;
    if inserted == 0 {
        return Err(StoreError::EmailTaken(new.email.clone()));
    }
    let created = administrator_of(sql, new.id)?;
    // Where there is somebody who may change things, no link may make a first one.
    if created.role == Role::Administrator {
        sql.execute("DELETE FROM link WHERE administrator_id IS NULL", &[])?;
    }
    let entry = Entry::new("create", "Administrator", created.id);
    journal::append(sql, act, &entry.after(described(&created)))?;
    Ok(created)
}

fn set_password(
    sql: &dyn Sql,
    administrator: &Administrator,
    password_hash: &str,
    act: &Act,
) -> Result<(), StoreError> {
    // Links that were made to set it have done their work.
    sql.execute("DELETE FROM link WHERE administrator_id = ?1", &values![administrator.id])?;
    let update = "UPDATE administrator SET password_hash = ?2 WHERE id = ?1";
    sql.execute(update, &values![administrator.id, password_hash])?;
    let entry = Entry::new("set_password", "Administrator", administrator.id);
    journal::append(sql, act, &entry.after(json!({ "name": administrator.name })))
}

/// Whether somebody can sign in and change things.
fn can_change(administrator: &Administrator) -> bool {
    administrator.role == Role::Administrator
        && !administrator.disabled
        && administrator.password_hash.is_some()
}

/// Revokes the API tokens that somebody has made who may no longer do what these can, and the tokens
/// that those have made.
fn revoke_made_by(sql: &dyn Sql, maker: &Administrator, act: &Act) -> Result<(), StoreError> {
    let made = format!(
        "WITH RECURSIVE made (id) AS (SELECT id FROM api_token WHERE created_by = ?1 \
         UNION SELECT t.id FROM api_token t JOIN made m ON t.created_by = m.id) \
         SELECT {API_TOKEN} FROM api_token WHERE id IN (SELECT id FROM made) AND revoked IS NULL \
         AND (?2 = 1 OR role = 'administrator')"
    );
    for token in sql.all(&made, &values![maker.id, maker.disabled], api_token)? {
        revoke(sql, &token, act)?;
    }
    Ok(())
}

fn revoke(sql: &dyn Sql, token: &ApiToken, act: &Act) -> Result<(), StoreError> {
    let update = "UPDATE api_token SET revoked = ?2 WHERE id = ?1";
    sql.execute(update, &values![token.id, act.at])?;
    let before = json!({ "name": token.name, "role": token.role.name() });
    journal::append(sql, act, &Entry::new("revoke", "ApiToken", token.id).before(before))
}

fn administrator_of(sql: &dyn Sql, id: Uuid) -> Result<Administrator, StoreError> {
    let select = format!("SELECT {ADMINISTRATOR} FROM administrator a WHERE a.id = ?1");
    let found = sql.first(&select, &values![id])?;
    administrator(&found.ok_or_else(|| StoreError::NoAdministrator(id.to_string()))?, 0)
}

fn insert_link(
    sql: &dyn Sql,
    hash: &[u8; 32],
    administrator: Option<Uuid>,
    expires: Millis,
    act: &Act,
) -> Result<(), StoreError> {
    sql.execute("DELETE FROM link WHERE expires <= ?1", &values![act.at])?;
    let insert = "INSERT INTO link (hash, administrator_id, created, expires) VALUES (?1, ?2, ?3, ?4)";
    sql.execute(insert, &values![*hash, administrator, act.at, expires]).map(drop)
}

/// Whether there is somebody who may change things.
fn has_administrator(sql: &dyn Sql) -> Result<bool, StoreError> {
    let select = "SELECT id FROM administrator WHERE role = 'administrator' AND disabled = 0 LIMIT 1";
    Ok(sql.first(select, &[])?.is_some())
}

fn link_of(sql: &dyn Sql, hash: &[u8; 32], now: Millis) -> Result<Link, StoreError> {
    let select = "SELECT administrator_id, expires FROM link WHERE hash = ?1 AND expires > ?2";
    let found = sql.first(select, &values![*hash, now])?.ok_or(StoreError::LinkInvalid)?;
    let expires = found.get(1)?;
    let administrator = found.get::<Option<Uuid>>(0)?.map(|id| administrator_of(sql, id)).transpose()?;
    if administrator.as_ref().is_some_and(|administrator| administrator.disabled) {
        return Err(StoreError::LinkInvalid);
    }
    if administrator.is_none() && has_administrator(sql)? {
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

fn administrator(row: &Row, first: usize) -> Result<Administrator, StoreError> {
    Ok(Administrator {
        id: row.get(first)?,
        email: row.get(first + 1)?,
        name: row.get(first + 2)?,
        role: role(row, first + 3)?,
        disabled: row.get(first + 4)?,
        password_hash: row.get(first + 5)?,
        created: row.get(first + 6)?,
        last_login: row.get(first + 7)?,
    })
}

fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.get(0)?,
        administrator_id: row.get(1)?,
        csrf_token: row.get(2)?,
        created: row.get(3)?,
        last_seen: row.get(4)?,
        expires: row.get(5)?,
        address: row.get(6)?,
        user_agent: row.get(7)?,
    })
}

fn api_token(row: &Row) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: row.get(0)?,
        name: row.get(1)?,
        role: role(row, 2)?,
        created: row.get(3)?,
        created_by: Actor::from_uuid(row.get(4)?),
        expires: row.get(5)?,
        last_used: row.get(6)?,
        revoked: row.get(7)?,
    })
}

/// A role that this program doesn't know may do the least.
fn role(row: &Row, column: usize) -> Result<Role, StoreError> {
    Ok(Role::parse(row.get(column)?).unwrap_or(Role::Auditor))
}
