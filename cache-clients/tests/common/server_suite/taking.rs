//! `Claim::Replace`, and the conditions of `When`.

use super::{LONG, delete, expire, fresh_key, get, put, taken, text, token, won};
use cache_clients::server::{Claim, Leased, Server, When};
use cache_core::wait;

/// `Claim::Replace`.
pub fn taking_over(server: &impl Server) {
    a_replace_gets_the_lease_whatever_is_there(server);
    a_replace_takes_the_lease_from_one_who_has_it(server);
    a_replace_takes_the_refresh_from_one_who_has_it(server);
    others_see_the_lease_of_a_replace_as_taken(server);
}

/// `When`.
pub fn conditions(server: &impl Server) {
    always_wins_over_leases_and_tokens(server);
    absent_stores_only_where_there_is_no_value(server);
    absent_wins_over_a_lease_over_nothing(server);
    a_token_stores_once(server);
    a_token_of_a_read_stores_where_nothing_has_happened(server);
    a_renewal_leaves_the_lease_with_who_has_it(server);
    a_renewal_stores_only_in_place_of_the_value_that_was_read(server);
}

fn a_renewal_leaves_the_lease_with_who_has_it(server: &impl Server) {
    for (claim, bytes) in [(Claim::Refresh(LONG), ""), (Claim::Replace(LONG), "a value")] {
        let key = fresh_key("renew-leased");
        put(server, &key, bytes, When::Always);
        let lease = won(&get(server, &key, claim));
        for _ in 0..3 {
            let before = get(server, &key, Claim::Nothing).stored.unwrap();
            assert!(put(server, &key, bytes, When::Renewed(before.token)));
            let after = get(server, &key, Claim::Nothing).stored.unwrap();
            assert_eq!((&after.bytes[..], after.stale), (bytes.as_bytes(), false));
            assert_ne!(after.token, before.token);
            assert!(!put(server, &key, "late", When::Renewed(before.token)));
            taken(&get(server, &key, Claim::Refresh(LONG)));
            assert!(!wait(server.discard(&key, after.token)).unwrap());
        }
        assert!(put(server, &key, "new", When::Token(lease)));
        assert_eq!(text(server, &key).as_deref(), Some("new"));
    }
    // Given back, and taken over.
    let key = fresh_key("renew-released");
    put(server, &key, "v", When::Always);
    let lease = won(&get(server, &key, Claim::Refresh(LONG)));
    assert!(put(server, &key, "v", When::Renewed(token(server, &key))));
    wait(server.release(&key, lease)).unwrap();
    let before = won(&get(server, &key, Claim::Refresh(LONG)));
    assert!(put(server, &key, "v", When::Renewed(token(server, &key))));
    let lease = won(&get(server, &key, Claim::Replace(LONG)));
    assert!(!put(server, &key, "late", When::Token(before)), "it has been taken away");
    assert_eq!(text(server, &key).as_deref(), Some("v"));
    assert!(put(server, &key, "new", When::Token(lease)));
}

fn a_renewal_stores_only_in_place_of_the_value_that_was_read(server: &impl Server) {
    let key = fresh_key("renew");
    assert!(!put(server, &key, "late", When::Renewed(12_345)), "there is nothing");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!put(server, &key, "late", When::Renewed(lease)), "a lease over nothing is no value");
    assert!(put(server, &key, "v", When::Token(lease)));
    let changes: [fn(&_, &str); 3] = [
        |server, key| assert!(put(server, key, "w", When::Always)),
        |server, key| assert!(expire(server, key)),
        |server, key| assert!(delete(server, key)),
    ];
    for change in changes {
        put(server, &key, "v", When::Always);
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        let read = token(server, &key);
        assert!(put(server, &key, "v", When::Renewed(read)));
        let renewed = token(server, &key);
        change(server, &key);
        let there = text(server, &key);
        for late in [When::Renewed(read), When::Renewed(renewed), When::Token(lease)] {
            assert!(!put(server, &key, "late", late));
        }
        assert_eq!(text(server, &key), there);
    }
}

fn a_replace_gets_the_lease_whatever_is_there(server: &impl Server) {
    for there in ["nothing", "fresh", "stale"] {
        let key = fresh_key("replace");
        if there != "nothing" {
            put(server, &key, "old", When::Always);
        }
        if there == "stale" {
            expire(server, &key);
        }
        let answer = get(server, &key, Claim::Replace(LONG));
        assert_eq!(answer.stored.is_some(), there != "nothing");
        assert!(put(server, &key, "new", When::Token(won(&answer))), "{there}");
        assert_eq!(text(server, &key).as_deref(), Some("new"));
    }
}

