//! A cluster of redis: slots on the move, a member that dies, a replica that takes over.
#![cfg(feature = "redis")]

#[path = "common/server_suite.rs"]
mod suite;

use cache_clients::redis::{Redis, RedisOptions, ServerState};
use cache_clients::server::{Claim, Leased, Put, Server, When};
use cache_core::wait;
use larder_test_servers::{RedisCluster, say};
use std::time::{Duration, Instant};
use suite::{delete, get, put, text, until, won};

const LONG: Duration = Duration::from_secs(60);

fn open(url: &str) -> Redis {
    let options = RedisOptions::new(url)
        .with_connect_timeout(Duration::from_secs(2))
        .with_response_timeout(Duration::from_secs(2))
        .with_deadline(Duration::from_secs(5))
        .with_reconnect(Duration::from_millis(100));
    Redis::new(options).unwrap()
}

fn keys() -> Vec<String> {
    (0..60).map(|n| format!("key:{n}")).collect()
}

fn puts(keys: &[String]) -> Vec<Put> {
    let put = |key: &String| Put {
        key: key.clone(),
        bytes: key.clone().into(),
        keep: Some(LONG),
        when: When::Always,
    };
    keys.iter().map(put).collect()
}

#[test]
fn a_batch_goes_to_all_members() {
    let cluster = RedisCluster::start();
    let redis = open(&cluster.url());
    let keys = keys();
    assert!(wait(redis.put_many(puts(&keys))).into_iter().all(|stored| stored.unwrap()));
    for master in cluster.masters() {
        let count: usize = say(master, "DBSIZE").parse().unwrap();
        assert!((5..=40).contains(&count), "{count} of 60 keys on one of three");
    }
    for (key, answer) in keys.iter().zip(wait(redis.get_many(&keys, Claim::Nothing))) {
        assert_eq!(answer.unwrap().stored.unwrap().bytes, *key);
    }
    let stats = redis.stats();
    let mut masters: Vec<String> = cluster.masters().iter().map(|one| one.address()).collect();
    masters.sort_unstable();
    assert_eq!(stats.iter().map(|one| one.name.clone()).collect::<Vec<_>>(), masters);
    assert!(stats.iter().all(|one| one.state == ServerState::Connected && one.requests >= 2));
}

#[test]
fn a_slot_that_moves_is_followed_at_every_step() {
    let cluster = RedisCluster::start();
    let redis = open(&cluster.url());
    let [from, to, _] = cluster.masters() else { panic!("three masters") };
    // `{user1000}` is slot 3443, of the first.
    let keys: Vec<String> = (0..6).map(|n| format!("{{user1000}}:{n}")).collect();
    assert!(wait(redis.put_many(puts(&keys))).into_iter().all(|stored| stored.unwrap()));
    let (from_id, to_id) = (say(from, "CLUSTER MYID"), say(to, "CLUSTER MYID"));
    assert_eq!(say(to, &format!("CLUSTER SETSLOT 3443 IMPORTING {from_id}")), "OK");
    assert_eq!(say(from, &format!("CLUSTER SETSLOT 3443 MIGRATING {to_id}")), "OK");
    for key in &keys[..3] {
        assert_eq!(say(from, &format!("MIGRATE 127.0.0.1 {} {key} 0 5000", to.port())), "OK");
    }
    // Half of the keys are here and half there; all are found, changed and leased.
    for (key, answer) in keys.iter().zip(wait(redis.get_many(&keys, Claim::Missing(LONG)))) {
        assert_eq!(answer.unwrap().stored.unwrap().bytes, *key);
    }
    let lease = won(&get(&redis, &keys[0], Claim::Refresh(LONG)));
    assert!(put(&redis, &keys[0], "moved", When::Token(lease)));
    assert!(delete(&redis, &keys[1]));
    assert!(delete(&redis, &keys[5]));
    let lease = won(&get(&redis, "{user1000}:new", Claim::Missing(LONG)));
    assert_eq!(get(&redis, "{user1000}:new", Claim::Missing(LONG)).leased, Leased::Taken);
    for key in &keys[3..5] {
        assert_eq!(say(from, &format!("MIGRATE 127.0.0.1 {} {key} 0 5000", to.port())), "OK");
    }
    for node in [to, from] {
        assert_eq!(say(node, &format!("CLUSTER SETSLOT 3443 NODE {to_id}")), "OK");
    }
    assert!(put(&redis, "{user1000}:new", "new", When::Token(lease)));
    assert_eq!(text(&redis, &keys[0]).as_deref(), Some("moved"));
    assert_eq!(text(&redis, &keys[1]), None);
    assert_eq!(text(&redis, &keys[4]).as_deref(), Some(&*keys[4]));
    assert_eq!(text(&redis, "{user1000}:new").as_deref(), Some("new"));
}

#[test]
fn one_member_that_is_away_does_not_fail_the_others() {
    let cluster = RedisCluster::start();
    for master in cluster.masters() {
        say(master, "CONFIG SET cluster-require-full-coverage no");
    }
    let redis = open(&cluster.url());
    let keys = keys();
    assert!(wait(redis.put_many(puts(&keys))).into_iter().all(|stored| stored.unwrap()));
    let dead = &cluster.masters()[1];
    let lost: usize = say(dead, "DBSIZE").parse().unwrap();
    dead.stop();
    for _ in 0..5 {
        let start = Instant::now();
        let answers = wait(redis.get_many(&keys, Claim::Nothing));
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        let errors: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert_eq!(errors.len(), lost);
        assert!(errors.iter().all(|error| error.is_unreachable()));
    }
    dead.start_again();
    until("the member is used again", || {
        wait(redis.put_many(puts(&keys))).into_iter().all(|stored| stored.is_ok())
    });
}

#[test]
fn a_replica_that_takes_over_is_found() {
    let cluster = RedisCluster::start_with_replica();
    let redis = open(&cluster.url());
    let keys = keys();
    assert!(wait(redis.put_many(puts(&keys))).into_iter().all(|stored| stored.unwrap()));
    cluster.masters()[0].stop();
    until("all keys can be stored", || {
        wait(redis.put_many(puts(&keys))).into_iter().all(|stored| stored.is_ok())
    });
    let answers = wait(redis.get_many(&keys, Claim::Nothing));
    assert!(answers.into_iter().all(|answer| answer.unwrap().stored.is_some()));
    assert!(say(&cluster.replicas()[0], "ROLE") == "*3");
    assert!(say(&cluster.replicas()[0], "INFO replication").contains("role:master"));
}

#[test]
fn a_cluster_that_is_away_fails_at_once_from_the_second_call_and_names_its_members() {
    let cluster = RedisCluster::start();
    for master in cluster.masters() {
        master.stop();
    }
    let redis = open(&cluster.url());
    let read = || wait(redis.get_many(&["k".into()], Claim::Nothing)).remove(0).unwrap_err();
    let text = read().to_string();
    for master in cluster.masters() {
        assert!(text.contains(&master.address()), "{text}");
    }
    let start = Instant::now();
    for _ in 0..200 {
        assert!(read().is_unreachable());
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_server_that_is_no_cluster_is_said_to_be_none() {
    let server = larder_test_servers::Redis::start();
    let redis = open(&format!("redis+cluster://{}", server.address()));
    let error = wait(redis.get_many(&["k".into()], Claim::Nothing)).remove(0).unwrap_err();
    assert!(error.to_string().contains("cluster support disabled"), "{error}");
}
