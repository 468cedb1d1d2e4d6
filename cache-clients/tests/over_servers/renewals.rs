//! A renewal beside other changes of its key: what is newer stays, what has ended stays so.

use crate::between::Between;
use crate::stand::Stand;
use cache_clients::encoded::{Encoded, EncodedCache};
use cache_clients::server::Server;
use cache_clients::{Inproc, Tiered};
use cache_core::{Aim, Cache, CacheExt, Entry, Filled, PutWhen, wait};
use std::time::Duration;

type Numbers<S> = EncodedCache<S, u64, u64>;

const LONGER: Option<Duration> = Some(Duration::from_secs(600));

fn short(value: u64) -> Entry<u64> {
    Entry::new(value).with_ttl(60)
}

/// Lives for a minute, and is due for a refresh.
fn due<S: Server>(cache: &Numbers<S>) {
    let entry = short(1).with_refresh_after(Duration::ZERO);
    assert!(wait(cache.put(&1, entry, PutWhen::Always)).unwrap());
}

pub(crate) fn a_refresh_under_way_is_stored_over_what_was_renewed_meanwhile<S: Server>(
    stand: &Stand<S>,
) {
    let [one, other] = [0, 1].map(|_| stand.client().open::<u64, u64>("numbers"));
    for aim in [Aim::Refresh, Aim::Replace] {
        for times in 1..=3 {
            due(&one);
            let lease = wait(other.lookup(&1, aim)).unwrap().into_lease();
            assert!(lease.is_some());
            for turn in 1..=times {
                let longer = Some(Duration::from_secs(600 * turn));
                assert!(wait(one.renew(&1, longer)).unwrap());
                let (value, left) = wait(one.get_ttl(&1)).unwrap().unwrap();
                assert_eq!((value, Some(left)), (1, longer), "renewed all the same");
                // Many keys are read in another way than one.
                let found = wait(one.get_many(&[2, 1])).unwrap();
                assert_eq!(found, [None, Some(1)]);
            }
            let again = wait(one.lookup(&1, Aim::Refresh)).unwrap().into_lease();
            assert!(!again.is_some(), "one at a time computes");
            let filled = wait(other.fill(&1, short(2), lease)).unwrap();
            assert_eq!(filled, Filled::Stored, "{aim:?}, renewed {times} times");
            let (value, left) = wait(one.get_ttl(&1)).unwrap().unwrap();
            assert_eq!((value, left), (2, Duration::from_secs(60)));
        }
    }
}

