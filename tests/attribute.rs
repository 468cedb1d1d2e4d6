//! Every argument of `#[cached]`, in every form it may take, with what it does.

mod common;

use common::{Count, limited_wide, on_one_thread, until};
use larder::{AsyncTtl, CachedFn, Float, Inproc, Jitter, cached};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Asks a function that counts its runs, after some time, and again after some more.
macro_rules! lives {
    ($time:ident, $run:ident, $below:expr, $above:expr) => {
        limited_wide(|| {
            assert_eq!($run(1), 1);
            $time.advance($below);
            assert_eq!($run(1), 1, "it is still alive");
            $time.advance($above - $below);
            assert_eq!($run(1), 2, "it has expired");
        })
    };
}

mod ttl {
    use super::*;

    #[test]
    fn text_with_a_unit() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "1m30s")]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        lives!(TIME, run, 89 * SECOND, 91 * SECOND);
    }

    #[test]
    fn text_in_milliseconds() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "250ms")]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        lives!(TIME, run, Duration::from_millis(245), Duration::from_millis(255));
    }

    #[test]
    fn whole_seconds() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = 90)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        lives!(TIME, run, 89 * SECOND, 91 * SECOND);
    }

    #[test]
    fn parts_of_seconds() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = 0.5)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        lives!(TIME, run, Duration::from_millis(490), Duration::from_millis(510));
    }

    #[test]
    fn a_constant_of_seconds() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        const TTL: u64 = 90;
        #[cached(client = HERE, ttl = TTL)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        lives!(TIME, run, 89 * SECOND, 91 * SECOND);
    }

    #[test]
    fn a_duration() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = 90 * SECOND)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        lives!(TIME, run, 89 * SECOND, 91 * SECOND);
    }

    #[test]
    fn perhaps_a_duration() {
        clocked!(TIME, HERE);
        #[cached(client = HERE, ttl = None::<Duration>)]
        fn forever(n: u8) -> u8 {
            n
        }
        limited_wide(|| {
            assert_eq!(forever(1), 1);
            TIME.advance(1_000_000 * SECOND);
            assert_eq!(forever::get_ttl(1), Some((1, Duration::MAX)));
        });
    }

    #[test]
    fn none_lives_until_it_is_evicted() {
        clocked!(TIME, HERE);
        #[cached(client = HERE)]
        fn forever(n: u8) -> u8 {
            n
        }
        limited_wide(|| {
            assert_eq!(forever(1), 1);
            TIME.advance(1_000_000 * SECOND);
            assert_eq!(forever::get_ttl(1), Some((1, Duration::MAX)));
        });
    }
}

mod async_ttl {
    use super::*;

    /// Asks until the value is the one that a refresh in the background has stored.
    macro_rules! is_refreshed_after {
        ($time:ident, $run:ident, $below:expr, $above:expr) => {
            limited_wide(|| {
                assert_eq!($run(1), 1);
                $time.advance($below);
                assert_eq!($run(1), 1);
                $time.advance($above - $below);
                assert_eq!($run(1), 1, "the old value comes at once");
                until("the refreshed value is there", || $run::peek(1) == Some(2));
            })
        };
    }

    #[test]
    fn text_is_what_remains() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", async_ttl = "30s")]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        is_refreshed_after!(TIME, run, 69 * SECOND, 71 * SECOND);
    }

    #[test]
    fn negative_text_is_an_age() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", async_ttl = "-30s")]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        is_refreshed_after!(TIME, run, 29 * SECOND, 31 * SECOND);
    }

    #[test]
    fn a_negative_number_is_an_age_also_without_a_ttl() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, async_ttl = -30)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        is_refreshed_after!(TIME, run, 29 * SECOND, 31 * SECOND);
    }

    #[test]
    fn alone_it_is_half_the_ttl() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", async_ttl)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        is_refreshed_after!(TIME, run, 49 * SECOND, 51 * SECOND);
    }

    #[test]
    fn alone_it_is_half_of_a_computed_ttl() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = 100 * SECOND, async_ttl)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        is_refreshed_after!(TIME, run, 49 * SECOND, 51 * SECOND);
    }

    #[test]
    fn an_expression() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", async_ttl = AsyncTtl::Age(30 * SECOND))]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        is_refreshed_after!(TIME, run, 29 * SECOND, 31 * SECOND);
    }

    #[test]
    fn of_an_async_function() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", async_ttl = "30s")]
        async fn run(_n: u8) -> usize {
            RUNS.next()
        }
        limited_wide(|| {
            on_one_thread(async {
                assert_eq!(run(1).await, 1);
                TIME.advance(71 * SECOND);
                assert_eq!(run(1).await, 1, "the old value comes at once");
                while run::peek(1).await != Some(2) {
                    tokio::task::yield_now().await;
                }
            });
        });
    }
}

