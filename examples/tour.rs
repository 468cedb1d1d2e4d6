//! A tour of larder: every companion, on a search through larder's own source text.
//!
//! `cargo run --release --example tour`. The expensive function is real: it compares all passages of
//! one file with all passages of all others, by weighted local alignment of their words.

use larder::{Stats, cached};
use std::fmt::Debug;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use text::{OWN, Passage, TEXT, alignment, relevance, split};

#[path = "tour/text.rs"]
mod text;

// ---- the cached functions: a plain one, an `async` one, a method

/// The place elsewhere that is most like a place in this file.
#[cached(ttl = "10m", async_ttl = "-5m", jitter = "5%")]
fn twin(file: &str) -> Arc<str> {
    let own = TEXT.passages.iter().filter(|passage| passage.file == file).take(OWN);
    let others = |own: &'static Passage| {
        let all = TEXT.passages.iter().filter(|passage| passage.file != own.file);
        all.map(move |other| (alignment(&own.words, &other.words), own, other))
    };
    match own.flat_map(others).max_by_key(|(score, ..)| *score) {
        Some((score, a, b)) => {
            format!("line {} is like {}:{} ({score})", a.line, b.file, b.line).into()
        }
        None => "alone".into(),
    }
}

/// The passage that fits the words best (BM25, in two rounds: the best passage's words join the
/// query); gives other tasks their turn while it looks.
#[cached(ttl = "1m")]
async fn search(words: &str) -> Arc<str> {
    let mut wanted: Vec<u32> =
        split(words).filter_map(|word| TEXT.known.get(&word).copied()).collect();
    let mut best = None;
    for _round in 0..2 {
        let mut top = 0.0;
        for (at, passage) in TEXT.passages.iter().enumerate() {
            let score = relevance(&wanted, passage);
            if score > top {
                (top, best) = (score, Some(passage));
            }
            if at % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        wanted.extend(best.iter().flat_map(|passage| &passage.words));
    }
    best.map_or("nothing".into(), |passage| format!("{}:{}", passage.file, passage.line).into())
}

/// A reader who skips short words.
#[derive(Clone)]
struct Reader {
    shortest: usize,
}

impl Reader {
    /// How many different words a file has for this reader.
    #[cached(key = (self.shortest, file), skip(self = clone), capacity = 1000)]
    fn vocabulary(&self, file: &str) -> usize {
        let passages = TEXT.passages.iter().filter(|passage| passage.file == file);
        let words = passages.flat_map(|passage| &passage.words).copied();
        let mut words: Vec<u32> =
            words.filter(|word| TEXT.words[*word as usize].len() >= self.shortest).collect();
        words.sort_unstable();
        words.dedup();
        words.len()
    }
}

fn main() {
    let began = Instant::now();
    println!(
        "{} passages of {} words, {} files\n",
        TEXT.passages.len(),
        TEXT.total,
        TEXT.files.len()
    );
    let computed = Arc::new(AtomicUsize::new(0));
    let count = computed.clone();
    twin::on_value(move |_file, _value| {
        count.fetch_add(1, Ordering::Relaxed);
    });

    two_passes();
    let file = TEXT.files[0];
    reading(file);
    freshness(file);
    background(TEXT.files[1], TEXT.files[2]);
    herd(TEXT.files[1]);
    methods(file);
    tokio::runtime::Runtime::new().expect("a runtime").block_on(tasks());

    println!("\non_value saw {} computations of `twin`", computed.load(Ordering::Relaxed));
    println!("all of it took {:.1} s; larder::report():\n", began.elapsed().as_secs_f64());
    println!("{}", larder::report());
}

/// The same work twice: once computed, once found.
fn two_passes() {
    for pass in ["first pass ", "second pass"] {
        let (began, before) = (Instant::now(), twin::stats().computations);
        eprint!("{pass} ");
        for file in &TEXT.files {
            twin(file);
            // A dot a file, also where the output is no terminal.
            eprint!(".");
            std::io::stderr().flush().ok();
        }
        let took = began.elapsed();
        eprintln!(" {} computed, {}", twin::stats().computations - before, short(took));
    }
    twin::clear();
    eprintln!();
}

/// Calls that read, and where their answers come from.
fn reading(file: &'static str) {
    title("reading and writing");
    step("peek(file)", || twin::peek(file));
    step("twin(file)", || twin(file));
    step("twin(file)", || twin(file));
    step("peek(file)", || twin::peek(file));
    step("get_ttl(file)", || twin::get_ttl(file).map(|(_, left)| format!("{} left", short(left))));
    step("uncached(file)", || twin::uncached(file));
    step("put(file, ..)", || twin::put(file, "said by hand".into()));
    step("twin(file)", || twin(file));
    step("refresh(file)", || twin::refresh(file));
    step("invalidate(file)", || twin::invalidate(file));
    step("peek(file)", || twin::peek(file));
}

/// An expired value is served once more while it is being refreshed, since there is an `async_ttl`.
fn freshness(file: &'static str) {
    title("freshness");
    step("refresh(file)", || twin::refresh(file));
    step("expire(file)", || twin::expire(file));
    step("peek(file)", || twin::peek(file));
    step("twin(file)", || twin(file));
    step("future_refresh(..).wait()", || twin::future_refresh(file).wait());
    step("twin(file)", || twin(file));
}

/// Work that goes on without its caller.
fn background(file: &'static str, other: &'static str) {
    title("in the background");
    step("lazy(file)", || twin::lazy(file));
    step("async_(file)", || twin::async_(file));
    step("lazy(file)", || twin::lazy(file));
    let mut coming = step("future(other)", || twin::future(other));
    step("  .is_done()", || coming.is_done());
    let early = step("  .wait_for(1 ms).ok()", || coming.wait_for(Duration::from_millis(1)).ok());
    if early.is_none() {
        step("  .wait()", || coming.wait());
    }
    let entry = twin::entry(other);
    step("entry(other).key()", || entry.key());
    step("entry(other).get_within(..)", || entry.get_within(Duration::from_millis(1)).ok());
}

/// Eight threads want the same value at the same time.
fn herd(file: &'static str) {
    title("eight threads, one computation");
    twin::invalidate(file);
    step("8 x twin(file)", || {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| twin(file))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).count()
        })
    });
}

