//! What can be said on the command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

/// Headwater is a directory server that identity providers provision users and groups into.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage or a definition that can't be used, 3 no such source,
/// token, schema or administrator, 4 a slug, an e-mail address or another value is taken, or something
/// is still in use.
#[derive(Debug, Parser)]
#[command(name = "headwater", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(ServeArguments),
    /// Make, show, change and delete SCIM sources
    #[command(subcommand)]
    Source(SourceCommand),
    /// Make, list and revoke the tokens of a source
    #[command(subcommand)]
    Token(TokenCommand),
    /// Show, add and remove the schemas of a source, and attributes of schemas that are built in
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Show, add and remove the resource types of a source
    #[command(subcommand)]
    ResourceType(ResourceTypeCommand),
    /// Show the attributes that clients send and no schema knows, and add them to the schemas
    #[command(subcommand)]
    Attribute(AttributeCommand),
    /// Make, list and disable administrators, and reset their passwords
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Move everything to another data folder or database; ended half way, it goes on when it is run again
    MigrateStore(MigrateStoreArguments),
}

/// Options that are not given here are taken from the environment, then from the file, then from
/// the defaults.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// A TOML file with any of the options below as keys (listen = "…", max_body_bytes = …)
    #[arg(long, env = "HEADWATER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "HEADWATER_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The folder with the database [default: ./data]
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A PostgreSQL database to keep everything in instead of in the folder, such as
    /// postgres://headwater@db.example.com/headwater; better given in the environment or in the file,
    /// where nobody sees its password
    #[arg(long, env = "HEADWATER_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// How many connections to the database are held at most [default: 32]
    #[arg(long, env = "HEADWATER_DATABASE_CONNECTIONS", value_name = "N")]
    pub(crate) database_connections: Option<usize>,
    /// How long a PostgreSQL database may leave a read or a transaction without an answer, in seconds
    /// [default: 30]
    #[arg(long, env = "HEADWATER_DATABASE_TIMEOUT_SECONDS", value_name = "N")]
    pub(crate) database_timeout_seconds: Option<u64>,
    /// A file with the server's key, 32 bytes in Base64 [default: server.key in the data folder,
    /// made where it is missing, or a key that is kept in the database]
    #[arg(long, env = "HEADWATER_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// What absolute URLs are made from, such as https://id.example.com [default: the request]
    #[arg(long, env = "HEADWATER_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Networks of proxies whose Forwarded and X-Forwarded-* headers are believed
    #[arg(long, env = "HEADWATER_TRUSTED_PROXIES", value_name = "CIDR,…", value_delimiter = ',')]
    pub(crate) trusted_proxies: Option<Vec<IpNet>>,
    /// The form of the log [default: text]
    #[arg(long, env = "HEADWATER_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, or directives [default: info]
    #[arg(long, env = "HEADWATER_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// The longest request body, in bytes [default: 1048576]
    #[arg(long, env = "HEADWATER_MAX_BODY_BYTES", value_name = "N")]
    pub(crate) max_body_bytes: Option<usize>,
    /// The longest bulk request, in bytes [default: 8388608]
    #[arg(long, env = "HEADWATER_MAX_BULK_BYTES", value_name = "N")]
    pub(crate) max_bulk_bytes: Option<usize>,
    /// For how long a cursor of a list is good, in seconds [default: 3600]
    #[arg(long, env = "HEADWATER_CURSOR_TIMEOUT_SECONDS", value_name = "N")]
    pub(crate) cursor_timeout_seconds: Option<u64>,
    /// How many requests are worked on at once [default: 1024]
    #[arg(long, env = "HEADWATER_MAX_CONCURRENT_REQUESTS", value_name = "N")]
    pub(crate) max_concurrent_requests: Option<usize>,
    /// How many connections are held at once [default: 4096]
    #[arg(long, env = "HEADWATER_MAX_CONNECTIONS", value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// How long a client may take to send the head of a request, and then its body, in seconds
    /// [default: 30]
    #[arg(long, env = "HEADWATER_READ_TIMEOUT_SECONDS", value_name = "N")]
    pub(crate) read_timeout_seconds: Option<u64>,
    /// How long a client may leave its answer unread, in seconds [default: 60]
    #[arg(long, env = "HEADWATER_WRITE_TIMEOUT_SECONDS", value_name = "N")]
    pub(crate) write_timeout_seconds: Option<u64>,
    /// How long requests in flight may take once the server is told to stop, in seconds [default: 30]
    #[arg(long, env = "HEADWATER_SHUTDOWN_TIMEOUT_SECONDS", value_name = "N")]
    pub(crate) shutdown_timeout_seconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// Each place is a data folder or the URL of a PostgreSQL database. The log of requests, sessions, and
