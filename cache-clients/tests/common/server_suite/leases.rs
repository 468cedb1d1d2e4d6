//! Leases: over nothing, over stale values, over fresh ones.

use super::{
    LONG, SHORT, delete, expire, fresh_key, get, put, put_for, taken, text, until, winners, won,
};
use cache_clients::server::{Claim, Leased, Server, When};
use std::time::Duration;

/// `Claim::Missing` and `Claim::Refresh` where there is no value.
pub fn leases_over_nothing(server: &impl Server) {
    one_of_many_gets_the_lease_over_nothing(server);
    a_lease_over_nothing_ends_by_itself_and_fences_the_late_one(server);
    a_refresh_of_nothing_shares_the_lease_with_a_miss(server);
    a_value_that_is_there_needs_no_lease(server);
}

/// `Claim::Missing` where there is a stale value.
pub fn leases_over_stale_values(server: &impl Server) {
    one_of_many_gets_the_lease_over_a_stale_value(server);
    a_lease_over_a_stale_value_ends_by_itself(server);
    filling_a_stale_value_makes_it_fresh(server);
}

/// `Claim::Refresh` where there is a fresh value.
pub fn leases_over_fresh_values(server: &impl Server) {
    one_of_many_refreshes_a_value_with_a_ttl(server);
    one_of_many_refreshes_a_value_without_a_ttl(server);
    a_lease_over_a_fresh_value_ends_by_itself(server);
    a_lease_over_a_fresh_value_does_not_outlive_the_value(server);
    a_refresh_that_is_stored_frees_the_next_one(server);
}

fn one_of_many_gets_the_lease_over_nothing(server: &impl Server) {
    let key = fresh_key("nothing");
    let tokens = winners(server, &key, Claim::Missing(LONG));
    assert_eq!(tokens.len(), 1);
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.stored, None);
    taken(&answer);
    assert!(put(server, &key, "v", When::Token(tokens[0])));
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.stored.unwrap().bytes, "v");
    assert_eq!(answer.leased, Leased::No);
}

fn a_lease_over_nothing_ends_by_itself_and_fences_the_late_one(server: &impl Server) {
    let key = fresh_key("ends");
    let late = won(&get(server, &key, Claim::Missing(SHORT)));
    let mut next = None;
    until("the lease ends", || match get(server, &key, Claim::Missing(LONG)).leased {
        Leased::Won(token) => {
            next = Some(token);
            true
        }
        Leased::Taken => false,
        Leased::No => panic!("there is no value"),
    });
    assert!(!put(server, &key, "late", When::Token(late)));
    assert_eq!(text(server, &key), None);
    assert!(put(server, &key, "next", When::Token(next.unwrap())));
    assert!(!put(server, &key, "late", When::Token(late)));
    assert_eq!(text(server, &key).as_deref(), Some("next"));
}

fn a_refresh_of_nothing_shares_the_lease_with_a_miss(server: &impl Server) {
    let key = fresh_key("refresh-nothing");
    let tokens = winners(server, &key, Claim::Refresh(LONG));
    assert_eq!(tokens.len(), 1);
    taken(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "v", When::Token(tokens[0])));

    let key = fresh_key("miss-refresh");
    won(&get(server, &key, Claim::Missing(LONG)));
    taken(&get(server, &key, Claim::Refresh(LONG)));
}

fn a_value_that_is_there_needs_no_lease(server: &impl Server) {
    let key = fresh_key("there");
    put(server, &key, "v", When::Always);
    for _ in 0..3 {
        let answer = get(server, &key, Claim::Missing(LONG));
        assert_eq!(answer.leased, Leased::No);
        assert!(!answer.stored.unwrap().stale);
    }
}

