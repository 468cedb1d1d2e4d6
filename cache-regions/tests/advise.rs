//! The advisor: what follows from the options, what does not go together, and limits that do not hold.

use cache_regions::{Advice, Configuration, FindingKind, Format, Together};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn advise(text: &str) -> Advice {
    let reader = Configuration::new().with_environment([("KEY", "0f".repeat(32))]);
    reader.advise_str(text, Format::Toml)
}

/// What is found, a line each.
fn findings(text: &str) -> Vec<String> {
    advise(text).findings.iter().map(ToString::to_string).collect()
}

const STACK: &str = "
[regions.users]
expiration = '5m'
async_ttl = '-60s'
jitter = '10%'
grace = '1h'
tiers = [
    { backend = 'memory', entries = 1000, ttl = '30s' },
    { backend = 'memory_bytes', capacity = '64MiB', ttl = '40s' },
    { backend = 'memcached', servers = '10.0.0.1' },
]
";

#[test]
fn bounds_follow_from_the_options() {
    let advice = advise(STACK);
    assert_eq!(advice.findings, []);
    assert!(advice.is_good());
    let users = &advice.regions[0];
    assert_eq!(users.staleness, Some(300 * SECOND));
    assert_eq!(users.staleness_on_failure, Some(3900 * SECOND));
    assert_eq!(
        users.after_change,
        Some(70 * SECOND),
        "both tiers of this process, one after the other"
    );
    assert_eq!(users.after_invalidation, Some(5 * SECOND));
    assert_eq!(users.load.interval, Some(60 * SECOND));
    assert_eq!(users.load.factor, Some(5.0));
    assert_eq!(users.load.together, Together::Everybody);
    assert_eq!((users.entries, users.bytes), (1000, 64 << 20));
    assert_eq!(
        advice.to_string(),
        "region `users`: memory (1000 entries, 30s), memory_bytes (64MiB, 40s), memcached\n  \
         staleness: at most 5m; at most 1h5m while computations fail\n  \
         after a change in another process: of a key at most 1m10s; of the region or a tag at most 5s\n  \
         load: a key in use is computed at most once in 1m in all processes together, 5 times as often as its expiration alone asks for\n  \
         memory: 1000 entries and 64MiB\n\n"
    );
}

#[test]
fn bounds_of_a_region_without_a_shared_tier_are_those_of_each_process() {
    let advice = advise(
        "[regions.a]\nbackend = 'memory'\narguments.entries = 10\nexpiration = 60\njitter = '50%'\n",
    );
    let region = &advice.regions[0];
    assert_eq!(
        (region.after_change, region.after_invalidation),
        (Some(60 * SECOND), Some(60 * SECOND))
    );
    assert_eq!(region.load.together, Together::Process);
    assert_eq!((region.load.interval, region.load.factor), (Some(30 * SECOND), Some(2.0)));
    let advice = advise(
        "[regions.a]\nbackend = 'files'\narguments.path = '/nowhere'\nexpiration = 60\nasync_ttl = 45\n",
    );
    let region = &advice.regions[0];
    assert_eq!(region.after_change, Some(Duration::ZERO));
    assert_eq!(region.load.together, Together::Machine);
    assert_eq!(region.load.interval, Some(15 * SECOND), "when 45 seconds are left");
}

#[test]
fn bounds_without_an_expiration_have_no_limit() {
    let advice = advise("[regions.a]\nbackend = 'memory'\narguments.entries = 10\n");
    let region = &advice.regions[0];
    assert_eq!((region.staleness, region.load.interval, region.load.factor), (None, None, None));
    assert!(advice.to_string().contains("staleness: without limit\n"), "{advice}");
    let advice = advise("[regions.a]\nbackend = 'null'\n");
    assert!(advice.to_string().contains("keeps nothing: every call computes"), "{advice}");
}

#[test]
fn options_that_do_not_go_together_are_found() {
    let memory = "backend = 'memory'\narguments.entries = 10\n";
    for (options, expected) in [
        (
            "async_ttl = '1m'\n",
            "text:4:1: contradiction: region `a`: `async_ttl` counts from an expiration that is not there: give `expiration`, or an age such as \"-60s\"",
        ),
        (
            "jitter = '5s'\n",
            "text:4:1: contradiction: region `a`: `jitter` shortens an expiration that is not there: give `expiration`",
        ),
        (
            "grace = '5s'\n",
            "text:4:1: contradiction: region `a`: `grace` begins with an expiration that is not there: give `expiration`",
        ),
        (
            "jitter = '5s'\nexpiration = '5s'\n",
            "text:4:1: contradiction: region `a`: `jitter` of 5s may shorten the expiration of 5s to nothing",
        ),
        (
            "tag_lag = '1h'\nexpiration = '5s'\n",
            "text:4:1: contradiction: region `a`: `tag_lag` of 1h is beyond the expiration of 5s: values are gone before an invalidation is looked for",
        ),
        (
            "codec = 'json'\n",
            "text:4:1: contradiction: region `a`: `codec` is for tiers of bytes, and there is none",
        ),
        (
            "signing_key = { env = 'KEY' }\n",
            "text:4:1: contradiction: region `a`: `signing_key` is for tiers of bytes, and there is none",
        ),
        (
            "invalidation = 'shared'\n",
            "text:4:1: contradiction: region `a`: `invalidation` should reach other processes, and no tier is shared with them: right is \"process\", or a tier such as `memcached`",
        ),
        (
            "max_memory = 5\n",
            "text:4:1: contradiction: region `a`: `max_memory` cannot be verified: a tier of the backend `memory` counts entries, not bytes; right is `memory_bytes`",
        ),
    ] {
        assert_eq!(findings(&format!("[regions.a]\n{memory}{options}")), [expected]);
    }
}

