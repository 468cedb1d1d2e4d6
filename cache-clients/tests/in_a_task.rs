//! Sync calls in a task of tokio's: as many as anybody likes, without giving way in between.
#![cfg(all(feature = "redis", feature = "memcached", feature = "files"))]

use bytes::Bytes;
use cache_clients::Files;
use cache_clients::encoded::{Backend, Solo};
use cache_clients::memcached::Memcached;
use cache_clients::redis::Redis;
use cache_clients::server::{Claim, Put, Server, When};
use cache_core::{Result, wait};
use larder_test_servers as servers;
use std::time::Duration;

#[derive(Debug)]
struct Nothing;

impl Backend for Nothing {
    async fn get(&self, _: &str) -> Result<Option<Bytes>> {
        Ok(None)
    }
    async fn put(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> {
        Ok(())
    }
    async fn delete(&self, _: &str) -> Result<bool> {
        Ok(false)
    }
}

/// More than a task may do at a time.
fn calls(server: &impl Server) {
    let key = || "key".to_owned();
    for _ in 0..300 {
        let put = Put { key: key(), bytes: "value".into(), keep: None, when: When::Always };
        wait(server.put_many(vec![put])).remove(0).unwrap();
        wait(server.get_many(&[key()], Claim::Nothing)).remove(0).unwrap();
    }
}

#[tokio::test]
async fn sync_calls_in_one_task_do_not_end_with_its_budget() {
    let redis = servers::Redis::start();
    calls(&Redis::open(&redis.url()).unwrap());
    let memcached = servers::Memcached::start();
    calls(&Memcached::new(memcached.address()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    calls(&Files::open(folder.path()).unwrap());
    calls(&Solo::new(Nothing));
}