pub(crate) fn a_refresh_of_pages_is_stored_over_what_was_renewed_meanwhile<S: Server>(
    stand: &Stand<S>,
) {
    let open = |_| {
        let client = Encoded::with_options(stand.with_most(2000), stand.options()).unwrap();
        client.open::<u64, Vec<u64>>("numbers")
    };
    let [one, other] = [0, 1].map(open);
    let value = |of: u64| (0..2000).map(|n| (n + of).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let entry = |of: u64| Entry::new(value(of)).with_ttl(60);
    assert!(wait(one.put(&1, entry(1), PutWhen::Always)).unwrap());
    let lease = wait(other.lookup(&1, Aim::Replace)).unwrap().into_lease();
    assert!(wait(one.renew(&1, LONGER)).unwrap());
    assert_eq!(wait(one.get(&1)).unwrap(), Some(value(1)));
    assert_eq!(wait(other.fill(&1, entry(2), lease)).unwrap(), Filled::Stored);
    assert_eq!(wait(one.get(&1)).unwrap(), Some(value(2)));
}

pub(crate) fn a_lease_from_after_a_renewal_stores_too<S: Server>(stand: &Stand<S>) {
    let [one, other] = [0, 1].map(|_| stand.client().open::<u64, u64>("numbers"));
    due(&one);
    assert!(wait(one.renew(&1, LONGER)).unwrap());
    let lease = wait(other.lookup(&1, Aim::Refresh)).unwrap().into_lease();
    assert!(lease.is_some());
    assert_eq!(wait(other.fill(&1, short(2), lease)).unwrap(), Filled::Stored);
    // What was given back is free.
    due(&one);
    let lease = wait(other.lookup(&1, Aim::Refresh)).unwrap().into_lease();
    assert!(wait(one.renew(&1, LONGER)).unwrap());
    wait(other.release(&1, lease));
    let lease = wait(other.lookup(&1, Aim::Refresh)).unwrap().into_lease();
    assert_eq!(wait(other.fill(&1, short(3), lease)).unwrap(), Filled::Stored);
    assert_eq!(wait(one.get(&1)).unwrap(), Some(3));
}

pub(crate) fn a_renewal_saves_no_refresh_that_something_else_has_fenced<S: Server>(
    stand: &Stand<S>,
) {
    type Change<S> = fn(&Numbers<S>);
    let changes: [(Change<_>, Option<u64>); 3] = [
        (|cache| assert!(wait(cache.put_for(&1, 3, 60)).unwrap()), Some(3)),
        (|cache| assert!(wait(cache.delete(&1)).unwrap()), None),
        (|cache| assert!(wait(cache.expire(&1)).unwrap()), None),
    ];
    for grace in [0, 60].map(Duration::from_secs) {
        let client = || stand.client_with(stand.options().with_grace(grace));
        let [one, other] = [0, 1].map(|_| client().open::<u64, u64>("numbers"));
        for (change, left) in &changes {
            due(&one);
            let lease = wait(other.lookup(&1, Aim::Replace)).unwrap().into_lease();
            assert!(wait(one.renew(&1, LONGER)).unwrap());
            change(&one);
            assert_eq!(wait(one.renew(&1, LONGER)).unwrap(), left.is_some());
            assert_eq!(wait(other.fill(&1, short(2), lease)).unwrap(), Filled::Fenced);
            assert_eq!(wait(one.get(&1)).unwrap(), *left);
            // Taken over: he who had it computes in vain.
            due(&one);
            let before = wait(other.lookup(&1, Aim::Replace)).unwrap().into_lease();
            assert!(wait(one.renew(&1, LONGER)).unwrap());
            let after = wait(one.lookup(&1, Aim::Replace)).unwrap().into_lease();
            assert_eq!(wait(other.fill(&1, short(2), before)).unwrap(), Filled::Fenced);
            assert_eq!(wait(one.fill(&1, short(4), after)).unwrap(), Filled::Stored);
        }
    }
}

pub(crate) fn a_renewal_of_tiers_brings_nothing_in_front_that_a_refresh_has_replaced<S: Server>(
    stand: &Stand<S>,
) {
    let between = Between::new(stand.server.clone());
    let far = Encoded::with_options(between.clone(), stand.options()).unwrap();
    let near = Inproc::new(100).with_clock(stand.time.clock());
    let cache = Tiered::new(near, far).open::<u64, u64>("numbers");
    assert!(wait(cache.put(&1, short(1), PutWhen::Always)).unwrap());
    let refreshing = cache.clone();
    let refresh = move || {
        let lease = wait(refreshing.lookup(&1, Aim::Replace)).unwrap().into_lease();
        assert_eq!(wait(refreshing.fill(&1, short(2), lease)).unwrap(), Filled::Stored);
    };
    // When the copy is fetched again, it has been answered and is not in front yet.
    let later = between.clone();
    between.before_next_change(move || later.after_next_answer(refresh));
    assert!(wait(cache.renew(&1, LONGER)).unwrap());
    assert_eq!(wait(cache.far_tier().get(&1)).unwrap(), Some(2));
    assert_eq!(wait(cache.get(&1)).unwrap(), Some(2));
}

/// What happens after a renewal has read the value and before it writes, and what is there then.
pub(crate) fn what_happens_while_a_renewal_is_on_its_way_stays<S: Server>(stand: &Stand<S>) {
    type Change<S> = fn(&Numbers<S>);
    let changes: [(Change<_>, Option<u64>); 5] = [
        (|cache| assert!(wait(cache.delete(&1)).unwrap()), None),
        (|cache| assert!(wait(cache.expire(&1)).unwrap()), None),
        (|cache| wait(cache.clear()).unwrap(), None),
        (|cache| assert!(wait(cache.put_for(&1, 2, 60)).unwrap()), Some(2)),
        (
            |cache| {
                let lease = wait(cache.lookup(&1, Aim::Replace)).unwrap().into_lease();
                assert_eq!(wait(cache.fill(&1, short(2), lease)).unwrap(), Filled::Stored);
            },
            Some(2),
        ),
    ];
    for grace in [0, 60].map(Duration::from_secs) {
        let options = || stand.options().with_grace(grace);
        for (n, (change, there)) in changes.iter().enumerate() {
            let between = Between::new(stand.server.clone());
            let one = Encoded::with_options(between.clone(), options()).unwrap();
            let one = one.open::<u64, u64>("numbers");
            let other = stand.client_with(options()).open::<u64, u64>("numbers");
            due(&one);
            let change = *change;
            let elsewhere = other.clone();
            between.before_next_change(move || change(&elsewhere));
            let renewed = wait(one.renew(&1, LONGER)).unwrap();
            // A clear may come after the renewal: what was renewed is not seen any more then.
            assert!(renewed == there.is_some() || n == 2, "change {n}, grace {grace:?}");
            assert_eq!(wait(other.get(&1)).unwrap(), *there, "change {n}, grace {grace:?}");
        }
    }
}
