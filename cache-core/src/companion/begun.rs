//! An async call that has been looked up: the value, or the future of it.

use super::work::AsyncWork;
use crate::fly::Fly;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A hit, or the future of the value; borrows nothing of the caller.
#[derive(Debug)]
pub enum Begun<R, F> {
    /// The value was there.
    Hit(R),
    /// To be awaited.
    Fly(F),
}

/// The future of a call. It has nothing of the call but the types, and relies on what they promise:
/// so a cached function whose types are wrong is told so once, and not again where it waits.
pub struct Flying<W: AsyncWork>(pub(super) Fly<W::Key, W::Value, W::Out>);

impl<W: AsyncWork> Unpin for Flying<W> {}

impl<W: AsyncWork> Future for Flying<W> {
    type Output = W::Out;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W::Out> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<W: AsyncWork> fmt::Debug for Flying<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flying")
    }
}
