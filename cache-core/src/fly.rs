//! A value on its way: follows the flight of its key, and starts it again if it fails for others.

use crate::compute::{Attempt, Want};
use crate::detached::{Body, Urgency};
use crate::flight::{Flight, Follow};
use crate::memo::{Found, Memo};
use crate::outcome::Rules;
use crate::stats::Event;
use crate::table::Touch;
use crate::task;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The future of one call. Owns its key, so nothing of the caller is borrowed; dropping it neither
/// cancels nor restarts the computation.
pub struct Fly<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    memo: &'static Memo<K, V>,
    hash: u64,
    key: K,
    body: Body<K, R>,
    rules: Rules<V, R>,
    urgency: Urgency,
    /// The flight that is followed is older than the call, which wants a newer value.
    too_old: bool,
    follow: Follow<K, V>,
}

impl<K, V, R> Fly<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    /// Starts the computation, or joins the one in progress.
    pub(crate) fn start(
        memo: &'static Memo<K, V>,
        hash: u64,
        key: K,
        body: Body<K, R>,
        rules: Rules<V, R>,
        urgency: Urgency,
        want: Want,
    ) -> Self {
        let (flight, led) = launch(memo, hash, &key, &body, rules, urgency);
        if !led {
            memo.stats.count(Event::Waiter);
        }
        let follow = follow(flight, urgency);
        let too_old = want == Want::Newer && !led;
        Fly { memo, hash, key, body, rules, urgency, too_old, follow }
    }

    fn again(&mut self) -> Option<V> {
        if let Found::Live { value, .. } =
            self.memo.look(self.hash, |key| *key == self.key, Touch::Leave)
        {
            return Some(value);
        }
        self.restart();
        None
    }

    fn restart(&mut self) {
        let (flight, _) =
            launch(self.memo, self.hash, &self.key, &self.body, self.rules, self.urgency);
        self.follow = follow(flight, self.urgency);
    }
}

/// Nothing in it is pinned: the flight's future is boxed.
impl<K, V, R> Unpin for Fly<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
}

/// Demand never comes back empty-handed.
fn launch<K, V, R>(
    memo: &'static Memo<K, V>,
    hash: u64,
    key: &K,
    body: &Body<K, R>,
    rules: Rules<V, R>,
    urgency: Urgency,
) -> (Arc<Flight<K, V>>, bool)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    debug_assert!(urgency != Urgency::Refresh);
    memo.launch(hash, key.clone(), body, rules, urgency)
        .expect("only refreshes are left out when the queue is full")
}

fn follow<K, V>(flight: Arc<Flight<K, V>>, urgency: Urgency) -> Follow<K, V>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let follow = Follow::new(flight);
    // A task was spawned for it. A thread outside of any runtime must leave the polling to that
    // task; a thread inside of one polls too, since it may be the very one that the task needs.
    if urgency == Urgency::Polled || task::is_inside_runtime() {
        follow
    } else {
        follow.without_driving()
    }
}

impl<K, V, R> Future for Fly<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        loop {
            let landed = ready!(Pin::new(&mut self.follow).poll(cx));
            self.memo.refuse_circle(&landed);
            if std::mem::take(&mut self.too_old) {
                self.restart();
                continue;
            }
            let this = &*self;
            match this.memo.take(this.hash, &this.key, landed, this.rules) {
                Attempt::Done(result) => return Poll::Ready(result),
                Attempt::Again => {
                    if let Some(value) = self.again() {
                        return Poll::Ready((self.rules.wrap)(value));
                    }
                }
            }
        }
    }
}

impl<K, V, R> fmt::Debug for Fly<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fly").field("flight", self.follow.flight()).finish_non_exhaustive()
    }
}
