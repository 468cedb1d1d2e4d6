//! One lookup on a server: a span and a time.

use crate::entry::Reason;

/// What a lookup of one or many keys came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Keys that were asked for.
    pub keys: usize,
    /// Live values among what was found.
    pub hits: usize,
    /// Why the first of the others has none.
    pub reason: Option<Reason>,
}

#[cfg(any(feature = "tracing", feature = "metrics"))]
impl Found {
    fn outcome(&self) -> &'static str {
        match self.hits {
            0 => "miss",
            hits if hits == self.keys => "hit",
            _ => "part",
        }
    }
}

/// A lookup on its way. Nothing, unless one of the features `tracing` and `metrics` is on.
#[derive(Debug)]
pub struct FarLookup {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
    #[cfg(feature = "metrics")]
    tier: metrics::SharedString,
    #[cfg(feature = "metrics")]
    namespace: metrics::SharedString,
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    began: std::time::Instant,
}

impl FarLookup {
    /// `tier` is asked for its name only where that is told to anybody.
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    pub fn begin(tier: impl Fn() -> String, namespace: &str) -> Self {
        FarLookup {
            #[cfg(feature = "tracing")]
            span: span(&tier, namespace),
            #[cfg(feature = "metrics")]
            tier: tier().into(),
            #[cfg(feature = "metrics")]
            namespace: namespace.to_owned().into(),
            began: std::time::Instant::now(),
        }
    }

    /// Nobody is told.
    #[cfg(not(any(feature = "tracing", feature = "metrics")))]
    #[inline]
    pub fn begin(_tier: impl Fn() -> String, _namespace: &str) -> Self {
        FarLookup {}
    }

    /// The lookup itself: what it traces belongs to its span.
    #[cfg(feature = "tracing")]
    pub fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(future, self.span.clone())
    }

    /// The lookup itself.
    #[cfg(not(feature = "tracing"))]
    #[inline]
    pub fn around<F: Future>(&self, future: F) -> F {
        future
    }

    /// Tells what it came to.
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    pub fn end(self, found: Found) {
        let seconds = self.began.elapsed().as_secs_f64();
        #[cfg(feature = "tracing")]
        {
            self.span.record("keys", found.keys);
            self.span.record("hits", found.hits);
            self.span.record("outcome", found.outcome());
            self.span.record("seconds", seconds);
            if let Some(reason) = found.reason {
                self.span.record("reason", reason.name());
            }
        }
        #[cfg(feature = "metrics")]
        metrics::histogram!(
            "larder_far_lookup_seconds",
            "tier" => self.tier,
            "namespace" => self.namespace,
            "outcome" => found.outcome(),
        )
        .record(seconds);
    }

    /// Nobody is told.
    #[cfg(not(any(feature = "tracing", feature = "metrics")))]
    #[inline]
    pub fn end(self, _found: Found) {}
}

#[cfg(feature = "tracing")]
fn span(tier: impl Fn() -> String, namespace: &str) -> tracing::Span {
    use tracing::field::Empty;
    let span = tracing::debug_span!(
        target: "larder", "far_lookup",
        tier = Empty, namespace, keys = Empty, hits = Empty,
        outcome = Empty, reason = Empty, seconds = Empty
    );
    if !span.is_disabled() {
        span.record("tier", tier());
    }
    span
}