#[test]
fn tiers_that_do_not_go_together_are_found() {
    let memory = "{ backend = 'memory', entries = 5, ttl = '9s' }";
    let memcached = "{ backend = 'memcached', servers = 'a', ttl = '8s' }";
    let files = "{ backend = 'files', path = '/x' }";
    for (tiers, expected) in [
        (
            format!("{memcached}, {memory}"),
            vec![
                "text:3:10: contradiction: region `a`: tier 1 (`memcached`) is slower than tier 2 (`memory`) behind it: turn them round",
            ],
        ),
        (
            format!("{memory}, {memcached}"),
            vec![
                "text:3:59: contradiction: region `a`: tier 1 believes values for 9s, longer than tier 2 behind it, for 8s",
            ],
        ),
        (
            format!("{memcached}, {files}"),
            vec![
                "text:3:10: contradiction: region `a`: tier 1 (`memcached`) is slower than tier 2 (`files`) behind it: turn them round",
            ],
        ),
        (
            format!("{memory}, {memory}, {{ backend = 'null' }}"),
            vec![
                "text:3:59: contradiction: region `a`: two tiers of the backend `memory`: the second keeps nothing that the first could not",
                "text:3:108: contradiction: region `a`: the backend `null` among other tiers keeps nothing: leave it out",
            ],
        ),
        (
            "{ backend = 'memory', entries = 5, ttl = '11s' }".to_owned(),
            vec![
                "text:3:10: contradiction: region `a`: tier 1 (`memory`) believes values for 11s, beyond the region's expiration of 10s",
            ],
        ),
    ] {
        assert_eq!(
            findings(&format!("[regions.a]\nexpiration = '10s'\ntiers = [{tiers}]\n")),
            expected
        );
    }
}

#[test]
fn declared_limits_are_verified() {
    let limits =
        |limits: &str| findings(&STACK.replace("tiers = [", &format!("{limits}\ntiers = [")));
    assert_eq!(
        limits("max_staleness = '5m'\nmax_load = 5\nmax_memory = 1").len(),
        2,
        "both of memory"
    );
    assert_eq!(
        limits("max_staleness = '5s'"),
        [
            "text:7:1: broken limit: region `users`: `max_staleness` of 5s is declared, and values get 5m old"
        ]
    );
    assert_eq!(
        limits("max_load = 4.5"),
        [
            "text:7:1: broken limit: region `users`: `max_load` of 4.5 is declared, and a key is computed 5 times as often as its expiration alone asks for"
        ]
    );
    let bytes = "[regions.a]\nbackend = 'memory_bytes'\narguments.capacity = '2MiB'\nmax_memory = ";
    assert_eq!(findings(&format!("{bytes}'2MiB'\n")), [""; 0]);
    assert_eq!(
        findings(&format!("{bytes}'1MiB'\n")),
        [
            "text:4:1: broken limit: region `a`: `max_memory` of 1MiB is declared, and the tiers take 2MiB"
        ]
    );
    assert_eq!(
        findings("[regions.a]\nbackend = 'memory'\narguments.entries = 1\nmax_staleness = '1h'\n"),
        [
            "text:4:1: broken limit: region `a`: `max_staleness` of 1h is declared, and values get without limit old"
        ]
    );
}

#[test]
fn mistakes_are_advice_too() {
    let advice = advise(
        "[regions.a]\nexpiration = '1m'\nasync_ttl = '2m'\nsigning = 'on'\nbackend = 'null'\n",
    );
    assert!(advice.regions.is_empty());
    assert!(advice.findings.iter().all(|finding| finding.kind == FindingKind::Mistake));
    let lines: Vec<String> = advice.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "text:3:13: mistake: `async_ttl` of region `a` is 120s, which is not below its expiration of 60s: values would expire before they are refreshed",
            "text:4:11: mistake: signing without a key: give `signing_key`",
        ]
    );
}

#[test]
fn what_defaults_say_for_all_is_no_contradiction_of_one() {
    let text = "[defaults]\ncodec = 'json'\ntag_lag = '1h'\n[regions.a]\nbackend = 'memory'\narguments.entries = 1\nexpiration = 5\n";
    assert_eq!(findings(text), [""; 0]);
}
