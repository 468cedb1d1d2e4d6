//! What stands in the server, and what redis is asked for: foreign and damaged strings, times, memory,
//! eviction, forgotten scripts, a full server.
#![cfg(feature = "redis")]

#[path = "common/server_suite.rs"]
mod suite;

use ::redis::{Commands, Connection};
use bytes::Bytes;
use cache_clients::redis::Redis;
use cache_clients::server::{Answer, Claim, Leased, Put, Server, When};
use cache_core::wait;
use larder_test_servers as servers;
use std::collections::HashSet;
use std::time::Duration;
use suite::{delete, expire, get, put, put_for, text, until, won};

const LONG: Duration = Duration::from_secs(60);
const NOTHING: Answer = Answer { stored: None, leased: Leased::No };

struct Bench {
    server: servers::Redis,
    redis: Redis,
    bare: Connection,
}

impl Bench {
    fn with(options: &[&str]) -> Self {
        let server = servers::Redis::start_with(options);
        let redis = Redis::open(&server.url()).unwrap();
        let bare = ::redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        Bench { server, redis, bare }
    }

    fn pttl(&mut self, key: &str) -> i64 {
        self.bare.pttl(key).unwrap()
    }
}

fn bench() -> Bench {
    Bench::with(&[])
}

#[test]
fn what_somebody_else_left_under_a_key_is_a_miss_and_is_overwritten() {
    let Bench { redis, mut bare, server: _server } = bench();
    let long = "x".repeat(100);
    let leave: [&dyn Fn(&mut Connection, &str); 4] = [
        &|bare, key| bare.set(key, "foreign").unwrap(),
        &|bare, key| bare.set(key, &long).unwrap(),
        &|bare, key| bare.rpush(key, "foreign").unwrap(),
        &|bare, key| bare.hset(key, "foreign", 1).unwrap(),
    ];
    for leave in leave {
        leave(&mut bare, "k");
        assert_eq!(get(&redis, "k", Claim::Nothing), NOTHING);
        let both = wait(redis.get_many(&["k".into(), "l".into()], Claim::Nothing));
        assert!(both.into_iter().all(|answer| answer.unwrap() == NOTHING));
        assert!(!expire(&redis, "k"));
        assert!(!delete(&redis, "k"));
        leave(&mut bare, "k");
        wait(redis.release("k", 7)).unwrap();
        assert!(!put(&redis, "k", "late", When::Token(7)));
        let lease = won(&get(&redis, "k", Claim::Missing(LONG)));
        assert!(put(&redis, "k", "ours", When::Token(lease)));
        assert_eq!(text(&redis, "k").as_deref(), Some("ours"));
        bare.del::<_, ()>("k").unwrap();
        leave(&mut bare, "k");
        assert!(put(&redis, "k", "ours", When::Absent));
        bare.del::<_, ()>("k").unwrap();
    }
}

#[test]
fn any_damage_to_the_header_is_a_miss_or_another_token_and_never_a_panic() {
    let Bench { redis, mut bare, server: _server } = bench();
    for at in 0..24 {
        for wrong in [0_u8, 1, 2, 3, 0x7f, 0xff] {
            put(&redis, "k", "value", When::Always);
            bare.setrange::<_, _, ()>("k", at, &[wrong][..]).unwrap();
            if let Some(stored) = get(&redis, "k", Claim::Nothing).stored {
                assert_eq!(stored.bytes, "value");
            }
            get(&redis, "k", Claim::Missing(LONG));
            get(&redis, "k", Claim::Replace(LONG));
            expire(&redis, "k");
            delete(&redis, "k");
            assert_eq!(get(&redis, "k", Claim::Nothing), NOTHING);
        }
    }
}

#[test]
fn a_truncated_string_is_a_miss() {
    let Bench { redis, mut bare, server: _server } = bench();
    put(&redis, "k", "value", When::Always);
    let whole: Vec<u8> = bare.get("k").unwrap();
    for length in 0..24 {
        bare.set::<_, _, ()>("k", &whole[..length]).unwrap();
        assert_eq!(get(&redis, "k", Claim::Nothing), NOTHING);
        won(&get(&redis, "k", Claim::Missing(LONG)));
    }
}

