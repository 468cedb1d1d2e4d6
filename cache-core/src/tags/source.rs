//! Where the versions of tags live: in this process, or in a client that processes share.
//!
//! A shared tag has two records, so that either kind of invalidation is one write of a random number
//! and none can undo another: `h` and `s` before the name. A record that is missing is added with a
//! new number, which no entry has seen: what was evicted fails closed.

use super::cell::{FOREVER, TagCell, Validity, Version, fresh_number};
use super::{Invalidation, MAX_TAGS, Tag, Tags};
use crate::client::Cache;
use crate::clock::{Clock, TICK_SHIFT};
use crate::entry::{Aim, Entry, Lookup, PutWhen, Reason};
use crate::erased::Shared;
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

/// Where the versions of tags live. A cheap handle.
///
/// Memory: about 150 bytes for each tag that an entry or a computation in progress carries; tags
/// that nothing carries any more are forgotten.
#[derive(Clone)]
pub struct TagSource(Arc<Source>);

/// A source that may be gone.
pub(super) struct WeakSource(Weak<Source>);

impl WeakSource {
    pub(super) fn get(&self) -> Option<TagSource> {
        self.0.upgrade().map(TagSource)
    }
}

struct Source {
    cells: Mutex<Cells>,
    /// Versions change one at a time.
    change: Mutex<()>,
    far: Option<FarTags>,
}

struct FarTags {
    cache: Shared<String, u64>,
    /// For how many ticks a version is believed.
    lag: AtomicU64,
    clock: Clock,
}

/// The tags that somebody carries.
struct Cells {
    of: HashMap<Box<str>, Arc<TagCell>>,
    /// How many may be there before those are looked for that nobody carries.
    sweep_at: usize,
}

/// Fewer cells than this are not worth a sweep.
const FEW: usize = 64;

/// All sources of the program but the local one.
static SOURCES: Mutex<Vec<Weak<Source>>> = Mutex::new(Vec::new());

impl Cells {
    fn get(&mut self, name: &str, new: fn(&str) -> TagCell) -> Arc<TagCell> {
        if let Some(cell) = self.of.get(name) {
            return cell.clone();
        }
        if self.of.len() >= self.sweep_at {
            // Handles are only cloned from others or under this lock: a last one stays the last.
            self.of.retain(|_, cell| Arc::strong_count(cell) > 1);
            self.of.shrink_to(2 * self.of.len());
            self.sweep_at = (2 * self.of.len()).max(FEW);
        }
        let cell = Arc::new(new(name));
        self.of.insert(name.into(), cell.clone());
        cell
    }
}

impl TagSource {
    /// The versions of tags that only this process uses; the same for all who ask.
    #[must_use]
    pub fn local() -> Self {
        static LOCAL: LazyLock<TagSource> = LazyLock::new(|| TagSource::new(None));
        LOCAL.clone()
    }

    /// Versions in a cache that processes share, where its records are read and written as a whole,
    /// without a TTL. What was read is believed for `lag`: zero asks at every hit.
    #[must_use]
    pub fn over(cache: Shared<String, u64>, lag: Duration, clock: Clock) -> Self {
        let lag = AtomicU64::new(ticks(lag));
        let source = TagSource::new(Some(FarTags { cache, lag, clock }));
        let mut sources = SOURCES.lock();
        sources.retain(|source| source.strong_count() > 0);
        sources.push(Arc::downgrade(&source.0));
        source
    }

    /// For how long a version that is read from now on is believed; of a source in this process, where
    /// nothing has to be read, it changes nothing.
    ///
    /// ```
    /// use cache_core::TagSource;
    /// use std::time::Duration;
    /// TagSource::local().set_lag(Duration::from_millis(500)); // of a client: `TagSource::of(&client)`
    /// ```
    pub fn set_lag(&self, lag: Duration) {
        if let Some(far) = &self.0.far {
            far.lag.store(ticks(lag), Ordering::Relaxed);
        }
    }

    /// Believes nothing of what was read before: the records lie somewhere else from now on.
    ///
    /// ```
    /// cache_core::TagSource::local().reread(); // in this process nothing is read
    /// ```
    pub fn reread(&self) {
        if self.0.far.is_some() {
            let known: Vec<_> = self.0.cells.lock().of.values().cloned().collect();
            self.distrust(&known);
        }
    }

    fn new(far: Option<FarTags>) -> Self {
        let cells = Cells { of: HashMap::new(), sweep_at: FEW };
        TagSource(Arc::new(Source { cells: Mutex::new(cells), change: Mutex::new(()), far }))
    }

    /// For whoever wants to find it again, but not keep it.
    pub(super) fn weak(&self) -> WeakSource {
        WeakSource(Arc::downgrade(&self.0))
    }

    /// Every source of the program.
    pub(super) fn all() -> Vec<TagSource> {
        let others: Vec<_> = SOURCES.lock().iter().filter_map(Weak::upgrade).collect();
        std::iter::once(TagSource::local()).chain(others.into_iter().map(TagSource)).collect()
    }