mod key {
    use super::*;

    #[test]
    fn one_argument_is_the_key_itself() {
        #[cached(key = user, skip(trace))]
        fn score(user: u64, trace: &str) -> usize {
            user as usize + trace.len()
        }
        assert_eq!((score(1, "a"), score(1, "abc")), (2, 2));
        let key: u64 = score::entry(1, "").key();
        assert_eq!(key, 1);
    }

    #[test]
    fn several_arguments_keep_their_order_in_the_key() {
        #[cached(key = (name, user))]
        fn score(user: u64, name: &str) -> usize {
            user as usize + name.len()
        }
        let key: (String, u64) = score::entry(1, "a").key();
        assert_eq!(key, ("a".to_owned(), 1));
        assert_eq!(score(1, "abc"), 4);
        assert_eq!(score::async_(1, "abcd"), 5, "the arguments are had back from the key");
    }

    #[test]
    fn an_expression_decides_what_is_the_same() {
        static RUNS: Count = Count::new();
        #[cached(key = name.to_lowercase())]
        fn length(name: &str) -> usize {
            RUNS.add();
            name.len()
        }
        assert_eq!((length("Ann"), length("ANN"), length("Anna")), (3, 3, 4));
        assert_eq!((RUNS.get(), length::stats().computations), (2, 2));
        length::clear();
        assert_eq!(length::peek("ann"), None);
        assert!(<length as CachedFn>::memo().is_empty());
    }

    #[test]
    fn format_strings_mention_their_arguments() {
        #[cached(key = format!("{user}/{name}"))]
        fn score(user: u64, name: &str) -> usize {
            user as usize + name.len()
        }
        assert_eq!((score(1, "a"), score::peek(1, "a")), (2, Some(2)));
    }

    #[test]
    fn a_cast_names_a_type() {
        #[cached(key = (name.len() as u8, first(name) as Option<char>))]
        fn spell(name: &str) -> String {
            name.to_uppercase()
        }
        fn first(name: &str) -> Option<char> {
            name.chars().next()
        }
        assert_eq!((&*spell("ann"), &*spell("abc"), &*spell("bob")), ("ANN", "ANN", "BOB"));
        let key: (u8, Option<char>) = spell::entry("ann").key();
        assert_eq!(key, (3, Some('a')));
    }

    #[test]
    fn floats_have_an_adapter() {
        static RUNS: Count = Count::new();
        #[cached(key = (Float(x), steps))]
        fn wave(x: f64, steps: u8) -> f64 {
            RUNS.add();
            x * f64::from(steps)
        }
        assert_eq!((wave(0.5, 2), wave(0.5, 2)), (1.0, 1.0));
        assert_eq!((wave(0.0, 2), wave(-0.0, 2)), (0.0, 0.0));
        assert_eq!(RUNS.get(), 2);
        assert_eq!(wave::future(1.5, 2).wait(), 3.0);
        let key: (Float<f64>, u8) = wave::entry(0.5, 2).key();
        assert_eq!(key, (Float(0.5), 2));
    }

    #[test]
    fn every_kind_of_argument_is_had_back_from_the_key() {
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        struct Id(u64);
        #[cached]
        fn show(
            id: &Id,
            text: &str,
            all: &[u8],
            perhaps: Option<&str>,
            fixed: &'static str,
            own: Box<str>,
        ) -> String {
            format!("{id:?} {text} {all:?} {perhaps:?} {fixed} {}", own.into_string())
        }
        let shown = show::async_(&Id(1), "a", &[1, 2], Some("b"), "c", "d".into());
        assert_eq!(shown, "Id(1) a [1, 2] Some(\"b\") c d");
        assert_eq!(show::peek(&Id(1), "a", &[1, 2], Some("b"), "c", "d".into()), Some(shown));
        assert_eq!(show::peek(&Id(1), "a", &[1, 2], None, "c", "d".into()), None);
    }

