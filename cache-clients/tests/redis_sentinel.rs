//! Redis under sentinels: the master is found, and the next one after it.
#![cfg(feature = "redis")]

#[path = "common/server_suite.rs"]
mod suite;

use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::server::{Claim, Put, Server, When};
use cache_core::{Error, wait};
use larder_test_servers::{self as servers, Sentinel, say};
use std::time::Duration;
use suite::{put, text, until};

fn open(url: &str) -> Redis {
    let options = RedisOptions::new(url)
        .with_connect_timeout(Duration::from_secs(2))
        .with_reconnect(Duration::from_millis(100));
    Redis::new(options).unwrap()
}

fn store(redis: &Redis) -> Result<bool, Error> {
    let put = Put { key: "k".into(), bytes: "v".into(), keep: None, when: When::Always };
    wait(redis.put_many(vec![put])).remove(0)
}

fn pair() -> (servers::Redis, servers::Redis, Sentinel) {
    let master = servers::Redis::start();
    let port = master.port().to_string();
    let replica = servers::Redis::start_with(&["--replicaof", "127.0.0.1", &port]);
    until("the replica is in step", || {
        say(&replica, "INFO replication").contains("master_link_status:up")
    });
    let sentinel = Sentinel::watch(&master);
    (master, replica, sentinel)
}

#[test]
fn the_replica_that_takes_over_is_found() {
    let (master, replica, sentinel) = pair();
    let redis = open(&sentinel.url());
    assert!(put(&redis, "k", "before", When::Always));
    assert_eq!(redis.stats()[0].address, Some(master.address()));
    until("the replica has it", || say(&replica, "EXISTS k") == "1");
    until("the sentinel knows the replica", || told(&sentinel).contains("slaves=1"));
    master.stop();
    until("the replica is the master", || {
        say(&replica, "INFO replication").contains("role:master")
    });
    until("it can be stored", || store(&redis).is_ok());
    assert_eq!(text(&redis, "k").as_deref(), Some("v"));
    assert_eq!(say(&replica, "STRLEN k"), "25");
    let stats = redis.stats();
    assert_eq!((stats.len(), &stats[0].address), (1, &Some(replica.address())));
    assert!(stats[0].connects >= 2 && stats[0].last_error.is_some(), "{stats:?}");
}

fn told(sentinel: &Sentinel) -> String {
    let client = ::redis::Client::open(format!("redis://{}", sentinel.address())).unwrap();
    let mut connection = client.get_connection().unwrap();
    ::redis::cmd("INFO").arg("sentinel").query(&mut connection).unwrap()
}

#[test]
fn a_master_that_another_replaces_by_order_is_left_for_it() {
    let (_master, replica, sentinel) = pair();
    let redis = open(&sentinel.url());
    assert!(store(&redis).unwrap());
    until("the sentinel knows the replica", || told(&sentinel).contains("slaves=1"));
    let client = ::redis::Client::open(format!("redis://{}", sentinel.address())).unwrap();
    let mut connection = client.get_connection().unwrap();
    until("the sentinel begins", || {
        ::redis::cmd("SENTINEL").arg(&["FAILOVER", "main"]).exec(&mut connection).is_ok()
    });
    // Also while the old one still believes that it is the master.
    until("the new one is used", || {
        store(&redis).is_ok()
            && say(&replica, "INFO replication").contains("role:master")
            && say(&replica, "EXISTS k") == "1"
            && wait(redis.delete_many(&["k".into()])).remove(0).is_ok()
            && say(&replica, "EXISTS k") == "0"
    });
}

#[test]
fn one_of_several_sentinels_is_enough() {
    let master = servers::Redis::start();
    let sentinel = Sentinel::watch(&master);
    let nobody = servers::Redis::start();
    nobody.stop();
    let (sentinel, nobody) = (sentinel.address(), nobody.address());
    let redis = open(&format!("redis+sentinel://{nobody},{sentinel}?master=main"));
    assert!(store(&redis).unwrap());
}

#[test]
fn a_master_that_no_sentinel_knows_is_named() {
    let master = servers::Redis::start();
    let sentinel = Sentinel::watch(&master);
    let redis = open(&format!("redis+sentinel://{}?master=other", sentinel.address()));
    let error = wait(redis.get_many(&["k".into()], Claim::Nothing)).remove(0).unwrap_err();
    let address = sentinel.address();
    assert_eq!(
        error.to_string(),
        format!(
            "redis other by sentinel {address} is unreachable: sentinel {address}: it knows no \
             master `other`"
        )
    );
}

#[test]
fn sentinels_and_masters_have_logins_of_their_own() {
    let master = servers::Redis::start_with(&["--requirepass", "inner"]);
    let lines = "sentinel auth-pass main inner\nrequirepass outer";
    let sentinel = Sentinel::watch_with(&master, lines);
    let address = sentinel.address();
    let redis = open(&format!("redis+sentinel://:inner@{address}?master=main&sentinel_pass=outer"));
    assert!(store(&redis).unwrap());
    let wrong = open(&format!("redis+sentinel://:inner@{address}?master=main"));
    let error = store(&wrong).unwrap_err().to_string();
    assert!(error.to_lowercase().contains("auth"), "{error}");
}