#[test]
fn c74_times_are_kept_to_the_millisecond() {
    let mut bench = bench();
    let day = Duration::from_secs(86_400);
    for keep in [Duration::from_millis(700), day, 40 * day, 36_500 * day, 400_000 * day] {
        let millis = i64::try_from(keep.as_millis()).unwrap();
        for when in [When::Always, When::Absent] {
            assert!(put_for(&bench.redis, "k", Bytes::new(), Some(keep), when));
            let left = bench.pttl("k");
            // A busy machine may be late; a second of its own is what the shortest has.
            assert!((millis - 600..=millis).contains(&left), "{keep:?}: {left} ms left");
            assert!(delete(&bench.redis, "k"));
        }
        assert!(put_for(&bench.redis, "k", Bytes::new(), None, When::Always));
        assert!(wait(bench.redis.expire("k", keep)).unwrap());
        let left = bench.pttl("k");
        assert!((millis - 600..=millis).contains(&left), "{keep:?}: {left} ms left");
        assert!(delete(&bench.redis, "k"));
    }
    for keep in [None, Some(Duration::MAX)] {
        for when in [When::Always, When::Absent] {
            assert!(put_for(&bench.redis, "k", Bytes::new(), keep, when));
            assert_eq!(bench.pttl("k"), -1, "for ever");
            assert!(delete(&bench.redis, "k"));
        }
    }
}

#[test]
fn a_lease_changes_no_time_of_the_value() {
    let mut bench = bench();
    put(&bench.redis, "k", "v", When::Always);
    let before = bench.pttl("k");
    let lease = won(&get(&bench.redis, "k", Claim::Refresh(10 * LONG)));
    wait(bench.redis.release("k", lease)).unwrap();
    let after = bench.pttl("k");
    assert!(after <= before && after > before - 30_000, "{before} ms, then {after} ms");
}

#[test]
fn a_lease_below_a_second_ends_by_itself() {
    let Bench { redis, server: _server, .. } = bench();
    put(&redis, "there", "v", When::Always);
    for key in ["nothing", "there"] {
        let late = won(&get(&redis, key, Claim::Refresh(Duration::from_millis(150))));
        let mut next = 0;
        until("the lease ends", || match get(&redis, key, Claim::Refresh(LONG)).leased {
            Leased::Won(token) => {
                next = token;
                true
            }
            Leased::Taken | Leased::No => false,
        });
        assert!(!put(&redis, key, "late", When::Token(late)));
        assert!(put(&redis, key, "next", When::Token(next)));
    }
}

#[test]
fn tokens_do_not_repeat_after_deletion_eviction_and_restart() {
    let Bench { server, redis, mut bare } = bench();
    let mut seen = HashSet::new();
    for round in 0..300 {
        let lease = won(&get(&redis, "k", Claim::Missing(LONG)));
        assert!(seen.insert(lease));
        assert!(put(&redis, "k", "v", When::Token(lease)));
        assert!(seen.insert(get(&redis, "k", Claim::Nothing).stored.unwrap().token));
        match round % 3 {
            0 => assert!(delete(&redis, "k")),
            // What an eviction leaves.
            1 => bare.del("k").unwrap(),
            _ => ::redis::cmd("FLUSHALL").exec(&mut bare).unwrap(),
        }
        assert!(seen.iter().take(5).all(|token| !put(&redis, "k", "late", When::Token(*token))));
    }
    server.stop();
    server.start_again();
    until("it is back", || wait(redis.get_many(&["k".into()], Claim::Nothing)).remove(0).is_ok());
    assert!(seen.insert(won(&get(&redis, "k", Claim::Missing(LONG)))));
}

#[test]
fn scripts_that_the_server_forgot_are_loaded_again() {
    let Bench { redis, mut bare, server: _server } = bench();
    let mut flush = || ::redis::cmd("SCRIPT").arg("FLUSH").exec(&mut bare).unwrap();
    for _ in 0..3 {
        flush();
        let keys: Vec<String> = (0..20).map(|n| format!("k{n}")).collect();
        let answers = wait(redis.get_many(&keys, Claim::Missing(LONG)));
        assert_eq!(answers.len(), 20);
        for (key, answer) in keys.iter().zip(answers) {
            let lease = won(&answer.unwrap());
            assert!(put(&redis, key, "v", When::Token(lease)));
        }
        flush();
        assert!(expire(&redis, "k0"));
        flush();
        assert!(wait(redis.delete_many(&keys)).into_iter().all(|deleted| deleted.unwrap()));
    }
}

