//! When the far side is away: slow, silent, cut off, garbled, gone, and back again (C35, X14, X15).
#![cfg(all(feature = "memcached", feature = "redis", feature = "files"))]

mod changes;
#[path = "../far/mod.rs"]
mod far;
mod reads;
mod stand;
mod tags;

use far::Opened;
use larder::encoded::EncodedOptions;
use larder::{cached, wait};
use larder_test_servers::Fault;
use stand::{DEADLINE, Stand, key, until, within};
use std::sync::LazyLock;

/// Each of these over each kind of server.
macro_rules! everywhere {
    ($($part:ident::$test:ident)*) => {
        mod memcached { $(#[test] fn $test() { crate::$part::$test(&crate::stand::Stand::memcached()); })* }
        mod redis { $(#[test] fn $test() { crate::$part::$test(&crate::stand::Stand::redis()); })* }
    };
}

everywhere! {
    reads::under_every_fault_callers_get_what_they_compute_and_nobody_waits_beyond_the_deadline
    reads::x15_a_slow_server_is_used_and_one_too_slow_is_a_miss_in_time
    reads::x15_a_tier_waits_no_longer_for_its_far_side_than_it_was_told
    reads::c35_what_the_near_tier_has_is_answered_at_once_whatever_the_far_one_does
    changes::writes_to_a_server_that_is_away_are_dropped_and_counted
    changes::x14_a_value_written_while_the_server_is_away_never_meets_one_that_others_wrote
    changes::x14_a_result_computed_while_the_server_is_away_does_not_overwrite_what_others_wrote
    changes::an_invalidation_is_delivered_on_return_before_a_read_is_trusted
    changes::an_expiry_is_delivered_on_return_before_a_read_is_trusted
    changes::a_clear_is_delivered_on_return_before_a_read_is_trusted
    changes::more_invalidations_than_are_kept_forget_the_whole_namespace
    changes::an_invalidation_of_a_far_side_that_is_away_forgets_the_near_copy
    changes::a_strict_client_says_who_is_unreachable
    tags::x14_an_invalidated_tag_is_delivered_on_return_before_a_value_is_trusted
    tags::a_value_whose_tags_cannot_be_captured_is_computed_and_not_stored
    reads::wrong_bytes_are_never_a_wrong_value
    reads::an_answer_that_ends_early_is_a_miss_at_whatever_byte
    reads::a_server_that_was_stopped_is_used_again_by_itself
    reads::a_frozen_server_holds_up_nobody_beyond_the_deadline
    reads::cuts_under_load_are_misses_and_nothing_else
}

/// The decorated function, whose client must be a static.
macro_rules! decorated {
    ($name:ident, $kind:ident) => {
        #[test]
        fn $name() {
            static STAND: LazyLock<Stand> = LazyLock::new(Stand::$kind);
            static CLIENT: LazyLock<Opened> = LazyLock::new(|| STAND.client(EncodedOptions::new()));
            #[cached(client = CLIENT, ttl = "1h")]
            fn shout(text: &str) -> String {
                text.to_uppercase()
            }
            #[cached(client = CLIENT, ttl = "1h")]
            async fn whisper(text: &str) -> String {
                text.to_lowercase()
            }
            #[cached(client = CLIENT, ttl = "1h", tags = ["text:{text}"])]
            fn tagged(text: &str) -> String {
                text.repeat(2)
            }
            // A look, a capture of the tag, a lease given back.
            let tag = |text: &str| within(text, 6 * DEADLINE, || tagged(text));
            assert_eq!(tag("a"), "aa");
            assert_eq!(tagged::peek("a").as_deref(), Some("aa"));
            let call = |text: &str| within(text, 3 * DEADLINE, || shout(text));
            let wait_for = |text: &str| within(text, 3 * DEADLINE, || wait(whisper(text)));
            assert_eq!((call("a"), wait_for("A")), ("A".to_owned(), "a".to_owned()));
            assert_eq!(
                (shout::peek("a"), wait(whisper::peek("A"))),
                (Some(key("A")), Some(key("a")))
            );
            for fault in [Fault::Refuse, Fault::Hang, Fault::CloseAfter(0)] {
                STAND.proxy.set(fault);
                STAND.proxy.cut();
                let (sync, asynchronous) = (shout::stats(), whisper::stats());
                assert_eq!((call("a"), wait_for("A")), ("A".to_owned(), "a".to_owned()));
                assert_eq!(within("peek", DEADLINE, || shout::peek("a")), None);
                assert_eq!(tag("a"), "aa");
                assert!(shout::stats().misses.unreachable > sync.misses.unreachable);
                assert!(whisper::stats().misses.unreachable > asynchronous.misses.unreachable);
                STAND.back();
                until("it is found again", || shout::peek("a").is_some());
                until("it is found again", || wait(whisper::peek("A")).is_some());
            }
        }
    };
}

decorated!(a_function_over_a_memcached_that_is_away_computes, memcached);
decorated!(a_function_over_a_redis_that_is_away_computes, redis);
