//! The integration suite of `object_store`, over each pair of stores and in each mode.

#[path = "../stand/mod.rs"]
mod stand;

use object_store::integration;
use object_store::path::Path;
use object_store::{Error, ObjectStore};
use stand::{Side, Store};

/// What the suite asks of a store; `update`: whether its remote knows conditional writes by e_tag.
async fn suite(store: &dyn ObjectStore, update: bool) {
    integration::put_get_delete_list(store).await;
    integration::list_with_offset_exclusivity(store).await;
    integration::get_opts(store).await;
    integration::list_uses_directories_correctly(store).await;
    integration::list_with_delimiter(store).await;
    integration::rename_and_copy(store).await;
    integration::copy_if_not_exists(store).await;
    integration::copy_rename_nonexistent_object(store).await;
    integration::put_get_attributes(store).await;
    integration::put_opts(store, update).await;
}

#[tokio::test]
async fn plain_memory() {
    suite(&*Side::memory().store, true).await;
}

#[tokio::test]
async fn plain_disk() {
    suite(&*Side::disk().store, false).await;
}


#[tokio::test]
async fn s3_put_get_delete_list() { integration::put_get_delete_list(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_list_with_offset_exclusivity() { integration::list_with_offset_exclusivity(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_get_opts() { integration::get_opts(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_list_uses_directories_correctly() { integration::list_uses_directories_correctly(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_list_with_delimiter() { integration::list_with_delimiter(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_rename_and_copy() { integration::rename_and_copy(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_copy_if_not_exists() { integration::copy_if_not_exists(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_copy_rename_nonexistent_object() { integration::copy_rename_nonexistent_object(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_put_get_attributes() { integration::put_get_attributes(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_stream_get() { integration::stream_get(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_multipart_out_of_order() { integration::multipart_out_of_order(&*Side::s3().store).await; }

#[tokio::test]
async fn s3_put_opts() { integration::put_opts(&*Side::s3().store, true).await; }
#[tokio::test]
async fn s3_multipart_race() { integration::multipart_race_condition(&*Side::s3().store, true).await; }