    #[test]
    fn no_argument_is_one_value() {
        static RUNS: Count = Count::new();
        #[cached]
        fn config() -> usize {
            RUNS.next()
        }
        assert_eq!((config(), config(), config::peek()), (1, 1, Some(1)));
        assert_eq!((config::refresh(), config()), (2, 2));
    }
}

mod skip {
    use super::*;

    #[derive(Debug, Clone)]
    struct Db(u64);

    impl Db {
        #[cached(skip(self))]
        fn shared(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = (self.0, id))]
        fn own(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = (self.0 as u64, id), skip(self = clone), ttl = "5m", async_ttl)]
        fn own_later(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = (self.0, id))]
        async fn fetch(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = id, skip(self = clone))]
        async fn fetch_later(self: Arc<Self>, id: u64) -> u64 {
            self.0 + id
        }
        #[cached]
        fn made(id: u64) -> Arc<Self> {
            Arc::new(Db(id))
        }
        #[cached(companion = fn)]
        fn doubled(id: u64) -> u64 {
            2 * id
        }
    }

    #[test]
    fn a_skipped_argument_is_used_but_not_compared() {
        #[cached(skip(db))]
        fn load(db: &Db, id: u64) -> u64 {
            db.0 + id
        }
        assert_eq!((load(&Db(1), 1), load(&Db(2), 1), load(&Db(2), 2)), (2, 2, 4));
        assert_eq!((load::peek(&Db(3), 1), load::refresh(&Db(3), 1)), (Some(2), 4));
    }

    #[test]
    fn a_clone_is_kept_for_work_in_the_background() {
        #[cached(skip(db = clone, by = clone, perhaps = clone))]
        fn load(db: &Db, by: Box<str>, id: u64, perhaps: Option<&str>) -> u64 {
            db.0 + by.into_string().len() as u64 + id + perhaps.map_or(0, |text| text.len() as u64)
        }
        let pending = load::future(&Db(1), "ab".into(), 1, Some("abc"));
        assert_eq!(pending.wait(), 7);
        assert_eq!(load::lazy(&Db(9), "".into(), 1, None), Some(7));
    }

    #[test]
    fn what_only_an_expression_uses_can_be_kept() {
        #[cached(key = (user.0, id), skip(user = clone))]
        fn load(user: &Db, id: u64) -> u64 {
            user.0 + id
        }
        assert_eq!(load::async_(&Db(1), 2), 3);
    }

    #[test]
    fn in_an_async_function() {
        #[cached(skip(db))]
        async fn load(db: &Db, id: u64) -> Result<u64, String> {
            tokio::task::yield_now().await;
            if id == 0 { Err("zero".into()) } else { Ok(db.0 + id) }
        }
        #[cached(skip(db = clone), ttl = "5m", async_ttl)]
        async fn load_later(db: Arc<Db>, id: u64) -> u64 {
            db.0 + id
        }
        on_one_thread(async {
            assert_eq!((load(&Db(1), 1).await, load(&Db(2), 1).await), (Ok(2), Ok(2)));
            assert_eq!(load(&Db(1), 0).await, Err("zero".into()));
            assert_eq!(load::refresh(&Db(3), 1).await, Ok(4));
            assert_eq!(load_later::future(Arc::new(Db(1)), 1).await, 2);
            assert_eq!(load_later(Arc::new(Db(1)), 2).await, 3);
        });
    }

    #[test]
    fn self_is_skipped_like_any_argument() {
        assert_eq!((Db(1).shared(1), Db(2).shared(1)), (2, 2));
        assert_eq!((Db(1).own(1), Db(2).own(1), Db(1).own_entry(1).peek()), (2, 3, Some(2)));
        assert_eq!((Db(5).own_later_entry(1).async_(), Db(5).own_later(1)), (6, 6));
        assert!(Arc::ptr_eq(&Db::made(3), &Db::made(3)));
        assert_eq!((Db::doubled(2), Db::doubled_entry(2).peek()), (4, Some(4)));
        on_one_thread(async {
            assert_eq!((Db(1).fetch(1).await, Db(2).fetch(1).await), (2, 3));
            assert_eq!(Db(1).fetch_entry(1).refresh().await, 2);
            let db = Arc::new(Db(1));
            assert_eq!(db.clone().fetch_later_entry(1).future().await, 2);
            assert_eq!(db.fetch_later(1).await, 2);
        });
    }
}

