//! Certificates for tests: an authority, and what it vouches for.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Somebody who signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// One of this name, with a key of its own.
    ///
    /// # Panics
    /// There is no randomness.
    pub fn new(name: &str) -> Self {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("signed");
        Self { issuer }
    }

    /// Its own certificate, by which it is trusted, in PEM.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate of somebody with a name, for a server at some hosts.
    ///
    /// # Panics
    /// A host has no name that a certificate may hold.
    pub fn certify(&self, name: &str, hosts: &[&str]) -> Certified {
        let key = key();
        let certificate = params(name, hosts).signed_by(&key, &self.issuer).expect("signed");
        Certified { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).expect("names of hosts");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
