//! The direct face: what a caller who holds the cache itself does with it. Nothing here waits.

use super::{MANY, Near};
use crate::entry::{Entry, PutWhen};
use crate::policy::IntoTtl;
use crate::pool;
use crate::table::{Inserted, Touch};
use std::borrow::Borrow;
use std::hash::Hash;
use std::time::Duration;

/// Reading.
impl<K, V> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The live value of a key.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<String, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put("bread".to_owned(), 3);
    /// assert_eq!((near.get("bread"), near.get("milk")), (Some(3), None));
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(self.table.hash(key), |k| k.borrow() == key)
    }

    /// [`get`](Near::get) that does not count as a use: the eviction order stays as it is.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put(7, 49);
    /// assert_eq!(near.peek(&7), Some(49));
    /// ```
    pub fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let same = |k: &K| k.borrow() == key;
        self.live(self.table.hash(key), same, Touch::Leave).map(|(value, _)| value)
    }

    /// The live value and what is left of its TTL; `Duration::MAX` without one.
    ///
    /// ```
    /// use cache_core::{Budget, ManualClock, Near, TableOptions};
    /// use std::time::Duration;
    ///
    /// let time = ManualClock::new();
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), time.clock()));
    /// near.put_for(7, 49, 60);
    /// time.advance(Duration::from_secs(20));
    /// let (value, left) = near.get_ttl(&7).unwrap();
    /// assert!(value == 49 && left <= Duration::from_secs(40));
    /// ```
    pub fn get_ttl<Q>(&self, key: &Q) -> Option<(V, Duration)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let same = |k: &K| k.borrow() == key;
        self.live(self.table.hash(key), same, Touch::Visit)
    }

    /// Whether there is a live value; does not count as a use.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put(7, 49);
    /// assert!(near.contains(&7) && !near.contains(&8));
    /// ```
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.peek(key).is_some()
    }

    /// [`get`](Near::get) of many keys, in their order.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put_many([(4, 10)]);
    /// assert_eq!(near.get_many(&[3, 4, 5]), [None, Some(10), None]);
    /// ```
    pub fn get_many<'a, Q>(&self, keys: impl IntoIterator<Item = &'a Q>) -> Vec<Option<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized + 'a,
    {
        keys.into_iter().map(|key| self.get(key)).collect()
    }
}