mod place {
    use super::*;

    #[test]
    fn a_client_is_shared_by_those_who_name_it() {
        static FEW: std::sync::LazyLock<Inproc> = std::sync::LazyLock::new(|| Inproc::new(2));
        #[cached(client = FEW)]
        fn one(n: u8) -> u8 {
            n
        }
        #[cached(client = *FEW)]
        fn two(n: u8) -> u8 {
            n
        }
        let all: Vec<u8> = (0..10).map(|n| one(n) + two(n)).collect();
        assert_eq!(all[9], 18);
        assert_eq!(<one as CachedFn>::memo().len() + <two as CachedFn>::memo().len(), 2);
    }

    #[test]
    fn a_capacity_is_the_functions_own() {
        const ROOM: usize = 3;
        #[cached(capacity = ROOM)]
        fn few(n: u8) -> u8 {
            n
        }
        (0..100).for_each(|n| drop(few(n).to_string()));
        assert_eq!(<few as CachedFn>::memo().len(), 3);
    }

    #[test]
    fn a_weight_counts_against_the_capacity() {
        #[cached(capacity = 100, weight = |key: &u8, text| u32::from(*key > 200) + text.len() as u32)]
        fn text(n: u8) -> String {
            "x".repeat(usize::from(n))
        }
        (0..=40).for_each(|n| drop(text(n)));
        let kept: usize = (0..=40).filter_map(text::peek).map(|text| text.len()).sum();
        assert!(kept <= 100, "{kept}");
        assert_eq!(text(150).len(), 150);
        assert_eq!(text::peek(150), None, "heavier than all there is room for");
    }

    #[test]
    fn a_namespace_is_the_name_in_the_client() {
        #[cached(namespace = "scores")]
        fn named(n: u8) -> u8 {
            n
        }
        #[cached(namespace = format!("scores/{}", 2))]
        fn computed(n: u8) -> u8 {
            n
        }
        #[cached(namespace = none)]
        fn nameless(n: u8) -> u8 {
            n
        }
        #[cached(version = 2)]
        fn versioned(n: u8) -> u8 {
            n
        }
        #[cached(version = concat!("v", 2), namespace = "w")]
        fn both(n: u8) -> u8 {
            n
        }
        assert_eq!(named(1) + computed(1) + nameless(1) + versioned(1) + both(1), 5);
        assert!(<named as CachedFn>::NAME.ends_with("place::named"));
    }
}

mod values {
    use super::*;

    #[test]
    fn jitter_only_shortens() {
        clocked!(TIME, HERE);
        #[cached(client = HERE, ttl = "100s", jitter = 0.2)]
        fn fraction(n: u8) -> u8 {
            n
        }
        #[cached(client = HERE, ttl = "100s", jitter = "20%")]
        fn percent(n: u8) -> u8 {
            n
        }
        #[cached(client = HERE, ttl = "100s", jitter = "20s")]
        fn time(n: u8) -> u8 {
            n
        }
        #[cached(client = HERE, ttl = "100s", jitter = Jitter::Duration(20 * SECOND))]
        fn expression(n: u8) -> u8 {
            n
        }
        TIME.advance(SECOND);
        for n in 0..50 {
            let all = [fraction(n), percent(n), time(n), expression(n)];
            assert_eq!(all, [n; 4]);
            let left = [
                fraction::get_ttl(n),
                percent::get_ttl(n),
                time::get_ttl(n),
                expression::get_ttl(n),
            ];
            for (_, left) in left.into_iter().flatten() {
                assert!(left >= 79 * SECOND && left <= 100 * SECOND, "{left:?}");
            }
        }
    }

