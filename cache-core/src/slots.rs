//! One static for all types of a generic function or method: a list of memos that only grows.

use crate::builder::MemoBuilder;
use crate::key::View;
use crate::memo::{AnyMemo, Memo};
use crate::registry;
use crate::stats::Stats;
use std::any::{Any, TypeId};
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, OnceLock};

/// The memos of one function, one for each set of types it was called with; never freed.
pub struct Slots {
    first: OnceLock<&'static Slot>,
    adding: Mutex<()>,
}

struct Slot {
    id: TypeId,
    memo: &'static (dyn Any + Send + Sync),
    any: &'static dyn AnyMemo,
    next: OnceLock<&'static Slot>,
}

/// The identity of a type, also of one with borrowed parts.
#[must_use]
pub fn type_id_of<T: ?Sized>() -> TypeId {
    typeid::of::<T>()
}

impl Slots {
    /// No memo yet.
    #[must_use]
    pub const fn new() -> Self {
        Slots { first: OnceLock::new(), adding: Mutex::new(()) }
    }

    /// The memo for `id` (the type that the function is in, or its companion) and these types.
    #[inline]
    pub fn memo<K, V>(
        &'static self,
        id: TypeId,
        name: &'static str,
        build: fn(MemoBuilder<K, V>) -> MemoBuilder<K, V>,
    ) -> &'static Memo<K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        match self.find(id) {
            Some(memo) => memo,
            None => self.add(id, name, build),
        }
    }

    /// The same for a key whose type only the view knows.
    #[inline]
    pub fn memo_of<Q, V>(
        &'static self,
        id: TypeId,
        name: &'static str,
        _view: &Q,
        build: fn(MemoBuilder<Q::Key, V>) -> MemoBuilder<Q::Key, V>,
    ) -> &'static Memo<Q::Key, V>
    where
        Q: View,
        V: Clone + Send + Sync + 'static,
    {
        self.memo(id, name, build)
    }

    #[inline]
    fn find<K: 'static, V: 'static>(&self, id: TypeId) -> Option<&'static Memo<K, V>> {
        let mut place = &self.first;
        while let Some(slot) = place.get() {
            if slot.id == id
                && let Some(memo) = slot.memo.downcast_ref()
            {
                return Some(memo);
            }
            place = &slot.next;
        }
        None
    }

    #[cold]
    fn add<K, V>(
        &'static self,
        id: TypeId,
        name: &'static str,
        build: fn(MemoBuilder<K, V>) -> MemoBuilder<K, V>,
    ) -> &'static Memo<K, V>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        // Made outside the lock: it runs the user's expressions. A second one is thrown away.
        let memo = build(MemoBuilder::new(name)).finish();
        let _adding = self.adding.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(memo) = self.find(id) {
            return memo;
        }
        let memo: &'static Memo<K, V> = Box::leak(Box::new(memo));
        let slot: &'static Slot =
            Box::leak(Box::new(Slot { id, memo, any: memo, next: OnceLock::new() }));
        let mut place = &self.first;
        while let Some(slot) = place.get() {
            place = &slot.next;
        }
        let _ = place.set(slot);
        registry::list_memo(memo);
        memo
    }

    fn all(&self) -> impl Iterator<Item = &'static dyn AnyMemo> {
        std::iter::successors(self.first.get().copied(), |slot| slot.next.get().copied())
            .map(|slot| slot.any)
    }

    /// Calls `hook` after each computation of every memo there is so far whose value is a `V`.
    pub fn on_value<V: 'static>(&self, hook: impl Fn(&V) + Send + Sync + 'static) {
        let hook = std::sync::Arc::new(hook);
        for memo in self.all() {
            let hook = hook.clone();
            memo.on_any_value(std::sync::Arc::new(move |value: &dyn Any| {
                if let Some(value) = value.downcast_ref() {
                    hook(value);
                }
            }));
        }
    }
}

/// The memo in a function's own static: made and listed when it is first used.
#[doc(hidden)]
#[inline]
pub fn memo_in<K, V>(
    place: &'static OnceLock<Memo<K, V>>,
    make: fn() -> Memo<K, V>,
) -> &'static Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    match place.get() {
        Some(memo) => memo,
        None => first(place, make),
    }
}

#[cold]
fn first<K, V>(
    place: &'static OnceLock<Memo<K, V>>,
    make: fn() -> Memo<K, V>,
) -> &'static Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let mut is_new = false;
    let memo = place.get_or_init(|| {
        is_new = true;
        make()
    });
    if is_new {
        registry::list_memo(memo);
    }
    memo
}

impl Default for Slots {
    fn default() -> Self {
        Slots::new()
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(AnyMemo::name)).finish()
    }
}

impl AnyMemo for Slots {
    fn name(&self) -> String {
        self.all().next().map(AnyMemo::name).unwrap_or_default()
    }
    fn region(&self) -> Option<String> {
        self.all().next().and_then(AnyMemo::region)
    }
    fn stats(&self) -> Stats {
        self.all().fold(Stats::default(), |sum, memo| sum.plus(&memo.stats()))
    }
    fn clear(&self) {
        self.all().for_each(AnyMemo::clear);
    }
    fn len(&self) -> usize {
        self.all().map(AnyMemo::len).sum()
    }
    fn on_any_value(&self, hook: std::sync::Arc<dyn Fn(&dyn Any) + Send + Sync>) {
        self.all().for_each(|memo| memo.on_any_value(hook.clone()));
    }
}
