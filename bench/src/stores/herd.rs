//! 64 readers of one cold object of 100 MiB: one request, and nobody waits for anything but the first byte.

use super::server::{Sends, Server, client};
use super::{bytes, runtime, text};
use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use cache_stores::CachedStore;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

const READERS: usize = 64;
const LENGTH: usize = 100 << 20;
const PATH: &str = "data/wanted";
const GOAL_MS: f64 = 50.0;

pub fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let server = Server::start(folder.path(), Sends::Blocks)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let all = bytes(LENGTH);
        client(server.port)?.put(&Path::from(PATH), all.into()).await.map_err(text)
    })?;
    let rounds = options.rounds(9, 3);
    let mut herds = Vec::new();
    for _ in 0..rounds {
        herds.push(runtime.block_on(herd(server.port))?);
    }
    let most = |of: fn(&Herd) -> f64| herds.iter().map(of).fold(0.0, f64::max);
    let middle = |of: fn(&Herd) -> f64| quantile(&herds.iter().map(of).collect::<Vec<_>>(), 0.5);
    let row = Row {
        bench: "stores_herd",
        system: "larder",
        variant: format!("{READERS} readers, cold"),
        key: "path",
        threads: READERS,
        cells: vec![
            ("rounds", Cell::Count(rounds as u64)),
            ("requests", Cell::Number(most(|herd| herd.requests), 0)),
            ("goal_requests", Cell::Count(1)),
            ("fetched_mib", Cell::Number(most(|herd| herd.fetched), 0)),
            ("last_first_byte_ms", Cell::Number(middle(|herd| herd.last), 1)),
            ("worst_ms", Cell::Number(most(|herd| herd.last), 1)),
            ("goal_ms", Cell::Number(GOAL_MS, 0)),
            ("all_read_ms", Cell::Number(middle(|herd| herd.whole), 0)),
        ],
    };
    options.report.table("64 readers of one cold object of 100 MiB", &[row]);
    options.report.note("`last first byte`: of the 64 readers' first bytes the last one, after the first byte of the remote; `worst`: in the worst round.");
    Ok(())
}

struct Herd {
    requests: f64,
    fetched: f64,
    /// Milliseconds from the remote's first byte to the last reader's first.
    last: f64,
    whole: f64,
}

async fn herd(port: u16) -> std::result::Result<Herd, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let asked = Arc::new(Asked::default());
    let remote = Timed { inner: client(port)?, asked: Arc::clone(&asked) };
    let store = CachedStore::on_disk(folder.path(), remote).build().map_err(text)?;
    let began = Instant::now();
    let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(read(store.clone()))).collect();
    let mut firsts = Vec::new();
    for reader in readers {
        firsts.push(reader.await.map_err(text)??);
    }
    let whole = began.elapsed().as_secs_f64() * 1e3;
    let remote = *asked.first.get().ok_or("the remote was not asked")?;
    let last = firsts.into_iter().max().ok_or("nobody read")?;
    Ok(Herd {
        requests: asked.requests.load(SeqCst) as f64,
        fetched: asked.bytes.load(SeqCst) as f64 / f64::from(1 << 20),
        last: last.saturating_duration_since(remote).as_secs_f64() * 1e3,
        whole,
    })
}

/// When its first byte came; it reads all.
async fn read(store: CachedStore) -> std::result::Result<Instant, String> {
    let mut body = store.get(&Path::from(PATH)).await.map_err(text)?.into_stream();
    let (mut length, mut first) = (0, None);
    while let Some(piece) = body.next().await {
        first.get_or_insert_with(Instant::now);
        length += piece.map_err(text)?.len();
    }
    match first {
        Some(first) if length == LENGTH => Ok(first),
        _ => Err(format!("{length} bytes were read")),
    }
}

/// What came from the remote, and when the first of it.
#[derive(Debug, Default)]
struct Asked {
    requests: AtomicU64,
    bytes: AtomicU64,
    first: OnceLock<Instant>,
}

/// A remote with a look at the clock.
#[derive(Debug)]
struct Timed<S> {
    inner: S,
    asked: Arc<Asked>,
}

impl<S: ObjectStore> fmt::Display for Timed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timed({})", self.inner)
    }
}

#[async_trait::async_trait]
impl<S: ObjectStore> ObjectStore for Timed<S> {
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.asked.requests.fetch_add(1, SeqCst);
        let mut result = self.inner.get_opts(path, options).await?;
        let asked = Arc::clone(&self.asked);
        let GetResultPayload::Stream(body) = result.payload else { return Ok(result) };
        let body = body.inspect(move |piece| {
            asked.first.get_or_init(Instant::now);
            asked.bytes.fetch_add(piece.as_ref().map_or(0, |piece| piece.len() as u64), SeqCst);
        });
        result.payload = GetResultPayload::Stream(body.boxed());
        Ok(result)
    }

    async fn put_opts(
        &self,
        path: &Path,
        data: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(path, data, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
