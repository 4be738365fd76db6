//! `headwater serve`.

use std::{
    io::IsTerminal,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_server::{
    Context,
    administration::{Administration, AdministrationError, Invitation, Vault},
    clock::{Clock, SystemClock, SystemRandom, Uuids},
    configuration::{self, Configuration, DatabaseUrl, LogFormat},
    provisioning::Room,
    tokens::TokenUses,
    unknown_attributes::UnknownAttributes,
};
use headwater_store::{
    Actor, Records, Store, StoreError,
    postgres::{PoolLimits, PostgresStore},
    requests::{NoRequestLog, RequestLog},
    sqlite::{SqliteRequestLog, SqliteStore},
};
use tokio::{runtime::Handle, sync::watch, task::block_in_place};
use tracing_log::{AsLog, LogTracer};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::{
    arguments::{self, ServeArguments},
    data_lock::DataLock,
    failure::Failure,
    open_files,
    output::{say, unprinted},
    workplace,
};

/// How long a start waits for the database.
const MOST_WAIT: Duration = Duration::from_mins(1);
/// How long it is waited between two tries.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

pub(crate) async fn serve(arguments: ServeArguments) -> Result<(), Failure> {
    let mut configuration = configuration(arguments)?;
    start_log(&configuration)?;
    open_files::leave_some(&mut configuration);
    let (clock, random, uuids) = (Arc::new(SystemClock), Arc::new(SystemRandom), Arc::new(Uuids::default()));
    let Backend { store, records, requests, vault, mut notices } = match &configuration.database_url {
        Some(url) => on_postgres(url, &configuration, random.clone()).await?,
        None => on_sqlite(&configuration, random.clone())?,
    };
    let administration = Administration::new(records, clock.clone(), random.clone(), uuids.clone(), vault);
    let invitation = invite_first(&administration).await?;
    let context = Arc::new(Context {
        store,
        requests,
        started: clock.now(),
        clock,
        random,
        uuids,
        administration,
        configuration,
        token_uses: TokenUses::default(),
        unknown_attributes: UnknownAttributes::default(),
        room: Room::default(),
        streams: headwater_server::api::Streams::default(),
        stopping: watch::Sender::new(false),
    });
    let stop = stop_signal();
    let ready = |origin: &str| {
        notices.announce(origin);
        if let Some(invitation) = &invitation {
            // Not by the log, which others may keep: it is for whoever starts the server.
            say!(
                "\nNobody can sign in yet. Make the first administrator with this link, which works once:\n"
            );
            say!("  {}\n", invitation.link(origin));
            if let Some(reason) = unprinted() {
                tracing::error!(
                    reason,
                    "the link for the first administrator can't be printed; `headwater admin create` makes one"
                );
            }
        }
    };
    headwater_server::serve(context, ready, stop).await?;
    drop(notices);
    Ok(())
}

/// Makes a link for the first administrator, where nobody can sign in yet. The server goes without where the store
/// takes nothing at the moment, such as that it has no room: identity providers can read all the same.
async fn invite_first(administration: &Administration) -> Result<Option<Invitation>, Failure> {
    if !administration.needs_setup().await? {
        return Ok(None);
    }
    match administration.invite_first(administration.act(Actor::Server, None)).await {
        Err(AdministrationError::Store(error)) if error.is_passing() => {
            let place = administration.store().place();
            tracing::error!(%error, "the first administrator can't be invited in {place}; when it takes changes again, `headwater admin create` makes one");
            Ok(None)
        }
        invited => Ok(invited?),
    }
}

/// What the server keeps everything in.
struct Backend {
    store: Arc<dyn Store>,
    records: Records,
    requests: Arc<dyn RequestLog>,
    vault: Vault,
    notices: NoticeBoard,
}

/// Where commands look for what the server has announced.
enum NoticeBoard {
    Folder(DataLock),
    Database(PostgresStore),
}

impl NoticeBoard {
    /// Writes down what URLs of this server start with.
    fn announce(&mut self, origin: &str) {
        match self {
            Self::Folder(lock) => lock.announce(origin),
            Self::Database(store) => {
                let announce = store.announce(origin.to_owned());
                // Before the first request: whoever makes a source then is told the right URL.
                let announced = block_in_place(|| Handle::current().block_on(announce));
                if let Err(error) = announced {
                    tracing::debug!(%error, "the server's URL could not be written down");
                }
            }
        }
    }
}

fn on_sqlite(configuration: &Configuration, random: Arc<SystemRandom>) -> Result<Backend, Failure> {
    let lock = DataLock::take(&configuration.data)?;
    let store = SqliteStore::open(&configuration.data)?;
    let records = Records::from(store.clone());
    let requests = request_log(&configuration.data, records.clone());
    let vault = Vault::open(&configuration.data, configuration.key_file.as_deref(), random)?;
    Ok(Backend { store: Arc::new(store), records, requests, vault, notices: NoticeBoard::Folder(lock) })
}

async fn on_postgres(
    url: &DatabaseUrl,
    configuration: &Configuration,
    random: Arc<SystemRandom>,
) -> Result<Backend, Failure> {
    let limits = PoolLimits {
        connections: configuration.database_connections,
        answer: Duration::from_secs(configuration.database_timeout_seconds),
        ..PoolLimits::default()
    };
    let store = connect(url, limits).await?;
    let vault = workplace::vault(&store, configuration.key_file.as_deref(), random).await?;
    Ok(Backend {
        store: Arc::new(store.clone()),
        records: store.clone().into(),
        requests: Arc::new(store.request_log().await?),
        vault,
        notices: NoticeBoard::Database(store),
    })
}

/// Connects, and waits for a database that can't be reached: it may be starting too, or failing over.
async fn connect(url: &DatabaseUrl, limits: PoolLimits) -> Result<PostgresStore, StoreError> {
    let until = Instant::now() + MOST_WAIT;
    loop {
        match PostgresStore::connect(url.reveal(), limits).await {
            Err(error @ StoreError::Unavailable(_)) if Instant::now() < until => {
                tracing::warn!(%error, "waiting for the database");
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            connected => return connected,
        }
    }
}

/// The log of requests. The directory is served without one rather than not at all.
fn request_log(folder: &Path, records: Records) -> Arc<dyn RequestLog> {
    // The log's writer is a thread of its own: it may wait.
    let runtime = Handle::current();
    let resolve = move |slug: &str| Some(runtime.block_on(records.source(slug)).ok()?.id);
    match SqliteRequestLog::open(folder, Box::new(resolve)) {
        Ok(log) => Arc::new(log),
        Err(error) => {
            tracing::error!(%error, "there is no request log: nothing of this run will be in it");
            Arc::new(NoRequestLog::default())
        }
    }
}

/// Defaults, then the file, then environment and flags (of which clap has made one).
fn configuration(arguments: ServeArguments) -> Result<Configuration, Failure> {
    let mut configuration = match &arguments.config {
        Some(path) => read(path)?,
        None => Configuration::default(),
    };
    let ServeArguments {
        config: _,
        listen,
        data,
        database_url,
        database_connections,
        database_timeout_seconds,
        key_file,
        public_url,
        trusted_proxies,
        log_format,
        log,
        max_body_bytes,
        max_bulk_bytes,
        cursor_timeout_seconds,
        max_concurrent_requests,
        max_connections,
        read_timeout_seconds,
        write_timeout_seconds,
        shutdown_timeout_seconds,
    } = arguments;
    set(&mut configuration.listen, listen);
    set(&mut configuration.data, data);
    configuration.database_url = database_url.map(Into::into).or(configuration.database_url);
    set(&mut configuration.database_connections, database_connections);
    set(&mut configuration.database_timeout_seconds, database_timeout_seconds);
    configuration.key_file = key_file.or(configuration.key_file);
    set(&mut configuration.trusted_proxies, trusted_proxies);
    set(
        &mut configuration.log_format,
        log_format.map(|format| match format {
            arguments::LogFormat::Text => LogFormat::Text,
            arguments::LogFormat::Json => LogFormat::Json,
        }),
    );
    set(&mut configuration.log, log);
    set(&mut configuration.max_body_bytes, max_body_bytes);
    set(&mut configuration.max_bulk_bytes, max_bulk_bytes);
    set(&mut configuration.cursor_timeout_seconds, cursor_timeout_seconds);
    set(&mut configuration.max_concurrent_requests, max_concurrent_requests);
    set(&mut configuration.max_connections, max_connections);
    set(&mut configuration.read_timeout_seconds, read_timeout_seconds);
    set(&mut configuration.write_timeout_seconds, write_timeout_seconds);
    set(&mut configuration.shutdown_timeout_seconds, shutdown_timeout_seconds);
    configuration.public_url = public_url
        .or(configuration.public_url)
        .map(|url| configuration::public_url(&url).map_err(|error| Failure::Usage(error.to_string())))
        .transpose()?;
    configuration.check().map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(configuration)
}

fn set<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}

fn read(path: &Path) -> Result<Configuration, Failure> {
    let unusable = |reason: String| {
        Failure::Usage(format!("the configuration {} can't be used: {reason}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        unusable(format!("{place}{}", error.message().replace('\n', " ")))
    })
}

/// What the driver says of values that are bound to parameters, which are personal: it is never written down,
/// whatever is asked for.
const PERSONAL: &str = "tokio_postgres::query";

/// Whether each directive has a level, or looks like a target: any other word is a misspelt level, would be taken
/// for a target all the same, and nothing else be logged.
fn check_log(directives: &str) -> Result<(), String> {
    if directives.contains('[') {
        return Ok(()); // spans and their fields: whoever writes these knows what it is
    }
    let mut directives = directives.split(',').map(str::trim).filter(|one| !one.is_empty()).peekable();
    if directives.peek().is_none() {
        return Err("it says nothing; for nothing, say off".to_owned());
    }
    for directive in directives {
        let (target, level) = match directive.rsplit_once('=') {
            Some((target, level)) => (Some(target), level),
            None => (None, directive),
        };
        let is_level = !level.is_empty() && level.parse::<LevelFilter>().is_ok();
        let is_target = target.is_none() && (level.contains('_') || level.contains("::"));
        if !is_level && !is_target {
            return Err(format!(
                "{directive:?} has no level; these are error, warn, info, debug, trace and off"
            ));
        }
    }
    Ok(())
}

fn start_log(configuration: &Configuration) -> Result<(), Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::Usage(format!("log = {:?} can't be used: {error}", configuration.log))
    };
    check_log(&configuration.log).map_err(|error| unusable(&error))?;
    // The library that applies migrations tells of each; what is said behind it counts, if asked for.
    let filter = EnvFilter::try_new(format!("refinery_core=warn,{}", configuration.log))
        .map_err(|error| unusable(&error))?;
    let most = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // That the log can't be written is nothing to stop for, and can't be said either.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match configuration.log_format {
        LogFormat::Text => tracing::subscriber::set_global_default(log.finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(log.json().finish()),
    };
    started.map_err(|error| unusable(&error))?;
    // Libraries that know `log` alone.
    let others = LogTracer::builder().ignore_crate(PERSONAL).with_max_level(most.as_log());
    others.init().map_err(|error| unusable(&error))
}

/// Ends when the process is told to stop. It listens for that from now on, not only once it is
/// waited for: a server that says that it is ready can be stopped.
fn stop_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    async move {
        #[cfg(unix)]
        if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("told to stop: finishing what is in flight");
            return;
        }
        // Without handlers for signals the process ends at the first of them anyway.
        drop(tokio::signal::ctrl_c().await);
    }
}
