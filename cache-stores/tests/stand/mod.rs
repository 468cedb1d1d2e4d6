//! What the tests share: real stores for either side, and a wrapper that counts and breaks.
#![allow(dead_code, reason = "each test program takes its part")]

pub(crate) mod life;
pub(crate) mod watched;

use cache_clients::redis::RedisOptions;
use cache_stores::ClientStore;
use larder_test_servers::{Bucket, Moto, Redis};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3CopyIfNotExists};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A store for one side.
pub(crate) type Store = Arc<dyn ObjectStore>;

/// What a store is in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Disk,
    Redis,
    S3,
}

/// A store, and what must live as long.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) kind: Kind,
    pub(crate) store: Store,
    folder: Option<Arc<TempDir>>,
    server: Option<Arc<Redis>>,
}

impl Side {
    pub(crate) fn of(store: impl ObjectStore, kind: Kind) -> Self {
        Side { kind, store: Arc::new(store), folder: None, server: None }
    }

    pub(crate) fn memory() -> Self {
        Side::of(InMemory::new(), Kind::Memory)
    }

    pub(crate) fn disk() -> Self {
        let folder = folder();
        let side = Side::of(disk(folder.path()), Kind::Disk);
        Side { folder: Some(Arc::new(folder)), ..side }
    }

    /// A server of its own.
    pub(crate) fn redis() -> Self {
        let server = Redis::start();
        let side = Side::of(client(&server), Kind::Redis);
        Side { server: Some(Arc::new(server)), ..side }
    }

    /// A bucket of its own.
    pub(crate) fn s3() -> Self {
        Side::of(s3(&Moto::shared().bucket()), Kind::S3)
    }

    pub(crate) fn server(&self) -> Option<&Redis> {
        self.server.as_deref()
    }

    /// Where its files lie.
    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().expect("files").path()
    }
}

/// Redis as a store, through larder's client of it.
pub(crate) fn client(server: &Redis) -> ClientStore {
    // Longer than a busy machine takes.
    let limit = Duration::from_secs(30);
    let options = RedisOptions::new(server.url())
        .with_connect_timeout(limit)
        .with_response_timeout(limit)
        .with_deadline(limit);
    ClientStore::new(cache_clients::redis::Redis::new(options).unwrap())
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

/// All files below a folder, with their bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(meta) if meta.is_dir() => found.extend(files(&path)),
            Ok(meta) => found.push((path, meta.len())),
            // Deleted meanwhile.
            Err(_) => {}
        }
    }
    found
}
