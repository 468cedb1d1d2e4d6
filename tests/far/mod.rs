//! Far clients for tests of the whole: opened from one line, whatever their kind.

use larder::encoded::{Encoded, EncodedOptions, EncodedStats};
use larder::memcached::{BreakerOptions, Memcached, MemcachedOptions};
use larder::{Client, Namespace, Redis, RedisOptions, Shared};
use larder::{Files, FilesOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::hash::Hash;
use std::time::Duration;

/// A client of any kind.
#[derive(Debug, Clone)]
pub(crate) enum Opened {
    Memcached(Encoded<Memcached>),
    Redis(Encoded<Redis>),
    Files(Encoded<Files>),
}

/// Opens `memcached HOST:PORT`, `redis HOST:PORT` or `files PATH`, whose calls take so long at most.
pub(crate) fn open(place: &str, deadline: Duration, options: EncodedOptions) -> Opened {
    let (kind, address) = place.split_once(' ').unwrap();
    match kind {
        "memcached" => {
            let breaker = BreakerOptions::default()
                .with_pause(Duration::from_millis(50))
                .with_longest_pause(deadline);
            let server = MemcachedOptions::default()
                .with_breaker(breaker)
                .with_connect_timeout(deadline)
                .with_answer_timeout(deadline)
                .with_deadline(deadline);
            let server = Memcached::with(address, server).unwrap();
            Opened::Memcached(Encoded::with_options(server, options).unwrap())
        }
        "redis" => {
            let server = RedisOptions::new(format!("redis://{address}")).with_deadline(deadline);
            let server =
                Redis::new(server.with_response_timeout(deadline).with_reconnect(deadline))
                    .unwrap();
            Opened::Redis(Encoded::with_options(server, options).unwrap())
        }
        "files" => {
            let server = FilesOptions::new().with_deadline(deadline);
            let server = Files::open_with(address, server).unwrap();
            Opened::Files(Encoded::with_options(server, options).unwrap())
        }
        _ => panic!("nobody knows the kind of `{place}`"),
    }
}

impl Opened {
    #[allow(dead_code, reason = "not every test that shares this counts")]
    pub(crate) fn stats(&self) -> EncodedStats {
        match self {
            Opened::Memcached(client) => client.stats(),
            Opened::Redis(client) => client.stats(),
            Opened::Files(client) => client.stats(),
        }
    }
}

impl<K, V> Client<K, V> for Opened
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    type Cache = Shared<K, V>;
    fn open(&self, namespace: &Namespace) -> Self::Cache {
        match self {
            Opened::Memcached(client) => Shared::new(Client::open(client, namespace)),
            Opened::Redis(client) => Shared::new(Client::open(client, namespace)),
            Opened::Files(client) => Shared::new(Client::open(client, namespace)),
        }
    }
}
