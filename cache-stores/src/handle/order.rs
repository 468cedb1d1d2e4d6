//! The writes of a handle, one after the other. One that nobody waits for any more goes on, and could otherwise come
//! behind the next.

use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Knows the last one.
#[derive(Debug, Clone, Default)]
pub(super) struct Order(Arc<Mutex<Option<oneshot::Receiver<()>>>>);

/// The place of a write behind those before it, for as long as it goes on.
#[derive(Debug)]
pub(super) struct Place {
    before: Option<oneshot::Receiver<()>>,
    /// Dropped with it.
    _ended: oneshot::Sender<()>,
}

impl Order {
    /// For a write that begins now.
    pub(super) fn place(&self) -> Place {
        let (_ended, ended) = oneshot::channel();
        Place { before: self.0.lock().replace(ended), _ended }
    }
}

impl Place {
    /// Those before it have ended.
    pub(super) async fn reached(&mut self) {
        if let Some(before) = self.before.take() {
            // Nothing is ever sent.
            let _ = before.await;
        }
    }
}