/// Writing. All of it fences the computations of the keys concerned.
impl<K, V> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Stores a value for the cache's own TTL. False if there is no room for it: an older value of
    /// the key is gone all the same.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(0), Clock::system()));
    /// assert!(!near.put(7, 49));
    /// ```
    pub fn put(&self, key: K, value: V) -> bool {
        self.put_for(key, value, self.ttl)
    }

    /// Stores a value for a time; zero is over at once.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put_for(7, 49, 60);
    /// near.put_for(8, 64, 0);
    /// assert_eq!((near.get(&7), near.get(&8)), (Some(49), None));
    /// ```
    pub fn put_for(&self, key: K, value: V, ttl: impl IntoTtl) -> bool {
        self.store(key, value, ttl, PutWhen::Always) == Inserted::Stored
    }

    /// Stores a value for the cache's own TTL, unless there is a live one. True if it was stored.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// assert!(near.add(7, 49));
    /// assert!(!near.add(7, 50));
    /// ```
    pub fn add(&self, key: K, value: V) -> bool {
        self.add_for(key, value, self.ttl)
    }

    /// Stores a value for a time, unless there is a live one. True if it was stored.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// assert!(near.add_for(7, 49, 60));
    /// ```
    pub fn add_for(&self, key: K, value: V, ttl: impl IntoTtl) -> bool {
        self.store(key, value, ttl, PutWhen::Absent) == Inserted::Stored
    }

    /// Stores a value with all that goes with it: TTL, refresh point, tags. False if there is no room
    /// for it. The entry's TTL counts, not the cache's.
    ///
    /// Tags are to be captured before the value is made: what is invalidated in between is then
    /// never served.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Entry, Near, TableOptions, TagSource, invalidate_tag, wait};
    ///
    /// let prices = Near::<String, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// let tags = wait(TagSource::local().capture(&["bakery".to_owned()])).unwrap();
    /// let bread = Entry::new(3).with_ttl(60).with_tags(tags);
    /// assert!(prices.put_entry("bread".to_owned(), bread));
    /// assert_eq!(prices.get("bread"), Some(3));
    /// wait(invalidate_tag("bakery")).unwrap();
    /// assert_eq!(prices.get("bread"), None);
    /// ```
    pub fn put_entry(&self, key: K, entry: Entry<V>) -> bool {
        let hash = self.table.hash(&key);
        self.put_hashed(hash, key, entry, PutWhen::Always) == Inserted::Stored
    }

    /// [`put_entry`](Near::put_entry) of many.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Entry, Near, TableOptions, TagSource, invalidate_tag, wait};
    ///
    /// let prices = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// let tags = wait(TagSource::local().capture(&["dairy".to_owned()])).unwrap();
    /// prices.put_entries((1..=9).map(|n| (n, Entry::new(10 * n).with_tags(tags.clone()))));
    /// assert_eq!(prices.get(&9), Some(90));
    /// wait(invalidate_tag("dairy")).unwrap();
    /// assert_eq!(prices.get_many(&[1, 9]), [None, None]);
    /// ```
    pub fn put_entries(&self, entries: impl IntoIterator<Item = (K, Entry<V>)>) {
        for (key, entry) in entries {
            self.put_entry(key, entry);
        }
    }

    fn store(&self, key: K, value: V, ttl: impl IntoTtl, when: PutWhen) -> Inserted {
        let hash = self.table.hash(&key);
        self.put_hashed(hash, key, Entry::new(value).with_ttl(ttl), when)
    }

    /// [`put`](Near::put) of many values.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put_many((0..10).map(|n| (n, n * n)));
    /// assert_eq!(near.len(), 10);
    /// ```
    pub fn put_many(&self, pairs: impl IntoIterator<Item = (K, V)>) {
        for (key, value) in pairs {
            self.put(key, value);
        }
    }

    /// Lengthens the life of a live value to `ttl` from now; never shortens it. False if there is
    /// none. Computations in progress are left alone: the value stays what it is.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// use std::time::Duration;
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put_for(7, 49, 60);
    /// assert!(near.renew(&7, 1) && near.renew(&7, 120));
    /// assert!(near.get_ttl(&7).unwrap().1 > Duration::from_secs(100));
    /// ```
    pub fn renew<Q>(&self, key: &Q, ttl: impl IntoTtl) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.table.renew(self.table.hash(key), |k| k.borrow() == key, ttl.into_ttl())
    }

    /// Makes a value expire now; false if there was no live one. It stays where it is, for those
    /// who are content with an expired one, until [`purge`](Near::purge) or eviction takes it.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put(7, 49);
    /// assert!(near.expire(&7) && !near.contains(&7) && near.len() == 1);
    /// ```
    pub fn expire<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.expire_where(self.table.hash(key), |k| k.borrow() == key)
    }

    /// Removes a value; false if there was no live one.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<String, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put("bread".to_owned(), 3);
    /// assert!(near.delete("bread") && !near.delete("bread"));
    /// ```
    pub fn delete<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.remove_where(self.table.hash(key), |k| k.borrow() == key)
    }

    /// Removes many values; says how many live ones there were.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put_many([(1, 1), (2, 4)]);
    /// assert_eq!(near.delete_many(&[1, 2, 3]), 2);
    /// ```
    pub fn delete_many<'a, Q>(&self, keys: impl IntoIterator<Item = &'a Q>) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized + 'a,
    {
        keys.into_iter().filter(|key| self.delete(*key)).count()
    }

    /// Forgets everything, in a time that does not depend on how much that is: the values of a
    /// large cache are dropped by the background pool.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put(7, 49);
    /// near.clear();
    /// assert!(near.is_empty());
    /// ```
    pub fn clear(&self) {
        self.fence_all();
        let many = self.table.len() > MANY;
        let garbage = self.table.clear();
        // What began in between may have found what is gone now.
        self.fence_all();
        if many {
            pool::submit_or_run(Box::new(move || drop(garbage)));
        }
    }

    /// [`expire`](Near::expire) of everything: computations in progress are fenced, and what is
    /// stored stays for those who are content with an expired value. Passes over all entries.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put(7, 49);
    /// near.expire_all();
    /// assert!(!near.contains(&7) && near.len() == 1);
    /// ```
    pub fn expire_all(&self) {
        self.fence_all();
        self.table.expire_all();
        self.fence_all();
    }

    /// Drops what has been expired for longer than `stale_for`; says how much that was.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// use std::time::Duration;
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put(7, 49);
    /// near.expire(&7);
    /// assert_eq!(near.purge(Duration::from_secs(86_400)), 0);
    /// assert_eq!(near.purge(Duration::ZERO), 1);
    /// ```
    pub fn purge(&self, stale_for: Duration) -> usize {
        self.table.purge(stale_for)
    }

    /// Entries there are, expired ones included.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// let near = Near::<u64, f64>::new(options);
    /// near.put_for(7, 0.5, 0);
    /// assert_eq!(near.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// assert!(Near::<u64, f64>::new(options).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What fits, in entries or in weight; shared with the other caches of the same budget.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// assert_eq!(Near::<u64, f64>::new(options).capacity(), 100);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.table.capacity()
    }

    /// What the entries of this cache take of the capacity.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let options = TableOptions::new(Budget::entries(100), Clock::system());
    /// let near = Near::<u64, f64>::new(options);
    /// near.put(7, 0.5);
    /// assert_eq!(near.used(), 1);
    /// ```
    #[must_use]
    pub fn used(&self) -> u64 {
        self.table.used()
    }
}
