//! A connection that a task of another runtime reads, and one that is to end when nobody waits any more.

use super::link::Link;
use super::port::Port;
use crate::sync::Ordering;

impl<P: Port> Link<P> {
    /// Whether a task of another runtime reads.
    pub(super) fn is_lent(&self) -> bool {
        self.lent.load(Ordering::Acquire)
    }

    /// A task of another runtime reads from now on, or does not any more. Whoever reads hears of it.
    #[cfg(not(loom))]
    pub(super) fn set_lent(&self, lent: bool) {
        self.lent.store(lent, Ordering::Release);
        self.port.call_io();
    }

    /// Whether it is worth asking here.
    #[cfg(not(loom))]
    pub(crate) fn is_at_hand(&self) -> bool {
        !self.is_closed() && !self.is_retired()
    }

    #[cfg(not(loom))]
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Ends it as soon as nobody has asked for some time.
    #[cfg(not(loom))]
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.port.call_watch();
    }
}