#[test]
fn a_batch_takes_one_round_trip() {
    let Bench { redis, mut bare, server: _server } = bench();
    let keys: Vec<String> = (0..64).map(|n| format!("k{n}")).collect();
    let puts = |when| -> Vec<Put> {
        let put = |key: &String| Put { key: key.clone(), bytes: "v".into(), keep: None, when };
        keys.iter().map(put).collect()
    };
    let mut reads = || -> u64 {
        let info: String = ::redis::cmd("INFO").arg("stats").query(&mut bare).unwrap();
        let line = info.lines().find_map(|l| l.strip_prefix("total_reads_processed:")).unwrap();
        line.parse().unwrap()
    };
    // Loads the scripts.
    delete(&redis, "k");
    wait(redis.get_many(&keys, Claim::Missing(LONG)));
    let mut count = |what: &str, call: &dyn Fn()| {
        let before = reads();
        call();
        // Its own question is one; a long pipeline may be read in two pieces.
        let reads = reads() - before - 1;
        assert!(reads <= 2, "{what}: the server read {reads} times");
    };
    count("put", &|| assert!(wait(redis.put_many(puts(When::Always))).iter().all(Result::is_ok)));
    count("add", &|| assert!(wait(redis.put_many(puts(When::Absent))).iter().all(Result::is_ok)));
    count("read", &|| assert_eq!(wait(redis.get_many(&keys, Claim::Nothing)).len(), 64));
    count("claim", &|| assert_eq!(wait(redis.get_many(&keys, Claim::Refresh(LONG))).len(), 64));
    count("delete", &|| assert_eq!(wait(redis.delete_many(&keys)).len(), 64));
}

#[test]
fn a_value_costs_little_more_than_its_bytes() {
    let Bench { redis, mut bare, server: _server } = bench();
    let bytes = vec![7_u8; 100];
    put_for(&redis, "ours", bytes.clone().into(), Some(LONG), When::Always);
    bare.set_ex::<_, _, ()>("bare", &bytes[..], 60).unwrap();
    let mut usage =
        |key| -> usize { ::redis::cmd("MEMORY").arg("USAGE").arg(key).query(&mut bare).unwrap() };
    let (ours, bare) = (usage("ours"), usage("bare"));
    assert!(ours <= bare + 64, "{ours} bytes against {bare}");
}

#[test]
fn a_full_server_still_answers_reads_gives_no_leases_and_refuses_values() {
    let Bench { redis, mut bare, server: _server } = bench();
    put(&redis, "there", "v", When::Always);
    ::redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).exec(&mut bare).unwrap();
    assert_eq!(text(&redis, "there").as_deref(), Some("v"));
    let answer = get(&redis, "there", Claim::Missing(LONG));
    assert_eq!((answer.stored.is_some(), answer.leased), (true, Leased::No));
    assert_eq!(get(&redis, "absent", Claim::Missing(LONG)), NOTHING);
    let put = Put { key: "k".into(), bytes: "v".into(), keep: None, when: When::Always };
    let error = wait(redis.put_many(vec![put])).remove(0).unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("maxmemory"), "{error}");
    assert!(delete(&redis, "there"));
}

