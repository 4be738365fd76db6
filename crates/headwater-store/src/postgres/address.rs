//! Where the database is: a URL, and what it says of TLS.

use std::time::Duration;

use tokio_postgres::{
    Config,
    config::{Host, TargetSessionAttrs},
};

use super::tls::{Tls, TlsOptions};
use crate::StoreError;

/// Where PostgreSQL listens unless it is told otherwise.
const DEFAULT_PORT: u16 = 5432;

/// A database, and how it is spoken to. Nothing of it may be shown: it holds a password.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

impl Address {
    /// Reads a URL `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`, or `key=value` pairs, as libpq has
    /// them; several hosts may be named, of which the one that takes writes is used.
    ///
    /// `sslmode` is `disable`, `prefer`, `require` or `verify-full`. Where TLS is used, the server's
    /// certificate is always verified: against the file that `sslrootcert` names, or else against what
    /// the operating system trusts. Without an `sslmode` TLS is required, but of a database on this
    /// machine. `sslcert` and `sslkey` name the files of a certificate that is shown to the server.
    ///
    /// # Errors
    /// [`StoreError::Address`], without anything of the URL.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let is_ours = |scheme| matches!(scheme, "postgres" | "postgresql");
        if !scheme(url).map_or(url.contains('='), is_ours) {
            let expected = "a URL that begins with postgres://, or key=value pairs, are expected";
            return Err(StoreError::Address(expected.to_owned()));
        }
        let (url, options) = TlsOptions::taken_from(url)?;
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            StoreError::Address(
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
            )
        })?;
        // With one in the password that is not encoded, the rest of it would be told as a host or database.
        let has_at = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        let is_url = scheme(&url).is_some();
        if is_url
            && (config.get_hosts().iter().any(has_at)
                || config.get_dbname().is_some_and(|name| name.contains('@')))
        {
            let reason = "there is more than one @; one in a user name or password is written %40";
            return Err(StoreError::Address(reason.to_owned()));
        }
        let mode = options.mode(is_local(&config))?;
        config.ssl_mode(mode);
        if config.get_application_name().is_none() {
            config.application_name("headwater");
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        // A machine that is gone doesn't say so.
        config.keepalives_idle(Duration::from_secs(10));
        config.tcp_user_timeout(Duration::from_secs(20));
        Ok(Self { config, tls: options.tls(mode)? })
    }

    /// Which database on which host, without user and password.
    pub(super) fn location(&self) -> String {
        let config = &self.config;
        let hosts: Vec<String> = config
            .get_hosts()
            .iter()
            .enumerate()
            .map(|(number, host)| {
                let ports = config.get_ports();
                let port = ports.get(number).or(ports.first()).filter(|port| **port != DEFAULT_PORT);
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                match host {
                    Host::Tcp(name) => format!("{name}{port}"),
                    #[cfg(unix)]
                    Host::Unix(path) => format!("{}{port}", path.display()),
                }
            })
            .collect();
        format!("{} on {}", config.get_dbname().or(config.get_user()).unwrap_or_default(), hosts.join(", "))
    }
}

/// What stands before `://` at the beginning of a text, if it can be the scheme of a URL.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let may_be_in_it = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (!scheme.is_empty() && scheme.chars().all(may_be_in_it)).then_some(scheme)
}

/// Whether every host is this machine.
fn is_local(config: &Config) -> bool {
    let local = |host: &Host| match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(local) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::Address;
    use crate::StoreError;

    fn mode(url: &str) -> SslMode {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}")).config.get_ssl_mode()
    }

    #[test]
    fn tls_is_required_unless_the_database_is_on_this_machine() {
        assert_eq!(mode("postgres://a:b@db.example/headwater"), SslMode::Require);
        assert_eq!(mode("postgres://a:b@db.example/headwater?sslmode=verify-full"), SslMode::Require);
        assert_eq!(
            mode("postgres://a:b@db.example/headwater?sslmode=disable&connect_timeout=3"),
            SslMode::Disable
        );
        assert_eq!(mode("host=db.example dbname=headwater user=a sslmode=prefer"), SslMode::Prefer);
        assert_eq!(mode("postgres://a:b@localhost/headwater"), SslMode::Disable);
        assert_eq!(mode("postgres://a@%2Frun%2Fpostgresql/headwater"), SslMode::Disable);
        assert_eq!(mode("postgres://a:b@localhost,db.example/headwater"), SslMode::Require);
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for url in [
            "postgres://a:secret@db.example/x?sslmode=verify",
            "postgres://a:secret@db.example:port/x",
            "postgres://a:secret@db.example/x?sslmode=require&sslrootcert=/nowhere/at/all",
            "postgres://a:secret@db.example/x?sslmode=require&sslcert=/nowhere/at/all",
            "postgres://a:secret@localhost/x?sslcert=/nowhere/at/all",
            "postgres://a:secret@localhost/x?sslmode=disable&sslkey=/nowhere/at/all",
            "postgres://a:secret@db.example/x?nonsense=1",
            "postgres://a:my@secret@db.example/x",
            "postgres://a:my@secret/at@db.example/x",
        ] {
            match Address::parse(url) {
                Err(StoreError::Address(reason)) => assert!(!reason.contains("secret"), "{reason}"),
                other => panic!("{url}: {:?}", other.map(|_| "an address")),
            }
        }
    }
}