/// Methods have no type of their own: their companions are on `name_entry(..)`.
fn methods(file: &'static str) {
    title("methods");
    let (all, few) = (Reader { shortest: 1 }, Reader { shortest: 8 });
    let entry = || few.vocabulary_entry(file);
    let method = |name: &str, work: &dyn Fn() -> Option<usize>| {
        let step = Step::begin(name, entry().stats());
        let answer = work();
        step.end(entry().stats(), answer)
    };
    method("vocabulary(file)", &|| Some(all.vocabulary(file)));
    method("  with another `self`", &|| Some(few.vocabulary(file)));
    method("vocabulary_entry(file).peek()", &|| entry().peek());
    entry().put(7);
    method("  after .put(7)", &|| Some(few.vocabulary(file)));
    entry().invalidate();
    method("  after .invalidate(), .lazy()", &|| entry().lazy());
    method("  .async_()", &|| Some(entry().async_()));
}

/// The same for an `async fn`: what may wait is awaited.
async fn tasks() {
    title("async fn");
    let words = "why a biased lock and when it does not help";
    task("peek(words).await", search::peek(words)).await;
    // The first caller gives up at once; its work is not lost, and nobody hangs.
    drop(search::future(words));
    task("200 tasks, search(words).await", async {
        let tasks: Vec<_> = (0..200).map(|_| tokio::spawn(search(words))).collect();
        for task in tasks {
            task.await.expect("a task");
        }
    })
    .await;
    task("search(words).await", search(words)).await;
    task("expire(words).await", search::expire(words)).await;
    task("lazy(words)", async { search::lazy(words) }).await;
    task("async_(words).await", search::async_(words)).await;
    task("refresh(words).await", search::refresh(words)).await;
    task("get_ttl(words).await", search::get_ttl(words)).await;
    task("put(words, ..).await", search::put(words, "said by hand".into())).await;
    task("invalidate(words).await", search::invalidate(words)).await;
    task("two future(..).await", async {
        let [one, two] = ["single flight", "eviction order"].map(search::future);
        (one.await, two.await)
    })
    .await;
}

// ---- telling what happened

fn title(text: &str) {
    println!("\n{text}");
}

/// Runs one step with `twin`.
fn step<T: Debug>(name: &str, work: impl FnOnce() -> T) -> T {
    let step = Step::begin(name, twin::stats());
    let answer = work();
    step.end(twin::stats(), answer)
}

/// Runs one step with `search`.
async fn task<T: Debug>(name: &str, work: impl Future<Output = T>) -> T {
    let step = Step::begin(name, search::stats());
    let answer = work.await;
    step.end(search::stats(), answer)
}

/// Tells how long a step took, and from the counters of the function, where its answer came from.
struct Step<'a> {
    name: &'a str,
    before: Stats,
    began: Instant,
}

impl<'a> Step<'a> {
    fn begin(name: &'a str, before: Stats) -> Self {
        Step { name, before, began: Instant::now() }
    }

    fn end<T: Debug>(self, after: Stats, answer: T) -> T {
        let (mut from, before) = (format!("{:>9}", short(self.began.elapsed())), self.before);
        let told = [
            (after.computations - before.computations, "computed"),
            (after.hits - before.hits, "from the cache"),
            (after.stale_hits - before.stale_hits, "stale, refresh begun"),
            (after.waiters - before.waiters, "waited"),
            (after.misses.total() - before.misses.total(), "missed"),
        ];
        for (times, what) in told.into_iter().filter(|(times, _)| *times > 0) {
            let times = if times == 1 { String::new() } else { format!("{times} ") };
            from = format!("{from}, {times}{what}");
        }
        println!("  {:<30} {from:<38} {answer:?}", self.name);
        answer
    }
}

fn short(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.1} us", s * 1e6),
    }
}
