//! Administrators, one-time links, logins and API tokens.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use headwater_store::{
    Act, Actor, Administrator, AdministratorEdit, ApiToken, FailedLogins, Link, Millis, NewAdministrator,
    Role, Session, StoreError, TokenState,
};
use uuid::Uuid;

use super::{Administration, AdministrationError, LINK_LIVES_FOR, checked_expiry, checked_name, passwords};
use crate::tokens::{self, Kind, Secret};

/// How many logins may fail in a row before one has to wait: for one account from one address; for
/// one account from anywhere, so high that a stranger who knows an e-mail address has to work to keep
/// somebody out; and from one address, behind which there may be many people.
const FREE_FAILURES: [u32; 3] = [5, 100, 50];
/// The longest wait, in milliseconds.
const LONGEST_WAIT: Millis = 15 * 60_000;

/// An account that somebody wants.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The e-mail address.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// A one-time link to hand over.
#[derive(Debug)]
pub struct Invitation {
    /// What the link ends in, behind `#`.
    pub secret: Secret,
    /// When it stops being valid.
    pub expires: Millis,
}

impl Invitation {
    /// The link, for a server whose URLs start with `origin`. The secret stands behind `#`: browsers
    /// send that to nobody.
    pub fn link(&self, origin: &str) -> String {
        format!("{origin}/welcome#{}", self.secret.reveal())
    }
}

/// Somebody who has just signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub administrator: Administrator,
    /// The session.
    pub session: Session,
    /// What the cookie holds.
    pub secret: Secret,
}

/// An API token that has been made.
#[derive(Debug)]
pub struct MadeApiToken {
    /// The token.
    pub token: ApiToken,
    /// Its secret.
    pub secret: Secret,
}

/// Whoever signs in, as far as it shows.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The address.
    pub address: String,
    /// The browser.
    pub user_agent: Option<String>,
}

impl Administration {
    /// Signs somebody out: of one session, or with `None` everywhere.
    ///
    /// # Errors
    /// There is no such administrator.
    pub async fn sign_out(&self, id: Uuid, only: Option<Uuid>, act: Act) -> Result<(), AdministrationError> {
        Ok(self.store.end_sessions(id, only, act).await?)
    }

    /// Revokes an API token for good.
    ///
    /// # Errors
    /// There is no such token.
    pub async fn revoke_api_token(&self, id: Uuid, act: Act) -> Result<(), AdministrationError> {
        Ok(self.store.revoke_api_token(id, act).await?)
    }

    /// Whether there is nobody yet who may change anything.
    ///
    /// # Errors
    /// The store failed.
    pub async fn needs_setup(&self) -> Result<bool, AdministrationError> {
        let all = self.store.administrators().await?;
        Ok(!all.iter().any(|one| one.role == Role::Administrator && !one.disabled))
    }

    /// Makes a link by which the first administrator is made, unless there is one. Links that other servers
    /// have made work too, until one of them is used.
    ///
    /// # Errors
    /// The store failed.
    pub async fn invite_first(&self, act: Act) -> Result<Option<Invitation>, AdministrationError> {
        let invitation = self.invitation(&act);
        let made = self.store.create_first_link(invitation.secret.hash(), invitation.expires, act).await?;
        Ok(made.then_some(invitation))
    }

    /// Makes an administrator with a password.
    ///
    /// # Errors
    /// A value can't be used, or somebody has the e-mail address.
    pub async fn create_administrator(
        &self,
        account: NewAccount,
        password: String,
        act: Act,
    ) -> Result<Administrator, AdministrationError> {
        let new = self.new_administrator(&account, Some(password)).await?;
        Ok(self.store.create_administrator(new, act).await?)
    }

    /// Makes an administrator, and a link by which they set their password.
    ///
    /// # Errors
    /// A value can't be used, or somebody has the e-mail address.
    pub async fn invite_administrator(
        &self,
        account: NewAccount,
        act: Act,
    ) -> Result<(Administrator, Invitation), AdministrationError> {
        let new = self.new_administrator(&account, None).await?;
        let made = self.store.create_administrator(new, act).await?;
        let invitation = self.invite(made.id, false, act).await;
        Ok((made, invitation.map_err(AdministrationError::behind_change)?))
    }