    #[test]
    fn grace_lets_an_old_value_stand_in_for_an_error() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "10s", grace = "1h")]
        fn load(n: u8) -> Result<u8, String> {
            if RUNS.next() == 1 { Ok(n) } else { Err("down".into()) }
        }
        limited_wide(|| {
            assert_eq!(load(1), Ok(1));
            TIME.advance(60 * SECOND);
            assert_eq!(load(1), Ok(1), "computed, and failed");
            assert_eq!(RUNS.get(), 2);
            TIME.advance(2 * 3600 * SECOND);
            assert_eq!(load(1), Err("down".into()));
        });
    }

    #[test]
    fn cache_if_decides_by_the_value() {
        static RUNS: Count = Count::new();
        #[cached(cache_if = |value| *value > 10)]
        fn run(n: u8) -> u8 {
            RUNS.add();
            n
        }
        #[expect(clippy::ptr_arg, reason = "the stored type is `String`")]
        fn is_long(text: &String) -> bool {
            text.len() > 3
        }
        #[cached(cache_if = is_long)]
        fn text(n: u8) -> Result<String, ()> {
            Ok("x".repeat(usize::from(n)))
        }
        assert_eq!((run(1), run(1), run(11), run(11)), (1, 1, 11, 11));
        assert_eq!(RUNS.get(), 3);
        assert_eq!((text(1).is_ok(), text(4).is_ok()), (true, true));
        assert_eq!((text::peek(1), text::peek(4).is_some()), (None, true));
    }

    #[test]
    fn ttl_of_is_the_values_own() {
        clocked!(TIME, HERE);
        #[derive(Clone)]
        struct Token {
            expires_in: u64,
        }
        #[cached(client = HERE, ttl = "100s", ttl_of = |token| token.expires_in)]
        fn token(expires_in: u64) -> Token {
            Token { expires_in }
        }
        fn time(seconds: &u64) -> Option<Duration> {
            (*seconds > 0).then_some(Duration::from_secs(*seconds))
        }
        #[cached(client = HERE, ttl_of = time)]
        fn number(seconds: u64) -> u64 {
            seconds
        }
        limited_wide(|| {
            assert_eq!(token(10).expires_in + token(1000).expires_in, 1010);
            assert_eq!(number(10) + number(0), 10);
            let left = |n| token::get_ttl(n).map(|(_, left)| left.as_secs().next_multiple_of(10));
            assert_eq!((left(10), left(1000)), (Some(10), Some(100)), "the shorter counts");
            assert_eq!(number::get_ttl(0), Some((0, Duration::MAX)));
            TIME.advance(11 * SECOND);
            assert_eq!((number::peek(10), token::peek(10).is_none()), (None, true));
        });
    }

    #[test]
    fn only_successes_are_stored() {
        static RUNS: Count = Count::new();
        #[cached]
        fn load(n: u8) -> Result<u8, String> {
            RUNS.add();
            if n == 0 { Err("zero".into()) } else { Ok(n) }
        }
        #[cached]
        fn find(n: u8) -> Option<u8> {
            RUNS.add();
            (n > 0).then_some(n)
        }
        assert_eq!(
            (load(0), load(0), load(1), load(1)),
            (Err("zero".into()), Err("zero".into()), Ok(1), Ok(1))
        );
        assert_eq!((find(0), find(0), find(1), find(1)), (None, None, Some(1), Some(1)));
        assert_eq!(RUNS.get(), 6);
        assert_eq!((load::peek(0), load::peek(1), find::peek(1)), (None, Some(1), Some(1)));
        load::put(0, 7);
        assert_eq!(load(0), Ok(7));
    }

    #[test]
    fn a_result_behind_an_alias_is_one_as_well() {
        type LoadResult = Result<u8, std::io::Error>;
        #[cached]
        fn load(n: u8) -> LoadResult {
            if n == 0 { Err(std::io::Error::other("zero")) } else { Ok(n) }
        }
        assert!(load(0).is_err() && load(1).is_ok());
        assert_eq!((load::peek(0), load::peek(1)), (None, Some(1)));
    }

    #[test]
    fn cache_err_stores_failures_too() {
        static RUNS: Count = Count::new();
        type Answer = Result<u8, String>;
        #[cached(cache_err)]
        fn load(n: u8) -> Answer {
            RUNS.add();
            if n == 0 { Err("zero".into()) } else { Ok(n) }
        }
        assert_eq!((load(0), load(0)), (Err("zero".into()), Err("zero".into())));
        assert_eq!((RUNS.get(), load::peek(0)), (1, Some(Err("zero".into()))));
    }

    #[test]
    fn failures_may_have_their_own_ttl() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", cache_err = "10s")]
        fn find(n: u8) -> Option<u8> {
            RUNS.add();
            (n > 0).then_some(n)
        }
        limited_wide(|| {
            assert_eq!((find(0), find(0), find(1)), (None, None, Some(1)));
            assert_eq!(RUNS.get(), 2);
            TIME.advance(11 * SECOND);
            assert_eq!((find::peek(0), find::peek(1)), (None, Some(Some(1))));
        });
    }
}

