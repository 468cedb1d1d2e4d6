//! Changes by a process that has not heard of another one's clear. The clock stands still, so that it
//! would not for ever.

use crate::stand::{Seen, Stand};
use cache_clients::encoded::{Encoded, EncodedCache};
use cache_clients::server::{Answer, Claim, Limits, Put, Server};
use cache_core::{Aim, Cache, CacheExt, Error, Filled, Lookup, Result, wait};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

type Numbers<S> = EncodedCache<Seen<S>, u64, u64>;

/// The first has not heard that the second has cleared the namespace and put 1, 2 and 3 there.
fn behind<S: Server>(stand: &Stand<S>, grace: Duration) -> [Numbers<S>; 2] {
    let open = || stand.client_with(stand.options().with_grace(grace)).open("numbers");
    let [behind, ahead]: [Numbers<S>; 2] = [open(), open()];
    assert!(wait(behind.put_for(&1, 10, 60)).unwrap());
    assert_eq!(wait(ahead.get(&1)).unwrap(), Some(10));
    wait(ahead.clear()).unwrap();
    wait(
        ahead
            .put_many((1..=3).map(|key| (key, cache_core::Entry::new(key).with_ttl(60))).collect()),
    )
    .unwrap();
    assert_eq!(wait(behind.get(&1)).unwrap(), Some(10), "it has heard of the clear");
    [behind, ahead]
}

fn found<S: Server>(cache: &Numbers<S>) -> Vec<Option<u64>> {
    wait(cache.get_many(&[1, 2, 3])).unwrap()
}

pub(crate) fn x19_a_delete_reaches_what_was_stored_after_anothers_clear<S: Server>(
    stand: &Stand<S>,
) {
    for grace in [0, 60].map(Duration::from_secs) {
        let [behind, ahead] = behind(stand, grace);
        assert!(wait(behind.delete(&1)).unwrap(), "the value of now is the one that counts");
        assert_eq!(found(&ahead), [None, Some(2), Some(3)]);
        assert_eq!(found(&behind), found(&ahead), "it has learned of the clear on the way");
    }
}

pub(crate) fn x19_many_deletes_reach_what_was_stored_after_anothers_clear<S: Server>(
    stand: &Stand<S>,
) {
    let [behind, ahead] = behind(stand, Duration::ZERO);
    wait(behind.delete_many(&[1, 3])).unwrap();
    assert_eq!(found(&ahead), [None, Some(2), None]);
    assert_eq!(found(&behind), found(&ahead));
}

pub(crate) fn x19_a_put_is_seen_after_anothers_clear<S: Server>(stand: &Stand<S>) {
    let [behind, ahead] = behind(stand, Duration::ZERO);
    assert!(wait(behind.put_for(&1, 11, 60)).unwrap());
    assert_eq!(found(&ahead), [Some(11), Some(2), Some(3)]);
    assert_eq!(found(&behind), found(&ahead));
}

pub(crate) fn x19_many_puts_are_seen_after_anothers_clear<S: Server>(stand: &Stand<S>) {
    let [behind, ahead] = behind(stand, Duration::ZERO);
    let entry = |key: u64| (key, cache_core::Entry::new(key + 10).with_ttl(60));
    wait(behind.put_many(vec![entry(1), entry(2), entry(2)])).unwrap();
    assert_eq!(found(&ahead), [Some(11), Some(12), Some(3)]);
    assert_eq!(found(&behind), found(&ahead));
}

pub(crate) fn x19_an_expiry_reaches_what_was_stored_after_anothers_clear<S: Server>(
    stand: &Stand<S>,
) {
    for grace in [0, 60].map(Duration::from_secs) {
        let [behind, ahead] = behind(stand, grace);
        assert!(wait(behind.expire(&2)).unwrap(), "it is there since the clear");
        assert_eq!(found(&ahead), [Some(1), None, Some(3)]);
        let kept = matches!(wait(ahead.lookup(&2, Aim::Read)).unwrap(), Lookup::Expired { .. });
        assert_eq!(kept, !grace.is_zero());
        assert_eq!(found(&behind), found(&ahead));
    }
}

