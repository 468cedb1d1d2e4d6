//! How the attribute makes the handles of calls.

use super::async_call::AsyncCall;
use super::call::Call;
use super::work::{Alone, AsyncAlone, Bundle, Kept, NoBackground};
use crate::detached::{AsyncJob, Job};
use crate::key::View;
use crate::memo::Memo;
use crate::outcome::{Mode, Share};
use crate::task::BoxFuture;
use std::future::Future;

/// Function pointers, not closures: so functions of the same types share all of the code below.
impl<Q, X, V, M, R> Call<Bundle<Q, X, V, M, R, fn(Q, X) -> R, NoBackground>>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: 'static,
{
    #[doc(hidden)]
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "`mode` only names its type")]
    pub fn new(
        memo: &'static Memo<Q::Key, V>,
        view: Q,
        rest: X,
        mode: M,
        share: Share<R>,
        run: fn(Q, X) -> R,
    ) -> Self {
        let _ = mode;
        Call(Bundle::new(memo, view, rest, share, run))
    }

    /// The same call with a way to compute it later, from its owned key and what is kept of `rest`.
    #[doc(hidden)]
    #[inline]
    #[expect(clippy::type_complexity, reason = "made and consumed by the expansion")]
    pub fn later(
        self,
        back: fn(X) -> Job<Q::Key, R>,
    ) -> Call<Bundle<Q, X, V, M, R, fn(Q, X) -> R, Kept<fn(X) -> Job<Q::Key, R>>>> {
        Call(self.0.later(back))
    }

    /// The same where the key is all that is needed.
    #[doc(hidden)]
    #[inline]
    #[expect(clippy::type_complexity, reason = "made and consumed by the expansion")]
    pub fn alone(
        self,
        back: fn(&Q::Key) -> R,
    ) -> Call<Bundle<Q, X, V, M, R, fn(Q, X) -> R, Alone<fn(&Q::Key) -> R>>> {
        Call(self.0.alone(back))
    }
}

impl<Q, X, V, M, R, F> Call<Bundle<Q, X, V, M, R, F, NoBackground>>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: 'static,
    F: FnOnce(Q, X) -> R,
{
    /// A call whose body is a closure over what is around it.
    #[doc(hidden)]
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "`mode` only names its type")]
    pub fn capturing(
        memo: &'static Memo<Q::Key, V>,
        view: Q,
        rest: X,
        mode: M,
        share: Share<R>,
        run: F,
    ) -> Self {
        let _ = mode;
        Call(Bundle::new(memo, view, rest, share, run))
    }
}

/// Function pointers, not closures: so functions of the same types share all of the code below.
impl<Q, X, V, M, R, Fut> AsyncCall<Bundle<Q, X, V, M, R, fn(Q, X) -> Fut, NoBackground>>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: Send + 'static,
    Fut: Future<Output = R>,
{
    #[doc(hidden)]
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "`mode` only names its type")]
    pub fn new(
        memo: &'static Memo<Q::Key, V>,
        view: Q,
        rest: X,
        mode: M,
        share: Share<R>,
        run: fn(Q, X) -> Fut,
    ) -> Self {
        let _ = mode;
        AsyncCall(Bundle::new(memo, view, rest, share, run))
    }

    /// The same call with a way to compute it later, from its owned key and what is kept of `rest`.
    #[doc(hidden)]
    #[inline]
    #[expect(clippy::type_complexity, reason = "made and consumed by the expansion")]
    pub fn later(
        self,
        back: fn(X) -> AsyncJob<Q::Key, R>,
    ) -> AsyncCall<Bundle<Q, X, V, M, R, fn(Q, X) -> Fut, Kept<fn(X) -> AsyncJob<Q::Key, R>>>> {
        AsyncCall(self.0.later(back))
    }

    /// The same where the key is all that is needed.
    #[doc(hidden)]
    #[inline]
    #[expect(clippy::type_complexity, reason = "made and consumed by the expansion")]
    pub fn alone(
        self,
        back: fn(Q::Key) -> BoxFuture<'static, R>,
    ) -> AsyncCall<
        Bundle<Q, X, V, M, R, fn(Q, X) -> Fut, AsyncAlone<fn(Q::Key) -> BoxFuture<'static, R>>>,
    > {
        AsyncCall(self.0.async_alone(back))
    }
}
