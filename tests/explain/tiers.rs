//! Two tiers, the far one pretended, by a clock in hand.

use crate::common::{Gate, limited_wide};
use crate::remote::{Fault, Remote};
use crate::words;
use larder::{Inproc, ManualClock, Reason, Tiered, Verdict, cached, explain};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

macro_rules! tiers {
    ($time:ident, $far:ident, $both:ident) => {
        static $time: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
        static $far: LazyLock<Remote> = LazyLock::new(|| Remote::new(&$time.clock()));
        static $both: LazyLock<Tiered<Inproc, Remote>> = LazyLock::new(|| {
            let near = Inproc::new(100).with_clock($time.clock());
            Tiered::new(near, $far.clone()).with_near_ttl(10 * SECOND).with_clock($time.clock())
        });
    };
}

#[test]
fn each_tier_says_what_it_knows_and_the_nearest_value_counts() {
    tiers!(TIME, FAR, BOTH);
    #[cached(client = BOTH, ttl = "60s", namespace = "prices")]
    fn price(id: u64) -> u64 {
        id
    }
    limited_wide(|| {
        let told = || explain(price::entry(7));
        assert_eq!(told().tiers.len(), 2);
        assert_eq!(told().verdict, Verdict::Miss(Reason::Never));
        price(7);
        TIME.advance(11 * SECOND);
        assert_eq!(told().verdict, Verdict::Hit);
        assert_eq!(
            words(&told()),
            "would hit: in process: expired 1 s ago; remote: fresh, 49 s left"
        );
        let (before, again) = (told(), told());
        assert_eq!(before, again, "nothing was promoted");
        TIME.advance(61 * SECOND);
        assert_eq!(told().verdict, Verdict::Miss(Reason::Expired));
        FAR.set(Fault::Away);
        assert!(words(&told()).contains("cannot be asked"), "{}", told());
        assert_eq!(told().verdict, Verdict::Miss(Reason::Expired));
        assert_eq!(explain(price::entry(8)).verdict, Verdict::Miss(Reason::Unreachable));
        price(8);
        assert_eq!(price::stats().misses.unreachable, 1, "the statistics give the same reason");
    });
}

#[test]
fn a_fenced_result_is_told_of_over_far_tiers_too() {
    tiers!(TIME, FAR, BOTH);
    static GATE: Gate = Gate::new();
    #[cached(client = BOTH, ttl = "60s", namespace = "slow")]
    fn both(x: u64) -> u64 {
        GATE.pass();
        x
    }
    static FAR_GATE: Gate = Gate::new();
    #[cached(client = FAR, ttl = "60s", namespace = "slow far")]
    fn far(x: u64) -> u64 {
        FAR_GATE.pass();
        x
    }
    limited_wide(|| {
        let computing = thread::spawn(|| both(1));
        GATE.await_arrivals(1);
        both::invalidate(1);
        GATE.open();
        computing.join().unwrap();
        assert_eq!(explain(both::entry(1)).verdict, Verdict::Miss(Reason::Fenced));
        both(1);
        assert_eq!(both::stats().misses.fenced, 1);
        assert_eq!(explain(both::entry(1)).verdict, Verdict::Hit);

        let computing = thread::spawn(|| far(1));
        FAR_GATE.await_arrivals(1);
        far::invalidate(1);
        FAR_GATE.open();
        computing.join().unwrap();
        assert_eq!(explain(far::entry(1)).verdict, Verdict::Miss(Reason::Fenced));
    });
}

#[test]
fn a_far_tier_that_hangs_is_waited_for_as_long_as_a_call_would() {
    static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static FAR: LazyLock<Remote> = LazyLock::new(|| Remote::new(&TIME.clock()));
    static BOTH: LazyLock<Tiered<Inproc, Remote>> = LazyLock::new(|| {
        Tiered::new(Inproc::new(100), FAR.clone()).with_far_deadline(Duration::from_millis(50))
    });
    #[cached(client = BOTH, ttl = "60s", namespace = "hanging")]
    fn price(id: u64) -> u64 {
        id
    }
    limited_wide(|| {
        FAR.set(Fault::Hang);
        let told = explain(price::entry(1));
        assert_eq!(told.verdict, Verdict::Miss(Reason::Unreachable));
        assert!(
            words(&told).ends_with("the far tier: cannot be asked: it did not answer within 50ms")
        );
    });
}
