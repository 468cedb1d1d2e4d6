//! `delete_many` and `expire`, `release` and `purge`.

use super::{
    LONG, SHORT, delete, expire, fresh_key, get, put, put_for, taken, text, token, until, won,
};
use cache_clients::server::{Claim, Server, When};
use cache_core::wait;
use std::time::Instant;

/// `delete_many` and `expire`.
pub fn invalidations(server: &impl Server) {
    a_delete_says_whether_there_was_a_value(server);
    a_delete_fences_leases_over_everything(server);
    an_expired_value_is_stale_and_readable(server);
    an_expire_says_whether_there_was_a_value(server);
    an_expire_fences_leases_over_everything(server);
    an_expired_value_is_kept_for_that_long(server);
    a_value_is_discarded_only_while_it_is_that_one(server);
    a_value_that_somebody_is_about_to_replace_is_not_discarded(server);
}

/// `release` and `purge`.
pub fn giving_back(server: &impl Server) {
    a_lease_given_back_is_free_for_the_next(server);
    a_refresh_given_back_is_free_for_the_next_and_the_value_stays(server);
    giving_back_what_is_over_does_nothing(server);
    a_purge_leaves_what_is_in_its_time(server);
}

fn a_delete_says_whether_there_was_a_value(server: &impl Server) {
    let key = fresh_key("delete");
    assert!(!delete(server, &key));
    put(server, &key, "v", When::Always);
    assert!(delete(server, &key));
    assert!(!delete(server, &key));
    assert_eq!(text(server, &key), None);
    won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!delete(server, &key), "a lease over nothing is no value");
    put(server, &key, "v", When::Always);
    expire(server, &key);
    assert!(delete(server, &key), "a stale value is a value");
}

fn a_delete_fences_leases_over_everything(server: &impl Server) {
    for there in ["nothing", "fresh", "stale"] {
        let key = fresh_key("delete-fence");
        if there != "nothing" {
            put(server, &key, "old", When::Always);
        }
        if there == "stale" {
            expire(server, &key);
        }
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        delete(server, &key);
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        let next = won(&get(server, &key, Claim::Missing(LONG)));
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        assert!(put(server, &key, "next", When::Token(next)), "{there}");
    }
}

fn an_expired_value_is_stale_and_readable(server: &impl Server) {
    let key = fresh_key("expire");
    put(server, &key, "v", When::Always);
    assert!(expire(server, &key));
    let stored = get(server, &key, Claim::Nothing).stored.expect("the value stays");
    assert!(stored.stale);
    assert_eq!(stored.bytes, "v");
    put(server, &key, "w", When::Always);
    assert!(!get(server, &key, Claim::Nothing).stored.unwrap().stale);
}

fn an_expire_says_whether_there_was_a_value(server: &impl Server) {
    let key = fresh_key("expire-nothing");
    assert!(!expire(server, &key));
    assert_eq!(text(server, &key), None);
    won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!expire(server, &key), "a lease over nothing is no value");
    put(server, &key, "v", When::Always);
    assert!(expire(server, &key));
    assert!(expire(server, &key), "a stale value is a value");
}

fn an_expire_fences_leases_over_everything(server: &impl Server) {
    for there in ["nothing", "fresh", "stale"] {
        let key = fresh_key("expire-fence");
        if there != "nothing" {
            put(server, &key, "old", When::Always);
        }
        if there == "stale" {
            expire(server, &key);
        }
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        expire(server, &key);
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        let next = won(&get(server, &key, Claim::Missing(LONG)));
        assert!(!put(server, &key, "late", When::Token(lease)), "{there}");
        assert!(put(server, &key, "next", When::Token(next)), "{there}");
    }
}

