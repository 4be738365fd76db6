//! How a server is told to behave: one struct, from defaults, file, environment and flags.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

/// Everything that can be set. Each field is a key of the TOML file; in the environment it is
/// `HEADWATER_` and the key in capitals, as a flag it has hyphens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The folder with the database.
    pub data: PathBuf,
    /// A PostgreSQL database to keep everything in, instead of in the folder.
    pub database_url: Option<DatabaseUrl>,
    /// How many connections to the database are held at most.
    pub database_connections: usize,
    /// How long a PostgreSQL database may leave a read or a transaction without an answer, in seconds.
    pub database_timeout_seconds: u64,
    /// A file with the server's key, 32 bytes in Base64, under which secrets are kept for a while;
    /// without it `server.key` in the data folder, which is made where it is missing, or a key that is
    /// kept in the PostgreSQL database.
    pub key_file: Option<PathBuf>,
    /// What absolute URLs are made from, such as `https://id.example.com`. Without it they are
    /// made from the request.
    pub public_url: Option<String>,
    /// The networks of proxies whose `Forwarded` and `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The form of the log.
    pub log_format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, or directives such as
    /// `info,headwater_server=debug`. Every request is an event at `debug`.
    pub log: String,
    /// The longest request body, in bytes.
    pub max_body_bytes: usize,
    /// The longest bulk request, in bytes.
    pub max_bulk_bytes: usize,
    /// For how long a cursor of a list is good, in seconds.
    pub cursor_timeout_seconds: u64,
    /// How many requests are worked on at once; others get 503 with `Retry-After`.
    pub max_concurrent_requests: usize,
    /// How many connections are held at once; others wait.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, and then its body, in seconds.
    pub read_timeout_seconds: u64,
    /// How long a client may leave its answer unread before the connection is closed, in seconds.
    pub write_timeout_seconds: u64,
    /// How long requests in flight may take to finish once the server is told to stop, in seconds.
    pub shutdown_timeout_seconds: u64,
}

/// The URL of a database, with the password that may be in it. It is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DatabaseUrl(…)")
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: PathBuf::from("./data"),
            database_url: None,
            database_connections: 32,
            database_timeout_seconds: 30,
            key_file: None,
            public_url: None,
            trusted_proxies: Vec::new(),
            log_format: LogFormat::Text,
            log: "info".to_owned(),
            max_body_bytes: 1024 * 1024,
            max_bulk_bytes: 8 * 1024 * 1024,
            cursor_timeout_seconds: 3_600,
            max_concurrent_requests: 1_024,
            max_connections: 4_096,
            read_timeout_seconds: 30,
            write_timeout_seconds: 60,
            shutdown_timeout_seconds: 30,
        }
    }
}

impl Configuration {
    /// Whether every number is one that a server can work with.
    ///
    /// # Errors
    /// The key and the bounds that it breaks.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        const DAY: u64 = 86_400;
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let bounds = [
            ("database_connections", number(self.database_connections), 10_000),
            ("database_timeout_seconds", self.database_timeout_seconds, DAY),
            ("max_body_bytes", number(self.max_body_bytes), 1 << 30),
            ("max_bulk_bytes", number(self.max_bulk_bytes), 1 << 30),
            ("cursor_timeout_seconds", self.cursor_timeout_seconds, 365 * DAY),
            ("max_concurrent_requests", number(self.max_concurrent_requests), 1_000_000),
            ("max_connections", number(self.max_connections), 1_000_000),
            ("read_timeout_seconds", self.read_timeout_seconds, DAY),
            ("write_timeout_seconds", self.write_timeout_seconds, DAY),
            ("shutdown_timeout_seconds", self.shutdown_timeout_seconds, DAY),
        ];
        match bounds.into_iter().find(|(_, value, most)| *value == 0 || value > most) {
            Some((key, value, most)) => Err(OutOfBounds { key, value, most }),
            None => Ok(()),
        }
    }
}

/// A number that a server can't work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value} can't be used; it has to be from 1 to {most}")]
pub struct OutOfBounds {
    /// The key in the file.
    pub key: &'static str,
    /// The number.
    pub value: u64,
    /// The greatest that is possible.
    pub most: u64,
}

/// A `public_url` that absolute URLs can't be made from. It is not repeated, as there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the public URL has the form https://host[:port][/path], without user, password and query")]
pub struct InvalidPublicUrl;

/// Checks a public URL, and takes slashes off its end.
///
/// # Errors
/// The text has another form.
pub fn public_url(text: &str) -> Result<String, InvalidPublicUrl> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or(InvalidPublicUrl)?;
    let uri: hyper::Uri = text.parse().map_err(|_| InvalidPublicUrl)?;
    let plain =
        uri.query().is_none() && !text.contains(['#', '@']) && !rest.starts_with('/') && !rest.is_empty();
    if plain { Ok(text.trim_end_matches('/').to_owned()) } else { Err(InvalidPublicUrl) }
}

#[cfg(test)]
mod tests {
    use super::public_url;

    #[test]
    fn public_urls() {
        assert_eq!(public_url("https://id.example.com/").as_deref(), Ok("https://id.example.com"));
        assert_eq!(
            public_url("http://localhost:8080/headwater").as_deref(),
            Ok("http://localhost:8080/headwater")
        );
        for bad in [
            "",
            "id.example.com",
            "https://",
            "https:///x",
            "ftp://x",
            "https://a?b",
            "https://a#b",
            "https://u@h",
        ] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
    }
}
