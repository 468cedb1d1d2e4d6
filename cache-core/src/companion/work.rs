//! One call that may or may not have to be computed: its key as a view, its body, and how to rebuild it.

use crate::detached::{AsyncJob, Job};
use crate::key::View;
use crate::memo::Memo;
use crate::outcome::{Mode, Rules, Share};
use crate::task::BoxFuture;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

/// What a call looks for: its key, where its value is kept, and how that becomes a result.
pub trait Sought: Sized {
    /// The stored key.
    type Key: Hash + Eq + Clone + Send + Sync + 'static;
    /// The stored value.
    type Value: Clone + Send + Sync + 'static;
    /// What the function returns.
    type Out: 'static;
    #[doc(hidden)]
    fn memo(&self) -> &'static Memo<Self::Key, Self::Value>;
    #[doc(hidden)]
    fn hash(&self) -> u64;
    #[doc(hidden)]
    fn matches(&self, key: &Self::Key) -> bool;
    #[doc(hidden)]
    fn own(&self) -> Self::Key;
    #[doc(hidden)]
    fn wrap(value: Self::Value) -> Self::Out;
    #[doc(hidden)]
    fn rules(&self) -> PublicRules<Self::Value, Self::Out>;
}

/// A call of a cached function, ready to be looked up or computed. Made by the attribute.
pub trait Work: Sought {
    #[doc(hidden)]
    fn run(self) -> Self::Out;
}

/// A call that can be computed in the background, since its arguments can be rebuilt from the key.
#[diagnostic::on_unimplemented(
    message = "this cached function cannot be computed in the background",
    label = "needs a background computation",
    note = "an argument is skipped, so the call cannot be rebuilt from its key; `skip(argument = clone)` keeps a clone of it for that"
)]
pub trait Later: Work<Out: Send> {
    #[doc(hidden)]
    fn job(self) -> Job<Self::Key, Self::Out>;
}

/// The same for an `async fn`.
pub trait AsyncWork: Sought<Out: Send> {
    /// The body.
    type Fut: Future<Output = Self::Out>;
    #[doc(hidden)]
    fn run(self) -> Self::Fut;
    /// The job that computes it without the caller; the call itself if there can be none.
    #[doc(hidden)]
    fn rebuilt(self) -> Result<AsyncJob<Self::Key, Self::Out>, Self>;
}

/// The same for an `async fn`.
#[diagnostic::on_unimplemented(
    message = "this cached function cannot be computed in the background",
    label = "needs a background computation",
    note = "an argument is skipped, so the call cannot be rebuilt from its key; `skip(argument = clone)` keeps a clone of it for that"
)]
pub trait AsyncLater: AsyncWork {
    #[doc(hidden)]
    fn job(self) -> AsyncJob<Self::Key, Self::Out>;
}

/// How results are stored, in a form that can cross a public trait.
#[derive(Debug)]
pub struct PublicRules<V, R>(pub(crate) Rules<V, R>);

/// Makes the job that computes a call without its caller: [`Kept`], [`Alone`] or [`AsyncAlone`].
pub trait Keeps<X, J> {
    #[doc(hidden)]
    fn keep(self, rest: X) -> J;
}

/// How a call is computed without its caller, if that is possible at all.
pub trait Background<X, J>: Sized {
    /// The job; what it would be made from if there can be none.
    #[doc(hidden)]
    fn job(self, rest: X) -> Result<J, (Self, X)>;
}

/// In place of a background form that cannot exist.
#[derive(Debug, Clone, Copy)]
pub struct NoBackground;

/// Makes the job from what is not in the key.
#[derive(Debug, Clone, Copy)]
pub struct Kept<F>(F);

/// The key is all that the job needs.
#[derive(Debug, Clone, Copy)]
pub struct Alone<F>(F);

/// The same for an `async fn`.
#[derive(Debug, Clone, Copy)]
pub struct AsyncAlone<F>(F);

impl<X, J, F: FnOnce(X) -> J> Keeps<X, J> for Kept<F> {
    fn keep(self, rest: X) -> J {
        (self.0)(rest)
    }
}

impl<K: 'static, R: 'static> Keeps<(), Job<K, R>> for Alone<fn(&K) -> R> {
    fn keep(self, (): ()) -> Job<K, R> {
        Arc::new(self.0)
    }
}

impl<K: 'static, R: 'static> Keeps<(), AsyncJob<K, R>>
    for AsyncAlone<fn(K) -> BoxFuture<'static, R>>
{
    fn keep(self, (): ()) -> AsyncJob<K, R> {
        Arc::new(self.0)
    }
}

impl<X, J> Background<X, J> for NoBackground {
    fn job(self, rest: X) -> Result<J, (Self, X)> {
        Err((self, rest))
    }
}

impl<X, J, F: FnOnce(X) -> J> Background<X, J> for Kept<F> {
    fn job(self, rest: X) -> Result<J, (Self, X)> {
        Ok(self.keep(rest))
    }
}

impl<J, F> Background<(), J> for AsyncAlone<F>
where
    AsyncAlone<F>: Keeps<(), J>,
{
    fn job(self, rest: ()) -> Result<J, (Self, ())> {
        Ok(self.keep(rest))
    }
}