fn a_replace_takes_the_lease_from_one_who_has_it(server: &impl Server) {
    let key = fresh_key("replace-lease");
    let before = won(&get(server, &key, Claim::Missing(LONG)));
    let lease = won(&get(server, &key, Claim::Replace(LONG)));
    assert!(!put(server, &key, "before", When::Token(before)), "it has been taken away");
    taken(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "new", When::Token(lease)));

    let key = fresh_key("replace-replace");
    let before = won(&get(server, &key, Claim::Replace(LONG)));
    let lease = won(&get(server, &key, Claim::Replace(LONG)));
    assert!(!put(server, &key, "before", When::Token(before)), "it has been taken away");
    assert!(put(server, &key, "new", When::Token(lease)));
}

fn a_replace_takes_the_refresh_from_one_who_has_it(server: &impl Server) {
    for there in ["fresh", "stale"] {
        let key = fresh_key("replace-refresh");
        put(server, &key, "old", When::Always);
        if there == "stale" {
            expire(server, &key);
        }
        let before = won(&get(server, &key, Claim::Refresh(LONG)));
        let answer = get(server, &key, Claim::Replace(LONG));
        let lease = won(&answer);
        assert_eq!(answer.stored.unwrap().stale, there == "stale");
        assert!(!put(server, &key, "before", When::Token(before)), "it has been taken away");
        taken(&get(server, &key, Claim::Refresh(LONG)));
        let stored = get(server, &key, Claim::Nothing).stored.expect("the value stays");
        assert_eq!(stored.bytes, "old");
        assert_eq!(stored.stale, there == "stale");
        assert!(put(server, &key, "new", When::Token(lease)));
    }
}

fn others_see_the_lease_of_a_replace_as_taken(server: &impl Server) {
    let key = fresh_key("replace-others");
    won(&get(server, &key, Claim::Replace(LONG)));
    taken(&get(server, &key, Claim::Missing(LONG)));

    put(server, &key, "v", When::Always);
    won(&get(server, &key, Claim::Replace(LONG)));
    taken(&get(server, &key, Claim::Refresh(LONG)));
    assert_eq!(get(server, &key, Claim::Missing(LONG)).leased, Leased::No);
}

fn always_wins_over_leases_and_tokens(server: &impl Server) {
    let key = fresh_key("always");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "1", When::Always));
    assert!(!put(server, &key, "late", When::Token(lease)));
    let old = token(server, &key);
    assert!(put(server, &key, "2", When::Always));
    assert!(!put(server, &key, "late", When::Token(old)));
    assert_eq!(text(server, &key).as_deref(), Some("2"));
}

fn absent_stores_only_where_there_is_no_value(server: &impl Server) {
    let key = fresh_key("absent");
    assert!(put(server, &key, "1", When::Absent));
    assert!(!put(server, &key, "2", When::Absent));
    assert_eq!(text(server, &key).as_deref(), Some("1"));
    expire(server, &key);
    assert!(!put(server, &key, "3", When::Absent), "a stale value is a value");
    delete(server, &key);
    assert!(put(server, &key, "4", When::Absent));
    assert_eq!(text(server, &key).as_deref(), Some("4"));
}

fn absent_wins_over_a_lease_over_nothing(server: &impl Server) {
    let key = fresh_key("absent-lease");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "added", When::Absent));
    assert!(!put(server, &key, "late", When::Token(lease)));
    assert_eq!(text(server, &key).as_deref(), Some("added"));

    let key = fresh_key("absent-replace");
    won(&get(server, &key, Claim::Missing(LONG)));
    let lease = won(&get(server, &key, Claim::Replace(LONG)));
    assert!(put(server, &key, "added", When::Absent));
    assert!(!put(server, &key, "late", When::Token(lease)));
}

fn a_token_stores_once(server: &impl Server) {
    let key = fresh_key("once");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "1", When::Token(lease)));
    assert!(!put(server, &key, "2", When::Token(lease)));
    assert_eq!(text(server, &key).as_deref(), Some("1"));
    assert!(!put(server, &fresh_key("never"), "v", When::Token(lease)), "nothing was ever there");
}

fn a_token_of_a_read_stores_where_nothing_has_happened(server: &impl Server) {
    let key = fresh_key("read");
    put(server, &key, "1", When::Always);
    let seen = token(server, &key);
    text(server, &key);
    get(server, &key, Claim::Missing(LONG));
    assert!(put(server, &key, "2", When::Token(seen)));
    assert!(!put(server, &key, "3", When::Token(seen)));
    assert_eq!(text(server, &key).as_deref(), Some("2"));
}
