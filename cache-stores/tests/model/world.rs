//! The store under test, what it stands on, and what must be true of it.

use crate::course::{Disk, Op, PATHS};
use crate::stand::life::Life;
use crate::stand::watched::{Trouble, Watch, Watched};
use crate::stand::{Store, disk, folder};
use crate::truth::Truth;
use bytes::Bytes;
use cache_core::ManualClock;
use cache_stores::{CachedStore, Fifo, Lru, Size, Ttl};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How the store is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    All,
    FifoTtl,
    Size,
    Stale,
    InMemory,
    WriteBack,
}

const TTL: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(90);

/// The folders of one process after another.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    pub(crate) objects: PathBuf,
    pub(crate) index: PathBuf,
    pub(crate) journal: PathBuf,
}

impl Folders {
    fn below(root: &std::path::Path) -> Self {
        let folders = Folders {
            objects: root.join("objects"),
            index: root.join("index"),
            journal: root.join("journal"),
        };
        std::fs::create_dir_all(&folders.objects).unwrap();
        folders
    }
}

pub(crate) struct World {
    pub(crate) mode: Mode,
    /// `None` only while it is being built again.
    pub(crate) store: Option<CachedStore>,
    pub(crate) remote: Store,
    pub(crate) near: Arc<Watch>,
    pub(crate) far: Arc<Watch>,
    /// The local side, as long as anything of the store is at work.
    at_work: Weak<dyn ObjectStore>,
    pub(crate) time: ManualClock,
    truths: Vec<Truth>,
    pub(crate) folders: Folders,
    root: TempDir,
    lives: usize,
    /// The next content.
    seed: u64,
    away: bool,
    disk: Disk,
    /// The disk was in trouble since the last purge: what should have gone may still lie there.
    littered: bool,
    /// It was built while the disk could not be read: what lies there is not known before it is built again.
    blind: bool,
}

impl World {
    pub(crate) fn new(mode: Mode) -> Self {
        let root = folder();
        let folders = Folders::below(&root.path().join("0"));
        let mut world = World {
            mode,
            store: None,
            remote: Arc::new(InMemory::new()),
            near: Arc::default(),
            far: Arc::default(),
            at_work: Weak::<InMemory>::new(),
            time: ManualClock::new(),
            truths: PATHS.iter().map(|_| Truth::new()).collect(),
            folders,
            root,
            lives: 1,
            seed: 0,
            away: false,
            disk: Disk::Well,
            littered: false,
            blind: false,
        };
        world.build();
        world
    }

    pub(crate) fn store(&self) -> CachedStore {
        self.store.clone().expect("it is built")
    }

    /// A store over what lies in the folders and the remote.
    fn build(&mut self) {
        let (near, watch) = Watched::over(disk(&self.folders.objects));
        self.near = watch;
        self.at_work = Arc::downgrade(&near);
        let (far, watch) = Watched::over(self.remote.clone());
        self.far = watch;
        self.trouble();
        let builder = CachedStore::new(near, far).chunk("1KiB").clock(self.time.clock());
        let builder = match self.mode {
            Mode::All => builder.index(&self.folders.index),
            Mode::FifoTtl => builder.index(&self.folders.index).policy(Fifo(3) | Ttl(TTL)),
            Mode::Size => builder.index(&self.folders.index).policy(Size("12KiB") | Lru),
            Mode::Stale => {
                builder.index(&self.folders.index).policy(Ttl(TTL)).stale_if_error(GRACE)
            }
            Mode::InMemory => builder.policy(Ttl(TTL)),
            Mode::WriteBack => builder.index(&self.folders.index).write_back(&self.folders.journal),
        };
        self.store = Some(builder.build().unwrap());
    }

    fn trouble(&self) {
        self.far.set(self.away.then_some(Trouble::Away));
        self.near.set(match self.disk {
            Disk::Well => None,
            Disk::Full => Some(Trouble::Full),
            Disk::Damaged => Some(Trouble::Unreadable),
        });
    }

    /// From now on its writes are steps of this life.
    pub(crate) fn live(&self, life: &Arc<Life>) {
        self.near.live(life);
        self.far.live(life);
    }

    /// The process is dead; another begins with what was set aside.
    pub(crate) fn begin_again(&mut self, folders: Folders) {
        self.store = None;
        self.folders = folders;
        self.build();
        for path in 0..PATHS.len() {
            self.look(path);
        }
    }

    /// Folders for the next process.
    pub(crate) fn next_folders(&mut self) -> Folders {
        self.lives += 1;
        Folders::below(&self.root.path().join(self.lives.to_string()))
    }

    fn now(&self) -> Duration {
        self.time.elapsed()
    }

    fn content(&mut self, length: usize) -> Bytes {
        self.seed += 1;
        content(self.seed, length)
    }

    /// How old may be what is read?
    fn age(&self) -> Option<Duration> {
        match self.mode {
            Mode::All | Mode::Size | Mode::WriteBack => None,
            Mode::FifoTtl | Mode::InMemory => Some(TTL),
            Mode::Stale if self.away => Some(TTL + GRACE),
            Mode::Stale => Some(TTL),
        }
    }

    /// What the remote says now of a path; with write-back, what was acknowledged is the truth.
    pub(crate) fn look(&mut self, path: usize) {
        if self.mode != Mode::WriteBack {
            let there = futures::executor::block_on(get(&self.remote, PATHS[path]));
            let now = self.now();
            self.truths[path].becomes(now, there.expect("memory answers"));
        }
    }

