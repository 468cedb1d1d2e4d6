//! The contract of servers, sentence by sentence, over redis: one, by a socket, in a cluster, under
//! a sentinel. (Valkey speaks the same protocol; its package is not in Debian 12.)
#![cfg(feature = "redis")]

#[path = "common/server_suite.rs"]
mod suite;

use cache_clients::redis::{Redis, RedisOptions};
use larder_test_servers as servers;
use std::time::Duration;

/// With time enough for a busy machine: what is slow is no failure here.
fn open(url: &str) -> Redis {
    let options = RedisOptions::new(url)
        .with_connect_timeout(Duration::from_secs(10))
        .with_response_timeout(Duration::from_secs(20))
        .with_deadline(Duration::from_secs(30));
    Redis::new(options).unwrap()
}

#[test]
fn one_redis_keeps_the_contract() {
    let server = servers::Redis::start();
    suite::run(&open(&server.url()));
}

#[test]
fn a_redis_behind_a_socket_and_in_another_database_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let path = path.to_str().unwrap();
    let _server = servers::Redis::start_with(&["--unixsocket", path]);
    suite::run(&open(&format!("unix://{path}?db=3")));
}

#[test]
fn a_cluster_keeps_the_contract() {
    let cluster = servers::RedisCluster::start();
    suite::run(&open(&cluster.url()));
}

#[test]
fn a_cluster_of_which_one_member_is_named_keeps_the_contract() {
    let cluster = servers::RedisCluster::start();
    let first = cluster.masters()[0].address();
    suite::run(&open(&format!("redis+cluster://{first}")));
}

#[test]
fn the_master_under_a_sentinel_keeps_the_contract() {
    let master = servers::Redis::start();
    let sentinel = servers::Sentinel::watch(&master);
    suite::run(&open(&sentinel.url()));
}
