//! What the tests share: real stores for either side, and a wrapper that counts and breaks.

pub(crate) mod watched;

use larder_test_servers::{Bucket, Moto};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3CopyIfNotExists};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A store for one side.
pub(crate) type Store = Arc<dyn ObjectStore>;

/// A store, and what must live as long.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) store: Store,
    folder: Option<Arc<TempDir>>,
}

impl Side {
    pub(crate) fn memory() -> Self {
        Side { store: Arc::new(InMemory::new()), folder: None }
    }

    pub(crate) fn disk() -> Self {
        let folder = folder();
        Side { store: disk(folder.path()), folder: Some(Arc::new(folder)) }
    }

    /// A bucket of its own.
    pub(crate) fn s3() -> Self {
        Side { store: Arc::new(s3(&Moto::shared().bucket())), folder: None }
    }
}

pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("larder-").tempdir().unwrap()
}

/// Files below a folder.
pub(crate) fn disk(folder: &Path) -> Store {
    Arc::new(LocalFileSystem::new_with_prefix(folder).unwrap())
}

pub(crate) fn s3(bucket: &Bucket) -> AmazonS3 {
    s3_at(bucket, &bucket.endpoint())
}

/// The bucket, at another address: that of a proxy. It gives up soon where nobody answers.
pub(crate) fn s3_at(bucket: &Bucket, endpoint: &str) -> AmazonS3 {
    let retry = RetryConfig {
        max_retries: 2,
        retry_timeout: Duration::from_secs(2),
        ..RetryConfig::default()
    };
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket.name())
        .with_region("us-east-1")
        .with_access_key_id("larder")
        .with_secret_access_key("larder")
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_retry(retry)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .build()
        .unwrap()
}