pub(crate) fn x19_an_add_sees_what_was_stored_after_anothers_clear<S: Server>(stand: &Stand<S>) {
    let [behind, ahead] = behind(stand, Duration::ZERO);
    assert!(!wait(behind.add(&2, 12, 60)).unwrap(), "there is one since the clear");
    assert_eq!(found(&ahead), [Some(1), Some(2), Some(3)]);

    let [behind, ahead] = self::behind(stand, Duration::ZERO);
    wait(ahead.delete(&1)).unwrap();
    assert!(wait(behind.add(&1, 11, 60)).unwrap(), "the one that it sees was cleared");
    assert_eq!(found(&ahead), [Some(11), Some(2), Some(3)]);
}

pub(crate) fn x19_a_renewal_lengthens_what_was_stored_after_anothers_clear<S: Server>(
    stand: &Stand<S>,
) {
    let [behind, ahead] = behind(stand, Duration::ZERO);
    wait(ahead.delete(&1)).unwrap();
    assert!(!wait(behind.renew(&1, Some(Duration::from_secs(600)))).unwrap(), "it was cleared");

    let [behind, ahead] = self::behind(stand, Duration::ZERO);
    assert!(wait(behind.renew(&2, Some(Duration::from_secs(600)))).unwrap());
    let (_, left) = wait(ahead.get_ttl(&2)).unwrap().unwrap();
    assert!(left > Duration::from_secs(500), "{left:?}");
}

pub(crate) fn x19_what_is_computed_over_an_invalidation_after_anothers_clear_is_fenced<
    S: Server,
>(
    stand: &Stand<S>,
) {
    let [behind, ahead] = behind(stand, Duration::ZERO);
    wait(ahead.delete(&1)).unwrap();
    let lease = wait(ahead.lookup(&1, Aim::Compute)).unwrap().into_lease();
    wait(behind.delete(&1)).unwrap();
    let late = cache_core::Entry::new(1).with_ttl(60);
    assert_eq!(wait(ahead.fill(&1, late, lease)).unwrap(), Filled::Fenced);
    assert_eq!(found(&ahead), [None, Some(2), Some(3)]);
}

/// A lease of before the clear stores where nobody asks who knows of it; who learns of it on the
/// way is told.
pub(crate) fn a_lease_of_before_anothers_clear_stores_nothing_that_is_seen_after_it<S: Server>(
    stand: &Stand<S>,
) {
    let [behind, ahead] = behind(stand, Duration::ZERO);
    let lease = |key| wait(behind.lookup(&key, Aim::Replace)).unwrap().into_lease();
    let [early, late] = [lease(1), lease(2)];
    let entry = || cache_core::Entry::new(99).with_ttl(60);
    assert_eq!(wait(behind.fill(&1, entry(), early)).unwrap(), Filled::Stored);
    assert_eq!(found(&ahead), [Some(1), Some(2), Some(3)]);
    wait(behind.delete(&3)).unwrap();
    assert_eq!(wait(behind.fill(&2, entry(), late)).unwrap(), Filled::Fenced);
    assert_eq!(found(&ahead), [Some(1), Some(2), None]);
    assert_eq!(found(&behind), found(&ahead));
}

/// A real server: it hears of no deletions for a time, or shows that questions about the generation
/// and changes are under way together.
#[derive(Debug)]
struct Gate<S> {
    server: Seen<S>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    deaf: AtomicBool,
    /// Questions and changes wait for each other.
    together: AtomicBool,
    questions: AtomicUsize,
    changes: AtomicUsize,
}

impl<S: Server> Gate<S> {
    fn before(stand: &Stand<S>) -> Self {
        Gate { server: stand.server.clone(), state: Arc::default() }
    }

    fn client(&self, stand: &Stand<S>) -> EncodedCache<Gate<S>, u64, u64> {
        let server = Gate { server: self.server.clone(), state: self.state.clone() };
        Encoded::with_options(server, stand.options()).unwrap().open("numbers")
    }