/// answers that are kept for idempotency keys stay behind.
#[derive(Debug, Args)]
pub(crate) struct MigrateStoreArguments {
    /// Where everything is; no server may run on it
    #[arg(long, env = "HEADWATER_MIGRATE_FROM", hide_env_values = true, value_name = "DIR|URL")]
    pub(crate) from: String,
    /// Where it is to be: an empty or missing folder, or an empty database; a URL with a password is
    /// better given in the environment
    #[arg(long, env = "HEADWATER_MIGRATE_TO", hide_env_values = true, value_name = "DIR|URL")]
    pub(crate) to: String,
    /// Print JSON at the end instead of text for people
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the data is and how the outcome is printed.
#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// The folder with the database
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR", default_value = "./data")]
    pub(crate) data: PathBuf,
    /// The PostgreSQL database that the server keeps everything in, instead of the folder
    #[arg(long, env = "HEADWATER_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// A file with the server's key [default: server.key in the data folder, or the database's]
    #[arg(long, env = "HEADWATER_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Print JSON instead of text for people
    #[arg(long)]
    pub(crate) json: bool,
}

/// What base URLs are made from.
#[derive(Debug, Args)]
pub(crate) struct UrlArguments {
    /// What the server's URL is for its clients, to print base URLs with [default: that of the
    /// server which runs on the data, or last did]
    #[arg(long, env = "HEADWATER_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Make a source with its service account and first token; the token is shown once
    Create {
        /// The name for people, such as "Contoso Entra ID"
        name: String,
        /// The name in the URL [default: made from the name]
        #[arg(long)]
        slug: Option<String>,
        /// Whether two groups may not have the same displayName
        #[arg(long, value_enum, default_value = "on")]
        unique_group_names: Switch,
        /// The identity provider that it is for; the web UI shows the steps for it
        #[arg(long, value_enum, default_value = "other")]
        provider: Provider,
        #[command(flatten)]
        protocol: ProtocolArguments,
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// List all sources
    List {
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Show one source and how much it holds
    Show {
        /// The name in the URL
        slug: String,
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Change the name, the provider or a switch of a source
    Set {
        /// The name in the URL
        slug: String,
        /// The name for people
        #[arg(long)]
        name: Option<String>,
        /// Whether two groups may not have the same displayName
        #[arg(long, value_enum)]
        unique_group_names: Option<Switch>,
        /// The identity provider that it is for
        #[arg(long, value_enum)]
        provider: Option<Provider>,
        #[command(flatten)]
        protocol: ProtocolArguments,
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Let the clients of a source in again
    Enable {
        /// The name in the URL
        slug: String,
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Refuse the clients of a source (403) and keep its data
    Disable {
        /// The name in the URL
        slug: String,
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Delete a source with all its users, groups and history
    Delete {
        /// The name in the URL
        slug: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        data: DataArguments,
    },
}

/// How a source keeps to the protocol.
#[derive(Debug, Args)]
pub(crate) struct ProtocolArguments {
    /// Which rules it obeys where several can be obeyed [a new source: rfc]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,
    /// Whether passwords that clients set are kept, as Argon2id hashes; turned off, those that are kept
    /// are forgotten [a new source: off]
    #[arg(long, value_enum)]
    pub(crate) keep_passwords: Option<Switch>,
    /// What is left out of /Schemas for clients that refuse what they find there: attributes, such as
    /// password or emails.display, and schemas by their URN; an empty text leaves nothing out
    #[arg(long, value_name = "PATH,…")]
    pub(crate) hide: Option<String>,
}

impl ProtocolArguments {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.profile.is_none() && self.keep_passwords.is_none() && self.hide.is_none()
    }

    /// What is to be left out of `/Schemas`.
    pub(crate) fn hidden(&self) -> Option<Vec<String>> {
        let entries = self.hide.as_deref()?.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Some(entries.map(str::to_owned).collect())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// RFC 7643 and 7644, lenient towards what real clients send
    Rfc,
    /// The SCIM interoperability profile, where it is stricter than the RFC
    Interop,
}

impl From<Profile> for headwater_store::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Rfc => Self::Rfc,
            Profile::Interop => Self::Interop,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Provider {
    /// Microsoft Entra ID
    Entra,
    /// Okta
    Okta,
    /// Google Workspace
    Google,
    /// OneLogin
    #[value(name = "onelogin")]
    OneLogin,
    /// JumpCloud
    #[value(name = "jumpcloud")]
    JumpCloud,
    /// PingOne
    Ping,
    /// Any other SCIM 2.0 client
    Other,
}

impl From<Provider> for headwater_store::Provider {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Entra => Self::Entra,
            Provider::Okta => Self::Okta,
            Provider::Google => Self::Google,
            Provider::OneLogin => Self::OneLogin,
            Provider::JumpCloud => Self::JumpCloud,
            Provider::Ping => Self::Ping,
            Provider::Other => Self::Other,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown once
    Create {
        /// The source's name in the URL
        slug: String,
        /// When it stops being valid: a span such as 90d or 12h, or a moment such as 2027-01-31T00:00:00Z
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
        #[command(flatten)]
        data: DataArguments,
    },
    /// List the tokens of a source, without their secrets
    List {
        /// The source's name in the URL
        slug: String,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Revoke a token for good; a running server refuses it at once
    Revoke {
        /// The source's name in the URL
        slug: String,
        /// The token's id, as `token list` shows it
        #[arg(value_parser = token_id)]
        id: uuid::Uuid,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// List the schemas of a source: those that are built in, and its own
    List {
        /// The source's name in the URL
        slug: String,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Print a schema as JSON (RFC 7643 §7), as `schema put` takes it
    Show {
        /// The source's name in the URL
        slug: String,
        /// The URN of the schema
        urn: String,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Make a schema, or replace it; under the URN of one that is built in, its attributes are added to it
    Put {
        /// The source's name in the URL
        slug: String,
        /// A file with the schema as JSON (RFC 7643 §7); - is standard input
        file: PathBuf,
        /// A resource type that it is to be an extension of
        #[arg(long, value_name = "TYPE")]
        extends: Option<String>,
        /// Refuse resources of that type without it
        #[arg(long, requires = "extends")]
        required: bool,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Remove a schema of the source's own, or the attributes that were added to one that is built in
    Remove {
        /// The source's name in the URL
        slug: String,
        /// The URN of the schema
        urn: String,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ResourceTypeCommand {
    /// List the resource types of a source: those that are built in, and its own
    List {
        /// The source's name in the URL
        slug: String,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Make a resource type, or replace it; to one that is built in, extensions and searchable paths are added
    Put {
        /// The source's name in the URL
        slug: String,
        /// A file with the resource type as JSON (RFC 7643 §6, and "searchable": a list of paths); - is
        /// standard input
        file: PathBuf,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Remove a resource type without resources, or what was added to one that is built in
    Remove {
        /// The source's name in the URL
        slug: String,
        /// The name of the resource type
        name: String,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AttributeCommand {
    /// List the attributes that clients of a source send and no schema knows
    Unknown {
        /// The source's name in the URL
        slug: String,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Add one of them to the schemas, with the type that was seen
    Adopt {
        /// The source's name in the URL
        slug: String,
        /// The type of the resources that it was sent for, such as User
        #[arg(value_name = "TYPE")]
        resource_type: String,
        /// Its path as `attribute unknown` lists it, or the URN of an extension for all of its attributes
        path: String,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make an administrator; prints a one-time link by which they set their password
    Create {
        /// The e-mail address, which one signs in with
        email: String,
        /// The name for people [default: the e-mail address]
        #[arg(long)]
        name: Option<String>,
        /// What they may do
        #[arg(long, value_enum, default_value = "administrator")]
        role: Role,
        /// Read the password from standard input instead of making a link
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// List everybody who may sign in
    List {
        #[command(flatten)]
        data: DataArguments,
    },
    /// Sign an administrator out everywhere and print a one-time link by which they set a new password
    ResetPassword {
        /// The e-mail address
        email: String,
        /// Read the new password from standard input instead of making a link
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        url: UrlArguments,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Keep an administrator out, and sign them out everywhere
    Disable {
        /// The e-mail address
        email: String,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Let an administrator in again
    Enable {
        /// The e-mail address
        email: String,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// May do everything
    Administrator,
    /// May see everything and change nothing
    Auditor,
}

fn token_id(text: &str) -> Result<uuid::Uuid, String> {
    text.parse().map_err(|_| "it is not a token's id".to_owned())
}
