//! memcached: a value of 100 bytes, asked for by one caller, by 64 at a time, and 64 values at once.

use super::callers::{MANY, each, each_awaited, elsewhere, here, tasks, threads};
use super::multiplexed::Multiplexed;
use super::python;
use super::race::{Case, Entrant, race};
use super::raw::{self, KEYS, Raw, check};
use crate::options::Options;
use crate::thread::Apart;
use ::memcache::exp::AsyncMemcache;
use async_memcached::AsciiProtocol as _;
use bytes::Bytes;
use larder::server::{Answer, Claim, Server};
use larder::{CacheExt as _, Encoded, EncodedCache, Memcached, MemcachedOptions, wait};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

type Typed = EncodedCache<Memcached, u64, String>;

/// larder's faces, and the address for everybody else.
struct Place<'a> {
    options: &'a Options,
    address: &'a str,
    bytes: Memcached,
    /// With a lane for each thread that asks.
    lanes: Memcached,
    typed: Arc<Typed>,
}

pub fn run(options: &Options) -> Result<(), String> {
    let server = larder_test_servers::Memcached::start();
    let address = server.address();
    Raw::connect(&address)?.fill();
    let bytes = Memcached::new(address.as_str()).map_err(|e| e.to_string())?;
    let typed = Encoded::new(bytes.clone()).map_err(|e| e.to_string())?.open("far");
    for nth in 0..KEYS as u64 {
        wait(typed.put_for(&nth, raw::value(), 3600)).map_err(|e| e.to_string())?;
    }
    let lanes = Memcached::with(address.as_str(), MemcachedOptions::default().with_lanes(2));
    let lanes = lanes.map_err(|e| e.to_string())?;
    let place = Place { options, address: &address, bytes, lanes, typed: Arc::new(typed) };
    place.many("memcached get, 64 tasks of one thread", &here())?;
    place.many("memcached get, 64 tasks of two threads", &elsewhere())?;
    place.many_threads()?;
    // One caller waits most of the time; how long depends on where the server runs.
    let _apart = server.process().map(Apart::from);
    place.one()?;
    place.batch()?;
    place.many("memcached get, 64 tasks on one CPU", &here())?;
    place.many("memcached get, 64 tasks of two threads on one CPU", &elsewhere())
}

/// The values of an answer, all of them there.
pub fn check_all(answers: Vec<larder::Result<Answer>>, count: usize) {
    assert_eq!(answers.len(), count);
    for answer in answers {
        let stored = answer.expect("the server is there").stored.expect("the value is there");
        check(&stored.bytes);
    }
}

/// The keys, each as a batch of one.
pub fn singles() -> Vec<Vec<String>> {
    (0..KEYS).map(|nth| vec![raw::key(nth)]).collect()
}