    /// Goes on when one of the others has begun, too.
    async fn meet(&self, mine: &AtomicUsize, others: &AtomicUsize) {
        mine.fetch_add(1, Ordering::SeqCst);
        if !self.state.together.load(Ordering::SeqCst) {
            return;
        }
        let start = Instant::now();
        poll_fn(|context| {
            if others.load(Ordering::SeqCst) > 0 {
                return Poll::Ready(());
            }
            assert!(start.elapsed() < Duration::from_secs(30), "one waits for the other's end");
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    async fn change(&self) {
        self.meet(&self.state.changes, &self.state.questions).await;
    }

    /// Does something; gives how many questions about the generation there were.
    fn together(&self, change: impl FnOnce()) -> usize {
        self.state.questions.store(0, Ordering::SeqCst);
        self.state.changes.store(0, Ordering::SeqCst);
        self.state.together.store(true, Ordering::SeqCst);
        change();
        self.state.together.store(false, Ordering::SeqCst);
        assert!(self.state.changes.load(Ordering::SeqCst) > 0, "nothing was changed");
        self.state.questions.load(Ordering::SeqCst)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Server> Server for Gate<S> {
    fn name(&self) -> String {
        self.server.name()
    }
    fn limits(&self) -> Limits {
        self.server.limits()
    }
    fn core(&self) -> &dyn std::any::Any {
        self.server.core()
    }
    async fn copies(&self, key: &str) -> Vec<String> {
        self.server.copies(key).await
    }
    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        if keys[0].contains(":gen") {
            self.meet(&self.state.questions, &self.state.changes).await;
        }
        self.server.get_many(keys, claim).await
    }
    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        self.change().await;
        self.server.put_many(puts).await
    }
    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        self.change().await;
        if self.state.deaf.load(Ordering::SeqCst) {
            return keys.iter().map(|_| Err(Error::unreachable(self.name(), "deaf"))).collect();
        }
        self.server.delete_many(keys).await
    }
    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        self.server.discard(key, token).await
    }
    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        self.server.expire(key, keep).await
    }
    async fn release(&self, key: &str, token: u64) -> Result<()> {
        self.server.release(key, token).await
    }
    async fn purge(&self) -> Result<usize> {
        self.server.purge().await
    }
}

pub(crate) fn x19_a_late_invalidation_reaches_what_was_stored_after_anothers_clear<S: Server>(
    stand: &Stand<S>,
) {
    let gate = Gate::before(stand);
    let (behind, ahead) = (gate.client(stand), Gate::before(stand).client(stand));
    assert!(wait(behind.put_for(&1, 10, 60)).unwrap());
    gate.state.deaf.store(true, Ordering::SeqCst);
    wait(behind.delete(&1)).unwrap();
    wait(ahead.clear()).unwrap();
    assert!(wait(ahead.put_for(&1, 1, 60)).unwrap());
    gate.state.deaf.store(false, Ordering::SeqCst);
    // Of another key: what waits goes first.
    assert_eq!(wait(behind.get(&2)).unwrap(), None);
    assert_eq!(wait(ahead.get(&1)).unwrap(), None);
    assert_eq!(wait(behind.get(&1)).unwrap(), None);
}

pub(crate) fn a_change_asks_for_the_generation_once_and_beside_itself<S: Server>(stand: &Stand<S>) {
    let gate = Gate::before(stand);
    let cache = gate.client(stand);
    let entry = |key: u64| (key, cache_core::Entry::new(key).with_ttl(60));
    let put = || assert!(wait(cache.put_for(&1, 1, 60)).unwrap());
    // The first one has to know the generation.
    put();
    for lag in [Duration::ZERO, Duration::from_secs(5)] {
        stand.time.advance(lag);
        assert_eq!(gate.together(put), 1);
        let put_many = || wait(cache.put_many((0..9).map(entry).collect())).unwrap();
        assert_eq!(gate.together(put_many), 1);
        let renew = || assert!(wait(cache.renew(&1, Some(Duration::from_secs(600)))).unwrap());
        assert_eq!(gate.together(renew), 1);
        assert_eq!(gate.together(|| assert!(wait(cache.expire(&1)).unwrap())), 1);
        assert_eq!(gate.together(|| assert!(wait(cache.add(&1, 1, 60)).unwrap())), 1);
        assert_eq!(gate.together(|| assert!(wait(cache.delete(&1)).unwrap())), 1);
        let delete_many = || wait(cache.delete_many(&[1, 2, 3])).unwrap();
        assert_eq!(gate.together(delete_many), 1);
    }
    // A read believes what it has seen.
    let before = gate.state.questions.load(Ordering::SeqCst);
    assert_eq!(wait(cache.get(&4)).unwrap(), Some(4));
    assert_eq!(gate.state.questions.load(Ordering::SeqCst), before);
}
