//! What is written and invalidated while the server is away (X14).

use crate::stand::*;
use larder::encoded::{Absence, EncodedOptions};
use larder::{Aim, Cache, CacheExt, Entry, Inproc, PutWhen, Shared, Tiered, wait};
use larder_test_servers::Fault;

pub(crate) fn writes_to_a_server_that_is_away_are_dropped_and_counted(stand: &Stand) {
    let (client, cache) = connected(stand, EncodedOptions::new());
    stand.away();
    for n in 0..5 {
        let name = format!("dropped-{n}");
        let entry = Entry::new(name.clone()).with_ttl(HOUR);
        let stored = in_time("a put", || wait(cache.put(&name, entry, PutWhen::Always)));
        assert!(!stored.unwrap());
    }
    assert_eq!(compute(&cache, "computed", "value"), "value");
    assert!(client.stats().dropped_writes >= 5, "{:?}", client.stats());
    stand.back();
    assert_eq!(first_trusted(&cache, "computed"), None);
    assert_eq!(first_trusted(&cache, "dropped-0"), None);
}

pub(crate) fn x14_a_value_written_while_the_server_is_away_never_meets_one_that_others_wrote(
    stand: &Stand,
) {
    let (client, ours) = connected(stand, EncodedOptions::new());
    let others = stand.other();
    until_stored(&ours, "shared", "old");
    assert_eq!(first_trusted(&others, "shared").as_deref(), Some("old"));
    stand.away();
    let entry = Entry::new("ours".to_owned()).with_ttl(HOUR);
    assert!(!wait(ours.put(&key("shared"), entry, PutWhen::Always)).unwrap());
    until_stored(&others, "shared", "theirs");
    stand.back();
    // Neither the value that our put replaced, nor ours, which nobody else has seen.
    let first = first_trusted(&ours, "shared");
    assert!(first.is_none() || first.as_deref() == Some("theirs"), "{first:?}");
    assert_eq!(first_trusted(&others, "shared"), first, "all see the same");
    until_stored(&others, "shared", "newest");
    assert_eq!(first_trusted(&ours, "shared").as_deref(), Some("newest"));
    assert_eq!(client.stats().pending_invalidations, 0);
}

pub(crate) fn x14_a_result_computed_while_the_server_is_away_does_not_overwrite_what_others_wrote(
    stand: &Stand,
) {
    let (_, ours) = connected(stand, EncodedOptions::new());
    let others = stand.other();
    stand.away();
    assert_eq!(compute(&ours, "shared", "ours"), "ours");
    until_stored(&others, "shared", "theirs");
    stand.back();
    assert_eq!(first_trusted(&ours, "shared").as_deref(), Some("theirs"));
    assert_eq!(compute(&ours, "shared", "ours"), "theirs");
}

pub(crate) fn an_invalidation_is_delivered_on_return_before_a_read_is_trusted(stand: &Stand) {
    lost_while_away(stand, |cache| wait(cache.delete(&key("lost"))).map(drop).unwrap());
}

pub(crate) fn an_expiry_is_delivered_on_return_before_a_read_is_trusted(stand: &Stand) {
    lost_while_away(stand, |cache| wait(cache.expire(&key("lost"))).map(drop).unwrap());
}

pub(crate) fn a_clear_is_delivered_on_return_before_a_read_is_trusted(stand: &Stand) {
    lost_while_away(stand, |cache| wait(cache.clear()).unwrap());
}

fn lost_while_away(stand: &Stand, lose: impl Fn(&Shared<String, String>)) {
    let (client, ours) = connected(stand, EncodedOptions::new());
    let others = stand.other();
    for fault in [Fault::Refuse, Fault::Hang, Fault::CloseAfter(0)] {
        until_stored(&ours, "lost", "value");
        assert_eq!(first_trusted(&others, "lost").as_deref(), Some("value"));
        stand.proxy.set(fault);
        if fault == Fault::Refuse {
            stand.proxy.cut();
        }
        within("an invalidation", 2 * DEADLINE, || lose(&ours));
        assert_eq!(client.stats().pending_invalidations, 1, "{fault:?}");
        assert_eq!(get(&ours, "lost"), None, "{fault:?}");
        // What hangs must not arrive by itself when the way is free.
        stand.proxy.cut();
        stand.back();
        assert_eq!(first_trusted(&ours, "lost"), None, "{fault:?}");
        until("the others hear of it", || get(&others, "lost").is_none());
        until("nothing waits any more", || {
            let _ = get(&ours, "lost");
            client.stats().pending_invalidations == 0
        });
    }
}

pub(crate) fn more_invalidations_than_are_kept_forget_the_whole_namespace(stand: &Stand) {
    let (client, cache) = connected(stand, EncodedOptions::new().with_pending(10));
    let names: Vec<_> = (0..30).map(|n| format!("many-{n}")).collect();
    for name in &names {
        until_stored(&cache, name, "value");
    }
    stand.away();
    for name in &names[..20] {
        in_time("a delete", || wait(cache.delete(name))).unwrap();
    }
    assert_eq!(client.stats().pending_invalidations, 1, "all of them as one");
    stand.back();
    for name in &names {
        assert_eq!(first_trusted(&cache, name), None, "{name}");
    }
    until_stored(&cache, "many-0", "new");
    assert_eq!(first_trusted(&cache, "many-0").as_deref(), Some("new"));
}

pub(crate) fn an_invalidation_of_a_far_side_that_is_away_forgets_the_near_copy(stand: &Stand) {
    let (client, far) = connected(stand, EncodedOptions::new());
    let tiers = Tiered::new(Inproc::new(100), client);
    let cache = Shared::new(tiers.open::<String, String>("far-away"));
    until_stored(&cache, "both", "value");
    assert_eq!(first_trusted(&far, "both").as_deref(), Some("value"));
    stand.away();
    within("a delete", 2 * DEADLINE, || wait(cache.delete(&key("both")))).unwrap();
    assert_eq!(get(&cache, "both"), None);
    stand.back();
    assert_eq!(first_trusted(&cache, "both"), None);
}

pub(crate) fn a_strict_client_says_who_is_unreachable(stand: &Stand) {
    let (_, cache) = connected(stand, EncodedOptions::new().with_absence(Absence::Fail));
    stand.away();
    let entry = || Entry::new("value".to_owned()).with_ttl(HOUR);
    // Each asks for a key of its own: what was to be invalidated is known to be gone.
    let all = ["lookup", "put", "add", "renew", "expire", "delete"].map(key);
    let [looked, put, added, renewed, expired, deleted] = &all;
    let (always, absent) = (PutWhen::Always, PutWhen::Absent);
    let errors = [
        in_time("lookup", || wait(cache.lookup(looked, Aim::Compute))).map(drop),
        in_time("batch", || wait(cache.lookup_many(&[key("a"), key("b")], Aim::Read))).map(drop),
        in_time("put", || wait(cache.put(put, entry(), always))).map(drop),
        in_time("add", || wait(cache.put(added, entry(), absent))).map(drop),
        in_time("renew", || wait(cache.renew(renewed, None))).map(drop),
        in_time("expire", || wait(cache.expire(expired))).map(drop),
        in_time("delete", || wait(cache.delete(deleted))).map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert!(error.is_unreachable(), "{error}");
        assert!(error.to_string().contains(&stand.proxy.address()), "{error}");
    }
    // The function's callers get their value all the same.
    assert_eq!(compute(&cache, "strict", "computed"), "computed");
    stand.back();
    until("it is there again", || wait(cache.get(&key("strict"))).is_ok());
}
