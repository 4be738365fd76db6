//! What commands and the server work with: a data folder, or a database.

use std::{path::Path, sync::Arc};

use headwater_server::{
    administration::{Administration, Vault},
    clock::{Random, SystemClock, SystemRandom, Uuids},
    configuration,
};
use headwater_store::{
    Act, Actor, Records, StoreError,
    postgres::{PoolLimits, PostgresStore},
    sqlite::SqliteStore,
};

use crate::{
    arguments::{DataArguments, UrlArguments},
    data_lock,
    failure::Failure,
};

/// Where `headwater serve` listens unless it is told otherwise.
const DEFAULT_ORIGIN: &str = "http://127.0.0.1:8080";
/// How many connections a command holds.
const CONNECTIONS_OF_COMMANDS: usize = 4;

/// The administration of a data folder, which is made where it is missing, or of a database.
pub(crate) async fn open(data: &DataArguments) -> Result<Administration, Failure> {
    match &data.database_url {
        Some(url) => of_database(url, data).await,
        None => of_folder(SqliteStore::open(&data.data)?.into(), data),
    }
}

/// The administration of a data folder that has data already, or of a database.
pub(crate) async fn open_existing(data: &DataArguments) -> Result<Administration, Failure> {
    match &data.database_url {
        Some(url) => of_database(url, data).await,
        None => of_folder(records(data).await?, data),
    }
}

/// The records of a data folder that has data already, or of a database.
pub(crate) async fn records(data: &DataArguments) -> Result<Records, Failure> {
    Ok(match &data.database_url {
        Some(url) => connect(url).await?.into(),
        None => SqliteStore::open_existing(&data.data)?.into(),
    })
}

async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::connect(url, limits()).await
}

/// The bounds of a command's connections.
pub(crate) fn limits() -> PoolLimits {
    PoolLimits { connections: CONNECTIONS_OF_COMMANDS, ..PoolLimits::default() }
}

fn of_folder(store: Records, data: &DataArguments) -> Result<Administration, Failure> {
    let vault = Vault::open(&data.data, data.key_file.as_deref(), Arc::new(SystemRandom))?;
    Ok(administration(store, vault))
}

async fn of_database(url: &str, data: &DataArguments) -> Result<Administration, Failure> {
    let store = connect(url).await?;
    let vault = vault(&store, data.key_file.as_deref(), Arc::new(SystemRandom)).await?;
    Ok(administration(store.into(), vault))
}

fn administration(store: Records, vault: Vault) -> Administration {
    let random = Arc::new(SystemRandom);
    Administration::new(store, Arc::new(SystemClock), random, Arc::new(Uuids::default()), vault)
}

/// The vault of all replicas on a database: with the key of a file, or else with one that is kept in
/// the database, where the first makes it.
pub(crate) async fn vault(
    store: &PostgresStore,
    key_file: Option<&Path>,
    random: Arc<dyn Random>,
) -> Result<Vault, Failure> {
    if let Some(file) = key_file {
        return Ok(Vault::of_file(file, random)?);
    }
    let mut fresh = [0; 32];
    random.fill(&mut fresh);
    Ok(Vault::with_key(store.server_key(fresh).await?, random))
}

/// What is done by whoever has a shell.
pub(crate) fn act(administration: &Administration) -> Act {
    administration.act(Actor::CommandLine, None)
}

/// What URLs start with: as told, else as the server on the data has announced it.
pub(crate) async fn origin(url: &UrlArguments, data: &DataArguments) -> Result<String, Failure> {
    if let Some(url) = &url.public_url {
        return configuration::public_url(url).map_err(|error| Failure::Usage(error.to_string()));
    }
    let announced = match &data.database_url {
        Some(url) => connect(url).await?.announced().await?,
        None => data_lock::announced(&data.data),
    };
    Ok(announced.unwrap_or_else(|| DEFAULT_ORIGIN.to_owned()))
}