    /// Whether the truth is in this process.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0.far.is_none()
    }

    /// How many tags it knows of, those included that nobody carries any more and that are still to
    /// be forgotten.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.cells.lock().of.len()
    }

    /// Whether it knows of none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn cells<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<Arc<TagCell>> {
        let new = if self.is_local() { TagCell::local } else { TagCell::unread };
        let mut cells = self.0.cells.lock();
        names.map(|name| cells.get(name, new)).collect()
    }

    /// The versions of these tags now, each name once. To be called before a computation begins:
    /// what it gives belongs to the entry.
    ///
    /// # Errors
    /// When there are more than [`MAX_TAGS`], or a shared version cannot be read.
    ///
    /// ```
    /// use cache_core::{TagSource, wait};
    /// let names = ["team".to_owned(), "user:7".to_owned()];
    /// assert_eq!(wait(TagSource::local().capture(&names)).unwrap().len(), 2);
    /// ```
    pub async fn capture(&self, names: &[String]) -> Result<Tags> {
        let mut once: Vec<&str> = names.iter().map(String::as_str).collect();
        once.sort_unstable();
        once.dedup();
        if once.len() > MAX_TAGS {
            let (count, first) = (once.len(), once[0]);
            return Err(Error::invalid(format!(
                "{count} tags (`{first}`, ..) are too many for one entry: at most {MAX_TAGS}"
            )));
        }
        let cells = self.cells(once.into_iter());
        let seen = self.versions(&cells).await?;
        let tag = |(cell, seen)| Tag { cell, seen };
        Ok(Tags::of(cells.into_iter().zip(seen).map(tag).collect()))
    }

    /// Tags as they were [stored](Tags::stored), and what their versions say now; those that are
    /// not believed any more are read.
    ///
    /// # Errors
    /// When a shared version cannot be read.
    pub async fn resolve(&self, stored: &[(String, u64)]) -> Result<(Tags, Validity)> {
        let many = self.resolve_many(&[stored]).await?;
        Ok(many.into_iter().next().unwrap_or((Tags::none(), Validity::Valid)))
    }

    /// [`TagSource::resolve`] of many entries, in their order, with one question for all.
    ///
    /// # Errors
    /// When a shared version cannot be read.
    pub async fn resolve_many<T: AsRef<[(String, u64)]>>(
        &self,
        stored: &[T],
    ) -> Result<Vec<(Tags, Validity)>> {
        let all = stored.iter().flat_map(|one| one.as_ref());
        let cells = self.cells(all.map(|(name, _)| name.as_str()));
        let now = self.versions(&cells).await?;
        let mut known = cells.into_iter().zip(now);
        let one = |stored: &T| {
            let (mut tags, mut verdict) = (Vec::new(), Validity::Valid);
            for ((_, seen), (cell, now)) in stored.as_ref().iter().zip(known.by_ref()) {
                let seen = Version(*seen);
                verdict = verdict.max(now.verdict(seen));
                tags.push(Tag { cell, seen });
            }
            (Tags::of(tags), verdict)
        };
        Ok(stored.iter().map(one).collect())
    }

    /// Changes the versions of these tags: one write a tag, however many entries carry it.
    ///
    /// # Errors
    /// When a shared version cannot be written. In this process it is not believed any more, and
    /// the record is to be deleted instead: a cache that keeps deletions for a server that is away
    /// makes good for it.
    pub async fn invalidate(&self, names: &[String], how: Invalidation) -> Result<()> {
        match &self.0.far {
            None => self.invalidate_here(names, how),
            Some(far) => return self.invalidate_far(far, names, how).await,
        }
        Ok(())
    }

    fn invalidate_here(&self, names: &[String], how: Invalidation) {
        for cell in self.known(names) {
            let _one = self.0.change.lock();
            cell.invalidate_local(how);
        }
    }

    /// The cells there are: who makes one later, sees the version of later.
    fn known(&self, names: &[String]) -> Vec<Arc<TagCell>> {
        let cells = self.0.cells.lock();
        names.iter().filter_map(|name| cells.of.get(name.as_str()).cloned()).collect()
    }

    async fn invalidate_far(
        &self,
        far: &FarTags,
        names: &[String],
        how: Invalidation,
    ) -> Result<()> {
        let cells = self.cells(names.iter().map(String::as_str));
        self.distrust(&cells);
        let kind = match how {
            Invalidation::Hard => HARD,
            Invalidation::Soft => SOFT,
        };
        let numbers: Vec<u64> = names.iter().map(|_| fresh_number()).collect();
        let keys: Vec<String> = names.iter().map(|name| record(kind, name)).collect();
        let put = far.write(&keys, &numbers).await;
        if put.is_err() {
            // A deletion is as good: what is missing is added with a new number.
            let _ = far.cache.delete_many(&keys).await;
        }
        let _one = self.0.change.lock();
        for (cell, number) in cells.iter().zip(numbers) {
            match how {
                Invalidation::Hard => cell.outdate(number),
                Invalidation::Soft => cell.distrust(),
            }
        }
        put
    }

    fn distrust(&self, cells: &[Arc<TagCell>]) {
        let _one = self.0.change.lock();
        cells.iter().for_each(|cell| cell.distrust());
    }

    /// The versions of these tags now, read where they are not believed.
    async fn versions(&self, cells: &[Arc<TagCell>]) -> Result<Vec<Version>> {
        let Some(far) = &self.0.far else {
            return Ok(cells.iter().map(|cell| cell.version()).collect());
        };
        // The moment before the read counts, and the coarse clock may be behind.
        let tick = far.clock.tick();
        let mut seen: Vec<_> = cells.iter().map(|cell| cell.believed(tick)).collect();
        let unread: Vec<_> = (0..cells.len()).filter(|at| seen[*at].is_none()).collect();
        if unread.is_empty() {
            return Ok(seen.into_iter().flatten().collect());
        }
        let until = match far.lag.load(Ordering::Relaxed) {
            0 => 0,
            lag => tick.saturating_add(lag).min(FOREVER - 1),
        };
        let marks: Vec<_> = unread.iter().map(|at| cells[*at].mark()).collect();
        let names: Vec<&str> = unread.iter().map(|at| &*cells[*at].name).collect();
        let versions = far.read(&names).await?;
        let _one = self.0.change.lock();
        for ((at, mark), version) in unread.into_iter().zip(marks).zip(versions) {
            cells[at].learn(mark, version, until);
            // Also where somebody has invalidated it meanwhile: then it is as old as that.
            seen[at] = Some(version);
        }
        Ok(seen.into_iter().flatten().collect())
    }
}

