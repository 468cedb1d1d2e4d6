//! Arguments of `#[cached]` in every form they may take: `ttl` and `async_ttl`.

mod common;

use common::{Count, limited_wide, on_one_thread, until};
use larder::{AsyncTtl, cached};
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
