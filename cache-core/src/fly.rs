//! A value on its way: follows the flight of its key, and starts it again if it fails for others.

use crate::compute::{Attempt, Want};
use crate::detached::{Body, Order, Urgency};
use crate::flight::{Flight, Follow};
use crate::memo::{Found, Memo};
use crate::outcome::Rules;
use crate::table::Touch;
use crate::tags::epoch;
use crate::wait::is_patient;
use crate::{pool, trail};
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
    order: Order,
    /// The flight that is followed is older than the call, which wants a newer value.
    too_old: bool,
    /// The moment of the call, as [`epoch`] counts.
    called: u64,
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
        let called = epoch();
        let order = Order { urgency, want, counted: want != Want::Value };
        let (flight, led) = launch(memo, hash, &key, &body, rules, order);
        if !led {
            memo.count_waiter(&mut { order.counted });
        }
        let follow = Follow::new(flight, called);
        let too_old = want == Want::Newer && !led;
        let order = Order { counted: true, ..order };
        Fly { memo, hash, key, body, rules, order, too_old, called, follow }
    }

    fn again(&mut self) -> Option<V> {
        // For a refresh what is there is too old; what is in progress by now is not.
        if self.order.want != Want::Newer
            && let Found::Live { value, .. } =
                self.memo.look(self.hash, |key| *key == self.key, Touch::Leave)
        {
            return Some(value);
        }
        self.restart();
        None
    }

    fn restart(&mut self) {
        let (key, body) = (&self.key, &self.body);
        let (flight, _) = launch(self.memo, self.hash, key, body, self.rules, self.order);
        self.follow = Follow::new(flight, self.called);
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
    order: Order,
) -> (Arc<Flight<K, V>>, bool)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    debug_assert!(order.urgency != Urgency::Refresh);
    memo.launch(hash, key.clone(), body, rules, order)
        .expect("only refreshes are left out when the queue is full")
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
            // A thread that the pool may be waiting for does not wait for the pool.
            if is_patient() && (trail::is_inside() || pool::is_worker()) {
                self.follow.flight().run_job();
            }
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
