//! What is explained of a cached function: its tiers, and what it does beside looking.

use super::report::{Explanation, Pause, TierReport, TierState, Verdict};
use crate::client::Cache;
use crate::companion::{AsyncCall, AsyncWork, Call, Sought, Work};
use crate::memo::Memo;
use crate::table::{Look, Touch};
use crate::task::BoxFuture;
use crate::wait;
use std::hash::Hash;
use std::time::Duration;

/// A handle that [`explain`] takes: what `score::entry(7)` and `shop.price_entry("tea")` give.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no call of a cached function",
    note = "give the handle: `larder::explain(score::entry(7))`, `larder::explain(shop.price_entry(\"tea\"))`"
)]
pub trait Explain {
    /// An [`Explanation`]; for an `async fn`, a future of one.
    type Told;
    #[doc(hidden)]
    fn explain(self) -> Self::Told;
}

/// Why this call would hit or miss now: a look at everything that the call would look at, far tiers
/// included. It computes nothing, changes nothing, counts nothing, and takes no lease.
///
/// For a function that blocks it waits for far tiers, within their deadlines; for an `async fn` it is
/// a future, which may be awaited in any thread. Only this process is asked whether somebody computes.
/// ```
/// # use cache_core as larder;
/// # fn call<W: larder::Work>(handle: larder::Call<W>) {
/// let told = larder::explain(handle); // of `score::entry(7)`
/// if !told.would_hit() {
///     println!("{told}");
/// }
/// # }
/// ```
pub fn explain<H: Explain>(handle: H) -> H::Told {
    handle.explain()
}

impl<W: Work> Explain for Call<W> {
    type Told = Explanation;
    fn explain(self) -> Explanation {
        let (memo, hash, key) = sought(&self.0);
        wait(memo.explain(hash, key))
    }
}

impl<W: AsyncWork> Explain for AsyncCall<W> {
    type Told = BoxFuture<'static, Explanation>;
    fn explain(self) -> BoxFuture<'static, Explanation> {
        let (memo, hash, key) = sought(&self.0);
        Box::pin(memo.explain(hash, key))
    }
}

fn sought<W: Sought>(work: &W) -> (&'static Memo<W::Key, W::Value>, u64, W::Key) {
    (work.memo(), work.hash(), work.own())
}

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) async fn explain(&self, hash: u64, key: K) -> Explanation {
        let tiers = match (&self.far, &self.near) {
            (Some(far), _) => far.explain(&key).await,
            (None, Some(near)) => near.explain(&key).await,
            (None, None) => Vec::new(),
        };
        let mut told = Explanation::of(&*self.name, tiers);
        if let Verdict::Miss(reason) = told.verdict {
            told.verdict = Verdict::Miss(self.fenced.instead(hash, reason));
        }
        let expiring = self.table.as_ref().is_some_and(|table| {
            let look = table.look(hash, |k| *k == key, Touch::Leave);
            matches!(look, Look::Expired { by_call: true, over: false, .. })
        });
        if expiring && self.refreshes() {
            told.verdict = Verdict::StaleHit;
        }
        told.in_flight = self.flights.find(hash, |k| *k == key).is_some();
        let pause = self.backoff.pause(hash, self.clock.nanos());
        told.pause = pause.map(|(failures, left)| Pause { failures, left });
        told.grace = self.grace_left(hash, &key, &told.tiers);
        if told.grace.is_some() && told.pause.is_some() && !told.would_hit() {
            told.verdict = Verdict::GraceHit;
        }
        told
    }

    /// For how long an expired value may stand in for a failing computation.
    fn grace_left(&self, hash: u64, key: &K, tiers: &[TierReport]) -> Option<Duration> {
        let grace = self.rules.known()?.grace()?;
        let left = |tier: &TierReport| match tier.state {
            TierState::Expired { since, by_call: false } => grace.checked_sub(since),
            _ => None,
        };
        let kept = self.aged.left(hash, key, self.clock.nanos());
        tiers.iter().filter_map(left).max().max(kept)
    }
}
