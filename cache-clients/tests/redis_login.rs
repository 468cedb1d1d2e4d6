//! Logging in to redis, by password and as a user, and what must never be told.
#![cfg(feature = "redis")]

#[path = "common/server_suite.rs"]
mod suite;

use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::server::{Put, Server, When};
use cache_core::{Error, wait};
use larder_test_servers as servers;
use std::time::Duration;

fn store(redis: &Redis) -> Result<bool, Error> {
    let put = Put { key: "k".into(), bytes: "v".into(), keep: None, when: When::Always };
    wait(redis.put_many(vec![put])).remove(0)
}

#[test]
fn a_password_is_given_and_a_wrong_or_missing_one_is_told() {
    let server = servers::Redis::start_with(&["--requirepass", "p@ss word"]);
    let address = server.address();
    let right = Redis::open(&format!("redis://:p%40ss%20word@{address}")).unwrap();
    suite::values(&right);
    for wrong in [format!("redis://:hunter2@{address}"), format!("redis://{address}")] {
        let error = store(&Redis::open(&wrong).unwrap()).unwrap_err();
        assert!(error.is_unreachable());
        let text = error.to_string();
        assert!(text.to_lowercase().contains("auth"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// The commands that the module's documentation names are all that a user needs.
#[test]
fn a_user_with_the_documented_rights_can_do_everything() {
    let rights = "--user larder on >secret ~* +get +mget +set +ping +evalsha +script|load +getrange \
                  +setrange +del +pexpire +persist +time";
    let server = servers::Redis::start_with(&rights.split_whitespace().collect::<Vec<_>>());
    let address = server.address();
    let redis = Redis::open(&format!("redis://larder:secret@{address}")).unwrap();
    suite::run(&redis);
}

#[test]
fn a_user_who_may_not_is_told_what_he_may_not() {
    let server =
        servers::Redis::start_with(&["--user", "reader", "on", ">secret", "~*", "+get", "+ping"]);
    let address = server.address();
    let redis = Redis::open(&format!("redis://reader:secret@{address}")).unwrap();
    let error = store(&redis).unwrap_err().to_string();
    assert!(error.to_lowercase().contains("permissions") && error.contains("set"), "{error}");
}

#[test]
fn a_database_that_the_server_does_not_have_is_an_error_that_says_so() {
    let server = servers::Redis::start();
    let redis = Redis::open(&format!("{}99", server.url())).unwrap();
    let error = store(&redis).unwrap_err().to_string();
    assert!(error.to_lowercase().contains("db") || error.contains("database"), "{error}");
}

#[test]
fn no_debug_and_no_message_tells_a_password() {
    let url = "redis+sentinel://me:hunter2@127.0.0.1:1?master=m&sentinel_pass=hunter3";
    let options = RedisOptions::new(url).with_connect_timeout(Duration::from_millis(100));
    let redis = Redis::new(options.clone()).unwrap();
    let error = store(&redis).unwrap_err();
    let invalid = Redis::new(options.clone().with_deadline(Duration::ZERO)).unwrap_err();
    let texts = [
        format!("{options:?}"),
        format!("{redis:?}"),
        redis.name(),
        format!("{error} {error:?}"),
        format!("{invalid} {invalid:?}"),
    ];
    for text in texts {
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn options_that_cannot_be_are_named_with_what_can() {
    let options = || RedisOptions::new("redis://:hunter2@cache");
    for (options, what) in [
        (options().with_connect_timeout(Duration::ZERO), "the connect timeout is 0; expected more"),
        (
            options().with_response_timeout(Duration::ZERO),
            "the response timeout is 0; expected more",
        ),
        (options().with_deadline(Duration::ZERO), "the deadline is 0; expected more"),
        (
            options().with_reconnect(Duration::ZERO),
            "the longest pause between attempts to reconnect is 0; expected more",
        ),
        (options().with_in_flight(0), "0 calls in flight; expected 1 to 1048576"),
        (options().with_max_value(0), "a longest value of 0 bytes; expected 1 to 268435456"),
        (
            options().with_max_value(1 << 30),
            "a longest value of 1073741824 bytes; expected 1 to 268435456",
        ),
    ] {
        let error = Redis::new(options).unwrap_err();
        assert!(error.is_invalid());
        assert_eq!(error.to_string(), format!("redis at `redis://:***@cache`: {what}"));
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn tls_without_the_feature_is_refused_by_name() {
    let error = Redis::open("rediss://cache").unwrap_err();
    assert_eq!(error.to_string(), "redis at `rediss://cache`: TLS needs larder's feature `tls`");
}