#[test]
fn claims_of_a_batch_are_decided_each_by_itself() {
    let Bench { redis, mut bare, server: _server } = bench();
    let keys: Vec<String> = (0..70).map(|n| format!("k{n}")).collect();
    for key in keys.iter().step_by(5) {
        put(&redis, key, key, When::Always);
        expire(&redis, key);
    }
    for key in keys.iter().skip(1).step_by(5) {
        put(&redis, key, key, When::Always);
    }
    for key in keys.iter().skip(2).step_by(5) {
        won(&get(&redis, key, Claim::Missing(LONG)));
    }
    for key in keys.iter().skip(3).step_by(5) {
        bare.rpush::<_, _, ()>(key, "foreign").unwrap();
    }
    let claimed = |claim| {
        let answers = wait(redis.get_many(&keys, claim)).into_iter().map(Result::unwrap);
        answers.collect::<Vec<_>>()
    };
    let answers = claimed(Claim::Missing(LONG));
    for (n, (key, answer)) in keys.iter().zip(&answers).enumerate() {
        let found = answer.stored.as_ref().map(|stored| (&stored.bytes[..], stored.stale));
        match n % 5 {
            0 => assert_eq!((found, won(answer) > 0), (Some((key.as_bytes(), true)), true)),
            1 => assert_eq!((found, answer.leased), (Some((key.as_bytes(), false)), Leased::No)),
            2 => assert_eq!((found, answer.leased), (None, Leased::Taken)),
            _ => assert_eq!((found, won(answer) > 0), (None, true)),
        }
    }
    for (n, answer) in claimed(Claim::Missing(LONG)).iter().enumerate() {
        let expected = if n % 5 == 1 { Leased::No } else { Leased::Taken };
        assert_eq!(answer.leased, expected, "k{n}");
    }
    // Each has the lease whose token it was told.
    for (n, (key, answer)) in keys.iter().zip(claimed(Claim::Replace(LONG))).enumerate() {
        assert!(put(&redis, key, "new", When::Token(won(&answer))), "k{n}");
    }
}

#[test]
fn a_full_server_answers_the_hits_of_a_batch() {
    let Bench { redis, mut bare, server: _server } = bench();
    put(&redis, "there", "v", When::Always);
    ::redis::cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).exec(&mut bare).unwrap();
    let keys = ["absent".to_owned(), "there".to_owned()];
    for claim in [Claim::Missing(LONG), Claim::Refresh(LONG)] {
        let answers: Vec<_> =
            wait(redis.get_many(&keys, claim)).into_iter().map(Result::unwrap).collect();
        assert_eq!(answers[0], NOTHING);
        assert!(answers[1].stored.is_some());
    }
}

#[test]
fn a_master_that_became_a_replica_answers_the_hits_of_a_batch() {
    let Bench { redis, mut bare, server: _server } = bench();
    put(&redis, "there", "v", When::Always);
    // Loads the scripts.
    won(&get(&redis, "other", Claim::Missing(LONG)));
    ::redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).exec(&mut bare).unwrap();
    let keys = ["absent".to_owned(), "there".to_owned()];
    let answers = wait(redis.get_many(&keys, Claim::Missing(LONG)));
    let error = answers[0].as_ref().unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("read only"), "{error}");
    assert!(answers[1].as_ref().unwrap().stored.is_some());
    ::redis::cmd("REPLICAOF").arg("NO").arg("ONE").exec(&mut bare).unwrap();
    won(&get(&redis, "absent", Claim::Missing(LONG)));
}

#[test]
fn a_value_that_redis_cannot_hold_is_an_error_of_that_put_only() {
    let Bench { redis, server: _server, .. } = bench();
    let put = |key: &str, bytes: Bytes| Put {
        key: key.to_owned(),
        bytes,
        keep: Some(LONG),
        when: When::Always,
    };
    let long = Bytes::from(vec![0; 512 << 20]);
    let stored = wait(redis.put_many(vec![put("long", long), put("short", "v".into())]));
    let error = stored[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("a value of 536870912 bytes is longer than its 536870888"), "{error}");
    assert!(stored[1].as_ref().is_ok_and(|stored| *stored));
}

#[test]
fn a_batch_with_a_foreign_value_answers_for_the_others() {
    let Bench { redis, mut bare, server: _server } = bench();
    bare.rpush::<_, _, ()>("list", "foreign").unwrap();
    put(&redis, "ours", "v", When::Always);
    let keys = ["ours".to_owned(), "list".to_owned(), "ours".to_owned()];
    for claim in [Claim::Nothing, Claim::Missing(LONG)] {
        let answers = wait(redis.get_many(&keys, claim));
        let found: Vec<_> = answers.iter().map(|a| a.as_ref().unwrap().stored.is_some()).collect();
        assert_eq!(found, [true, false, true]);
    }
}
