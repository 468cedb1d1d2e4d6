//! The contract of servers: conditions, invalidations, batches.

use super::*;

pub(super) fn always_wins_over_leases_and_tokens(server: &impl Server) {
    let key = fresh_key("always");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "1", When::Always));
    assert!(!put(server, &key, "late", When::Token(lease)));
    let old = token(server, &key);
    assert!(put(server, &key, "2", When::Always));
    assert!(!put(server, &key, "late", When::Token(old)));
    assert_eq!(text(server, &key).as_deref(), Some("2"));
}

pub(super) fn absent_stores_only_where_there_is_no_value(server: &impl Server) {
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

pub(super) fn absent_wins_over_a_lease_over_nothing(server: &impl Server) {
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

pub(super) fn a_token_stores_once(server: &impl Server) {
    let key = fresh_key("once");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(put(server, &key, "1", When::Token(lease)));
    assert!(!put(server, &key, "2", When::Token(lease)));
    assert_eq!(text(server, &key).as_deref(), Some("1"));
    assert!(!put(server, &fresh_key("never"), "v", When::Token(lease)), "nothing was ever there");
}

pub(super) fn a_token_of_a_read_stores_where_nothing_has_happened(server: &impl Server) {
    let key = fresh_key("read");
    put(server, &key, "1", When::Always);
    let seen = token(server, &key);
    text(server, &key);
    get(server, &key, Claim::Missing(LONG));
    assert!(put(server, &key, "2", When::Token(seen)));
    assert!(!put(server, &key, "3", When::Token(seen)));
    assert_eq!(text(server, &key).as_deref(), Some("2"));
}

pub(super) fn a_delete_says_whether_there_was_a_value(server: &impl Server) {
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

pub(super) fn a_delete_fences_leases_over_everything(server: &impl Server) {
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

pub(super) fn an_expired_value_is_stale_and_readable(server: &impl Server) {
    let key = fresh_key("expire");
    put(server, &key, "v", When::Always);
    assert!(expire(server, &key));
    let stored = get(server, &key, Claim::Nothing).stored.expect("the value stays");
    assert!(stored.stale);
    assert_eq!(stored.bytes, "v");
    put(server, &key, "w", When::Always);
    assert!(!get(server, &key, Claim::Nothing).stored.unwrap().stale);
}

pub(super) fn an_expire_says_whether_there_was_a_value(server: &impl Server) {
    let key = fresh_key("expire-nothing");
    assert!(!expire(server, &key));
    assert_eq!(text(server, &key), None);
    won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!expire(server, &key), "a lease over nothing is no value");
    put(server, &key, "v", When::Always);
    assert!(expire(server, &key));
    assert!(expire(server, &key), "a stale value is a value");
}

pub(super) fn an_expire_fences_leases_over_everything(server: &impl Server) {
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

pub(super) fn an_expired_value_is_kept_for_that_long(server: &impl Server) {
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

pub(super) fn a_lease_given_back_is_free_for_the_next(server: &impl Server) {
    let key = fresh_key("release");
    let lease = won(&get(server, &key, Claim::Missing(LONG)));
    taken(&get(server, &key, Claim::Missing(LONG)));
    wait(server.release(&key, lease)).unwrap();
    let next = won(&get(server, &key, Claim::Missing(LONG)));
    assert!(!put(server, &key, "late", When::Token(lease)));
    assert!(put(server, &key, "next", When::Token(next)));
}

pub(super) fn a_refresh_given_back_is_free_for_the_next_and_the_value_stays(server: &impl Server) {
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

pub(super) fn giving_back_what_is_over_does_nothing(server: &impl Server) {
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

pub(super) fn a_purge_leaves_what_is_in_its_time(server: &impl Server) {
    let key = fresh_key("purge");
    put(server, &key, "v", When::Always);
    let leased = fresh_key("purge-lease");
    let lease = won(&get(server, &leased, Claim::Missing(LONG)));
    wait(server.purge()).unwrap();
    assert_eq!(text(server, &key).as_deref(), Some("v"));
    assert!(put(server, &leased, "w", When::Token(lease)));
}

pub(super) fn results_come_in_the_order_of_the_keys(server: &impl Server) {
    let keys: Vec<String> = (0..100).map(|n| fresh_key(&format!("batch-{n}"))).collect();
    let puts = keys.iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(n, key)| Put {
        key: key.clone(),
        bytes: n.to_string().into(),
        keep: Some(LONG),
        when: When::Always,
    });
    assert!(wait(server.put_many(puts.collect())).into_iter().all(|stored| stored.unwrap()));
    let answers = wait(server.get_many(&keys, Claim::Missing(LONG)));
    assert_eq!(answers.len(), keys.len());
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(matches!(answer.leased, Leased::Won(_)), n % 3 == 0, "{n}: {answer:?}");
        let text = answer.stored.map(|stored| stored.bytes);
        assert_eq!(text, (n % 3 != 0).then(|| n.to_string().into()), "{n}");
    }
    let put =
        |n: usize, when| Put { key: keys[n].clone(), bytes: "again".into(), keep: None, when };
    let puts = vec![
        put(0, When::Absent),
        put(1, When::Absent),
        put(2, When::Token(1)),
        put(4, When::Always),
    ];
    let stored: Vec<bool> = wait(server.put_many(puts)).into_iter().map(Result::unwrap).collect();
    assert_eq!(stored, [true, false, false, true]);
    let deleted = wait(server.delete_many(&keys));
    for (n, deleted) in deleted.into_iter().enumerate() {
        assert_eq!(deleted.unwrap(), n == 0 || n % 3 != 0, "{n}");
    }
}

pub(super) fn a_batch_of_nothing_gives_nothing(server: &impl Server) {
    assert!(wait(server.get_many(&[], Claim::Missing(LONG))).is_empty());
    assert!(wait(server.put_many(Vec::new())).is_empty());
    assert!(wait(server.delete_many(&[])).is_empty());
}

pub(super) fn a_batch_may_name_a_key_twice(server: &impl Server) {
    let key = fresh_key("twice");
    let answers = wait(server.get_many(&[key.clone(), key.clone()], Claim::Missing(LONG)));
    let won = answers.iter().filter(|a| matches!(a.as_ref().unwrap().leased, Leased::Won(_)));
    assert_eq!(won.count(), 1, "{answers:?}");
    put(server, &key, "v", When::Always);
    let answers = wait(server.get_many(&[key.clone(), key.clone()], Claim::Nothing));
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().stored.is_some()));
    let deleted: Vec<bool> =
        wait(server.delete_many(&[key.clone(), key])).into_iter().map(Result::unwrap).collect();
    assert_eq!(deleted.iter().filter(|deleted| **deleted).count(), 1);
}
