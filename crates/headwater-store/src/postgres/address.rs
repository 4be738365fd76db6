//! Where the database is: a URL, and what it says of TLS.

use std::{path::Path, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

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
    /// machine.
    ///
    /// # Errors
    /// [`StoreError::Address`], without anything of the URL.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let (url, options) = without_tls_options(url)?;
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            StoreError::Address(
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
            )
        })?;
        config.ssl_mode(match options.mode.as_deref() {
            Some("disable") => SslMode::Disable,
            Some("prefer") => SslMode::Prefer,
            Some("require" | "verify-full") => SslMode::Require,
            None if is_local(&config) => SslMode::Disable,
            None => SslMode::Require,
            Some(_) => {
                let known = "sslmode is one of disable, prefer, require, verify-full";
                return Err(StoreError::Address(known.to_owned()));
            }
        });
        if config.get_application_name().is_none() {
            config.application_name("headwater");
        }
        if config.get_target_session_attrs() == TargetSessionAttrs::Any {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        // A machine that is gone doesn't say so.
        config.keepalives_idle(Duration::from_secs(10));
        config.tcp_user_timeout(Duration::from_secs(20));
        let tls = Tls(MakeRustlsConnect::new(client_config(&config, options.roots.as_deref())?));
        Ok(Self { config, tls })
    }
}

/// TLS to the host that is connected to.
#[derive(Clone)]
pub(super) struct Tls(MakeRustlsConnect);

impl<S> MakeTlsConnect<S> for Tls
where
    MakeRustlsConnect: MakeTlsConnect<S>,
{
    type Stream = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;
    type TlsConnect = <MakeRustlsConnect as MakeTlsConnect<S>>::TlsConnect;
    type Error = <MakeRustlsConnect as MakeTlsConnect<S>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        // A socket of this machine has no name, and never TLS; the driver asks all the same.
        let host = if host.is_empty() { "localhost" } else { host };
        <MakeRustlsConnect as MakeTlsConnect<S>>::make_tls_connect(&mut self.0, host)
    }
}

/// What a URL says of TLS that the driver doesn't know.
#[derive(Default)]
struct TlsOptions {
    mode: Option<String>,
    roots: Option<String>,
}

/// Takes `sslmode` and `sslrootcert` out of a URL or of pairs.
fn without_tls_options(url: &str) -> Result<(String, TlsOptions), StoreError> {
    let mut options = TlsOptions::default();
    let mut take = |pair: &str| {
        let Some((key, value)) = pair.split_once('=') else { return true };
        match key {
            "sslmode" => options.mode = Some(value.to_owned()),
            "sslrootcert" => options.roots = Some(value.to_owned()),
            _ => return true,
        }
        false
    };
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let rest = if !is_url {
        url.split_whitespace().filter(|pair| take(pair)).collect::<Vec<_>>().join(" ")
    } else if let Some((before, query)) = url.split_once('?') {
        let kept: Vec<&str> = query.split('&').filter(|pair| take(pair)).collect();
        if kept.is_empty() { before.to_owned() } else { format!("{before}?{}", kept.join("&")) }
    } else {
        url.to_owned()
    };
    if let Some(roots) = &mut options.roots
        && is_url
    {
        let decoded = percent_encoding::percent_decode_str(roots).decode_utf8();
        *roots =
            decoded.map_err(|_| StoreError::Address("sslrootcert is not a path".to_owned()))?.into_owned();
    }
    Ok((rest, options))
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

fn client_config(config: &Config, roots: Option<&str>) -> Result<ClientConfig, StoreError> {
    let mut trusted = RootCertStore::empty();
    if config.get_ssl_mode() != SslMode::Disable {
        match roots {
            Some(path) => {
                let failed = |reason: String| StoreError::Address(format!("sslrootcert {path}: {reason}"));
                let certificates = CertificateDer::pem_file_iter(Path::new(path))
                    .map_err(|error| failed(error.to_string()))?;
                for certificate in certificates {
                    let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                    trusted.add(certificate).map_err(|error| failed(error.to_string()))?;
                }
                if trusted.is_empty() {
                    return Err(failed("it has no certificate".to_owned()));
                }
            }
            None => {
                // What the operating system has and nobody can read is as if it weren't there.
                trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Address(error.to_string()))?;
    Ok(builder.with_root_certificates(trusted).with_no_client_auth())
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
            "postgres://a:secret@db.example/x?nonsense=1",
        ] {
            match Address::parse(url) {
                Err(StoreError::Address(reason)) => assert!(!reason.contains("secret"), "{reason}"),
                other => panic!("{url}: {:?}", other.map(|_| "an address")),
            }
        }
    }
}
