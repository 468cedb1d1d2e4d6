//! The call whose arguments are all in its key: its type can be written, and asks little of a compiler.

use super::call::Call;
use super::work::{Later, PublicRules, Sought, Work, sought_by_view};
use crate::detached::Job;
use crate::key::View;
use crate::memo::Memo;
use crate::outcome::{Mode, Rules, Share};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A view of the arguments, and how to compute their value from it and from the key. Made by the
/// attribute.
///
/// Function pointers, not closures: so functions of the same types share all of the code below.
pub struct Args<Q: View, V: 'static, R, M> {
    memo: &'static Memo<Q::Key, V>,
    hash: u64,
    view: Q,
    share: Share<R>,
    run: fn(Q) -> R,
    again: fn(&Q::Key) -> R,
    mode: PhantomData<fn() -> M>,
}

impl<Q, V, R, M> Call<Args<Q, V, R, M>>
where
    Q: View,
    M: Mode<R, Value = V>,
    V: Clone + Send + Sync + 'static,
{
    #[doc(hidden)]
    #[inline]
    pub fn of(
        memo: &'static Memo<Q::Key, V>,
        view: Q,
        share: Share<R>,
        run: fn(Q) -> R,
        again: fn(&Q::Key) -> R,
    ) -> Self {
        let hash = memo.hash(&view);
        Call(Args { memo, hash, view, share, run, again, mode: PhantomData })
    }
}

impl<Q: View, V, R, M> fmt::Debug for Args<Q, V, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Args").field("memo", &self.memo.name).finish_non_exhaustive()
    }
}

impl<Q, V, R, M> Sought for Args<Q, V, R, M>
where
    Q: View,
    M: Mode<R, Value = V>,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    sought_by_view!();
}

impl<Q, V, R, M> Work for Args<Q, V, R, M>
where
    Q: View,
    M: Mode<R, Value = V>,
    V: Clone + Send + Sync + 'static,
    R: 'static,
{
    #[inline]
    fn run(self) -> R {
        (self.run)(self.view)
    }
}

#[diagnostic::do_not_recommend]
impl<Q, V, R, M> Later for Args<Q, V, R, M>
where
    Q: View,
    M: Mode<R, Value = V>,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    fn job(self) -> Job<Q::Key, R> {
        Arc::new(self.again)
    }
}
