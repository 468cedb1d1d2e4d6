//! Deadlines: what is live, what wants a refresh, what may come back.

use super::*;

fn both() -> [(Arc<Counts>, ManualClock); 2] {
    [table(100, Eviction::S3Fifo), table(100, Eviction::Lru)]
}

#[test]
fn nothing_as_old_as_its_ttl_is_returned() {
    for (table, time) in both() {
        table.put(&1, 10, ttl(5));
        time.advance(secs(5) - Duration::from_millis(1));
        assert_eq!(table.get(&1), Some(10));
        time.advance(Duration::from_millis(1));
        assert_eq!(table.get(&1), None);
        assert!(matches!(table.see(&1), Look::Expired { value: 10, by_call: false, .. }));
    }
}

#[test]
fn a_ttl_of_zero_is_over_at_once_and_no_ttl_never() {
    for (table, time) in both() {
        table.put(&1, 10, ttl(0));
        table.put(&2, 20, Life::FOREVER);
        table.put(&3, 30, Life { ttl: Some(Duration::MAX), refresh_after: None });
        assert_eq!(table.get(&1), None);
        time.advance(secs(1 << 25));
        assert_eq!((table.get(&2), table.get(&3)), (Some(20), Some(30)));
        assert!(matches!(
            table.see(&2),
            Look::Live { left: Duration::MAX, soft_passed: false, .. }
        ));
    }
}

#[test]
fn on_the_system_clock_a_short_ttl_makes_it_precise() {
    let clock = crate::clock::Clock::system();
    let table = Counts::new(TableOptions::new(Budget::entries(10), clock));
    table.put(&1, 10, Life { ttl: Some(Duration::from_millis(2)), refresh_after: None });
    let since = std::time::Instant::now();
    while table.get(&1).is_some() {
        assert!(since.elapsed() < Duration::from_secs(20), "it never expires");
    }
    assert_eq!(table.clock.lag(), Duration::ZERO);
}

#[test]
fn past_its_refresh_point_a_value_is_live_but_not_fresh_and_one_caller_gets_the_refresh() {
    for (table, time) in both() {
        table.put(&1, 10, Life { ttl: Some(secs(60)), refresh_after: Some(secs(30)) });
        assert_eq!(table.get(&1), Some(10));
        time.advance(secs(30));
        assert_eq!(table.get(&1), None);
        let Look::Live { value: 10, soft_passed: true, left, .. } = table.see(&1) else {
            panic!("it is live")
        };
        assert!(left <= secs(30) && left > secs(29));
        let hold = || table.hold_refresh(table.hash(&1), |key| *key == 1, secs(5));
        assert_eq!([hold(), hold()], [true, false]);
        assert_eq!(table.get(&1), Some(10));
        // A hold may last longer by 1/4096 of the rest of the life.
        time.advance(secs(5) + Duration::from_millis(7));
        assert_eq!([hold(), hold()], [true, false]);
        time.advance(secs(25));
        assert!(!hold(), "there is nothing to refresh");
        assert_eq!(table.get(&1), None);
    }
}

#[test]
fn expired_by_call_it_is_dead_until_a_refresh_is_held_and_never_outlives_its_ttl() {
    for (table, time) in both() {
        let hash = table.hash(&1);
        table.put(&1, 10, ttl(60));
        assert!(table.expire(hash, |key| *key == 1));
        assert!(!table.expire(hash, |key| *key == 1));
        assert_eq!(table.get(&1), None);
        time.advance(secs(1));
        let Look::Expired { value: 10, since, by_call: true, .. } = table.see(&1) else {
            panic!("it is there")
        };
        assert!(since >= secs(1) && since < Duration::from_millis(1001));
        assert!(table.hold_refresh(hash, |key| *key == 1, secs(100)));
        assert!(!table.hold_refresh(hash, |key| *key == 1, secs(100)));
        assert_eq!(table.get(&1), Some(10));
        time.advance(secs(59));
        assert_eq!(table.get(&1), None);
    }
}

#[test]
fn renewing_only_lengthens_and_only_what_is_live() {
    for (table, time) in both() {
        let renew = |seconds| table.renew(table.hash(&1), |key| *key == 1, Some(secs(seconds)));
        table.put(&1, 10, ttl(60));
        assert!(renew(10));
        time.advance(secs(30));
        assert_eq!(table.get(&1), Some(10));
        assert!(renew(60));
        time.advance(secs(59));
        assert_eq!(table.get(&1), Some(10));
        time.advance(secs(1));
        assert!(!renew(60));
        assert_eq!(table.get(&1), None);
    }
}

#[test]
fn the_table_remembers_why_a_key_is_gone() {
    for (table, time) in both() {
        assert_eq!(table.see(&1), Look::Missing(Missing::Never));
        table.put(&1, 10, ttl(60));
        assert!(table.delete(&1));
        assert!(!table.delete(&1));
        assert_eq!(table.see(&1), Look::Missing(Missing::Invalidated));
        table.put(&2, 20, ttl(1));
        time.advance(secs(10));
        assert_eq!(table.purge(secs(20)), 0);
        assert_eq!(table.purge(secs(8)), 1);
        assert_eq!(table.see(&2), Look::Missing(Missing::Expired));
        for key in 1000..1100 {
            table.put(&key, key, ttl(60));
        }
        table.put(&5, 5, ttl(60));
        assert_eq!(table.see(&1000), Look::Missing(Missing::Evicted));
    }
}

#[test]
fn absent_stores_only_where_nothing_live_is() {
    for (table, time) in both() {
        let add = |value, ok: bool| {
            table.insert(table.hash(&1), 1, value, ttl(60), PutWhen::Absent, || ok)
        };
        assert_eq!(add(10, false), Inserted::Fenced);
        assert_eq!(table.get(&1), None);
        assert_eq!(add(11, true), Inserted::Stored);
        assert_eq!(add(12, true), Inserted::Present);
        time.advance(secs(60));
        assert_eq!(add(13, true), Inserted::Stored);
        assert_eq!(table.get(&1), Some(13));
    }
}

#[test]
fn clear_forgets_all_and_counts_an_epoch() {
    for (table, _time) in both() {
        for key in 0..50 {
            table.put(&key, key, ttl(60));
        }
        let garbage = table.clear();
        assert_eq!((table.len(), table.used(), table.epoch()), (0, 0, 1));
        assert!((0..50).all(|key| table.get(&key).is_none()));
        drop(garbage);
        table.put(&1, 10, ttl(60));
        assert_eq!(table.get(&1), Some(10));
        table.validate();
    }
}
