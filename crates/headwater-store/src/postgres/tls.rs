//! What a URL says of TLS: whether there is to be any, who is trusted, and what shows who we are.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_postgres::{config::SslMode, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

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
pub(super) struct TlsOptions {
    mode: Option<String>,
    roots: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl TlsOptions {
    /// Takes the options out of a URL or of pairs, and returns the rest.
    pub(super) fn taken_from(url: &str) -> Result<(String, Self), StoreError> {
        let mut options = Self::default();
        let mut take = |pair: &str| {
            let found = pair.split_once('=').and_then(|(key, value)| Some((options.option(key)?, value)));
            found.map(|(option, value)| *option = Some(value.to_owned())).is_none()
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
        if is_url {
            for key in ["sslrootcert", "sslcert", "sslkey"] {
                let Some(path) = options.option(key).and_then(Option::as_mut) else { continue };
                let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
                let decoded = decoded.map_err(|_| StoreError::Address(format!("{key} is not a path")))?;
                *path = decoded.into_owned();
            }
        }
        Ok((rest, options))
    }

    fn option(&mut self, key: &str) -> Option<&mut Option<String>> {
        Some(match key {
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.roots,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            _ => return None,
        })
    }

    /// Whether there is to be TLS. Without an `sslmode` it is required, but of a database on this machine.
    pub(super) fn mode(&self, is_local: bool) -> Result<SslMode, StoreError> {
        Ok(match self.mode.as_deref() {
            Some("disable") => SslMode::Disable,
            Some("prefer") => SslMode::Prefer,
            Some("require" | "verify-full") => SslMode::Require,
            None if is_local => SslMode::Disable,
            None => SslMode::Require,
            Some(_) => {
                let known = "sslmode is one of disable, prefer, require, verify-full";
                return Err(StoreError::Address(known.to_owned()));
            }
        })
    }

    /// TLS as the options have it. Files are read where they are needed.
    pub(super) fn tls(&self, mode: SslMode) -> Result<Tls, StoreError> {
        if self.certificate.is_some() != self.key.is_some() {
            let reason = "sslcert and sslkey are given together or not at all";
            return Err(StoreError::Address(reason.to_owned()));
        }
        let is_used = mode != SslMode::Disable;
        let trusted = if is_used { self.trusted()? } else { RootCertStore::empty() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::Address(error.to_string()))?
            .with_root_certificates(trusted);
        let config = if is_used { self.shown(builder)? } else { builder.with_no_client_auth() };
        Ok(Tls(MakeRustlsConnect::new(config)))
    }

    /// Who may have signed the server's certificate.
    fn trusted(&self) -> Result<RootCertStore, StoreError> {
        let mut trusted = RootCertStore::empty();
        let Some(path) = &self.roots else {
            // What the operating system has and nobody can read is as if it weren't there.
            trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(trusted);
        };
        for certificate in certificates("sslrootcert", path)? {
            trusted.add(certificate).map_err(|error| unusable("sslrootcert", path, error))?;
        }
        Ok(trusted)
    }

    /// The certificate that is shown to the server, if there is one.
    fn shown(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<ClientConfig, StoreError> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates("sslcert", certificate)?;
        let secret =
            PrivateKeyDer::from_pem_file(Path::new(key)).map_err(|error| unusable("sslkey", key, error))?;
        builder.with_client_auth_cert(chain, secret).map_err(|error| unusable("sslcert", certificate, error))
    }
}

/// The certificates of a file, one at least.
fn certificates(option: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let certificates = CertificateDer::pem_file_iter(Path::new(path)).and_then(Iterator::collect);
    let certificates: Vec<_> = certificates.map_err(|error| unusable(option, path, error))?;
    if certificates.is_empty() {
        return Err(unusable(option, path, "it has no certificate"));
    }
    Ok(certificates)
}

fn unusable(option: &str, path: &str, reason: impl std::fmt::Display) -> StoreError {
    StoreError::Address(format!("{option} {path}: {reason}"))
}
