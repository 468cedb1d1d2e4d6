//! A store around a real one that counts what is asked of it, and fails or holds it back on demand.

#![allow(dead_code, reason = "not every test uses all of it")]

mod body;
mod face;
mod faults;

pub(crate) use faults::{Fails, Fault, Faults};

use cache_stores::object_store::path::Path;
use cache_stores::object_store::{GetOptions, ObjectStore, Result};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The pieces in which bodies come.
pub(crate) const PIECE: usize = 1000;

/// A store that is watched.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    inner: Arc<dyn ObjectStore>,
    state: Arc<State>,
}

/// What needs a permit each.
type Gate = Mutex<Option<Arc<Semaphore>>>;

#[derive(Debug, Default)]
struct State {
    gets: AtomicU64,
    heads: AtomicU64,
    puts: AtomicU64,
    deletes: AtomicU64,
    /// Whatever changes anything, parts and the ends of uploads too.
    writes: AtomicUsize,
    /// Bytes of bodies that were handed out.
    bytes: AtomicU64,
    /// The conditions and ranges of all gets.
    asked: Mutex<Vec<GetOptions>>,
    /// What was written and deleted.
    told: Mutex<Vec<String>>,
    /// The `LocalTtl` of puts.
    lives: Mutex<Vec<Option<Duration>>>,
    /// Nothing tells one version from another of the same length.
    tagless: AtomicBool,
    /// Conditions of reads are not heeded.
    unconditional: AtomicBool,
    /// Whoever asks for a range gets all of it.
    rangeless: AtomicBool,
    /// Of each object it says that it is larger than any can be.
    boasting: AtomicBool,
    faults: Mutex<Faults>,
    /// Called before and after each change.
    step: Mutex<Step>,
    /// Pieces of bodies.
    bodies: Gate,
    /// Puts.
    laying: Gate,
    /// Questions: reads of what is there, and deletes.
    questions: Gate,
    /// Answers to reads: what was read is at hand.
    answers: Gate,
    /// Bytes that puts hold now.
    held: AtomicUsize,
}

#[derive(Default)]
struct Step(Option<Arc<dyn Fn(&str) + Send + Sync>>);

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

/// Counts.
impl Watched {
    pub(crate) fn new(inner: impl ObjectStore) -> Self {
        Watched { inner: Arc::new(inner), state: Arc::default() }
    }

    /// What it is around.
    pub(crate) fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    /// Requests for data.
    pub(crate) fn gets(&self) -> u64 {
        self.state.gets.load(SeqCst)
    }

    pub(crate) fn heads(&self) -> u64 {
        self.state.heads.load(SeqCst)
    }

    /// Requests for data, or for what an object is.
    pub(crate) fn reads(&self) -> u64 {
        self.gets() + self.heads()
    }

    pub(crate) fn deletes(&self) -> u64 {
        self.state.deletes.load(SeqCst)
    }

    pub(crate) fn puts(&self) -> u64 {
        self.state.puts.load(SeqCst)
    }

    /// Whatever changes anything.
    pub(crate) fn writes(&self) -> usize {
        self.state.writes.load(SeqCst)
    }

    /// Bytes that were transferred.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.bytes.load(SeqCst)
    }

    pub(crate) fn asked(&self) -> Vec<GetOptions> {
        self.state.asked.lock().clone()
    }

    /// What was written, deleted and aborted, in order: `+a`, `-a`, `xa`.
    pub(crate) fn told(&self) -> Vec<String> {
        self.state.told.lock().clone()
    }

    /// The `LocalTtl` of each put since this was asked last.
    pub(crate) fn lives(&self) -> Vec<Option<Duration>> {
        std::mem::take(&mut *self.state.lives.lock())
    }

    /// Bytes that are in puts now.
    pub(crate) fn held(&self) -> usize {
        self.state.held.load(SeqCst)
    }
}

