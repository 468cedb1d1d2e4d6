//! Arguments of `#[cached]` in every form they may take: what is stored and for how long.

mod common;

use common::{Count, limited_wide};
use larder::{Jitter, cached};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

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