fn an_expired_value_is_kept_for_that_long(server: &impl Server) {
    let key = fresh_key("expire-kept");
    put_for(server, &key, "v".into(), None, When::Always);
    assert!(wait(server.expire(&key, SHORT)).unwrap());
    until("the stale value ends", || text(server, &key).is_none());

    // Its own time does not count any more.
    let key = fresh_key("expire-longer");
    put_for(server, &key, "v".into(), Some(SHORT), When::Always);
    if wait(server.expire(&key, LONG)).unwrap() {
        let start = Instant::now();
        until("two seconds pass", || start.elapsed() > 2 * SHORT);
        assert_eq!(text(server, &key).as_deref(), Some("v"));
    }
}

fn discard(server: &impl Server, key: &str, token: u64) -> bool {
    wait(server.discard(key, token)).expect("the server answers")
}

fn a_value_is_discarded_only_while_it_is_that_one(server: &impl Server) {
    let key = fresh_key("discard");
    assert!(!discard(server, &key, 12_345));
    put(server, &key, "old", When::Always);
    let old = token(server, &key);
    put(server, &key, "new", When::Always);
    assert!(!discard(server, &key, old));
    assert_eq!(text(server, &key).as_deref(), Some("new"));
    let new = token(server, &key);
    assert!(discard(server, &key, new));
    assert_eq!(text(server, &key), None);
    assert!(!discard(server, &key, new));
    assert!(!put(server, &key, "late", When::Token(new)), "its token is worthless");
    expire(server, &key);
    put(server, &key, "v", When::Always);
    expire(server, &key);
    assert!(discard(server, &key, token(server, &key)), "also if it is stale");
}

fn a_value_that_somebody_is_about_to_replace_is_not_discarded(server: &impl Server) {
    let key = fresh_key("discard-leased");
    put(server, &key, "v", When::Always);
    let lease = won(&get(server, &key, Claim::Refresh(LONG)));
    assert!(!discard(server, &key, token(server, &key)));
    assert!(put(server, &key, "next", When::Token(lease)));
    let lease = won(&get(server, &key, Claim::Refresh(LONG)));
    wait(server.release(&key, lease)).unwrap();
    assert!(discard(server, &key, token(server, &key)));
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!discard(server, &key, lease), "a lease over nothing is no value");
    assert!(put(server, &key, "w", When::Token(lease)));
}

fn a_lease_given_back_is_free_for_the_next(server: &impl Server) {
    let key = fresh_key("release");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    taken(&get(server, &key, Claim::Missing(LONG)));
    wait(server.release(&key, lease)).unwrap();
    let next = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!put(server, &key, "late", When::Token(lease)));
    assert!(put(server, &key, "next", When::Token(next)));
}

fn a_refresh_given_back_is_free_for_the_next_and_the_value_stays(server: &impl Server) {
    for there in ["fresh", "stale"] {
        let key = fresh_key("release-refresh");
        put(server, &key, "v", When::Always);
        if there == "stale" {
            expire(server, &key);
        }
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        taken(&get(server, &key, Claim::Refresh(LONG)));
        wait(server.release(&key, lease)).unwrap();
        assert_eq!(text(server, &key).as_deref(), Some("v"), "{there}");
        won(&get(server, &key, Claim::Refresh(LONG)));
    }
}

fn giving_back_what_is_over_does_nothing(server: &impl Server) {
    let key = fresh_key("release-over");
    wait(server.release(&key, 12_345)).unwrap();
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    let next = won(&get(server, &key, Claim::Replace(LONG)));
    wait(server.release(&key, lease)).unwrap();
    taken(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "v", When::Token(next)));
    wait(server.release(&key, next)).unwrap();
    assert_eq!(text(server, &key).as_deref(), Some("v"));
}

fn a_purge_leaves_what_is_in_its_time(server: &impl Server) {
    let key = fresh_key("purge");
    put(server, &key, "v", When::Always);
    let leased = fresh_key("purge-lease");
    let lease = won(&get(server, &leased, Claim::Missing(LONG)));
    wait(server.purge()).unwrap();
    assert_eq!(text(server, &key).as_deref(), Some("v"));
    assert!(put(server, &leased, "w", When::Token(lease)));
}
