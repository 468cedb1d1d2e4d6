//! Who waits while tags of what he waits for are invalidated (X1): who came after the first of several invalidations
//! never gets what is older than that, through whatever door; nobody is sent away twice.

mod common;

use common::{Count, Stage, limited_wide, until};
use larder::{CacheExt, Inproc, Near, Shared, cached, invalidate_tag, wait};
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;
use std::thread;

/// The number of a run, and of the part that it was made from.
type Made = (usize, usize);

fn forget(tag: &str) {
    wait(invalidate_tag(tag)).unwrap();
}

/// One computes; a tag of his is invalidated; another one comes and waits; the tag is invalidated again.
fn ask_between(
    tag: &str,
    stage: &'static Stage,
    ask: impl Fn() -> Made + Clone + Send + 'static,
    waiting: impl Fn() -> usize + Send + 'static,
) {
    let tag = tag.to_owned();
    limited_wide(move || {
        let leader = thread::spawn(ask.clone());
        stage.await_run(1);
        forget(&tag);
        let later = thread::spawn(ask);
        until("the later one waits", || waiting() >= 1);
        forget(&tag);
        stage.end_run(2);
        stage.end_run(1);
        assert_eq!((leader.join().unwrap(), later.join().unwrap()), ((1, 1), (2, 2)));
    });
}

#[test]
fn x1_between_two_invalidations_nothing_old_comes_from_a_function() {
    scene!(STAGE, part, "function");
    #[cached(ttl = 1000)]
    fn whole() -> Made {
        let part = part();
        (STAGE.run(), part)
    }
    ask_between("function", &STAGE, whole, || whole::stats().waiters as usize);
}

#[test]
fn x1_between_two_invalidations_nothing_old_comes_from_a_function_with_a_tag_of_its_own() {
    scene!(STAGE, part, "own part");
    #[cached(ttl = 1000, tags = ["own"])]
    fn whole() -> Made {
        let part = part();
        (STAGE.run(), part)
    }
    ask_between("own part", &STAGE, whole, || whole::stats().waiters as usize);
}

#[test]
fn x1_between_two_invalidations_nothing_old_comes_from_a_function_that_the_pool_computes() {
    scene!(STAGE, part, "pool");
    #[cached(ttl = 1000)]
    fn whole() -> Made {
        let part = part();
        (STAGE.run(), part)
    }
    ask_between("pool", &STAGE, || whole::future().wait(), || whole::stats().waiters as usize);
}

#[test]
fn x1_between_two_invalidations_nothing_old_comes_from_an_async_function() {
    scene!(STAGE, part, "async");
    #[cached(ttl = 1000)]
    async fn whole() -> Made {
        let part = part();
        (STAGE.run_async().await, part)
    }
    ask_between("async", &STAGE, || wait(whole()), || whole::stats().waiters as usize);
}

#[test]
fn x1_between_two_invalidations_nothing_old_comes_from_an_async_function_that_its_own_caller_runs()
{
    scene!(STAGE, part, "inline");
    #[cached(ttl = 1000, skip(name))]
    async fn whole(name: &str) -> Made {
        let part = part();
        assert_eq!(name, "inline");
        (STAGE.run_async().await, part)
    }
    let ask = || wait(whole("inline"));
    ask_between("inline", &STAGE, ask, || whole::stats().waiters as usize);
}

/// Counts its comparisons: who is compared has found the computation of another.
#[derive(Clone, Copy)]
struct Key(&'static Count);

impl PartialEq for Key {
    fn eq(&self, _: &Self) -> bool {
        self.0.add();
        true
    }
}
impl Eq for Key {}
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(0);
    }
}

fn near(name: &str) -> Near<Key, Made> {
    static HERE: LazyLock<Inproc> = LazyLock::new(|| Inproc::new(1000));
    HERE.open(name)
}

/// Through one of the four ways to compute into a cache of one's own.
macro_rules! direct {
    ($test:ident, $tag:literal, |$cache:ident, $key:ident, $make:ident| $ask:expr) => {
        #[test]
        fn $test() {
            static COMPARED: Count = Count::new();
            scene!(STAGE, part, $tag);
            fn $make() -> Made {
                let part = part();
                (STAGE.run(), part)
            }
            let ($cache, $key) = (near($tag), Key(&COMPARED));
            ask_between($tag, &STAGE, move || $ask, || COMPARED.get());
        }
    };
}

direct!(
    x1_between_two_invalidations_nothing_old_comes_from_a_near_cache,
    "near",
    |cache, key, make| cache.get_or_compute(&key, make)
);
direct!(
    x1_between_two_invalidations_nothing_old_comes_from_a_batch_of_a_near_cache,
    "near batch",
    |cache, key, make| { cache.get_or_compute_many(&[key], |_| vec![make()])[0] }
);
direct!(
    x1_between_two_invalidations_nothing_old_comes_from_a_shared_cache,
    "shared",
    |cache, key, make| {
        let cache = Shared::new(cache.clone());
        wait(CacheExt::get_or_compute(&cache, &key, || async { make() }))
    }
);
direct!(
    x1_between_two_invalidations_nothing_old_comes_from_a_batch_of_a_shared_cache,
    "shared batch",
    |cache, key, make| {
        let cache = Shared::new(cache.clone());
        wait(CacheExt::get_or_compute_many(&cache, &[key], |_| async { vec![make()] }))[0]
    }
);

#[test]
fn x1_who_is_sent_away_waits_once_more_however_often_the_tag_is_invalidated() {
    const LATER: usize = 20;
    scene!(STAGE, part, "again");
    #[cached(ttl = 1000)]
    fn whole() -> Made {
        let part = part();
        (STAGE.run(), part)
    }
    let waiters = || whole::stats().waiters as usize;
    limited_wide(move || {
        let leader = thread::spawn(whole);
        STAGE.await_run(1);
        forget("again");
        let later: Vec<_> = (0..LATER).map(|_| thread::spawn(whole)).collect();
        until("all wait", || waiters() == LATER);
        for run in 1..=2 {
            STAGE.await_run(run);
            (0..3).for_each(|_| forget("again"));
            STAGE.end_run(run);
            until("all but one wait again", || waiters() == LATER + (LATER - 1));
        }
        assert_eq!(leader.join().unwrap(), (1, 1));
        later.into_iter().for_each(|later| assert_eq!(later.join().unwrap(), (2, 2)));
        assert_eq!(whole::stats().computations, 2);
    });
}

#[test]
fn x1_who_waits_when_the_tag_is_invalidated_for_the_first_time_gets_what_he_waits_for() {
    scene!(STAGE, part, "first");
    #[cached(ttl = 1000, tags = ["other"])]
    fn other() -> usize {
        1
    }
    #[cached(ttl = 1000)]
    fn whole() -> Made {
        let part = part();
        (STAGE.run(), part)
    }
    limited_wide(|| {
        let leader = thread::spawn(whole);
        STAGE.await_run(1);
        // It is no matter that something else is invalidated before he comes.
        assert_eq!(other(), 1);
        forget("other");
        let earlier = thread::spawn(whole);
        until("the earlier one waits", || whole::stats().waiters == 1);
        forget("first");
        STAGE.end_run(1);
        assert_eq!((leader.join().unwrap(), earlier.join().unwrap()), ((1, 1), (1, 1)));
        STAGE.end_run(2);
        assert_eq!(whole(), (2, 2));
    });
}
