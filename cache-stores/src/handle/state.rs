//! What a handle is: a position, the version that it reads, and the read or the write in progress.
//!
//! Written once, to be polled: the async handle polls it in its task, the sync one parks its thread.

use super::error::io_error;
use super::info::{Info, Opened, Origin};
use super::order::Order;
use super::pump::Start;
use super::reading::{Reading, Step};
use super::writing::{self, Target, Writing};
use crate::runtime;
use bytes::Bytes;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutOptions, PutPayload, PutResult,
    Result,
};
use std::future::poll_fn;
use std::io::{self, ErrorKind, SeekFrom};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[derive(Debug)]
pub(super) struct State {
    target: Target,
    position: u64,
    /// The version of which bytes were given.
    version: Option<ObjectMeta>,
    reading: Option<Reading>,
    writing: Option<Writing>,
    seeking: Option<Seeking>,
    info: Option<Info>,
    refresh: bool,
}

/// A seek from an end that has to be asked for.
struct Seeking {
    by: i64,
    size: BoxFuture<'static, Result<Opened>>,
}

impl State {
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        let options = PutOptions::default();
        State {
            target: Target { store, path, options, part: writing::PART, order: Order::default() },
            position: 0,
            version: None,
            reading: None,
            writing: None,
            seeking: None,
            info: None,
            refresh: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.target.path
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn info(&self) -> Option<&Info> {
        self.info.as_ref()
    }

    /// For writes that begin after this.
    pub(super) fn set_options(&mut self, options: PutOptions) {
        self.target.options = options;
        self.retarget();
    }

    pub(super) fn set_part(&mut self, bytes: usize) {
        self.target.part = bytes.max(writing::LEAST_PART);
        self.retarget();
    }

    fn retarget(&mut self) {
        if let Some(writing) = &mut self.writing {
            writing.retarget(self.target.clone());
        }
    }

    /// Begins a write before there is anything to write.
    pub(super) fn create(&mut self) {
        self.writing = Some(Writing::begin(self.target.clone()));
    }

    /// The next read is of the newest version, from the remote.
    pub(super) fn refresh(&mut self) {
        (self.version, self.reading, self.refresh) = (None, None, true);
        self.seeking = None;
    }

    // Reading.

    /// Until [`bytes`](Self::bytes) has the next ones; none: the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Err(error) = self.readable() {
            return Poll::Ready(Err(error));
        }
        // One that nobody waits for any more would move the position later, perhaps of another version.
        self.seeking = None;
        if self.is_at_end() {
            return Poll::Ready(Ok(()));
        }
        let filled = ready!(self.poll_stream(context));
        if let Err(error) = &filled {
            self.reading = None;
            self.info = Some(Info::failure(self.info.take(), error));
        }
        Poll::Ready(filled)
    }

    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let position = self.position;
        if !self.reading.as_ref().is_some_and(|reading| reading.reaches(position)) {
            self.reading = None;
        }
        if self.reading.is_none() {
            self.info = None;
        }
        loop {
            let reading = match &mut self.reading {
                Some(reading) => reading,
                none => none.insert(Reading::begin(start(&self.target, self.refresh, position))),
            };
            match ready!(reading.poll(context, position)) {
                Ok(Step::Bytes | Step::End) => return Poll::Ready(Ok(())),
                Ok(Step::Opened(opened)) => self.opened(*opened)?,
                Err(error) => return Poll::Ready(Err(io_error(error))),
            }
        }
    }

    fn opened(&mut self, opened: Opened) -> io::Result<()> {
        if let Some(version) = &self.version
            && !is_same(version, &opened.meta)
        {
            let path = self.target.path.to_string();
            let source = "it was changed since this handle began to read it".into();
            return Err(io_error(Error::Precondition { path, source }));
        }
        self.info = Some(Info::success(&opened));
        self.version = Some(opened.meta);
        self.refresh = false;
        Ok(())
    }

    /// The next bytes, after [`poll_fill`](Self::poll_fill).
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.reading {
            Some(reading) if reading.is_at(self.position) => reading.bytes(),
            _ => &[],
        }
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        (self.position, self.seeking) = (self.position + bytes as u64, None);
        if let Some(reading) = &mut self.reading {
            reading.skip_to(self.position);
        }
    }

    fn is_at_end(&self) -> bool {
        self.version.as_ref().is_some_and(|version| self.position >= version.size)
    }

    fn readable(&self) -> io::Result<()> {
        match self.writing {
            None => Ok(()),
            Some(_) => Err(self.refused("is being written by this handle: `close` it first")),
        }
    }

    fn refused(&self, why: &str) -> io::Error {
        let what = format!("`{}` {why}", self.target.path);
        io_error(Error::NotSupported { source: what.into() })
    }

    // Seeking.

    pub(super) fn start_seek(&mut self, to: SeekFrom) -> io::Result<()> {
        self.seeking = None;
        let position = match (to, &self.version) {
            (SeekFrom::Start(position), _) => position,
            (SeekFrom::Current(by), _) => self.moved(self.position, by)?,
            (SeekFrom::End(by), Some(version)) => self.moved(version.size, by)?,
            (SeekFrom::End(by), None) => {
                self.readable()?;
                let size = Box::pin(head(self.target.clone(), self.get_options()));
                self.seeking = Some(Seeking { by, size });
                return Ok(());
            }
        };
        self.moved_to(position)
    }

    pub(super) fn poll_seek(&mut self, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if let Some(seeking) = &mut self.seeking {
            let head = ready!(seeking.size.as_mut().poll(context));
            let by = seeking.by;
            self.seeking = None;
            let opened = head.map_err(io_error)?;
            let position = self.moved(opened.meta.size, by)?;
            self.version = Some(opened.meta);
            self.moved_to(position)?;
        }
        Poll::Ready(Ok(self.position))
    }

    fn moved(&self, from: u64, by: i64) -> io::Result<u64> {
        from.checked_add_signed(by).ok_or_else(|| {
            let path = &self.target.path;
            let what = format!("a seek in `{path}` by {by} from {from} leads before its beginning");
            io::Error::new(ErrorKind::InvalidInput, what)
        })
    }

    fn moved_to(&mut self, position: u64) -> io::Result<()> {
        if position != self.position {
            self.readable()?;
            self.position = position;
        }
        Ok(())
    }

    // Writing.

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.writing.is_none() && self.position > 0 {
            let why = "is replaced as a whole by a write, which begins at 0: `rewind` first; nothing can be appended";
            return Poll::Ready(Err(self.refused(why)));
        }
        (self.reading, self.seeking) = (None, None);
        let target = &self.target;
        let writing = self.writing.get_or_insert_with(|| Writing::begin(target.clone()));
        let written = ready!(writing.poll_write(context, bytes)).map_err(io_error)?;
        self.position += written as u64;
        Poll::Ready(Ok(written))
    }

    /// Nothing happens if nothing is being written.
    pub(super) fn poll_close(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<PutResult>>> {
        let Some(writing) = &mut self.writing else { return Poll::Ready(Ok(None)) };
        let put = ready!(writing.poll_close(context));
        self.rewritten();
        Poll::Ready(put.map(Some).map_err(io_error))
    }

    /// Forgets a write in progress.
    pub(super) fn abort(&mut self) {
        if self.writing.is_some() {
            self.rewritten();
        }
    }

    fn rewritten(&mut self) {
        (self.writing, self.reading, self.version, self.position) = (None, None, None, 0);
        self.seeking = None;
    }

    // The object as a whole.

    pub(super) async fn put(&mut self, payload: PutPayload) -> io::Result<PutResult> {
        self.readable()?;
        let put = writing::put(self.target.clone(), payload).await.map_err(io_error)?;
        self.rewritten();
        Ok(put)
    }

    pub(super) async fn read_all(&mut self) -> io::Result<Bytes> {
        self.readable()?;
        self.info = None;
        let (Target { store, path, .. }, options) = (self.target.clone(), self.get_options());
        let read = on_the_stores_threads(async move {
            let result = store.get_opts(&path, options).await?;
            let opened = Opened::of(&result);
            Ok((opened, result.bytes().await?))
        });
        match read.await {
            Ok((opened, bytes)) => {
                self.refresh = false;
                self.info = Some(Info::success(&opened));
                Ok(bytes)
            }
            Err(error) => {
                let error = io_error(error);
                self.info = Some(Info::failure(None, &error));
                Err(error)
            }
        }
    }

    pub(super) async fn stat(&mut self) -> io::Result<Opened> {
        head(self.target.clone(), self.get_options()).await.map_err(io_error)
    }

    pub(super) async fn delete(&mut self) -> io::Result<()> {
        self.readable()?;
        let Target { store, path, order, .. } = self.target.clone();
        let mut place = order.place();
        let delete = on_the_stores_threads(async move {
            place.reached().await;
            store.delete(&path).await
        });
        delete.await.map_err(io_error)?;
        self.rewritten();
        Ok(())
    }

    fn get_options(&self) -> GetOptions {
        Origin::options(self.refresh)
    }

    pub(super) async fn close(&mut self) -> io::Result<Option<PutResult>> {
        poll_fn(|context| self.poll_close(context)).await
    }
}

fn start(target: &Target, refresh: bool, offset: u64) -> Start {
    let options = Origin::options(refresh);
    Start { store: target.store.clone(), path: target.path.clone(), options, offset }
}

async fn head(target: Target, options: GetOptions) -> Result<Opened> {
    let Target { store, path, .. } = target;
    let options = options.with_head(true);
    on_the_stores_threads(async move {
        store.get_opts(&path, options).await.map(|result| Opened::of(&result))
    })
    .await
}

/// So that the caller needs no runtime.
async fn on_the_stores_threads<T: Send + 'static>(
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let panicked = || Error::Generic { store: "handle", source: "the store panicked".into() };
    runtime::run(future).await.unwrap_or_else(|| Err(panicked()))
}

/// Whether bytes of one may follow those of the other.
fn is_same(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    match (&one.e_tag, &other.e_tag) {
        (Some(one), Some(other)) => one == other,
        _ => one.size == other.size && one.last_modified == other.last_modified,
    }
}

impl std::fmt::Debug for Seeking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seeking").field("by", &self.by).finish_non_exhaustive()
    }
}