fn one_of_many_gets_the_lease_over_a_stale_value(server: &impl Server) {
    let key = fresh_key("stale");
    put(server, &key, "old", When::Always);
    expire(server, &key);
    let tokens = winners(server, &key, Claim::Missing(LONG));
    assert_eq!(tokens.len(), 1);
    for claim in [Claim::Missing(LONG), Claim::Refresh(LONG)] {
        let answer = get(server, &key, claim);
        taken(&answer);
        let stored = answer.stored.expect("the stale value is served to the others");
        assert!(stored.stale);
        assert_eq!(stored.bytes, "old");
    }
    assert!(put(server, &key, "new", When::Token(tokens[0])));
    assert_eq!(text(server, &key).as_deref(), Some("new"));
}

fn a_lease_over_a_stale_value_ends_by_itself(server: &impl Server) {
    let key = fresh_key("stale-ends");
    put(server, &key, "old", When::Always);
    expire(server, &key);
    won(&get(server, &key, Claim::Missing(SHORT)));
    until("the lease ends", || {
        matches!(get(server, &key, Claim::Missing(LONG)).leased, Leased::Won(_))
    });
}

fn filling_a_stale_value_makes_it_fresh(server: &impl Server) {
    let key = fresh_key("stale-filled");
    put(server, &key, "old", When::Always);
    expire(server, &key);
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "new", When::Token(lease)));
    let answer = get(server, &key, Claim::Missing(LONG));
    assert_eq!(answer.leased, Leased::No);
    assert!(!answer.stored.unwrap().stale);
    // A lease of before does not hide the next invalidation.
    assert!(expire(server, &key));
    won(&get(server, &key, Claim::Missing(LONG)));
}

fn one_of_many_refreshes(server: &impl Server, keep: Option<Duration>) {
    let key = fresh_key("refresh");
    put_for(server, &key, "old".into(), keep, When::Always);
    let tokens = winners(server, &key, Claim::Refresh(LONG));
    assert_eq!(tokens.len(), 1);
    let answer = get(server, &key, Claim::Refresh(LONG));
    taken(&answer);
    let stored = answer.stored.expect("the value stays");
    assert!(!stored.stale);
    assert_eq!(stored.bytes, "old");
    assert!(put_for(server, &key, "new".into(), keep, When::Token(tokens[0])));
    assert_eq!(text(server, &key).as_deref(), Some("new"));
}

fn one_of_many_refreshes_a_value_with_a_ttl(server: &impl Server) {
    one_of_many_refreshes(server, Some(LONG));
}

fn one_of_many_refreshes_a_value_without_a_ttl(server: &impl Server) {
    one_of_many_refreshes(server, None);
}

fn a_lease_over_a_fresh_value_ends_by_itself(server: &impl Server) {
    let key = fresh_key("refresh-ends");
    put(server, &key, "old", When::Always);
    won(&get(server, &key, Claim::Refresh(SHORT)));
    until("the lease ends", || {
        matches!(get(server, &key, Claim::Refresh(LONG)).leased, Leased::Won(_))
    });
    assert_eq!(text(server, &key).as_deref(), Some("old"));
}

fn a_lease_over_a_fresh_value_does_not_outlive_the_value(server: &impl Server) {
    let key = fresh_key("refresh-gone");
    put(server, &key, "old", When::Always);
    let lease = won(&get(server, &key, Claim::Refresh(LONG)));
    delete(server, &key);
    let next = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!put(server, &key, "late", When::Token(lease)));
    assert!(put(server, &key, "next", When::Token(next)));

    put(server, &key, "old", When::Always);
    won(&get(server, &key, Claim::Refresh(LONG)));
    put(server, &key, "newer", When::Always);
    won(&get(server, &key, Claim::Refresh(LONG)));
}

fn a_refresh_that_is_stored_frees_the_next_one(server: &impl Server) {
    let key = fresh_key("refresh-again");
    put(server, &key, "0", When::Always);
    for round in 1..4 {
        let lease = won(&get(server, &key, Claim::Refresh(LONG)));
        assert!(put(server, &key, &round.to_string(), When::Token(lease)));
    }
    assert_eq!(text(server, &key).as_deref(), Some("3"));
}
