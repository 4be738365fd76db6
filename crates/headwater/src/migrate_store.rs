//! `headwater migrate-store`.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use headwater_server::administration::KeyOfFolder;
use headwater_store::{
    Records, StoreError,
    postgres::PostgresStore,
    sqlite::{self, SqliteStore},
    transfer::{MovedTable, Stage, Step, Transfer},
};
use serde_json::{Value, json};

use crate::{
    arguments::MigrateStoreArguments,
    data_lock::DataLock,
    failure::Failure,
    output::{self, say},
    workplace,
};

/// How often it is said how far a large table is.
const EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn run(arguments: MigrateStoreArguments) -> Result<(), Failure> {
    let (from, to) = (Location::read("--from", &arguments.from)?, Location::read("--to", &arguments.to)?);
    if from.is_same(&to) {
        return Err(Failure::Usage("--from and --to are the same".to_owned()));
    }
    let from = from.open_source().await.map_err(|failure| at("--from", failure))?;
    let to = to.open_target().await.map_err(|failure| at("--to", failure))?;
    let report = if arguments.json { None } else { Some(Mutex::new(None)) };
    let report = move |step| report.iter().for_each(|last| tell(last, step));
    let transfer = Transfer::begin(from.records(), to.records(), report).await?;
    let (origin, target) = transfer.places();
    let tables = transfer.run().await?;
    let key = move_key(&from, &to).await?;
    transfer.finish().await?;
    if arguments.json {
        output::json(&described(&origin, &target, &tables, &key));
        return Ok(());
    }
    say!();
    let row =
        |table: &MovedTable| vec![table.name.to_owned(), table.rows.to_string(), table.checksum.clone()];
    output::table(&["TABLE", "ROWS", "CHECKSUM"], &tables.iter().map(row).collect::<Vec<_>>());
    say!("\nEverything is in {target} now, and was compared with {origin}, which is left as it was.");
    say!("{}", key.sentence());
    Ok(())
}

/// A place as it is given.
enum Location {
    Folder(PathBuf),
    Database(String),
}

impl Location {
    /// A URL, `key=value` pairs as libpq has them, or else a folder. What may have a password in it, and is neither
    /// of these, is refused and not repeated: no folder is made that is called so.
    fn read(option: &str, text: &str) -> Result<Self, Failure> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Database(text.to_owned()));
        }
        if !text.trim().is_empty() && Path::new(text).exists() {
            return Ok(Self::Folder(text.into()));
        }
        if is_pairs(text) {
            return Ok(Self::Database(text.to_owned()));
        }
        if text.trim().is_empty() || is_like_url(text) {
            let expected = "a data folder or a URL that begins with postgres:// is expected";
            return Err(Failure::Usage(format!("{option}: {expected}")));
        }
        Ok(Self::Folder(text.into()))
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(one), Self::Folder(other)) => {
                let known = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
                known(one) == known(other)
            }
            (Self::Database(one), Self::Database(other)) => one == other,
            _ => false,
        }
    }

    async fn open_source(self) -> Result<Open, Failure> {
        Ok(match self {
            Self::Folder(folder) => {
                if !sqlite::has_data(&folder)? {
                    return Err(StoreError::NoData(folder.display().to_string()).into());
                }
                let lock = DataLock::take(&folder)?;
                Open::Folder { store: SqliteStore::open_existing(&folder)?, folder, _lock: lock }
            }
            Self::Database(url) => {
                Open::Database(PostgresStore::connect_existing(&url, workplace::limits()).await?)
            }
        })
    }

    async fn open_target(self) -> Result<Open, Failure> {
        Ok(match self {
            Self::Folder(folder) => {
                let lock = DataLock::take(&folder)?;
                Open::Folder { store: SqliteStore::open_incomplete(&folder)?, folder, _lock: lock }
            }
            Self::Database(url) => {
                Open::Database(PostgresStore::connect_incomplete(&url, workplace::limits()).await?)
            }
        })
    }
}

