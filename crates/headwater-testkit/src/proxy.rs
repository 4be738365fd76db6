//! A network that does as it is told: a proxy before a server, for connections that stall, crawl, are
//! forgotten, or lose the answer to a COMMIT or all behind it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// What becomes of bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// They go on at once.
    Pass,
    /// They are late, in each direction.
    Delay(Duration),
    /// They wait, and nobody is told: neither end sees the connection end.
    Stall,
}

/// The proxy; it listens until the tests' process ends.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
}

struct Network {
    conduct: Mutex<Conduct>,
    changed: Condvar,
    /// How many connections were made.
    made: AtomicUsize,
    /// The first so many of them carry nothing any more.
    forgotten: AtomicUsize,
    /// How many COMMITs are still to lose their answers.
    to_swallow: AtomicUsize,
    swallowed: AtomicUsize,
    /// How many answers to a COMMIT have come.
    commits: AtomicUsize,
    /// Everything stalls behind the next answer to a COMMIT.
    commits_to_stall: AtomicUsize,
}

/// One connection, as both directions know it.
struct Link {
    number: usize,
    /// Its answers are lost from here on.
    is_mute: AtomicBool,
}

impl Proxy {
    /// A proxy before a server.
    ///
    /// # Panics
    /// There is no port.
    pub fn new(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let network = Arc::new(Network {
            conduct: Mutex::new(Conduct::Pass),
            changed: Condvar::new(),
            made: AtomicUsize::new(0),
            forgotten: AtomicUsize::new(0),
            to_swallow: AtomicUsize::new(0),
            swallowed: AtomicUsize::new(0),
            commits: AtomicUsize::new(0),
            commits_to_stall: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&network);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let network = Arc::clone(&accepting);
                thread::spawn(move || network.carry(&client, server));
            }
        });
        Self { address, network }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of bytes from now on, of those that wait as well.
    pub fn set(&self, conduct: Conduct) {
        *self.network.conduct() = conduct;
        self.network.changed.notify_all();
    }

    /// Forgets the connections that there are, as a firewall does: nothing passes on them any more, and
    /// neither end is told.
    pub fn forget(&self) {
        let made = self.network.made.load(Ordering::SeqCst);
        self.network.forgotten.store(made, Ordering::SeqCst);
        self.network.changed.notify_all();
    }

    /// Makes so many COMMITs from now on the last that is heard of their connections: they arrive, their
    /// answers don't.
    pub fn swallow_commits(&self, count: usize) {
        self.network.to_swallow.store(count, Ordering::SeqCst);
    }

    /// Lets so many answers to a COMMIT pass, and nothing behind them, as with [`Conduct::Stall`].
    pub fn stall_behind_commits(&self, count: usize) {
        self.network.commits_to_stall.store(count, Ordering::SeqCst);
    }

    /// How many answers to a COMMIT have come from the server.
    pub fn commits(&self) -> usize {
        self.network.commits.load(Ordering::SeqCst)
    }

    /// How many answers to a COMMIT were lost.
    pub fn swallowed(&self) -> usize {
        self.network.swallowed.load(Ordering::SeqCst)
    }
}

impl Network {
    fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.conduct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a connection to its end.
    fn carry(self: Arc<Self>, client: &TcpStream, server: SocketAddr) {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let link = Arc::new(Link { number, is_mute: AtomicBool::new(false) });
        // The client sees its connection made whatever the network is like, as it does of a firewall.
        if !self.wait_for_passage(&link, Instant::now()) {
            return hold(client);
        }
        let Ok(server) = TcpStream::connect(server) else { return };
        let (Ok(from_server), Ok(to_client)) = (server.try_clone(), client.try_clone()) else { return };
        drop((server.set_nodelay(true), client.set_nodelay(true)));
        let (network, back) = (Arc::clone(&self), Arc::clone(&link));
        thread::spawn(move || network.pump(&back, &from_server, to_client, false));
        let Ok(from_client) = client.try_clone() else { return };
        self.pump(&link, &from_client, server, true);
    }

    /// Carries one direction of a connection: what comes together goes on together, however late.
    fn pump(&self, link: &Link, from: &TcpStream, mut to: TcpStream, is_request: bool) {
        let Ok(reader) = from.try_clone() else { return };
        let (sender, arrived) = mpsc::channel();
        thread::spawn(move || read(&reader, &sender));
        for (at, bytes) in arrived {
            if !self.wait_for_passage(link, at) || !is_request && link.is_mute.load(Ordering::SeqCst) {
                return hold(from);
            }
            // A query, or the tag that a command was completed with.
            let is_commit = bytes.windows(7).any(|window| window == b"COMMIT\0");
            if is_request && is_commit {
                self.may_swallow(link);
            }
            // Before it is passed on: what it sets off is to find the network as it is then.
            if !is_request && is_commit {
                if self.is_last_to_pass() {
                    *self.conduct() = Conduct::Stall;
                }
                self.commits.fetch_add(1, Ordering::SeqCst);
            }
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
    }

    /// Counts an answer to a COMMIT; whether nothing is to pass behind it.
    fn is_last_to_pass(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.commits_to_stall.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) == Ok(1)
    }

    /// Loses the answer to a COMMIT, if that is asked for.
    fn may_swallow(&self, link: &Link) {
        let one_less = |left: usize| left.checked_sub(1);
        if self.to_swallow.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            link.is_mute.store(true, Ordering::SeqCst);
            self.swallowed.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Waits as long as bytes have to that arrived at a moment; returns whether they go on at all.
    fn wait_for_passage(&self, link: &Link, arrived: Instant) -> bool {
        let is_forgotten = || link.number < self.forgotten.load(Ordering::SeqCst);
        let mut conduct = self.conduct();
        while *conduct == Conduct::Stall && !is_forgotten() {
            conduct = self.changed.wait(conduct).unwrap_or_else(PoisonError::into_inner);
        }
        let delay = if let Conduct::Delay(delay) = *conduct { delay } else { Duration::ZERO };
        drop(conduct);
        thread::sleep(delay.saturating_sub(arrived.elapsed()));
        !is_forgotten()
    }
}

/// Reads what comes, until the end.
fn read(from: &TcpStream, sender: &mpsc::Sender<(Instant, Vec<u8>)>) {
    let mut from = from;
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now(), buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

/// Keeps a connection open, and drops what comes on it, until its other end closes it.
fn hold(stream: &TcpStream) {
    let mut stream = stream;
    let mut buffer = vec![0; 1 << 16];
    while let Ok(1..) = stream.read(&mut buffer) {}
}
