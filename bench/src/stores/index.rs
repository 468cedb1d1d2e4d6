//! An index of a million objects: how long it takes to open, and how much memory an object takes in it.

use super::{measured, runtime, status, text};
use crate::options::Options;
use crate::report::{Cell, Row};
use cache_stores::CachedStore;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};
use std::fmt;
use std::path::Path as Folder;
use std::time::{Instant, UNIX_EPOCH};

const OBJECTS: u64 = 1_000_000;
const GOAL_SECONDS: f64 = 2.0;
const GOAL_BYTES: f64 = 200.0;

pub fn run(options: &Options) -> std::result::Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let place = folder.path().display();
    let filled = measured(&[&"fill", &place, &OBJECTS])?;
    let rounds = options.rounds(5, 2);
    let (mut seconds, mut bytes) = (Vec::new(), Vec::new());
    let mut found = 0.0;
    for _ in 0..rounds {
        let numbers = measured(&[&"open", &place])?;
        let &[took, held, objects] = numbers.as_slice() else {
            return Err(format!("an opened index said {numbers:?}"));
        };
        seconds.push(took);
        bytes.push(held / objects.max(1.0));
        found = objects;
    }
    let size: u64 = std::fs::read_dir(folder.path())
        .map_err(text)?
        .flatten()
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum();
    let row = Row {
        bench: "stores_index",
        system: "larder",
        variant: "paths of 36 bytes, e_tags of 34".to_owned(),
        key: "path",
        threads: 1,
        cells: vec![
            ("rounds", Cell::Count(rounds as u64)),
            ("objects", Cell::Number(found, 0)),
            ("open_s", Cell::Number(crate::measured::quantile(&seconds, 0.5), 2)),
            ("worst_s", Cell::Number(crate::measured::quantile(&seconds, 1.0), 2)),
            ("goal_s", Cell::Number(GOAL_SECONDS, 0)),
            ("bytes_each", Cell::Number(crate::measured::quantile(&bytes, 1.0), 0)),
            ("goal_bytes", Cell::Number(GOAL_BYTES, 0)),
            ("file_mib", Cell::Number(size as f64 / f64::from(1 << 20), 0)),
            ("filled_in_s", filled.first().map_or(Cell::Nothing, |n| Cell::Number(*n, 0))),
        ],
    };
    options.report.table("index of a million objects", &[row]);
    Ok(())
}

fn path(n: u64) -> Path {
    Path::from(format!("data/2026/11/part-{n:010}.parquet"))
}

/// The child that fills it: a million reads of small objects through the public face.
pub fn fill(args: &[String]) -> std::result::Result<(), String> {
    let [folder, objects] = args else { return Err("a folder and a number are needed".to_owned()) };
    let objects: u64 = objects.parse().map_err(text)?;
    let began = Instant::now();
    let store = open_at(Folder::new(folder))?;
    runtime()?.block_on(async {
        let reads = stream::iter(0..objects).map(|n| {
            let store = store.clone();
            async move { store.get(&path(n)).await?.bytes().await }
        });
        let mut reads = reads.buffer_unordered(64);
        while let Some(read) = reads.next().await {
            read.map_err(text)?;
        }
        // What is kept is kept beside the readers.
        while store.stats().objects < objects || store.status().iter().any(|one| !one.is_complete())
        {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok::<(), String>(())
    })?;
    drop(store);
    println!("{}", began.elapsed().as_secs_f64());
    Ok(())
}

/// The child that opens it: seconds, bytes that this process grew by, and objects.
pub fn open(args: &[String]) -> std::result::Result<(), String> {
    let [folder] = args else { return Err("a folder is needed".to_owned()) };
    let before = status("VmRSS")?;
    let began = Instant::now();
    let store = open_at(Folder::new(folder))?;
    let took = began.elapsed().as_secs_f64();
    let grown = status("VmRSS")?.saturating_sub(before) * 1024;
    println!("{took} {grown} {}", store.stats().objects);
    Ok(())
}

/// Nothing but the index is on disk: the local store is a memory, which an opened index does not look at.
fn open_at(folder: &Folder) -> std::result::Result<CachedStore, String> {
    CachedStore::new(InMemory::new(), Everything).index(folder).build().map_err(text)
}

/// A remote that has every object: eight bytes, with an e_tag as S3 gives it.
#[derive(Debug)]
struct Everything;

impl fmt::Display for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Everything")
    }
}

fn cannot<T>(operation: &str) -> Result<T> {
    Err(Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "Everything".to_owned(),
    })
}

#[async_trait::async_trait]
impl ObjectStore for Everything {
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let digest = foldhash::fast::FixedState::default();
        let tag = std::hash::BuildHasher::hash_one(&digest, path.as_ref());
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: UNIX_EPOCH.into(),
            size: 8,
            e_tag: Some(format!("\"{tag:016x}{:016x}\"", tag.rotate_left(29))),
            version: None,
        };
        options.check_preconditions(&meta)?;
        let data = bytes::Bytes::copy_from_slice(&tag.to_le_bytes());
        let payload = GetResultPayload::Stream(stream::once(async { Ok(data) }).boxed());
        let (attributes, extensions) = (Attributes::new(), Default::default());
        Ok(GetResult { payload, meta, range: 0..8, attributes, extensions })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        cannot("put")
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        cannot("put_multipart")
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        stream::once(async { cannot("delete") }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { cannot("list") }).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        cannot("list")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        cannot("copy")
    }
}
