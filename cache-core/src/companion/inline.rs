//! Async bodies that cannot be rebuilt from a key: the leader runs his own, and others wait for him.

use crate::compute::{Attempt, Tally, Want};
use crate::detached::Settled;
use crate::entry::{Aim, Reason};
use crate::far::{Far, Held, aim_of};
use crate::flight::{Follow, Joined, Landing, Lead};
use crate::gather::{self, Gathered};
use crate::key::View;
use crate::memo::{Found, Memo};
use crate::observe::{Cause, Ending};
use crate::outcome::{Mode, Rules, Share};
use crate::stats::Event;
use crate::table::Touch;
use crate::tags::epoch;
use crate::task::BoxFuture;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::{Pin, pin};

/// A hit, or the wait for the value or for the right to compute it.
pub enum Claim<R, A> {
    /// The value was there.
    Hit(R),
    /// To be awaited; borrows nothing of the caller.
    Wait(A),
}

/// What came of waiting.
pub enum Step<R, L> {
    /// Somebody else computed it.
    Done(R),
    /// This caller is to compute it.
    Lead(L),
}

/// Resolves to the result, or to the right to compute it.
pub type Acquire<K, V, R> = BoxFuture<'static, Step<R, InlineLead<K, V, R>>>;

/// The right to compute one key. Dropped without a result, it goes to the next who waits.
pub struct InlineLead<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    memo: &'static Memo<K, V>,
    lead: Lead<'static, K, V>,
    held: Held<K, V>,
    rules: Rules<V, R>,
}

/// Looks a call up; on a miss gives what is to be awaited.
#[doc(hidden)]
#[inline]
#[expect(clippy::needless_pass_by_value, reason = "`mode` only names its type")]
pub fn claim<Q, V, M, R>(
    memo: &'static Memo<Q::Key, V>,
    view: &Q,
    mode: M,
    share: Share<R>,
) -> Claim<R, Acquire<Q::Key, V, R>>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: 'static,
{
    let _ = mode;
    claim_of(memo, memo.hash(view), || view.own(), |key| view.eq(key), Rules::of::<M>(share))
}

#[inline]
pub(super) fn claim_of<K, V, R>(
    memo: &'static Memo<K, V>,
    hash: u64,
    own: impl FnOnce() -> K,
    eq: impl Fn(&K) -> bool,
    rules: Rules<V, R>,
) -> Claim<R, Acquire<K, V, R>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    match memo.fresh(hash, eq) {
        Some(value) => Claim::Hit((rules.wrap)(value)),
        None => miss(memo, hash, own(), rules),
    }
}

#[cold]
fn miss<K, V, R>(
    memo: &'static Memo<K, V>,
    hash: u64,
    key: K,
    rules: Rules<V, R>,
) -> Claim<R, Acquire<K, V, R>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    match memo.look(hash, |k| *k == key, Touch::Visit) {
        Found::Live { value, .. } => {
            memo.stats.count(Event::StaleHit);
            return Claim::Hit((rules.wrap)(value));
        }
        Found::Expiring(_) => memo.count_near_miss(Reason::Expired),
        Found::Missing(reason) => {
            if let Some(value) = memo.pausing(hash, &key) {
                memo.stats.count(Event::GraceHit);
                return Claim::Hit((rules.wrap)(value));
            }
            memo.count_near_miss(reason);
        }
    }
    Claim::Wait(Box::pin(acquire(memo, hash, key, rules, Want::Value)))
}

pub(super) async fn acquire<K, V, R>(
    memo: &'static Memo<K, V>,
    hash: u64,
    mut key: K,
    rules: Rules<V, R>,
    want: Want,
) -> Step<R, InlineLead<K, V, R>>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    let mut too_old = want == Want::Newer;
    let (called, mut counted) = (epoch(), want != Want::Value);
    loop {
        let flight = match memo.flights.join(hash, key) {
            Joined::Lead(lead) => {
                if want == Want::Value
                    && let Some(value) = memo.landed_before(lead.flight())
                {
                    return Step::Done((rules.wrap)(value));
                }
                let flight = lead.flight().clone();
                let mut far = memo.ask_far(&flight, aim_of(want, None), !counted).await;
                if memo.rules.is_followed() && matches!(far, Far::Due(..)) {
                    // Of those whom a region tells to compute it anew, one does.
                    far = memo.ask_far(&flight, Aim::Refresh, false).await;
                }
                return match far {
                    // Nothing of the body is left to refresh it with.
                    Far::Value(value, note) | Far::Due(value, note) => {
                        Step::Done(memo.land_found(lead, value, &note, rules))
                    }
                    Far::Compute(held) => Step::Lead(InlineLead { memo, lead, held, rules }),
                };
            }
            Joined::Follow(flight, again) => {
                key = again;
                flight
            }
        };
        memo.count_waiter(&mut counted);
        let landed = Follow::new(flight, called).await;
        // What was in progress before a refresh is waited for, not taken.
        let is_taken = !std::mem::replace(&mut too_old, false);
        if is_taken && let Attempt::Done(result) = memo.take(hash, &key, landed, rules) {
            return Step::Done(result);
        }
    }
}

impl<K, V, R> InlineLead<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    /// Runs the body as this key's computation, stores its result and hands it to those who wait.
    pub async fn compute<F: Future<Output = R>>(self, body: F) -> R {
        let flight = self.lead.flight().clone();
        let watch = self.memo.watch(&flight, &self.held, Cause::Call);
        let captured = self.memo.capture_for(&flight).await;
        let tally = Tally::begin(self.memo, &flight);
        let body = pin!(watch.around(body));
        let mut body = Gathered::new(body);
        let (result, used) = poll_fn(|cx| {
            let _inside = flight.enter();
            Pin::new(&mut body).poll(cx)
        })
        .await;
        tally.end(false);
        let note = self.memo.noted(captured, &used);
        let (settled, note) = self.memo.settle(&flight, &result, note, self.rules);
        gather::hand(&note);
        match settled {
            Settled::Entry(entry) => {
                let value = entry.value.clone();
                watch.end(self.memo.store_async(&self.lead, entry, &note, self.held).await);
                self.memo.land_computed(self.lead, value);
                result
            }
            Settled::Failed(landing) => {
                watch.end(Ending::of_none(self.rules.fails));
                self.lead.land(|| landing.unwrap_or_else(Landing::gone));
                self.memo.graced(flight.hash, &flight.key, result, self.rules)
            }
        }
    }
}

impl<R, A> fmt::Debug for Claim<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Claim::Hit(_)) { "Claim::Hit" } else { "Claim::Wait" })
    }
}
impl<R, L> fmt::Debug for Step<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Step::Done(_)) { "Step::Done" } else { "Step::Lead" })
    }
}
impl<K, V, R> fmt::Debug for InlineLead<K, V, R>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InlineLead").field(&self.lead).finish()
    }
}
