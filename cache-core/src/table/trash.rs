//! What a change leaves behind: dropped, and told to the listener, when no lock is held.

use super::here;
use super::options::{Cause, Listener};
use std::sync::Arc;

/// Most changes leave one pair, so one has a place of its own.
pub(super) struct Trash<K, V> {
    first: Option<Piece<K, V>>,
    more: Vec<Piece<K, V>>,
    /// Whether anybody would notice: a listener, or destructors.
    wanted: bool,
}

struct Piece<K, V> {
    key: K,
    value: V,
    /// Set when the listener is to hear of it.
    cause: Option<Cause>,
}

impl<K: 'static, V: 'static> Trash<K, V> {
    #[inline]
    pub(super) fn new(listener: Option<&Arc<Listener<K, V>>>) -> Self {
        let wanted = listener.is_some() || std::mem::needs_drop::<(K, V)>();
        Trash { first: None, more: Vec::new(), wanted }
    }

    #[inline]
    pub(super) fn silent(&mut self, key: K, value: V) {
        self.add(Piece { key, value, cause: None });
    }

    #[inline]
    pub(super) fn overflow(&mut self, key: K, value: V, cause: Cause) {
        self.add(Piece { key, value, cause: Some(cause) });
    }

    #[inline]
    fn add(&mut self, piece: Piece<K, V>) {
        if !self.wanted {
            return;
        }
        if self.first.is_none() { self.first = Some(piece) } else { self.more.push(piece) }
    }

    /// Tells and drops, now or when this thread's outermost guard is gone.
    #[inline]
    pub(super) fn empty(self, listener: Option<&Arc<Listener<K, V>>>) {
        if self.first.is_none() {
            return;
        }
        if here::is_inside() {
            let listener = listener.cloned();
            here::outside(move |_| self.tell(listener.as_deref()));
        } else {
            self.tell(listener.map(AsRef::as_ref));
        }
    }

    fn tell(self, listener: Option<&Listener<K, V>>) {
        let Some(listener) = listener else { return };
        for piece in self.first.into_iter().chain(self.more) {
            if let Some(cause) = piece.cause {
                listener(&piece.key, &piece.value, cause);
            }
        }
    }
}