mod companion {
    use super::*;

    mod user {
        pub(super) const ANN: u64 = 1;
    }

    #[cached(companion = UserCache)]
    fn user(id: u64) -> u64 {
        id
    }

    #[test]
    fn it_may_have_a_name_of_its_own() {
        assert_eq!((user(user::ANN), UserCache::peek(1)), (1, Some(1)));
    }

    trait Shop {
        fn price(&self, sku: &str) -> u64;
        fn stock(&self, sku: String) -> impl Future<Output = Result<u64, String>> + Send;
    }

    struct Store(u64);

    static RUNS: Count = Count::new();

    impl Shop for Store {
        #[cached(key = (self.0, sku), companion = none)]
        fn price(&self, sku: &str) -> u64 {
            RUNS.add();
            if sku.is_empty() {
                return 0;
            }
            self.0 + sku.len() as u64
        }

        #[cached(key = (self.0, sku), companion = none)]
        async fn stock(&self, sku: String) -> Result<u64, String> {
            tokio::task::yield_now().await;
            let first = sku.chars().next().ok_or("empty")?;
            RUNS.add();
            Ok(self.0 + u64::from(first.is_alphabetic()))
        }
    }

    #[test]
    fn none_is_needed_in_the_impl_of_a_trait() {
        assert_eq!(
            (Store(1).price("tea"), Store(1).price("tea"), Store(2).price("tea")),
            (4, 4, 5)
        );
        assert_eq!((Store(1).price(""), RUNS.get()), (0, 3));
        on_one_thread(async {
            assert_eq!(Store(1).stock("a".into()).await, Ok(2));
            assert_eq!(Store(1).stock("a".into()).await, Ok(2));
            assert_eq!(Store(1).stock(String::new()).await, Err("empty".into()));
            assert_eq!(RUNS.get(), 4);
        });
    }

    #[test]
    fn without_one_a_function_still_refreshes() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", async_ttl, companion = none)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        limited_wide(|| {
            assert_eq!(run(1), 1);
            TIME.advance(60 * SECOND);
            assert_eq!(run(1), 1);
            until("it is refreshed", || run(1) == 2);
        });
    }

    #[cached]
    fn render<T, const WIDTH: usize>(item: &T) -> String
    where
        T: std::fmt::Display + std::hash::Hash + Eq + Clone + Send + Sync + 'static,
    {
        format!("{item:>WIDTH$}")
    }

    #[cached(skip(of))]
    fn apply<F: Fn(u64) -> u64>(of: F, n: u64) -> u64 {
        of(n)
    }

    #[test]
    fn each_set_of_types_has_its_own_values() {
        assert_eq!(
            (render::<_, 3>(&1_u8), render::<_, 3>(&"1"), render::<_, 2>(&1_u8)),
            ("  1".into(), "  1".into(), " 1".into())
        );
        assert_eq!(render::<u8, 3>::peek(&1), Some("  1".into()));
        assert_eq!(render::<u8, 3>::stats().computations, 1);
        assert_eq!(<render<u8, 2> as CachedFn>::memo().len(), 1);
        let by = 3;
        assert_eq!((apply(|n| n + by, 1), apply(|n| n * 10, 1)), (4, 10));
    }

    #[test]
    fn it_knows_what_is_stored() {
        static SEEN: Count = Count::new();
        #[cached]
        fn load(n: u8) -> Result<u64, String> {
            Ok(u64::from(n))
        }
        load::on_value(|key: &u8, value: &u64| {
            assert_eq!(u64::from(*key), *value);
            SEEN.add();
        });
        assert_eq!((load(1), load(1), load(2)), (Ok(1), Ok(1), Ok(2)));
        assert_eq!((SEEN.get(), load::stats().hits, load::uncached(3)), (2, 1, Ok(3)));
        assert!(load::invalidate(1) && !load::invalidate(1));
        assert_eq!(load::entry(2).peek(), Some(2));
    }
}

mod elsewhere {
    pub(super) use larder as our_larder;
}

#[test]
fn the_crate_may_be_found_elsewhere() {
    #[cached(crate = elsewhere::our_larder)]
    fn run(n: u8) -> u8 {
        n
    }
    assert_eq!((run(1), run::peek(1)), (1, Some(1)));
}