    /// Changes an administrator.
    ///
    /// # Errors
    /// A value can't be used; there is no such administrator; nobody would be left who may change
    /// anything.
    pub async fn edit_administrator(
        &self,
        id: Uuid,
        mut edit: AdministratorEdit,
        act: Act,
    ) -> Result<Administrator, AdministrationError> {
        edit.name = edit.name.map(|name| checked_name(&name, "name")).transpose()?;
        Ok(self.store.edit_administrator(id, edit, act).await?)
    }

    /// Makes a link by which an administrator sets a new password, and signs them out everywhere.
    ///
    /// # Errors
    /// There is no such administrator.
    pub async fn reset_password(&self, id: Uuid, act: Act) -> Result<Invitation, AdministrationError> {
        if self.store.administrator(id).await?.disabled {
            return Err(AdministrationError::Disabled);
        }
        self.invite(id, true, act).await
    }

    /// Sets the password of an administrator and ends their sessions, all but one.
    ///
    /// # Errors
    /// The password is too short or easily guessed; there is no such administrator.
    pub async fn set_password(
        &self,
        id: Uuid,
        password: String,
        kept: Option<Uuid>,
        act: Act,
    ) -> Result<(), AdministrationError> {
        let administrator = self.store.administrator(id).await?;
        passwords::check(&password, &administrator.email)?;
        let hash = self.passwords.hash(password, &*self.random).await;
        Ok(self.store.set_password(id, hash, kept, act).await?)
    }

    /// Changes one's own password, which takes the current one.
    ///
    /// # Errors
    /// As [`Self::sign_in`] and [`Self::set_password`].
    pub async fn change_password(
        &self,
        session: &Session,
        current: String,
        new: String,
        act: Act,
    ) -> Result<(), AdministrationError> {
        let administrator = self.store.administrator(session.administrator_id).await?;
        let visitor = Visitor { address: session.address.clone(), user_agent: None };
        self.check_password(Some(&administrator), &administrator.email, current, &visitor).await?;
        self.set_password(administrator.id, new, Some(session.id), act).await
    }

    /// What a link is for.
    ///
    /// # Errors
    /// It is not valid any more.
    pub async fn link(&self, secret: &str) -> Result<Link, AdministrationError> {
        if !tokens::is_well_formed(secret, Kind::Link) {
            return Err(StoreError::LinkInvalid.into());
        }
        Ok(self.store.link(&tokens::hash(secret), self.clock.now()).await?)
    }

    /// Uses a link and signs in whoever does.
    ///
    /// # Errors
    /// The link is not valid any more; the password is too short or easily guessed; for the first
    /// administrator e-mail address or name can't be used.
    pub async fn use_link(
        &self,
        secret: &str,
        password: String,
        email: Option<String>,
        name: Option<String>,
        visitor: Visitor,
    ) -> Result<SignedIn, AdministrationError> {
        let link = self.link(secret).await?;
        let act = self.act(Actor::Link, None);
        let (new, hash) = match link.administrator {
            Some(administrator) => {
                passwords::check(&password, &administrator.email)?;
                (None, self.passwords.hash(password, &*self.random).await)
            }
            None => {
                let account = NewAccount {
                    email: email.unwrap_or_default(),
                    name: name.unwrap_or_default(),
                    role: Role::Administrator,
                };
                let new = self.new_administrator(&account, Some(password)).await?;
                let hash = new.password_hash.clone().unwrap_or_default();
                (Some(new), hash)
            }
        };
        let administrator = self.store.use_link(tokens::hash(secret), new, hash, act).await?;
        self.begin_session(administrator, visitor).await.map_err(AdministrationError::behind_change)
    }

