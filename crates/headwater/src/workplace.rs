//! What commands on a data folder work with.

use std::sync::Arc;

use headwater_server::{
    administration::{Administration, Vault},
    clock::{SystemClock, SystemRandom, Uuids},
    configuration,
};
use headwater_store::{Act, Actor, Records, sqlite::SqliteStore};

use crate::{
    arguments::{DataArguments, UrlArguments},
    data_lock,
    failure::Failure,
};

/// Where `headwater serve` listens unless it is told otherwise.
const DEFAULT_ORIGIN: &str = "http://127.0.0.1:8080";

/// The administration of a data folder, which is made where it is missing.
pub(crate) fn open(data: &DataArguments) -> Result<Administration, Failure> {
    administration(SqliteStore::open(&data.data)?.into(), data)
}

/// The administration of a data folder that has data already.
pub(crate) fn open_existing(data: &DataArguments) -> Result<Administration, Failure> {
    administration(records(data)?, data)
}

/// The records of a data folder that has data already.
pub(crate) fn records(data: &DataArguments) -> Result<Records, Failure> {
    Ok(SqliteStore::open_existing(&data.data)?.into())
}

fn administration(store: Records, data: &DataArguments) -> Result<Administration, Failure> {
    let random = Arc::new(SystemRandom);
    let vault = Vault::open(&data.data, data.key_file.as_deref(), random.clone())?;
    Ok(Administration::new(store, Arc::new(SystemClock), random, Arc::new(Uuids::default()), vault))
}

/// What is done by whoever has a shell.
pub(crate) fn act(administration: &Administration) -> Act {
    administration.act(Actor::CommandLine, None)
}

/// What URLs start with: as told, else as the server on the data has announced it.
pub(crate) fn origin(url: &UrlArguments, data: &DataArguments) -> Result<String, Failure> {
    match &url.public_url {
        Some(url) => configuration::public_url(url).map_err(|error| Failure::Usage(error.to_string())),
        None => Ok(data_lock::announced(&data.data).unwrap_or_else(|| DEFAULT_ORIGIN.to_owned())),
    }
}
