//! Changes by one caller: what a put and a delete cost beside a set over a blocking socket. Both ask for the generation
//! of their namespace beside themselves.

use super::callers::{each, each_awaited, here};
use super::race::{Case, Entrant, race};
use super::raw::{KEYS, LENGTH, Raw, key, value};
use crate::options::Options;
use crate::thread::Apart;
use async_memcached::AsciiProtocol as _;
use larder::server::{Put, Server, When};
use larder::{Cache as _, CacheExt as _, Encoded, Memcached, Redis, wait};

const CALLS: usize = 300;

pub fn run(options: &Options) -> Result<(), String> {
    memcached(options)?;
    redis(options)
}

fn memcached(options: &Options) -> Result<(), String> {
    let server = larder_test_servers::Memcached::start();
    let address = server.address();
    let bytes = Memcached::new(address.as_str()).map_err(|e| e.to_string())?;
    let requests: Vec<Vec<u8>> = (0..KEYS)
        .map(|nth| format!("set {} 0 3600 {LENGTH}\r\n{}\r\n", key(nth), value()).into_bytes())
        .collect();
    let _apart = server.process().map(Apart::from);
    let case = Case { name: "memcached put 1", callers: 1, calls: CALLS };
    let (mut socket, runtime) = (Raw::connect(&address)?, here());
    let connected = async_memcached::Client::new(format!("tcp://{address}"));
    let mut client = runtime.block_on(connected).map_err(|e| format!("async-memcached: {e}"))?;
    let mut entrants = larders(&bytes)?;
    entrants.push(Entrant::new("raw", "set over a blocking socket", move |calls| {
        each(calls, |n| assert_eq!(socket.ask(&requests[n % KEYS], 8), b"STORED\r\n"))
    }));
    entrants.push(Entrant::new("async-memcached", "", move |calls| {
        each_awaited(&runtime, calls, async |n| {
            let stored = client.set(key(n), value().as_str(), Some(3600), None).await;
            stored.expect("memcached stores");
        })
    }));
    race(options, case, entrants);
    let case = Case { name: "memcached delete 1, nothing there", callers: 1, calls: CALLS };
    let (mut socket, typed) = (Raw::connect(&address)?, open(&bytes)?);
    let entrants = vec![
        Entrant::new("larder", "", |calls| {
            each(calls, |n| {
                wait(typed.delete(&(1000 + n as u64))).expect("memcached is there");
            })
        }),
        Entrant::new("raw", "delete over a blocking socket", move |calls| {
            each(calls, |_| assert_eq!(socket.ask(b"delete nothing\r\n", 11), b"NOT_FOUND\r\n"))
        }),
    ];
    race(options, case, entrants);
    Ok(())
}

fn redis(options: &Options) -> Result<(), String> {
    let server = larder_test_servers::Redis::start();
    let bytes = Redis::open(&server.url()).map_err(|e| e.to_string())?;
    let mut socket = Raw::connect(&server.address())?;
    let client = ::redis::Client::open(server.url().as_str()).map_err(|e| e.to_string())?;
    let mut connection = client.get_connection().map_err(|e| e.to_string())?;
    let sets: Vec<Vec<u8>> = (0..KEYS).map(|nth| set(&key(nth), &value())).collect();
    let _apart = server.process().map(Apart::from);
    let case = Case { name: "redis put 1", callers: 1, calls: CALLS };
    let mut entrants = larders(&bytes)?;
    entrants.push(Entrant::new("raw", "set over a blocking socket", move |calls| {
        each(calls, |n| assert_eq!(socket.ask(&sets[n % KEYS], 5), b"+OK\r\n"))
    }));
    entrants.push(Entrant::new("redis", "blocking", move |calls| {
        each(calls, |n| {
            let set = ::redis::cmd("SET").arg(key(n)).arg(value()).arg("EX").arg(3600).to_owned();
            set.exec(&mut connection).expect("redis stores");
        })
    }));
    race(options, case, entrants);
    Ok(())
}

/// `SET key value EX 3600`, as Redis reads it.
fn set(key: &str, value: &str) -> Vec<u8> {
    let words = ["SET", key, value, "EX", "3600"];
    let words = words.map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), words.concat()).into_bytes()
}

fn open<S: Server + Clone>(server: &S) -> Result<larder::EncodedCache<S, u64, String>, String> {
    Ok(Encoded::new(server.clone()).map_err(|e| e.to_string())?.open("puts"))
}

/// A put of a value, and of bytes, which have no namespace and so no generation.
fn larders<S: Server + Clone>(server: &S) -> Result<Vec<Entrant<'static>>, String> {
    let (typed, server) = (open(server)?, server.clone());
    Ok(vec![
        Entrant::new("larder", "", move |calls| {
            each(calls, |n| {
                let key = (n % KEYS) as u64;
                wait(typed.put_for(&key, value(), 3600)).expect("the server is there");
            })
        }),
        Entrant::new("larder", "bytes", move |calls| {
            each(calls, |n| {
                let keep = Some(std::time::Duration::from_secs(3600));
                let (key, bytes) = (key(n), value().into());
                for put in wait(server.put_many(vec![Put { key, bytes, keep, when: When::Always }]))
                {
                    assert!(put.expect("the server is there"), "nothing forbids it");
                }
            })
        }),
    ])
}
