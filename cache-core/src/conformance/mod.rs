//! The client contract as a suite: what every client does, as tests that its author calls.
//!
//! A [`Harness`] says how to open the client's caches and how to let time pass;
//! [`conformance_tests!`](crate::conformance_tests) writes one `#[test]` for each behaviour, and
//! [`run`] checks them all in one go. Behaviours that a client declares itself unable of are passed
//! over. The numbers in the names are those of larder's acceptance lists.
//!
//! ```
//! use cache_core::conformance::{Harness, run};
//! use cache_core::{Budget, ManualClock, Near, TableOptions};
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex};
//!
//! // A client whose namespaces are caches in a map.
//! let (time, budget) = (ManualClock::new(), Budget::entries(100));
//! let (clock, caches) = (time.clock(), Mutex::new(HashMap::new()));
//! let open = move |name: &str| {
//!     let make = || Near::new(TableOptions::new(budget.clone(), clock.clone()));
//!     caches.lock().unwrap().entry(name.to_owned()).or_insert_with(make).clone()
//! };
//! run(&Harness::new(open, move |by| time.advance(by)));
//! ```

#![allow(clippy::unwrap_used, reason = "a suite of tests says by panicking what failed")]

mod basics;
mod batches;
mod explain;
mod flights;
mod gate;
mod harness;
mod leases;
mod namespaces;
mod tags;
mod times;

pub use basics::*;
pub use batches::*;
pub use explain::*;
pub use flights::*;
pub use harness::{Ability, Harness, Subject};
pub use leases::*;
pub use namespaces::*;
pub use tags::*;
pub use times::*;

/// Writes one `#[test]` for each behaviour of the client contract. The argument is an expression
/// that makes a [`Harness`], anew for each test.
///
/// ```
/// # fn main() {}
/// mod inproc {
///     use cache_core::conformance::Harness;
///     use cache_core::{Budget, Clock, ManualClock, Near, TableOptions};
///     use std::sync::Arc;
///
///     fn harness() -> Harness<Near<String, String>> {
///         let time = ManualClock::new();
///         let clock = time.clock();
///         let open = move |_: &str| {
///             Near::new(TableOptions::new(Budget::entries(100), clock.clone()))
///         };
///         Harness::new(open, move |by| time.advance(by))
///     }
///
///     cache_core::conformance_tests!(harness());
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::conformance_tests! { @each tests $harness }
    };
    (@tests $harness:expr; $($name:ident)*) => {$(
        #[test]
        fn $name() {
            $crate::conformance::$name(&$harness);
        }
    )*};
    (@calls $harness:expr; $($name:ident)*) => {$(
        $crate::conformance::$name($harness);
        $harness.tidy();
    )*};
    (@each $what:ident $harness:expr) => {
        $crate::conformance_tests! { @$what $harness;
            c1_what_was_put_is_found
            c2_an_absent_key_is_a_miss
            c3_a_ttl_of_zero_is_over_at_once
            c4_add_stores_only_where_nothing_lives
            c5_renew_lengthens_and_never_shortens
            c6_contains_tells_live_values_only
            c7_get_ttl_tells_what_is_left
            c8_get_many_answers_in_order
            c9_misses_among_many_are_no_errors
            c10_a_value_with_little_time_left_is_still_found
            c11_delete_removes_that_key_only
            c12_an_expired_value_is_a_miss
            c13_clear_makes_everything_miss
            c14_purge_takes_what_has_been_expired_long_enough
            c16_usage_grows_and_capacity_stays
            c17_a_miss_is_the_same_for_all_reads
            c24_namespaces_and_the_raw_client_are_independent
            c25_clearing_a_namespace_leaves_the_others
            c26_a_second_handle_follows_the_generation_of_the_first
            c27_another_handle_sees_a_clear
            lookups_of_many_keys_come_in_their_order
            puts_and_deletes_of_many_keys_reach_them_all
            an_overwritten_value_lives_as_long_as_the_new_one
            a_refresh_point_makes_a_value_stale_and_not_dead
            an_expired_value_stays_for_grace
            changes_tell_whether_there_was_a_live_value
            a_lease_stores_what_was_missing
            a_lease_is_worthless_after_a_put
            a_lease_is_worthless_after_a_delete
            a_lease_is_worthless_after_an_expire
            a_lease_is_worthless_after_a_clear
            the_lease_of_an_expired_value_replaces_it
            an_explanation_agrees_with_the_lookup
            an_explanation_changes_nothing
            an_explanation_tells_what_is_left
            x1_a_delete_during_a_computation_wins
            x1_an_expire_during_a_computation_wins
            x1_a_clear_during_a_computation_wins
            x1_a_put_during_a_computation_wins
            x1_an_add_during_a_computation_wins
            x1_a_computation_begun_after_the_delete_is_stored
            x1_changes_during_a_batch_win
            x2_a_failing_computation_is_never_run_twice_at_a_time
            x3_a_dropped_leader_loses_no_work
            x3_a_leader_dropped_alone_is_joined_by_the_next
            x3_a_leader_that_is_not_polled_stops_nobody
            x4_a_panic_is_the_leaders_and_the_next_computes
            x7_a_computation_that_asks_for_itself_is_an_error
            x8_results_that_are_not_stored_do_not_queue
            x18_a_ttl_without_end_does_not_end
            x18_a_ttl_of_a_millisecond_ends
            x20_a_batch_computes_only_what_is_missing
            x20_a_batch_computes_duplicates_once
            x20_a_batch_waits_for_keys_that_others_compute
            x20_a_failed_key_of_a_batch_is_free_again
            x20_a_panic_in_a_batch_frees_all_its_keys
            x20_crossed_batches_do_not_wait_in_a_circle
            a_value_lives_as_long_as_all_its_tags
            a_soft_invalidation_makes_values_stale
            x1_a_tag_invalidated_during_a_computation_wins
            tags_stay_with_their_value
        }
    };
}

/// Checks every behaviour; panics at the first that fails.
pub fn run<C: Subject>(harness: &Harness<C>) {
    crate::conformance_tests! { @each calls harness }
}
