//! What can be said on the command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;

/// Headwater is a directory server that identity providers provision users and groups into.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such source, token or administrator, 4 a slug,
/// an e-mail address or another value is taken.
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
    /// Make, list and disable administrators, and reset their passwords
    #[command(subcommand)]
    Admin(AdminCommand),
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
    /// A file with the server's key, 32 bytes in Base64 [default: server.key in the data folder,
    /// made where it is missing]
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

/// Where the data is and how the outcome is printed.
#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// The folder with the database
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR", default_value = "./data")]
    pub(crate) data: PathBuf,
    /// A file with the server's key [default: server.key in the data folder]
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
