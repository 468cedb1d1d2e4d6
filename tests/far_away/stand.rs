//! A server behind a proxy, clients of it, and what one asks of them.

use crate::far::{Opened, open};
use larder::encoded::EncodedOptions;
use larder::{Aim, Cache, CacheExt, Client, Lookup, Namespace, Reason, Shared, wait};
use larder_test_servers::{Fault, Memcached, Proxy, Redis};
use std::thread;
use std::time::{Duration, Instant};

/// How long a call may take.
pub(crate) const DEADLINE: Duration = Duration::from_millis(400);
/// A limit, not a wait.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// What a busy machine adds to a deadline.
pub(crate) const MARGIN: Duration = Duration::from_secs(2);
pub(crate) const HOUR: u64 = 3600;

enum Server {
    Memcached(Memcached),
    Redis(Redis),
}

/// A server behind a proxy.
pub(crate) struct Stand {
    server: Server,
    pub(crate) proxy: Proxy,
}

impl Stand {
    pub(crate) fn memcached() -> Self {
        let server = Memcached::start();
        Stand { proxy: Proxy::before(&server.address()), server: Server::Memcached(server) }
    }

    pub(crate) fn redis() -> Self {
        let server = Redis::start();
        Stand { proxy: Proxy::before(&server.address()), server: Server::Redis(server) }
    }

    /// A client through the proxy.
    pub(crate) fn client(&self, options: EncodedOptions) -> Opened {
        self.open(&self.proxy.address(), options)
    }

    /// Another process, whose way to the server is sound.
    pub(crate) fn other(&self) -> Shared<String, String> {
        cache(&self.other_client())
    }

    pub(crate) fn other_client(&self) -> Opened {
        match &self.server {
            Server::Memcached(server) => self.open(&server.address(), EncodedOptions::new()),
            Server::Redis(server) => self.open(&server.address(), EncodedOptions::new()),
        }
    }

    fn open(&self, address: &str, options: EncodedOptions) -> Opened {
        match self.server {
            Server::Memcached(_) => open(&format!("memcached {address}"), DEADLINE, options),
            Server::Redis(_) => open(&format!("redis {address}"), DEADLINE, options),
        }
    }

    /// Nobody reaches the server through the proxy any more.
    pub(crate) fn away(&self) {
        self.proxy.set(Fault::Refuse);
        self.proxy.cut();
    }

    pub(crate) fn back(&self) {
        self.proxy.set(Fault::None);
    }

    pub(crate) fn stop(&self) {
        match &self.server {
            Server::Memcached(server) => server.stop(),
            Server::Redis(server) => server.stop(),
        }
    }

    pub(crate) fn start_again(&self) {
        match &self.server {
            Server::Memcached(server) => server.start_again(),
            Server::Redis(server) => server.start_again(),
        }
    }

    pub(crate) fn freeze(&self) {
        match &self.server {
            Server::Memcached(server) => server.freeze(),
            Server::Redis(server) => server.freeze(),
        }
    }

    pub(crate) fn thaw(&self) {
        match &self.server {
            Server::Memcached(server) => server.thaw(),
            Server::Redis(server) => server.thaw(),
        }
    }
}

pub(crate) fn cache(
    client: &impl Client<String, String, Cache = Shared<String, String>>,
) -> Shared<String, String> {
    client.open(&Namespace::new("far-away"))
}

/// The cache of a client through the proxy that has found its server once.
pub(crate) fn connected(
    stand: &Stand,
    options: EncodedOptions,
) -> (Opened, Shared<String, String>) {
    let client = stand.client(options);
    let cache = cache(&client);
    until_stored(&cache, "connected", "yes");
    (client, cache)
}

pub(crate) fn key(text: &str) -> String {
    text.to_owned()
}

/// Puts, again and again until the server is there to take it.
pub(crate) fn until_stored(cache: &Shared<String, String>, name: &str, value: &str) {
    until("the server takes a value", || {
        wait(cache.put_for(&key(name), value.to_owned(), HOUR)).unwrap_or(false)
    });
}

pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "it never came about that {what}");
        // A real server comes back, and is tried again, in its own time.
        thread::sleep(Duration::from_millis(1));
    }
}

/// Fails if it takes longer than a call may.
pub(crate) fn in_time<T>(what: &str, body: impl FnOnce() -> T) -> T {
    within(what, DEADLINE, body)
}

pub(crate) fn within<T>(what: &str, deadline: Duration, body: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let result = body();
    let took = began.elapsed();
    assert!(took < deadline + MARGIN, "{what} took {took:?}");
    result
}

pub(crate) fn lookup(cache: &Shared<String, String>, name: &str) -> Lookup<String> {
    in_time(name, || wait(cache.lookup(&key(name), Aim::Read))).unwrap()
}

pub(crate) fn get(cache: &Shared<String, String>, name: &str) -> Option<String> {
    lookup(cache, name).live().map(|(value, _)| value)
}

/// What the first answer says that comes from the server itself; before, there is none.
pub(crate) fn first_trusted(cache: &Shared<String, String>, name: &str) -> Option<String> {
    let mut answer = None;
    until("the server is trusted again", || match lookup(cache, name) {
        Lookup::Missing { reason: Reason::Unreachable, .. } => false,
        other => {
            answer = other.live().map(|(value, _)| value);
            true
        }
    });
    answer
}

pub(crate) fn compute(cache: &Shared<String, String>, name: &str, value: &str) -> String {
    let (name, value) = (name.to_owned(), value.to_owned());
    let computed = cache.get_or_compute_for(&name, HOUR, move || async move { value });
    // A look, a lease given back or a value stored: each may use up its deadline.
    within(&name, 3 * DEADLINE, || wait(computed))
}