/// Orders.
impl Watched {
    pub(crate) fn fail(&self, faults: impl Into<Faults>) {
        *self.state.faults.lock() = faults.into();
    }

    /// Only what begins so.
    pub(crate) fn fail_for(&self, fails: Fails, prefix: &'static str) {
        self.fail(Faults { prefix, ..fails.into() });
    }

    /// As a server of files does that knows no e_tags, and times by the second.
    pub(crate) fn without_tags(&self) {
        self.state.tagless.store(true, SeqCst);
    }

    /// As a simple server does: it gives what it has, whatever version was asked for.
    pub(crate) fn without_conditions(&self) {
        self.state.unconditional.store(true, SeqCst);
    }

    /// As a simple server does: it gives all that it has.
    pub(crate) fn without_ranges(&self) {
        self.state.rangeless.store(true, SeqCst);
    }

    /// It says of each object that it is larger than any can be, and gives what it has.
    pub(crate) fn boasts(&self) {
        self.state.boasting.store(true, SeqCst);
    }

    /// What the store heeds of a question.
    fn heeded(&self, mut options: GetOptions) -> GetOptions {
        if self.state.unconditional.load(SeqCst) {
            options = GetOptions { range: options.range, head: options.head, ..GetOptions::new() };
        }
        if self.state.rangeless.load(SeqCst) {
            options.range = None;
        }
        options
    }

    fn is_tagless(&self) -> bool {
        self.state.tagless.load(SeqCst)
    }

    /// Tells of the moment before each change, and of the one after it.
    pub(crate) fn on_step(&self, step: impl Fn(&str) + Send + Sync + 'static) {
        self.state.step.lock().0 = Some(Arc::new(step));
    }

    /// From now on each piece of a body needs a permit of this.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        close(&self.state.bodies)
    }

    /// Bodies that are asked for from now on need no permit.
    pub(crate) fn let_go(&self) {
        *self.state.bodies.lock() = None;
    }

    /// From now on each put needs a permit of this.
    pub(crate) fn hold_puts(&self) -> Arc<Semaphore> {
        close(&self.state.laying)
    }

    /// From now on each other request needs a permit of this; without one it never answers.
    pub(crate) fn hang(&self) -> Arc<Semaphore> {
        close(&self.state.questions)
    }

    /// Reads wait, with what they have read, until this gets permits.
    pub(crate) fn gate(&self) -> Arc<Semaphore> {
        close(&self.state.answers)
    }

    pub(crate) fn no_gate(&self) {
        *self.state.answers.lock() = None;
    }
}

/// What happens to each request.
impl Watched {
    fn faults(&self, path: &Path) -> Faults {
        self.state.faults.lock().of(path)
    }

    fn step(&self, what: &str, path: &Path) {
        let step = self.state.step.lock().0.clone();
        if let Some(step) = step {
            step(&format!("{what} {path}"));
        }
    }

    /// A change begins.
    fn before(&self, path: &Path) -> Result<()> {
        self.state.writes.fetch_add(1, SeqCst);
        self.step("before", path);
        self.faults(path).change.map_or(Ok(()), |fault| fault.before(path))
    }

    /// It was made.
    fn after(&self, what: char, path: &Path) -> Result<()> {
        self.tell(what, path);
        self.step("after", path);
        self.faults(path).change.map_or(Ok(()), Fault::after)
    }

    fn tell(&self, what: char, path: &Path) {
        self.state.told.lock().push(format!("{what}{path}"));
    }

    fn readable(&self, path: &Path) -> Result<()> {
        self.faults(path).get.map_or(Ok(()), |fault| fault.before(path))
    }
}

fn close(gate: &Gate) -> Arc<Semaphore> {
    let closed = Arc::new(Semaphore::new(0));
    *gate.lock() = Some(closed.clone());
    closed
}

async fn pass(gate: Option<Arc<Semaphore>>) {
    if let Some(gate) = gate {
        gate.acquire().await.expect("it is never closed").forget();
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