/// Whether a text has `key=value` pairs, or is meant to: values can have spaces in quotes, and there can be spaces
/// around the sign.
fn is_pairs(text: &str) -> bool {
    const FIRST: [&str; 8] =
        ["host", "hostaddr", "port", "user", "password", "dbname", "sslmode", "application_name"];
    let Some((first, _)) = text.split_once('=') else { return false };
    FIRST.contains(&first.trim())
        || text.contains("password")
        || text.split_whitespace().all(|word| word.contains('='))
}

/// Whether a text is a URL of some kind, or a part of one that may name a user. A path that begins like one is not.
fn is_like_url(text: &str) -> bool {
    let is_path = text.starts_with(['/', '.']) && !text.starts_with("//");
    let has_scheme = text.split_once("://").is_some_and(|(scheme, _)| !scheme.contains('/'));
    has_scheme
        || text.starts_with("postgres:")
        || text.starts_with("postgresql:")
        || !is_path && text.split_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// A place that is worked with. In a folder no server can start in the meantime.
enum Open {
    Folder { store: SqliteStore, folder: PathBuf, _lock: DataLock },
    Database(PostgresStore),
}

impl Open {
    fn records(&self) -> Records {
        match self {
            Self::Folder { store, .. } => store.clone().into(),
            Self::Database(store) => store.clone().into(),
        }
    }

    /// The server's key, where it is kept with the data.
    async fn key(&self) -> Result<KeyOfFolder, Failure> {
        Ok(match self {
            Self::Folder { folder, .. } => KeyOfFolder::find(folder)?,
            Self::Database(store) => store.kept_key().await?.map_or(KeyOfFolder::None, KeyOfFolder::Inside),
        })
    }

    async fn keep_key(&self, key: [u8; 32]) -> Result<(), Failure> {
        match self {
            Self::Folder { folder, .. } => Ok(KeyOfFolder::keep(folder, key)?),
            Self::Database(store) => Ok(store.keep_key(key).await?),
        }
    }
}

/// What has become of the server's key.
enum Key {
    Moved,
    Elsewhere(PathBuf),
    None,
}

impl Key {
    fn sentence(&self) -> String {
        match self {
            Self::Moved => "The server's key is there too.".to_owned(),
            Self::Elsewhere(file) => {
                format!("The server's key is in {} as before: start servers with --key-file.", file.display())
            }
            Self::None => {
                "There was no key of the server beside it: where servers had --key-file, give them the \
                           same now."
                    .to_owned()
            }
        }
    }
}

/// Takes the server's key along, unless it is kept apart from the data: that was somebody's decision.
async fn move_key(from: &Open, to: &Open) -> Result<Key, Failure> {
    Ok(match from.key().await? {
        KeyOfFolder::Inside(key) => {
            to.keep_key(key).await?;
            Key::Moved
        }
        KeyOfFolder::Elsewhere(file) => Key::Elsewhere(file),
        KeyOfFolder::None => Key::None,
    })
}

/// Says at which end something went wrong.
fn at(end: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Usage(reason) => Failure::Usage(format!("{end}: {reason}")),
        Failure::Store(error @ StoreError::Address(_)) => Failure::Usage(format!("{end}: {error}")),
        failure => Failure::Other(format!("{end}: {failure}")),
    }
}

/// Says that a table is done, and now and then how far it is.
fn tell(last: &Mutex<Option<(Stage, Instant)>>, step: Step) {
    let Ok(mut last) = last.lock() else { return };
    let Step { stage, table, rows, complete } = step;
    let is_due = last.is_none_or(|(said, at)| said != stage || at.elapsed() > EVERY);
    if !is_due && (stage == Stage::Comparing || !complete) {
        return;
    }
    *last = Some((stage, Instant::now()));
    match (stage, complete) {
        (Stage::Copying, false) => say!("{table}: {rows} rows so far"),
        (Stage::Copying, true) => say!("{table}: {rows} rows"),
        (Stage::Comparing, _) => say!("comparing {table}: {rows} rows so far"),
    }
}

fn described(origin: &str, target: &str, tables: &[MovedTable], key: &Key) -> Value {
    let table =
        |table: &MovedTable| json!({"name": table.name, "rows": table.rows, "checksum": table.checksum});
    json!({
        "from": origin,
        "to": target,
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
        "key_moved": matches!(key, Key::Moved),
    })
}