    /// A write here ended so. If it was acknowledged, nothing older is ever read again.
    fn wrote<T>(
        &mut self,
        path: usize,
        content: Option<Bytes>,
        result: &Result<T, String>,
    ) -> Result<(), String> {
        self.look(path);
        let now = self.now();
        if let Err(error) = result {
            if self.mode == Mode::WriteBack && self.died() {
                // It may have happened: the next read tells.
                self.truths[path].becomes(now, content);
            }
            // What goes past the journal waits for what waits of its path, and that lies on the disk alone.
            let unreadable = self.mode == Mode::WriteBack && self.disk == Disk::Damaged;
            let excused = self.away || self.died() || unreadable;
            return excused.then_some(()).ok_or(format!("the write failed: {error}"));
        }
        if self.mode == Mode::WriteBack {
            self.truths[path].becomes(now, content.clone());
            if self.died() {
                // It died beside this write, which the journal took when it was dead already, or before.
                return Ok(());
            }
        } else if self.away {
            return Err("a write was acknowledged while the remote was away".to_owned());
        }
        self.truths[path].acknowledge();
        match *self.truths[path].now() == content || self.died() {
            true => Ok(()),
            false => Err("the remote has something else than was acknowledged".to_owned()),
        }
    }

    /// Something was read of a path; `part` makes of a version what should have been read.
    pub(crate) fn read(
        &mut self,
        path: usize,
        result: Result<Option<Bytes>, String>,
        part: impl Fn(&Bytes) -> Option<Bytes>,
    ) -> Result<(), String> {
        let now = self.now();
        let truth = &self.truths[path];
        let readable = truth.readable(now, self.age());
        let found = match &result {
            Ok(read) => readable.iter().find(|(_, content)| {
                content.as_ref().map(&part) == read.as_ref().map(|read| Some(read.clone()))
            }),
            // Nothing can be read there.
            Err(_) => readable.iter().find(|(_, content)| {
                content.as_ref().is_some_and(|content| part(content).is_none())
            }),
        };
        match (found.map(|(version, _)| *version), result) {
            (Some(version), Ok(_)) if self.mode == Mode::WriteBack => {
                self.truths[path].is(version);
                Ok(())
            }
            (Some(version), _) => {
                self.truths[path].was_read(version);
                Ok(())
            }
            (None, Err(_)) if self.away || self.died() => Ok(()),
            // What waits for the remote lies on the disk alone.
            (None, Err(_)) if self.mode == Mode::WriteBack && self.disk == Disk::Damaged => Ok(()),
            (None, Err(error)) => Err(format!("the read failed: {error}")),
            (None, Ok(read)) => {
                let lengths: Vec<_> =
                    readable.iter().map(|(n, one)| (n, one.as_ref().map(Bytes::len))).collect();
                Err(format!("read {:?} bytes, right were {lengths:?}", read.map(|read| read.len())))
            }
        }
    }

    fn died(&self) -> bool {
        self.near.is_dead()
    }

    /// Every path is what it should be, what lies on disk is what the store says, and no more.
    pub(crate) async fn check(&mut self) -> Result<(), String> {
        for (n, path) in PATHS.iter().enumerate() {
            let got = get(&self.store(), path).await;
            self.read(n, got, |whole| Some(whole.clone()))?;
        }
        self.settled().await
    }

    /// What lies on disk is what the store says, as soon as what it does beside its callers is done.
    pub(crate) async fn settled(&self) -> Result<(), String> {
        if self.littered || self.blind || self.disk != Disk::Well {
            return Ok(());
        }
        let began = Instant::now();
        loop {
            // It may die in the middle of what it does beside its callers.
            if self.died() {
                return Ok(());
            }
            let store = self.store();
            let lies = lies(&self.folders.objects);
            let kept: u64 = store.status().iter().map(|one| one.kept()).sum();
            let said = store.stats().bytes;
            if (kept, said) == (lies, lies) {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(3) {
                let files = crate::stand::files(&self.folders.objects);
                return Err(format!(
                    "{lies} bytes lie on disk, the store says {said}, its list {kept}: {files:?}, {:?}",
                    store.status()
                ));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Everything is well again, and what is left over goes.
    pub(crate) async fn end(&mut self) -> Result<(), String> {
        self.step(&Op::Away(false)).await?;
        self.step(&Op::Disk(Disk::Well)).await?;
        self.step(&Op::Flush).await?;
        self.step(&Op::Purge).await?;
        self.check().await.map_err(|why| format!("before a restart: {why}"))?;
        self.step(&Op::Restart).await?;
        self.check().await.map_err(|why| format!("after a restart: {why}"))
    }

    pub(crate) async fn restart(&mut self) -> Result<(), String> {
        self.store = None;
        // What it does beside its callers ends soon; in another process it would have ended.
        let began = Instant::now();
        while self.at_work.strong_count() > 0 {
            if began.elapsed() > Duration::from_secs(10) {
                return Err("something of a store lives on without it".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.build();
        // Opening clears up, if it can.
        self.littered = self.disk != Disk::Well;
        self.blind = self.disk == Disk::Damaged;
        self.settled().await
    }
}

#[path = "steps.rs"]
mod steps;

/// Bytes that no other content has.
pub(crate) fn content(seed: u64, length: usize) -> Bytes {
    let word = |n: usize| (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seed << 20);
    (0..length).map(|n| (word(n / 8) >> (n % 8 * 8)) as u8 ^ (seed as u8)).collect()
}

/// The whole object; `None` where there is none.
pub(crate) async fn get(store: &impl ObjectStore, path: &str) -> Result<Option<Bytes>, String> {
    let result = match store.get(&Path::from(path)).await {
        Ok(result) => result,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    result.bytes().await.map(Some).map_err(|error| error.to_string())
}

/// The bytes of all files below.
pub(crate) fn lies(folder: &std::path::Path) -> u64 {
    crate::stand::files(folder).iter().map(|(_, bytes)| bytes).sum()
}
