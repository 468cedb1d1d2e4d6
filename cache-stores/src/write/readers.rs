//! Readers of what waits for the remote: when it was sent and is not kept, they get the rest from there.

use crate::object::{CopyId, Object};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

/// How the remote describes a copy that it has now.
pub(crate) type Delivered = OnceLock<Object>;

/// The copies that wait and are being read.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    copies: HashMap<CopyId, Weak<Delivered>>,
    /// Above this those whose readers have gone are swept out.
    most: usize,
}

impl Readers {
    pub(super) fn of(&self, copy: CopyId) -> Arc<Delivered> {
        let Reading { copies, most } = &mut *self.0.lock();
        if let Some(delivered) = copies.get(&copy).and_then(Weak::upgrade) {
            return delivered;
        }
        if copies.len() > *most {
            copies.retain(|_, delivered| delivered.strong_count() > 0);
            *most = 2 * copies.len();
        }
        let delivered = Arc::default();
        copies.insert(copy, Arc::downgrade(&delivered));
        delivered
    }

    /// The remote has it. To be said before the copy goes.
    pub(super) fn tell(&self, copy: CopyId, object: &Object) {
        let reading = self.0.lock().copies.remove(&copy);
        if let Some(delivered) = reading.and_then(|reading| reading.upgrade()) {
            // Nobody else does.
            let _ = delivered.set(object.clone());
        }
    }
}