    /// Signs somebody in.
    ///
    /// # Errors
    /// [`AdministrationError::WrongCredentials`], also for those who are disabled;
    /// [`AdministrationError::SlowDown`].
    pub async fn sign_in(
        &self,
        email: &str,
        password: String,
        visitor: Visitor,
    ) -> Result<SignedIn, AdministrationError> {
        let administrator = self.store.administrator_by_email(email.trim()).await?;
        let administrator = administrator.filter(|administrator| !administrator.disabled);
        self.check_password(administrator.as_ref(), email, password, &visitor).await?;
        let administrator = administrator.ok_or(AdministrationError::WrongCredentials)?;
        self.begin_session(administrator, visitor).await
    }

    /// Checks a password, and slows down those who guess.
    async fn check_password(
        &self,
        administrator: Option<&Administrator>,
        email: &str,
        password: String,
        visitor: &Visitor,
    ) -> Result<(), AdministrationError> {
        let keys = login_keys(email, &visitor.address);
        let now = self.clock.now();
        let turn = self.passwords.turn()?;
        // A guess that is still being checked counts already: many at once are no way round.
        let wait = move |number: usize, failed| wait(failed, FREE_FAILURES[number], now);
        let begun = self.store.begin_login(keys.clone(), now, wait).await?;
        if begun.wait > 0 {
            let seconds = u64::try_from(begun.wait).unwrap_or_default().div_ceil(1_000);
            return Err(AdministrationError::SlowDown { seconds });
        }
        let hash = administrator.and_then(|administrator| administrator.password_hash.clone());
        let long = password.len() > passwords::MOST * 4;
        if long || !self.passwords.verify(password, hash, turn).await {
            return Err(AdministrationError::WrongCredentials);
        }
        // What others have failed at from the same address stays counted.
        let mut all = keys.into_iter().zip(begun.before);
        let of_account = all.by_ref().take(2).map(|(key, _)| key).collect();
        self.store.end_login(now, of_account, all.collect()).await?;
        Ok(())
    }

    /// The session of a cookie, and who is signed in by it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn session(
        &self,
        secret: &str,
    ) -> Result<Option<(Session, Administrator)>, AdministrationError> {
        if !tokens::is_well_formed(secret, Kind::Session) {
            return Ok(None);
        }
        Ok(self.store.session(&tokens::hash(secret), self.clock.now()).await?)
    }

    /// The API token of a secret, as long as it is valid.
    ///
    /// # Errors
    /// The store failed.
    pub async fn api_token(&self, secret: &str) -> Result<Option<ApiToken>, AdministrationError> {
        if !tokens::is_well_formed(secret, Kind::Api) {
            return Ok(None);
        }
        let now = self.clock.now();
        let found = self.store.api_token(&tokens::hash(secret)).await?;
        Ok(found.filter(|token| token.state(now) == TokenState::Active))
    }

    /// Makes an API token.
    ///
    /// # Errors
    /// The name can't be used; the moment of expiry lies in the past.
    pub async fn create_api_token(
        &self,
        name: &str,
        role: Role,
        expires: Option<Millis>,
        act: Act,
    ) -> Result<MadeApiToken, AdministrationError> {
        let secret = Secret::generate_for(Kind::Api, &*self.random);
        let token = ApiToken {
            id: self.new_uuid(),
            name: checked_name(name, "name")?,
            role,
            created: act.at,
            created_by: act.actor,
            expires: checked_expiry(expires, act.at)?,
            last_used: None,
            revoked: None,
        };
        let token = self.store.create_api_token(token, secret.hash(), act).await?;
        Ok(MadeApiToken { token, secret })
    }

    async fn invite(
        &self,
        administrator: Uuid,
        is_reset: bool,
        act: Act,
    ) -> Result<Invitation, AdministrationError> {
        let invitation = self.invitation(&act);
        let Invitation { secret, expires } = &invitation;
        self.store.create_link(secret.hash(), administrator, is_reset, *expires, act).await?;
        Ok(invitation)
    }

    fn invitation(&self, act: &Act) -> Invitation {
        let secret = Secret::generate_for(Kind::Link, &*self.random);
        Invitation { secret, expires: act.at + LINK_LIVES_FOR }
    }

    async fn new_administrator(
        &self,
        account: &NewAccount,
        password: Option<String>,
    ) -> Result<NewAdministrator, AdministrationError> {
        let email = checked_email(&account.email)?;
        let name = checked_name(&account.name, "name")?;
        let password_hash = match password {
            Some(password) => {
                passwords::check(&password, &email)?;
                Some(self.passwords.hash(password, &*self.random).await)
            }
            None => None,
        };
        Ok(NewAdministrator { id: self.new_uuid(), email, name, role: account.role, password_hash })
    }

    async fn begin_session(
        &self,
        administrator: Administrator,
        visitor: Visitor,
    ) -> Result<SignedIn, AdministrationError> {
        let hours = Millis::from(self.settings().await?.session_hours);
        let now = self.clock.now();
        let secret = Secret::generate_for(Kind::Session, &*self.random);
        let session = Session {
            id: self.new_uuid(),
            administrator_id: administrator.id,
            csrf_token: Secret::generate_for(Kind::Csrf, &*self.random).reveal().to_owned(),
            created: now,
            last_seen: now,
            expires: now + hours * 3_600_000,
            address: visitor.address,
            user_agent: visitor.user_agent,
        };
        let act = self.act(Actor::Id(administrator.id), None);
        let password_hash = administrator.password_hash.clone();
        if !self.store.create_session(secret.hash(), session.clone(), password_hash, act).await? {
            return Err(AdministrationError::WrongCredentials);
        }
        let found = self.store.administrator(administrator.id).await;
        let administrator = found.map_err(AdministrationError::behind_change)?;
        Ok(SignedIn { administrator, session, secret })
    }
}

