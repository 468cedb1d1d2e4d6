//! Codec: a record of 1 KiB to its bytes and back, with all that larder puts around it, beside postcard alone.
//!
//! `put and get` is the same through the public interface, over a server that is a variable: that includes a clone of
//! the record, the names of key and generation, and a batch of one.

use super::callers::each;
use super::race::{Case, Entrant, race};
use crate::options::Options;
use crate::systems::TTL;
use bytes::Bytes;
use futures::FutureExt as _;
use larder::encoded::{Compression, EncodedOptions};
use larder::server::{Answer, Claim, Leased, Limits, Put, Server, Stored};
use larder::{CacheExt as _, CacheShape, Encoded, EncodedCache, Entry, Result, wait};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CacheShape)]
struct Record {
    id: u64,
    owner: String,
    tags: Vec<String>,
    prices: Vec<f64>,
    seen: Vec<u32>,
    note: String,
}

/// 1 KiB in postcard.
fn record() -> std::result::Result<Record, String> {
    let mut record = Record {
        id: 4_711,
        owner: "Ada Lovelace".to_owned(),
        tags: (0..8).map(|n| format!("tag number {n}")).collect(),
        prices: (0..32).map(|n| f64::from(n) * 1.25).collect(),
        seen: (0..32).map(|n| 1_700_000_000 + n * 86_400).collect(),
        note: String::new(),
    };
    let length = |record: &Record| postcard::to_stdvec(record).map(|bytes| bytes.len());
    let missing = 1_023 - length(&record).map_err(|e| e.to_string())?;
    record.note = "x".repeat(missing);
    match length(&record) {
        Ok(1_024) => Ok(record),
        other => Err(format!("the record has {other:?} bytes instead of 1024")),
    }
}

pub fn run(options: &Options) -> std::result::Result<(), String> {
    let record = record()?;
    let encoded = |compression| {
        let options = EncodedOptions::new().with_compression(compression);
        Encoded::with_options(Variable::default(), options).map_err(|e| e.to_string())
    };
    let plain = encoded(Compression::default())?.open_shaped::<u64, Record>("codec");
    let smaller = encoded(Compression::Lz4 { from: 0 })?.open_shaped::<u64, Record>("codec");
    let named = encoded(Compression::default())?.open::<u64, Record>("codec");
    let entry = Entry::new(record.clone()).with_ttl(TTL);
    let hashed = encoded(Compression::default())?.open_shaped::<String, Record>("codec");
    let email = "ada.lovelace@analytical.engine.example".to_owned();
    let coded = |cache: &EncodedCache<Variable, u64, Record>, n: usize| {
        assert_eq!(there_and_back(cache, &(n as u64), &entry).id, record.id);
    };
    let called = |cache: &EncodedCache<Variable, u64, Record>, n: usize| {
        let key = n as u64;
        wait(cache.put_for(&key, record.clone(), TTL)).expect("a variable is there");
        let back = wait(cache.get(&key)).expect("a variable is there").expect("the value is there");
        assert_eq!(back.id, record.id);
    };
    let case = Case { name: "encode and decode 1 KiB", callers: 1, calls: 1_000 };
    let entrants = vec![
        Entrant::new("larder", "", |calls| each(calls, |n| coded(&plain, n))),
        Entrant::new("larder", "lz4", |calls| each(calls, |n| coded(&smaller, n))),
        Entrant::new("larder", "without a shape", |calls| each(calls, |n| coded(&named, n))),
        Entrant::new("larder", "a key of 38 letters", |calls| {
            each(calls, |_| assert_eq!(there_and_back(&hashed, &email, &entry).id, record.id))
        }),
        Entrant::new("larder", "put and get", |calls| each(calls, |n| called(&plain, n))),
        Entrant::new("postcard", "", |calls| {
            each(calls, |_| {
                let bytes = postcard::to_stdvec(black_box(&record)).expect("a record has bytes");
                let back: Record = postcard::from_bytes(black_box(&bytes)).expect("they are good");
                assert_eq!(back.id, record.id);
            })
        }),
    ];
    race(options, case, entrants);
    Ok(())
}

fn there_and_back<K>(
    cache: &EncodedCache<Variable, K, Record>,
    key: &K,
    entry: &Entry<Record>,
) -> Record
where
    K: Serialize,
{
    // Nothing is waited for: a value that is in one piece asks no server.
    let back = cache.there_and_back(key, black_box(entry)).now_or_never();
    let back = back.expect("it is in one piece");
    back.expect("a record has bytes").expect("they are good")
}

/// The shortest server: it has the last value that was put, under any key but those of generations.
#[derive(Debug, Default)]
struct Variable {
    value: Mutex<Option<Bytes>>,
    generation: Mutex<Option<Bytes>>,
}

impl Variable {
    fn cell(&self, key: &str) -> &Mutex<Option<Bytes>> {
        if key.ends_with(":gen") { &self.generation } else { &self.value }
    }
}

impl Server for Variable {
    fn name(&self) -> String {
        "a variable".to_owned()
    }

    fn limits(&self) -> Limits {
        Limits::max_value(1 << 20)
    }

    fn core(&self) -> &dyn std::any::Any {
        self
    }

    async fn copies(&self, key: &str) -> Vec<String> {
        vec![key.to_owned()]
    }

    async fn get_many(&self, keys: &[String], _: Claim) -> Vec<Result<Answer>> {
        let one = |key: &String| {
            let bytes = self.cell(key).lock().unwrap_or_else(PoisonError::into_inner).clone();
            let stored = bytes.map(|bytes| Stored { bytes, token: 1, stale: false });
            Ok(Answer { stored, leased: Leased::No })
        };
        keys.iter().map(one).collect()
    }

    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        let one = |put: Put| {
            *self.cell(&put.key).lock().unwrap_or_else(PoisonError::into_inner) = Some(put.bytes);
            Ok(true)
        };
        puts.into_iter().map(one).collect()
    }

    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        let one = |key: &String| {
            Ok(self.cell(key).lock().unwrap_or_else(PoisonError::into_inner).take().is_some())
        };
        keys.iter().map(one).collect()
    }

    async fn discard(&self, key: &str, _: u64) -> Result<bool> {
        self.delete_many(&[key.to_owned()]).await.pop().unwrap_or(Ok(false))
    }

    async fn expire(&self, key: &str, _: Duration) -> Result<bool> {
        Ok(self.cell(key).lock().unwrap_or_else(PoisonError::into_inner).is_some())
    }

    async fn release(&self, _: &str, _: u64) -> Result<()> {
        Ok(())
    }

    async fn purge(&self) -> Result<usize> {
        Ok(0)
    }
}
