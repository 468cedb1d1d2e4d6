//! What `larder::explain` says of a function over a region, and what its statistics say.

use crate::common::limited_wide;
use crate::stand::{Kind, Stand};
use larder::{
    Explanation, Invalidation, Reason, Region, TierState, Verdict, cached, explain, wait,
};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

macro_rules! followed {
    ($($name:ident: $kind:expr;)*) => {$(
        #[test]
        fn $name() {
            static STAND: LazyLock<Arc<Stand>> =
                LazyLock::new(|| Stand::new(concat!("explain ", stringify!($name)), $kind));
            #[cached(client = &STAND.region, tags = ["explained"])]
            fn price(sku: &str) -> String {
                sku.to_uppercase()
            }
            limited_wide(|| {
                let told = || explain(price::entry("tea"));
                is(&told(), Verdict::Miss(Reason::Never));
                price("tea");
                is(&told(), Verdict::Hit);

                wait(STAND.region.invalidate(Invalidation::Hard)).unwrap();
                is(&told(), Verdict::Miss(Reason::Region));
                assert!(told().to_string().contains("its region was invalidated"), "{}", told());
                is(&explain(price::entry("coffee")), Verdict::Miss(Reason::Never));
                assert_eq!(price::peek("tea"), None);
                assert_eq!(price::stats().misses.region, 1, "peek");
                price("tea");
                assert_eq!(price::stats().misses.region, 2, "the statistics say the same");
                is(&told(), Verdict::Hit);

                wait(STAND.region.invalidate(Invalidation::Soft)).unwrap();
                is(&told(), Verdict::StaleHit);
                wait(STAND.region.invalidate(Invalidation::Hard)).unwrap();
                assert!(matches!(told().verdict, Verdict::Miss(_)), "{}", told());
                price("tea");

                STAND.time.advance(Duration::from_secs(301));
                is(&told(), Verdict::Miss(Reason::Expired));
                price("tea");
                wait(STAND.region.invalidate(Invalidation::Hard)).unwrap();
                STAND.time.advance(Duration::from_secs(301));
                let late = told();
                assert_ne!(late.verdict, Verdict::Miss(Reason::Region), "it has expired: {late}");

                price("tea");
                STAND.forget("explained");
                is(&told(), Verdict::Miss(Reason::Tag));
                price("tea");
                price::invalidate("tea");
                is(&told(), Verdict::Miss(Reason::Invalidated));
            });
        }
    )*};
}

fn is(told: &Explanation, verdict: Verdict) {
    assert_eq!(told.verdict, verdict, "{told}");
}

followed! {
    in_memory: Kind::Memory;
    in_tiers: Kind::Tiers;
    on_files: Kind::Files;
    on_memcached: Kind::Memcached;
    on_redis: Kind::Redis;
}

#[test]
fn a_region_that_is_not_configured_is_told_of_and_not_a_panic() {
    static NOBODYS: Region = Region::new("explain nobody's");
    #[cached(client = NOBODYS)]
    fn price(sku: &str) -> String {
        sku.to_uppercase()
    }
    let told = explain(price::entry("tea"));
    assert!(!told.would_hit());
    assert_eq!(told.tiers[0].tier, "region `explain nobody's`");
    assert!(told.to_string().contains("is not configured"), "{told}");
}

#[test]
fn a_server_that_is_away_is_told_of_as_unreachable_under_a_tier_that_hits() {
    static STAND: LazyLock<Arc<Stand>> = LazyLock::new(|| Stand::new("explain away", Kind::Tiers));
    #[cached(client = &STAND.region)]
    fn price(sku: &str) -> String {
        sku.to_uppercase()
    }
    limited_wide(|| {
        price("tea");
        STAND.away();
        is(&explain(price::entry("tea")), Verdict::Hit);
        let told = explain(price::entry("coffee"));
        is(&told, Verdict::Miss(Reason::Unreachable));
        assert!(matches!(told.tiers[1].state, TierState::Unreachable { .. }), "{told}");
        assert_eq!(price("coffee"), "COFFEE");
        assert!(price::stats().misses.unreachable > 0);
    });
}
