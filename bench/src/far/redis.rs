//! Redis: the same questions as to memcached, against the crate that larder stands on, and `fred`.

use super::callers::{MANY, each, each_awaited, here, tasks};
use super::memcached::{check_all, singles};
use super::race::{Case, Entrant, race};
use super::raw::{self, KEYS, check};
use crate::options::Options;
use crate::thread::Apart;
use ::redis::aio::MultiplexedConnection;
use fred::prelude::{Builder, Client, ClientLike as _, Config, KeysInterface as _};
use larder::server::{Claim, Put, Server, When};
use larder::{Redis, wait};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What the others ask for: larder's values have a head, and so keys of their own.
fn plain(nth: usize) -> String {
    format!("plain:{}", raw::key(nth))
}

pub fn run(options: &Options) -> Result<(), String> {
    let server = larder_test_servers::Redis::start();
    let url = server.url();
    let larder = Redis::open(&url).map_err(|e| e.to_string())?;
    let put = |key| Put { key, bytes: raw::value().into(), keep: None, when: When::Always };
    for put in wait(larder.put_many(raw::keys().into_iter().map(put).collect())) {
        put.map_err(|e| e.to_string())?;
    }
    let clients = Clients { larder, runtime: here(), url };
    for nth in 0..KEYS {
        let mut connection = clients.blocking()?;
        let set = ::redis::cmd("SET").arg(plain(nth)).arg(raw::value()).exec(&mut connection);
        set.map_err(|e| e.to_string())?;
    }
    many(options, &clients)?;
    let _apart = server.process().map(Apart::from);
    one(options, &clients)?;
    batch(options, &clients)
}

struct Clients {
    larder: Redis,
    runtime: Runtime,
    url: String,
}

impl Clients {
    fn open(&self) -> Result<::redis::Client, String> {
        ::redis::Client::open(self.url.as_str()).map_err(|e| e.to_string())
    }

    fn blocking(&self) -> Result<::redis::Connection, String> {
        self.open()?.get_connection().map_err(|e| e.to_string())
    }

    fn multiplexed(&self) -> Result<MultiplexedConnection, String> {
        let client = self.open()?;
        let connection = self.runtime.block_on(client.get_multiplexed_async_connection());
        connection.map_err(|e| e.to_string())
    }

    fn fred(&self) -> Result<Client, String> {
        let made = async {
            let client = Builder::from_config(Config::from_url(&self.url)?).build()?;
            client.init().await?;
            Ok(client)
        };
        self.runtime.block_on(made).map_err(|e: fred::error::Error| e.to_string())
    }
}

fn one(options: &Options, clients: &Clients) -> Result<(), String> {
    let case = Case { name: "redis get 1", callers: 1, calls: 300 };
    let (keys, runtime) = (singles(), &clients.runtime);
    let (mut blocking, multiplexed, fred) =
        (clients.blocking()?, clients.multiplexed()?, clients.fred()?);
    let entrants = vec![
        Entrant::new("larder", "", |calls| {
            each(calls, |n| {
                check_all(wait(clients.larder.get_many(&keys[n % KEYS], Claim::Nothing)), 1);
            })
        }),
        Entrant::new("redis", "blocking", move |calls| {
            each(calls, |n| {
                let value = ::redis::cmd("GET").arg(plain(n)).query::<Vec<u8>>(&mut blocking);
                check(&value.expect("redis answers"));
            })
        }),
        Entrant::new("redis", "multiplexed", move |calls| {
            each_awaited(runtime, calls, async |n| get(&mut multiplexed.clone(), n).await)
        }),
        Entrant::new("fred", "", move |calls| {
            each_awaited(runtime, calls, async |n| get_by_fred(&fred, n).await)
        }),
    ];
    race(options, case, entrants);
    Ok(())
}

fn many(options: &Options, clients: &Clients) -> Result<(), String> {
    let case = Case { name: "redis get, 64 tasks of one thread", callers: MANY, calls: 50 };
    let keys: Arc<[Vec<String>]> = singles().into();
    let (runtime, multiplexed, fred) = (&clients.runtime, clients.multiplexed()?, clients.fred()?);
    let entrants = vec![
        Entrant::new("larder", "", |calls| {
            tasks(runtime, |nth| {
                let (larder, keys) = (clients.larder.clone(), keys.clone());
                async move {
                    for n in 0..calls {
                        let key = &keys[(nth + n) % KEYS];
                        check_all(larder.get_many(key, Claim::Nothing).await, 1);
                    }
                }
            })
        }),
        Entrant::new("redis", "multiplexed", move |calls| {
            tasks(runtime, |nth| {
                let mut connection = multiplexed.clone();
                async move {
                    for n in 0..calls {
                        get(&mut connection, nth + n).await;
                    }
                }
            })
        }),
        Entrant::new("fred", "", move |calls| {
            tasks(runtime, |nth| {
                let fred = fred.clone();
                async move {
                    for n in 0..calls {
                        get_by_fred(&fred, nth + n).await;
                    }
                }
            })
        }),
    ];
    race(options, case, entrants);
    Ok(())
}

fn batch(options: &Options, clients: &Clients) -> Result<(), String> {
    let case = Case { name: "redis get_many 64", callers: 1, calls: 60 };
    let (keys, runtime) = (raw::keys(), &clients.runtime);
    let names: Vec<String> = (0..KEYS).map(plain).collect();
    let (mut blocking, multiplexed, fred) =
        (clients.blocking()?, clients.multiplexed()?, clients.fred()?);
    let whole = |found: Vec<Vec<u8>>| {
        assert_eq!(found.len(), KEYS);
        found.iter().for_each(|value| check(value));
    };
    let entrants = vec![
        Entrant::new("larder", "", |calls| {
            each(calls, |_| check_all(wait(clients.larder.get_many(&keys, Claim::Nothing)), KEYS))
        }),
        Entrant::new("redis", "blocking", |calls| {
            each(calls, |_| {
                whole(::redis::cmd("MGET").arg(&names).query(&mut blocking).expect("redis answers"))
            })
        }),
        Entrant::new("redis", "multiplexed", |calls| {
            each_awaited(runtime, calls, async |_| {
                let mut connection = multiplexed.clone();
                let found = ::redis::cmd("MGET").arg(&names).query_async(&mut connection).await;
                whole(found.expect("redis answers"));
            })
        }),
        Entrant::new("fred", "", |calls| {
            each_awaited(runtime, calls, async |_| {
                let found = fred.mget::<Vec<bytes::Bytes>, _>(names.clone()).await;
                let found = found.expect("redis answers");
                assert_eq!(found.len(), KEYS);
                found.iter().for_each(|value| check(value));
            })
        }),
    ];
    race(options, case, entrants);
    Ok(())
}

async fn get(connection: &mut MultiplexedConnection, n: usize) {
    let value: Vec<u8> =
        ::redis::cmd("GET").arg(plain(n)).query_async(connection).await.expect("redis answers");
    check(&value);
}

async fn get_by_fred(fred: &Client, n: usize) {
    let value: bytes::Bytes = fred.get(plain(n)).await.expect("redis answers");
    check(&value);
}