fn ticks(lag: Duration) -> u64 {
    u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX) >> TICK_SHIFT
}

const HARD: char = 'h';
const SOFT: char = 's';

/// The key of a record.
fn record(kind: char, name: &str) -> String {
    format!("{kind}{name}")
}

impl FarTags {
    /// The versions of these tags, from both records of each.
    async fn read(&self, names: &[&str]) -> Result<Vec<Version>> {
        let keys: Vec<String> =
            names.iter().flat_map(|name| [record(HARD, name), record(SOFT, name)]).collect();
        let mut numbers = vec![None; keys.len()];
        self.look(&keys, &mut numbers).await?;
        for at in 0..keys.len() {
            if numbers[at].is_none() {
                let number = fresh_number();
                let added = self.cache.put(&keys[at], Entry::new(number), PutWhen::Absent).await?;
                numbers[at] = added.then_some(number);
            }
        }
        // Somebody else has added it.
        self.look(&keys, &mut numbers).await?;
        let numbers: Option<Vec<u64>> = numbers.into_iter().collect();
        let Some(numbers) = numbers else {
            let cause = "its record is neither there nor can it be added";
            return Err(Error::unreachable(format!("the source of the tags {names:?}"), cause));
        };
        Ok(numbers.chunks_exact(2).map(|both| Version::of(both[0], both[1])).collect())
    }

    /// Writes one by one: only so is it told of each whether it was stored.
    async fn write(&self, keys: &[String], numbers: &[u64]) -> Result<()> {
        let mut written = Ok(());
        for (key, number) in keys.iter().zip(numbers) {
            let put = self.cache.put(key, Entry::new(*number), PutWhen::Always).await;
            if !matches!(put, Ok(true)) {
                let cause = put.err().map_or("it was not stored".to_owned(), |e| e.to_string());
                let name = &key[1..];
                written = Err(Error::unreachable(format!("the source of the tag `{name}`"), cause));
            }
        }
        written
    }

    /// Looks up the numbers that are missing.
    async fn look(&self, keys: &[String], numbers: &mut [Option<u64>]) -> Result<()> {
        let open: Vec<_> = (0..keys.len()).filter(|at| numbers[*at].is_none()).collect();
        if open.is_empty() {
            return Ok(());
        }
        let asked: Vec<String> = open.iter().map(|at| keys[*at].clone()).collect();
        let found = self.cache.lookup_many(&asked, Aim::Farthest).await?;
        for (at, found) in open.into_iter().zip(found) {
            if let Lookup::Missing { reason: Reason::Unreachable, .. } = found {
                let name = &keys[at][1..];
                return Err(Error::unreachable(
                    format!("the source of the tag `{name}`"),
                    "no answer",
                ));
            }
            numbers[at] = found.live().map(|(number, _)| number);
        }
        Ok(())
    }
}

impl fmt::Debug for TagSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TagSource")
            .field("tags", &self.len())
            .field("cache", &self.0.far.as_ref().map(|far| &far.cache))
            .finish_non_exhaustive()
    }
}
