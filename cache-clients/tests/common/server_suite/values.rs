//! What was put is what is read, for as long as it is kept; and reads change nothing.

use super::{LONG, SHORT, delete, expire, fresh_key, get, put, put_for, text, token, until, won};
use bytes::Bytes;
use cache_clients::server::{Answer, Claim, Leased, Server, When};
use cache_core::wait;
use std::time::{Duration, Instant};

/// What was put is what is read.
pub fn values(server: &impl Server) {
    the_name_says_what_it_is(server);
    any_bytes_come_back(server);
    a_value_without_bytes_is_a_value(server);
    the_largest_value_comes_back(server);
    a_key_of_two_hundred_bytes_is_a_key(server);
    every_change_changes_the_token(server);
}

/// How long values stay.
pub fn keeping(server: &impl Server) {
    a_value_is_kept_for_its_time_and_not_for_ever(server);
    c74_every_length_of_time_can_be_kept(server);
}

/// Plain reads.
pub fn reads(server: &impl Server) {
    a_plain_read_takes_no_lease_over_nothing(server);
    a_plain_read_takes_no_lease_over_a_stale_value(server);
    a_plain_read_sees_no_value_where_a_lease_is(server);
}

fn the_name_says_what_it_is(server: &impl Server) {
    assert!(!server.name().is_empty());
}

fn any_bytes_come_back(server: &impl Server) {
    let key = fresh_key("bytes");
    let bytes: Vec<u8> = (0..=255).chain(*b"\r\nEN\r\nHD\r\nVA 3\r\nabc\r\n\0").collect();
    assert!(put_for(server, &key, bytes.clone().into(), Some(LONG), When::Always));
    let stored = get(server, &key, Claim::Nothing).stored.expect("a value");
    assert_eq!(stored.bytes, bytes);
    assert!(!stored.stale);
}

fn a_value_without_bytes_is_a_value(server: &impl Server) {
    let key = fresh_key("empty");
    assert!(put(server, &key, "", When::Always));
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.stored.expect("a value").bytes, Bytes::new());
    assert_eq!(answer.leased, Leased::No);
    assert!(!put(server, &key, "other", When::Absent));
    assert!(delete(server, &key));
}

fn the_largest_value_comes_back(server: &impl Server) {
    let key = fresh_key("largest");
    let largest = server.limits().max_value.min(4 << 20);
    let bytes: Bytes = (0..largest).map(|n| (n % 251) as u8).collect();
    assert!(put_for(server, &key, bytes.clone(), Some(LONG), When::Always));
    assert_eq!(get(server, &key, Claim::Nothing).stored.expect("a value").bytes, bytes);
    assert!(delete(server, &key));
}

fn a_key_of_two_hundred_bytes_is_a_key(server: &impl Server) {
    let mut key = fresh_key("long!\"#$%&'()*+,-./0:;<=>?@A[\\]^_`a{|}~");
    key.push_str(&"k".repeat(200 - key.len()));
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "v", When::Token(lease)));
    assert!(expire(server, &key));
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    wait(server.release(&key, lease)).unwrap();
    assert_eq!(text(server, &key).as_deref(), Some("v"));
    assert!(delete(server, &key));
}

fn every_change_changes_the_token(server: &impl Server) {
    let key = fresh_key("token");
    let mut seen = Vec::new();
    let mut see = || {
        let token = token(server, &key);
        assert!(!seen.contains(&token), "{token} was seen before: {seen:?}");
        seen.push(token);
    };
    put(server, &key, "same", When::Always);
    see();
    put(server, &key, "same", When::Always);
    see();
    expire(server, &key);
    see();
    expire(server, &key);
    see();
    delete(server, &key);
    put(server, &key, "same", When::Absent);
    see();
    put(server, &key, "same", When::Token(token(server, &key)));
    see();
}

fn a_value_is_kept_for_its_time_and_not_for_ever(server: &impl Server) {
    let key = fresh_key("kept");
    let start = Instant::now();
    assert!(put_for(server, &key, "v".into(), Some(SHORT), When::Always));
    let first = text(server, &key);
    // A slow machine may have spent the second.
    assert!(first.is_some() || start.elapsed() >= SHORT);
    until("the value ends", || text(server, &key).is_none());
}

fn c74_every_length_of_time_can_be_kept(server: &impl Server) {
    const DAY: u64 = 24 * 60 * 60;
    let days = |days: u64| Some(Duration::from_secs(days * DAY));
    let times =
        [days(29), days(30), days(31), days(3_650), days(36_500), Some(Duration::MAX), None];
    for keep in times {
        let key = fresh_key("time");
        assert!(put_for(server, &key, "v".into(), keep, When::Always), "{keep:?}");
        assert_eq!(text(server, &key).as_deref(), Some("v"), "{keep:?}");
        if let Some(keep) = keep {
            assert!(wait(server.expire(&key, keep)).unwrap(), "{keep:?}");
            assert_eq!(text(server, &key).as_deref(), Some("v"), "{keep:?}");
        }
    }
    // Below a second: at least for that long is all that is promised; but not for ever.
    let key = fresh_key("time");
    assert!(put_for(server, &key, "v".into(), Some(Duration::from_nanos(1)), When::Always));
    until("a very short time ends", || text(server, &key).is_none());
}

fn a_plain_read_takes_no_lease_over_nothing(server: &impl Server) {
    let key = fresh_key("plain");
    let nothing = Answer { stored: None, leased: Leased::No };
    assert_eq!(get(server, &key, Claim::Nothing), nothing);
    assert_eq!(get(server, &key, Claim::Nothing), nothing);
    won(&get(server, &key, Claim::Missing(LONG)));
}

fn a_plain_read_takes_no_lease_over_a_stale_value(server: &impl Server) {
    let key = fresh_key("plain-stale");
    put(server, &key, "v", When::Always);
    expire(server, &key);
    let first = get(server, &key, Claim::Nothing);
    assert_eq!(first.leased, Leased::No);
    assert!(first.stored.as_ref().unwrap().stale);
    assert_eq!(get(server, &key, Claim::Nothing), first);
    won(&get(server, &key, Claim::Missing(LONG)));
    assert_eq!(get(server, &key, Claim::Nothing), first, "a lease changes no token");
}

fn a_plain_read_sees_no_value_where_a_lease_is(server: &impl Server) {
    let key = fresh_key("plain-lease");
    won(&get(server, &key, Claim::Missing(LONG)));
    let nothing = Answer { stored: None, leased: Leased::No };
    assert_eq!(get(server, &key, Claim::Nothing), nothing);
}