/// How long one has to wait after failures in a row: not at all for the first few, then twice as
/// long each time.
fn wait(failed: FailedLogins, free: u32, now: Millis) -> Millis {
    let Some(beyond) = failed.failures.checked_sub(free) else { return 0 };
    let wait = LONGEST_WAIT.min(1_000 << beyond.min(20));
    (failed.last + wait - now).clamp(0, LONGEST_WAIT)
}

/// What failed logins are counted under: the account from this address, the account, the address.
/// Accounts stand there as the hash of what was typed: it may be a password typed in the wrong field.
/// This machine itself, behind which a proxy may stand, is no address; of IPv6, one network is.
fn login_keys(email: &str, address: &str) -> Vec<String> {
    let folded = headwater_scim::comparison::key(email.trim(), false);
    let account = URL_SAFE_NO_PAD.encode(tokens::hash(&folded));
    let network = match address.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    };
    let mut keys = vec![format!("account {account} from {network}"), format!("account {account}")];
    if !address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        keys.push(format!("address {network}"));
    }
    keys
}

fn checked_email(email: &str) -> Result<String, AdministrationError> {
    let email = email.trim();
    let usable = email.len() <= 254
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
        && email
            .rsplit_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !local.contains('@'));
    if usable {
        Ok(email.to_owned())
    } else {
        Err(AdministrationError::invalid("email", format!("{email:?} is not an e-mail address")))
    }
}

#[cfg(test)]
mod tests {
    use super::{FailedLogins, LONGEST_WAIT, checked_email, wait};

    #[test]
    fn guessing_gets_slower_and_slower() {
        let after = |failures| wait(FailedLogins { failures, last: 10_000 }, 5, 10_000);
        assert_eq!(after(4), 0);
        assert_eq!(after(5), 1_000);
        assert_eq!(after(8), 8_000);
        assert_eq!(after(u32::MAX), LONGEST_WAIT);
        assert_eq!(wait(FailedLogins { failures: 5, last: 10_000 }, 5, 11_000), 0);
    }

    #[test]
    fn email_addresses() {
        for good in ["ada@example.com", "a+b@localhost", "ü@example.com"] {
            assert!(checked_email(good).is_ok(), "{good}");
        }
        for bad in ["", "ada", "@example.com", "ada@", "a b@example.com", "a@b@c"] {
            assert!(checked_email(bad).is_err(), "{bad}");
        }
    }
}
