//! Acceptance sentences over each real server by itself: memcached, redis, files. The envelope's times
//! count, by a clock in hand.
#![cfg(all(feature = "memcached", feature = "redis", feature = "files"))]

#[path = "../common/between.rs"]
mod between;
mod explain;
mod lag;
mod meanwhile;
mod pages;
mod renewals;
mod stand;
#[path = "../common/steps.rs"]
mod steps;
mod tags;
mod tiers;
mod values;

/// Each of these over each kind of server.
macro_rules! everywhere {
    ($($part:ident::$test:ident)*) => {
        mod memcached { $(#[test] fn $test() { crate::$part::$test(&crate::stand::memcached()); })* }
        mod redis { $(#[test] fn $test() { crate::$part::$test(&crate::stand::redis()); })* }
        mod files { $(#[test] fn $test() { crate::$part::$test(&crate::stand::files()); })* }
    };
}

everywhere! {
    explain::the_life_of_a_value_is_told
    explain::what_is_gone_is_told_by_what_this_process_remembers
    explain::damage_and_other_schemas_are_told
    explain::an_explanation_writes_nothing_and_counts_nothing
    explain::a_fenced_result_is_told
    explain::tiers_are_told_one_by_one
    lag::x19_a_delete_reaches_what_was_stored_after_anothers_clear
    lag::x19_many_deletes_reach_what_was_stored_after_anothers_clear
    lag::x19_a_put_is_seen_after_anothers_clear
    lag::x19_many_puts_are_seen_after_anothers_clear
    lag::x19_an_expiry_reaches_what_was_stored_after_anothers_clear
    lag::x19_an_add_sees_what_was_stored_after_anothers_clear
    lag::x19_a_renewal_lengthens_what_was_stored_after_anothers_clear
    lag::x19_what_is_computed_over_an_invalidation_after_anothers_clear_is_fenced
    lag::a_lease_of_before_anothers_clear_stores_nothing_that_is_seen_after_it
    lag::x19_a_late_invalidation_reaches_what_was_stored_after_anothers_clear
    lag::a_change_asks_for_the_generation_once_and_beside_itself
    values::c71_keys_of_any_kind_are_found_again
    values::c74_times_of_every_size_are_kept_and_told_within_a_second
    values::c75_values_of_another_key_unsigned_or_tampered_are_a_miss
    values::c78_other_codecs_and_compressions_keep_the_same_contract
    values::c85_what_is_damaged_is_removed_by_a_plain_read_and_nothing_else_is
    pages::c85_damaged_pages_are_removed_with_what_names_them
    values::x16_altered_truncated_and_foreign_bytes_are_a_miss_with_a_reason
    values::x17_old_and_new_programs_share_a_server
    pages::c72_a_value_of_5_6_mb_is_found_again_and_its_pages_are_freed
    pages::c72_a_lost_page_is_a_miss_whichever_it_is
    pages::c73_values_of_one_two_and_three_pages_are_found_again
    pages::c73_a_renewed_value_of_many_pages_outlives_its_first_ttl
    tiers::c15_the_promote_hook_is_called_once_for_a_promotion
    tiers::c28_a_value_behind_is_returned_and_then_in_front
    tiers::c29_a_put_writes_every_tier_and_one_tier_alone_can_be_written
    tiers::c10_c30_the_nearest_value_that_lives_long_enough_is_taken
    tiers::c31_many_reads_take_the_nearest_that_lasts
    tiers::c32_an_expired_value_in_front_is_replaced_by_a_live_one_behind
    tiers::c33_c34_a_computed_value_is_stored_in_all_tiers_with_the_fraction_of_each
    tiers::c36_x21_promotion_never_lengthens_a_life
    tiers::c79_a_remembered_miss_ends_and_own_writes_are_seen_at_once
    renewals::a_refresh_under_way_is_stored_over_what_was_renewed_meanwhile
    renewals::a_refresh_of_pages_is_stored_over_what_was_renewed_meanwhile
    renewals::a_lease_from_after_a_renewal_stores_too
    renewals::a_renewal_saves_no_refresh_that_something_else_has_fenced
    renewals::a_renewal_of_tiers_brings_nothing_in_front_that_a_refresh_has_replaced
    renewals::what_happens_while_a_renewal_is_on_its_way_stays
    tags::x1_an_invalidated_tag_outdates_what_was_stored_also_elsewhere
    tags::x1_a_tag_that_is_invalidated_during_a_computation_outdates_its_value
    tags::a_softly_invalidated_tag_makes_values_stale_and_one_computes
    tags::x9_an_evicted_record_of_a_tag_fails_closed
    tags::x10_a_value_never_outlives_the_record_of_its_tag
    tags::x19_what_is_filled_while_a_tag_is_invalidated_is_never_older_than_it
    tags::tags_of_a_value_in_pages_are_kept_renewed_and_checked
    tags::whoever_cannot_check_tags_believes_no_value_that_has_some
    tags::x16_altered_tags_are_damage
    tags::many_values_ask_for_their_tags_once
    tags::too_many_and_too_long_tags_are_refused_by_name
    tags::x1_an_invalidated_tag_reaches_the_near_tiers_of_all_within_the_lag
    tags::x1_a_computation_over_tiers_that_a_tag_overtakes_counts_nowhere
    tags::x9_a_near_tier_does_not_hide_that_a_record_was_evicted
    tags::a_softly_invalidated_tag_makes_values_in_tiers_stale
    tags::a_renewal_takes_back_no_invalidation_of_a_tag
    meanwhile::who_comes_after_a_change_does_not_join_what_began_meanwhile
    meanwhile::who_comes_after_a_change_of_tiers_does_not_join_what_began_meanwhile
    meanwhile::what_is_put_after_a_clear_outlives_others_who_deliver_that_clear
    meanwhile::whatever_many_threads_do_at_once_what_is_in_front_is_what_is_behind
    tiers::x1_a_delete_elsewhere_fences_what_a_tier_computes
}
