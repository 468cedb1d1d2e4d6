//! One computation, from its beginning to the moment when its result is stored or not.

use crate::entry::Reason;
use crate::memo::Memo;
use std::hash::Hash;

/// Who wants the computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A caller, or somebody who will come for it.
    Call,
    /// A value that is there and due.
    Refresh,
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Stored,
    /// Something newer had happened to the key.
    Fenced,
    /// It was not wanted, or could not be stored.
    Unstored,
    /// It was a failure.
    Failed,
    /// There is none.
    Panicked,
}

impl Ending {
    /// Of a result without a value to store.
    pub(crate) fn of_none(fails: bool) -> Self {
        if fails { Ending::Failed } else { Ending::Unstored }
    }

    #[cfg(feature = "tracing")]
    fn name(self) -> &'static str {
        match self {
            Ending::Stored => "stored",
            Ending::Fenced => "fenced",
            Ending::Unstored => "unstored",
            Ending::Failed => "failed",
            Ending::Panicked => "panicked",
        }
    }
}

/// How long a computation took, where that was measured.
#[cfg(feature = "metrics")]
pub(crate) fn computed(
    function: &std::sync::Arc<str>,
    region: Option<&std::sync::Arc<str>>,
    nanos: u64,
) {
    let seconds = std::time::Duration::from_nanos(nanos).as_secs_f64();
    let mut labels = vec![metrics::Label::new("function", function.clone())];
    labels.extend(region.map(|region| metrics::Label::new("region", region.clone())));
    metrics::histogram!("larder_compute_seconds", labels).record(seconds);
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn computed(
    _function: &std::sync::Arc<str>,
    _region: Option<&std::sync::Arc<str>>,
    _nanos: u64,
) {
}

/// How a key is written into spans, if at all.
#[cfg(feature = "tracing")]
pub(crate) type KeyText<K> =
    parking_lot::RwLock<Option<std::sync::Arc<dyn Fn(&K) -> String + Send + Sync>>>;

/// A span around a computation. Dropped without an ending, it panicked or was given up.
#[cfg(feature = "tracing")]
pub(crate) struct Watch {
    span: tracing::Span,
    began: std::time::Instant,
    ended: bool,
}

#[cfg(not(feature = "tracing"))]
pub(crate) struct Watch;

/// In place of a span that is entered.
#[cfg(not(feature = "tracing"))]
pub(crate) struct Unseen;

#[cfg(feature = "tracing")]
impl Watch {
    /// `reason` is the word of the far tiers; without, that of the near one counts.
    pub(crate) fn begin<K, V>(
        memo: &Memo<K, V>,
        (hash, key): (u64, Option<&K>),
        reason: Option<Reason>,
        cause: Cause,
    ) -> Self
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        use tracing::field::Empty;
        let function = &*memo.name;
        let span = match cause {
            Cause::Call => tracing::debug_span!(
                target: "larder", "compute",
                function, reason = Empty, key = Empty, outcome = Empty, seconds = Empty
            ),
            Cause::Refresh => tracing::debug_span!(
                target: "larder", "refresh",
                function, reason = Empty, key = Empty, outcome = Empty, seconds = Empty
            ),
        };
        if !span.is_disabled()
            && let Some(key) = key
        {
            if let Some(reason) = reason.or_else(|| unharmed(|| missing(memo, hash, key))) {
                span.record("reason", reason.name());
            }
            let format = memo.key_text.read().clone();
            if let Some(text) = unharmed(|| format.map(|format| format(key))) {
                span.record("key", text);
            }
        }
        Watch { span, began: std::time::Instant::now(), ended: false }
    }

    /// Until dropped, what this thread traces belongs to the computation.
    pub(crate) fn enter(&self) -> tracing::span::Entered<'_> {
        self.span.enter()
    }

    /// The same for what a future traces.
    pub(crate) fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(future, self.span.clone())
    }

    pub(crate) fn end(mut self, ending: Ending) {
        self.record(ending);
    }

    fn record(&mut self, ending: Ending) {
        self.ended = true;
        self.span.record("outcome", ending.name());
        self.span.record("seconds", self.began.elapsed().as_secs_f64());
    }
}

/// The user's `Eq`, `Clone` and key format may panic; the computation is none the worse for it.
#[cfg(feature = "tracing")]
fn unharmed<T>(ask: impl FnOnce() -> Option<T>) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask)).ok().flatten()
}

/// Why the near table has no value; `None`: it has one.
#[cfg(feature = "tracing")]
fn missing<K, V>(memo: &Memo<K, V>, hash: u64, key: &K) -> Option<Reason>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    use crate::memo::Found;
    match memo.look(hash, |k| k == key, crate::table::Touch::Leave) {
        Found::Missing(reason) => Some(reason),
        Found::Live { .. } | Found::Expiring(_) => None,
    }
}

#[cfg(feature = "tracing")]
impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            self.record(Ending::Panicked);
        }
    }
}

#[cfg(not(feature = "tracing"))]
impl Watch {
    #[inline]
    pub(crate) fn begin<K, V>(
        _memo: &Memo<K, V>,
        _key: (u64, Option<&K>),
        _reason: Option<Reason>,
        _cause: Cause,
    ) -> Self
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        Watch
    }

    #[inline]
    pub(crate) fn enter(&self) -> Unseen {
        Unseen
    }

    #[inline]
    pub(crate) fn around<F: Future>(&self, future: F) -> F {
        future
    }

    #[inline]
    pub(crate) fn end(self, _ending: Ending) {}
}
