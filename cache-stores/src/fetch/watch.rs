//! One request to the remote, from the question to its last byte: a span. Nothing without the feature `tracing`.

use super::run::Body;
use crate::store::Inner;
use object_store::Error;
use std::ops::Range;

#[cfg(not(feature = "tracing"))]
pub(crate) use silent::Fetch;
#[cfg(feature = "tracing")]
pub(crate) use spans::Fetch;

/// What an error of the remote is called in a span.
#[cfg(feature = "tracing")]
fn outcome(error: &Error) -> &'static str {
    match error {
        Error::NotModified { .. } => "renewed",
        Error::NotFound { .. } => "not_found",
        Error::Precondition { .. } => "changed",
        _ => "failed",
    }
}

#[cfg(feature = "tracing")]
mod spans {
    use super::{Body, Error, Inner, Range, outcome};
    use futures::{Stream, StreamExt};
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Instant;
    use tracing::field::Empty;

    /// A request that is told of when it ends, also by being dropped. Paths are in no span: they may name people.
    pub(crate) struct Fetch {
        span: tracing::Span,
        began: Instant,
        bytes: u64,
        outcome: &'static str,
    }

    impl Fetch {
        pub(crate) fn begin(inner: &Inner) -> Self {
            let span = tracing::debug_span!(
                target: "larder", "fetch", store = &*inner.name, outcome = Empty, bytes = Empty, seconds = Empty
            );
            Fetch { span, began: Instant::now(), bytes: 0, outcome: "stopped" }
        }

        /// The question itself: what it traces belongs to its span.
        pub(crate) fn around<F: Future>(
            &self,
            question: F,
        ) -> impl Future<Output = F::Output> + use<F> {
            tracing::Instrument::instrument(question, self.span.clone())
        }

        /// There are no bytes to come.
        pub(crate) fn end(mut self, outcome: &'static str) {
            self.outcome = outcome;
        }

        pub(crate) fn fail(self, error: &Error) {
            self.end(outcome(error));
        }

        /// The bytes of the answer, which are these of the object.
        pub(crate) fn over(mut self, body: Body, range: &Range<u64>) -> Body {
            if range.is_empty() {
                // Nobody has to ask for its bytes.
                self.outcome = "complete";
            }
            if self.span.is_disabled() {
                return body;
            }
            Watched { body, fetch: self, length: range.end - range.start }.boxed()
        }
    }

    impl Drop for Fetch {
        fn drop(&mut self) {
            self.span.record("outcome", self.outcome);
            self.span.record("bytes", self.bytes);
            self.span.record("seconds", self.began.elapsed().as_secs_f64());
        }
    }

    struct Watched {
        body: Body,
        fetch: Fetch,
        length: u64,
    }

    impl Stream for Watched {
        type Item = object_store::Result<bytes::Bytes>;

        fn poll_next(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Self::Item>> {
            let span = self.fetch.span.clone();
            let polled = span.in_scope(|| self.body.poll_next_unpin(context));
            match &polled {
                Poll::Ready(Some(Ok(piece))) => {
                    self.fetch.bytes += piece.len() as u64;
                }
                Poll::Ready(Some(Err(error))) => self.fetch.outcome = outcome(error),
                Poll::Ready(None) | Poll::Pending => {}
            }
            // Who has all bytes does not ask for the end.
            if self.fetch.outcome == "stopped" && self.fetch.bytes >= self.length {
                self.fetch.outcome = "complete";
            }
            polled
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod silent {
    use super::{Body, Error, Inner, Range};

    /// Nobody is told.
    pub(crate) struct Fetch;

    impl Fetch {
        pub(crate) fn begin(_inner: &Inner) -> Self {
            Fetch
        }

        pub(crate) fn around<F: Future>(&self, question: F) -> F {
            question
        }

        pub(crate) fn end(self, _outcome: &'static str) {}

        pub(crate) fn fail(self, _error: &Error) {}

        pub(crate) fn over(self, body: Body, _range: &Range<u64>) -> Body {
            body
        }
    }
}
