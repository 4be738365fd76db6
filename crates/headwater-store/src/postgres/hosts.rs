//! Connections to whichever of several hosts takes writes. One that has lost its power or its network
//! refuses nobody, it is silent: the others are not to wait for it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};

use super::{address::Address, session::Session, tls::Tls};

/// How long the host that was connected to last is asked alone.
const HEAD_START: Duration = Duration::from_secs(1);

/// A client, and the task that carries what it sends.
pub(super) type Connected = (Client, JoinHandle<()>);
type Connecting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The hosts of a database.
#[derive(Clone)]
pub(super) struct Hosts {
    /// One host each.
    configs: Arc<[Config]>,
    tls: Tls,
    /// The one that was connected to last.
    last: Arc<AtomicUsize>,
}

impl Hosts {
    /// `patience` is how long an address of a host may take to let anybody connect.
    pub(super) fn new(address: &Address, patience: Duration) -> Self {
        // Without any there is one, that says so.
        let count = address.config.get_hosts().len().max(address.config.get_hostaddrs().len()).max(1);
        let configs = (0..count).map(|number| {
            let mut config = of_host(&address.config, number);
            config.connect_timeout(patience);
            config
        });
        Self { configs: configs.collect(), tls: address.tls.clone(), last: Arc::default() }
    }

    /// Connects to the host that was connected to last, and when that is slow or refuses, to the first
    /// of all that will have it.
    pub(super) async fn connect(&self) -> Result<Connected, Error> {
        let last = self.last.load(Ordering::Relaxed);
        let mut preferred = self.connect_to(last);
        let mut attempts = FuturesUnordered::new();
        let mut failure = None;
        match tokio::time::timeout(HEAD_START, &mut preferred).await {
            Ok((_, Ok(connected))) => return Ok(connected),
            Ok((_, Err(error))) => failure = Some(error),
            Err(_) => attempts.push(preferred),
        }
        let others = (0..self.configs.len()).filter(|&number| number != last);
        attempts.extend(others.map(|number| self.connect_to(number)));
        while let Some((number, attempt)) = attempts.next().await {
            match attempt {
                Ok(connected) => {
                    self.last.store(number, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.expect("the last host was asked at least"))
    }

    fn connect_to(&self, number: usize) -> Connecting<'_, (usize, Result<Connected, Error>)> {
        Box::pin(async move {
            let connected = self.configs[number].connect(self.tls.clone()).await;
            let connected = connected.map(|(client, connection)| {
                let carrying = tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection to the database ended");
                    }
                });
                (client, carrying)
            });
            (number, connected)
        })
    }
}

impl Manager for Hosts {
    type Type = Session;
    type Error = Error;

    async fn create(&self) -> Result<Session, Error> {
        let began = Instant::now();
        Session::new(self.connect().await?, began, Instant::now).await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<Error> {
        if session.is_closed() { Err(RecycleError::message("it was closed")) } else { Ok(()) }
    }
}

/// The same with one of its hosts alone.
fn of_host(all: &Config, number: usize) -> Config {
    let mut one = Config::new();
    if let Some(host) = all.get_hosts().get(number) {
        match host {
            tokio_postgres::config::Host::Tcp(name) => one.host(name),
            #[cfg(unix)]
            tokio_postgres::config::Host::Unix(path) => one.host_path(path),
        };
    }
    all.get_hostaddrs().get(number).map(|address| one.hostaddr(*address));
    all.get_ports().get(number).or(all.get_ports().first()).map(|port| one.port(*port));
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_tcp_user_timeout().map(|timeout| one.tcp_user_timeout(*timeout));
    all.get_keepalives_interval().map(|interval| one.keepalives_interval(interval));
    all.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .target_session_attrs(all.get_target_session_attrs())
        .channel_binding(all.get_channel_binding())
        .load_balance_hosts(all.get_load_balance_hosts());
    one
}

#[cfg(test)]
mod tests {
    use super::{Address, Hosts};
    use std::time::Duration;

    /// Whatever a URL says counts for each of its hosts.
    #[test]
    fn each_host_is_as_the_url_says() {
        let shared = "application_name=hw&options=-c%20a%3Db&sslmode=require&keepalives_interval=7";
        let several = format!("postgres://u:secret@a:1,b:2/d?{shared}");
        let hosts = Hosts::new(&Address::parse(&several).expect("a URL"), Duration::from_secs(3));
        for (config, host) in hosts.configs.iter().zip(["a:1", "b:2"]) {
            let mut alone =
                Address::parse(&format!("postgres://u:secret@{host}/d?{shared}")).expect("a URL").config;
            assert_eq!(*config, *alone.connect_timeout(Duration::from_secs(3)));
        }
        assert_eq!(hosts.configs.len(), 2);
    }

    #[tokio::test]
    async fn without_a_host_there_is_nothing_to_connect_to() {
        let address = Address::parse("postgres:///d?sslmode=disable").expect("a URL");
        assert!(Hosts::new(&address, Duration::from_secs(1)).connect().await.is_err());
    }
}