impl Place<'_> {
    fn url(&self) -> String {
        format!("memcache://{}", self.address)
    }

    fn one(&self) -> Result<(), String> {
        let case = Case { name: "memcached get 1", callers: 1, calls: 400 };
        let (keys, runtime, others) = (singles(), here(), here());
        let requests: Vec<_> = (0..KEYS).map(raw::request).collect();
        let mut socket = Raw::connect(self.address)?;
        let memcache = ::memcache::connect(self.url()).map_err(|e| e.to_string())?;
        let mut client = connect(&others, self.address)?;
        let mut entrants = vec![
            Entrant::new("larder", "", |calls| {
                each(calls, |n| {
                    check_all(wait(self.bytes.get_many(&keys[n % KEYS], Claim::Nothing)), 1);
                })
            }),
            Entrant::new("larder", "typed", |calls| each(calls, |n| get_typed(&self.typed, n))),
            Entrant::new("larder", "in a task", |calls| {
                each_awaited(&runtime, calls, async |n| {
                    check_all(self.bytes.get_many(&keys[n % KEYS], Claim::Nothing).await, 1);
                })
            }),
            Entrant::new("raw", "blocking socket", |calls| {
                each(calls, |n| socket.get(&requests[n % KEYS]))
            }),
            Entrant::new("memcache", "blocking", |calls| {
                each(calls, |n| check(&value_of(&memcache, n)))
            }),
            Entrant::new("async-memcached", "", |calls| {
                each_awaited(&others, calls, async |n| get_async(&mut client, n).await)
            }),
        ];
        entrants.extend(python::entrants(self.address));
        race(self.options, case, entrants);
        Ok(())
    }

    fn many(&self, name: &'static str, runtime: &Runtime) -> Result<(), String> {
        let case = Case { name, callers: MANY, calls: 100 };
        let keys: Arc<[Vec<String>]> = singles().into();
        let mut entrants = vec![
            Entrant::new("larder", "", |calls| {
                tasks(runtime, |nth| bytes(&self.bytes, &keys, nth, calls))
            }),
            Entrant::new("larder", "lanes", |calls| {
                tasks(runtime, |nth| bytes(&self.lanes, &keys, nth, calls))
            }),
            Entrant::new("larder", "typed", |calls| {
                tasks(runtime, |nth| typed(&self.typed, nth, calls))
            }),
            pipelined(self.address)?,
        ];
        entrants.push(by_hand(runtime, self.address, 1, "multiplexed by hand over a channel")?);
        if runtime.metrics().num_workers() > 1 {
            let how = "multiplexed by hand, a connection for each thread";
            entrants.push(by_hand(runtime, self.address, runtime.metrics().num_workers(), how)?);
        }
        let own: Vec<_> = (0..MANY)
            .map(|_| Ok(Arc::new(Mutex::new(connect(runtime, self.address)?))))
            .collect::<Result<_, String>>()?;
        entrants.push(Entrant::new("async-memcached", "64 connections", move |calls| {
            tasks(runtime, |nth| locked(&own[nth], nth, calls))
        }));
        let shared = Arc::new(Mutex::new(connect(runtime, self.address)?));
        entrants.push(Entrant::new("async-memcached", "1 connection, mutex", move |calls| {
            tasks(runtime, |nth| locked(&shared, nth, calls))
        }));
        let pool = runtime
            .block_on(AsyncMemcache::connect([self.address]))
            .map_err(|e| format!("memcache: {e}"))?;
        let pool = Arc::new(pool);
        entrants.push(Entrant::new("memcache", "exp", move |calls| {
            tasks(runtime, |nth| pooled(&pool, nth, calls))
        }));
        race(self.options, case, entrants);
        Ok(())
    }

    fn many_threads(&self) -> Result<(), String> {
        let case = Case { name: "memcached get, 64 threads", callers: MANY, calls: 40 };
        let keys = singles();
        let pool = ::memcache::Client::with_pool_size(self.url(), MANY as u32)
            .map_err(|e| e.to_string())?;
        let sockets: Vec<_> = (0..MANY)
            .map(|_| Raw::connect(self.address).map(std::sync::Mutex::new))
            .collect::<Result<_, _>>()?;
        let entrants = vec![
            Entrant::new("larder", "", |calls| {
                threads(|nth| {
                    for n in 0..calls {
                        let key = &keys[(nth + n) % KEYS];
                        check_all(wait(self.bytes.get_many(key, Claim::Nothing)), 1);
                    }
                })
            }),
            pipelined(self.address)?,
            Entrant::new("raw", "64 blocking sockets", move |calls| {
                threads(|nth| {
                    let mut socket = sockets[nth].lock().expect("each has its own");
                    let request = raw::request(nth);
                    (0..calls).for_each(|_| socket.get(&request));
                })
            }),
            Entrant::new("memcache", "64 connections", move |calls| {
                threads(|nth| (0..calls).for_each(|n| check(&value_of(&pool, nth + n))))
            }),
        ];
        race(self.options, case, entrants);
        Ok(())
    }

    fn batch(&self) -> Result<(), String> {
        let case = Case { name: "memcached get_many 64", callers: 1, calls: 60 };
        let (keys, ids) = (raw::keys(), (0..KEYS as u64).collect::<Vec<_>>());
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let (one, each_one) = (raw::all_in_one(), raw::all_pipelined());
        let mut socket = Raw::connect(self.address)?;
        let mut pipelined = Raw::connect(self.address)?;
        let memcache = ::memcache::connect(self.url()).map_err(|e| e.to_string())?;
        let runtime = here();
        let mut client = connect(&runtime, self.address)?;
        let entrants = vec![
            Entrant::new("larder", "", |calls| {
                each(calls, |_| check_all(wait(self.bytes.get_many(&keys, Claim::Nothing)), KEYS))
            }),
            Entrant::new("larder", "typed", |calls| {
                each(calls, |_| {
                    let found = wait(self.typed.get_many(&ids)).expect("memcached is there");
                    assert_eq!(found.len(), KEYS);
                    found.iter().for_each(|value| {
                        check(value.as_ref().expect("the value is there").as_bytes());
                    });
                })
            }),
            Entrant::new("raw", "get of 64 keys", move |calls| {
                each(calls, |_| socket.get_all(&one))
            }),
            Entrant::new("raw", "64 mg", move |calls| {
                each(calls, |_| pipelined.get_pipelined(&each_one))
            }),
            Entrant::new("memcache", "blocking", |calls| {
                each(calls, |_| {
                    let found = memcache.gets::<Vec<u8>>(&names).expect("memcached answers");
                    assert_eq!(found.len(), KEYS);
                })
            }),
            Entrant::new("async-memcached", "", |calls| {
                each_awaited(&runtime, calls, async |_| {
                    let found = client.get_multi(&names).await.expect("memcached answers");
                    assert_eq!(found.len(), KEYS);
                })
            }),
        ];
        race(self.options, case, entrants);
        Ok(())
    }
}

