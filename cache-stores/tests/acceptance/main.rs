//! The acceptance sentences F1 to F24, each over memory, files, Redis and S3.

mod changing;
mod composed;
mod handles;
mod keeping;
mod pair;
mod reading;
#[path = "../stand/mod.rs"]
mod stand;
mod writing;

/// Each of these over each pair of stores.
macro_rules! over {
    ($($pair:ident: $local:ident, $remote:ident;)*) => {$(
        mod $pair {
            crate::each!($local, $remote);
        }
    )*};
}

/// Each of these over one pair.
macro_rules! each {
    ($local:ident, $remote:ident) => {
        crate::sentences! { $local, $remote;
            reading: f1_the_first_read_fetches_and_keeps_and_the_second_does_not_touch_the_remote;
            reading: f2_at_its_ttl_a_copy_is_asked_for_and_renewed;
            reading: f8_a_copy_whose_data_are_missing_is_fetched_again;
            reading: f9_a_refresh_reads_the_remote_and_renews_the_copy;
            reading: f11_not_found_refused_and_broken_and_empty_are_four_things;
            reading: f12_trouble_of_the_local_store_is_counted_and_the_data_come_from_the_remote;
            reading: f13_a_stale_copy_stands_in_for_a_remote_that_is_away_where_that_is_wanted;
            reading: f19_many_first_readers_are_one_request;
            keeping: f3_fifo_keeps_the_newest_by_insertion;
            keeping: f4_what_is_evicted_or_expired_is_deleted_from_the_local_store;
            keeping: f20_the_status_lists_what_is_kept_with_age_in_order;
            keeping: f22_an_index_on_disk_serves_and_evicts_after_a_restart;
            writing: f5_a_write_goes_to_the_remote_then_to_the_local_store;
            writing: f6_a_failed_write_changes_nothing_and_is_told;
            writing: f7_a_delete_removes_it_everywhere;
            writing: f10_text_bytes_and_nothing_come_back_as_they_were;
            changing: f17_no_reader_sees_a_torn_object;
            composed: f14_without_an_index_the_local_store_decides;
            composed: f18_three_levels_are_one_store;
            composed: f21_a_store_of_three_functions_works_in_any_position;
            handles: f15_open_asks_nothing_and_a_handle_is_a_stream;
            handles: f16_paths_have_folders_and_cannot_leave_the_root;
            handles: f17_a_temporary_store_leaves_nothing;
            handles: f24_a_read_tells_success_cached_error_and_size;
        }
    };
}

macro_rules! sentences {
    ($local:ident, $remote:ident; $($file:ident: $sentence:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $sentence() {
            use crate::{pair::Pair, stand::Side};
            let pair = Pair::new(Side::$local(), Side::$remote());
            crate::pair::limited(crate::$file::$sentence(pair)).await;
        }
    )*};
}

use {each, sentences};

over! {
    memory_over_memory: memory, memory;
    disk_over_memory: disk, memory;
    redis_over_memory: redis, memory;
    memory_over_disk: memory, disk;
    disk_over_disk: disk, disk;
    memory_over_redis: memory, redis;
    disk_over_redis: disk, redis;
    memory_over_s3: memory, s3;
    disk_over_s3: disk, s3;
    redis_over_s3: redis, s3;
}