/// A view, what is not in the key, and the closures over both. Made by the attribute.
pub struct Bundle<Q: View, X, V: 'static, M, R, F, B> {
    memo: &'static Memo<Q::Key, V>,
    hash: u64,
    view: Q,
    rest: X,
    share: Share<R>,
    run: F,
    back: B,
    mode: PhantomData<fn() -> M>,
}

impl<Q: View, X, V, M, R, F> Bundle<Q, X, V, M, R, F, NoBackground>
where
    V: Clone + Send + Sync + 'static,
{
    #[inline]
    pub(super) fn new(
        memo: &'static Memo<Q::Key, V>,
        view: Q,
        rest: X,
        share: Share<R>,
        run: F,
    ) -> Self {
        let hash = memo.hash(&view);
        Bundle { memo, hash, view, rest, share, run, back: NoBackground, mode: PhantomData }
    }

    #[inline]
    pub(super) fn later<J>(self, back: fn(X) -> J) -> Bundle<Q, X, V, M, R, F, Kept<fn(X) -> J>> {
        self.with(Kept(back))
    }

    #[inline]
    pub(super) fn alone<B>(self, back: B) -> Bundle<Q, X, V, M, R, F, Alone<B>> {
        self.with(Alone(back))
    }

    #[inline]
    pub(super) fn async_alone<B>(self, back: B) -> Bundle<Q, X, V, M, R, F, AsyncAlone<B>> {
        self.with(AsyncAlone(back))
    }

    #[inline]
    fn with<B>(self, back: B) -> Bundle<Q, X, V, M, R, F, B> {
        let Bundle { memo, hash, view, rest, share, run, mode, .. } = self;
        Bundle { memo, hash, view, rest, share, run, back, mode }
    }
}

impl<Q: View, X, V, M, R, F, B> fmt::Debug for Bundle<Q, X, V, M, R, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("memo", &self.memo.name).finish_non_exhaustive()
    }
}

/// What is sought by a view of the key, the same for all handles that have one.
macro_rules! sought_by_view {
    () => {
        type Key = Q::Key;
        type Value = V;
        type Out = R;
        #[inline]
        fn memo(&self) -> &'static Memo<Q::Key, V> {
            self.memo
        }
        #[inline]
        fn hash(&self) -> u64 {
            self.hash
        }
        #[inline]
        fn matches(&self, key: &Q::Key) -> bool {
            self.view.eq(key)
        }
        #[inline]
        fn own(&self) -> Q::Key {
            self.view.own()
        }
        #[inline]
        fn wrap(value: V) -> R {
            M::wrap(value)
        }
        fn rules(&self) -> PublicRules<V, R> {
            PublicRules(Rules::of::<M>(self.share))
        }
    };
}
pub(super) use sought_by_view;

impl<Q, X, V, M, R, F, B> Sought for Bundle<Q, X, V, M, R, F, B>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: 'static,
{
    sought_by_view!();
}

impl<Q, X, V, M, R, F, B> Work for Bundle<Q, X, V, M, R, F, B>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: 'static,
    F: FnOnce(Q, X) -> R,
{
    #[inline]
    fn run(self) -> R {
        (self.run)(self.view, self.rest)
    }
}

#[diagnostic::do_not_recommend]
impl<Q, X, V, M, R, F, B> Later for Bundle<Q, X, V, M, R, F, B>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: Send + 'static,
    F: FnOnce(Q, X) -> R,
    B: Keeps<X, Job<Q::Key, R>>,
{
    fn job(self) -> Job<Q::Key, R> {
        self.back.keep(self.rest)
    }
}

impl<Q, X, V, M, R, F, B, Fut> AsyncWork for Bundle<Q, X, V, M, R, F, B>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: Send + 'static,
    F: FnOnce(Q, X) -> Fut,
    Fut: Future<Output = R>,
    B: Background<X, AsyncJob<Q::Key, R>>,
{
    type Fut = Fut;
    fn run(self) -> Fut {
        (self.run)(self.view, self.rest)
    }
    fn rebuilt(self) -> Result<AsyncJob<Q::Key, R>, Self> {
        let Bundle { memo, hash, view, rest, share, run, back, mode } = self;
        back.job(rest).map_err(|(back, rest)| Bundle {
            memo,
            hash,
            view,
            rest,
            share,
            run,
            back,
            mode,
        })
    }
}

#[diagnostic::do_not_recommend]
impl<Q, X, V, M, R, F, B, Fut> AsyncLater for Bundle<Q, X, V, M, R, F, B>
where
    Q: View,
    V: Clone + Send + Sync + 'static,
    M: Mode<R, Value = V>,
    R: Send + 'static,
    F: FnOnce(Q, X) -> Fut,
    Fut: Future<Output = R>,
    B: Keeps<X, AsyncJob<Q::Key, R>> + Background<X, AsyncJob<Q::Key, R>>,
{
    fn job(self) -> AsyncJob<Q::Key, R> {
        self.back.keep(self.rest)
    }
}