/// One thread that writes 64 requests at once and reads their answers.
fn pipelined(address: &str) -> Result<Entrant<'static>, String> {
    let (mut socket, requests) = (Raw::connect(address)?, raw::all_pipelined());
    Ok(Entrant::new("raw", "64 per write", move |calls| {
        each(calls, |_| socket.get_pipelined(&requests))
    }))
}

/// Tasks that share so many connections.
fn by_hand<'a>(
    runtime: &'a Runtime,
    address: &str,
    connections: usize,
    how: &'static str,
) -> Result<Entrant<'a>, String> {
    let client = Multiplexed::connect(runtime, address, connections)?;
    let requests = raw::requests();
    Ok(Entrant::new("raw", how, move |calls| {
        tasks(runtime, |nth| multiplexed(&client, &requests, nth, calls))
    }))
}

fn get_typed(cache: &Typed, n: usize) {
    let value = wait(cache.get(&((n % KEYS) as u64))).expect("memcached is there");
    check(value.expect("the value is there").as_bytes());
}

fn bytes(
    client: &Memcached,
    keys: &Arc<[Vec<String>]>,
    nth: usize,
    calls: usize,
) -> impl Future<Output = ()> + Send + 'static {
    let (client, keys) = (client.clone(), keys.clone());
    async move {
        for n in 0..calls {
            check_all(client.get_many(&keys[(nth + n) % KEYS], Claim::Nothing).await, 1);
        }
    }
}

fn typed(
    cache: &Arc<Typed>,
    nth: usize,
    calls: usize,
) -> impl Future<Output = ()> + Send + 'static {
    let cache = cache.clone();
    async move {
        for n in 0..calls {
            let value = cache.get(&(((nth + n) % KEYS) as u64)).await.expect("memcached is there");
            check(value.expect("the value is there").as_bytes());
        }
    }
}

fn multiplexed(
    client: &Multiplexed,
    requests: &Arc<[Bytes]>,
    nth: usize,
    calls: usize,
) -> impl Future<Output = ()> + Send + 'static {
    let (client, requests) = (client.clone(), requests.clone());
    async move {
        for n in 0..calls {
            client.get(requests[(nth + n) % KEYS].clone()).await;
        }
    }
}

fn locked(
    client: &Arc<Mutex<async_memcached::Client>>,
    nth: usize,
    calls: usize,
) -> impl Future<Output = ()> + Send + 'static {
    let client = client.clone();
    async move {
        for n in 0..calls {
            get_async(&mut *client.lock().await, nth + n).await;
        }
    }
}

fn pooled(
    pool: &Arc<AsyncMemcache>,
    nth: usize,
    calls: usize,
) -> impl Future<Output = ()> + Send + 'static {
    let pool = pool.clone();
    async move {
        for n in 0..calls {
            let value = pool.get::<Vec<u8>>(raw::key(nth + n)).await.expect("memcached answers");
            check(&value.expect("the value is there"));
        }
    }
}

fn connect(runtime: &Runtime, address: &str) -> Result<async_memcached::Client, String> {
    runtime
        .block_on(async_memcached::Client::new(format!("tcp://{address}")))
        .map_err(|e| format!("async-memcached: {e}"))
}

async fn get_async(client: &mut async_memcached::Client, n: usize) {
    let value = client.get(raw::key(n)).await.expect("memcached answers");
    check(&value.and_then(|value| value.data).expect("the value is there"));
}

fn value_of(client: &::memcache::Client, n: usize) -> Vec<u8> {
    client.get(&raw::key(n)).expect("memcached answers").expect("the value is there")
}
