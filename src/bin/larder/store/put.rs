//! `larder store put`: an object from a file or from standard input, visible when all of it is there.

use super::arguments::Arguments;
use super::failure::{Failure, causes};
use super::input::Input;
use super::progress::Progress;
use super::stop::Stop;
use super::target::{Target, location};
use larder::stores::object_store::path::Path;
use larder::stores::object_store::{self, MultipartUpload, ObjectStoreExt};
use std::io;
use tokio::task::JoinSet;

/// Up to this an object is written in one piece.
const PIECE: u64 = 8 << 20;
/// Parts on their way at a time.
const PARTS: usize = 3;
/// S3 takes no more than 10 000 parts.
const MOST: u64 = 9_000;

pub(super) async fn run(
    arguments: &Arguments,
    target: &Target,
    stop: &Stop,
) -> Result<(), Failure> {
    let path = arguments.path(0)?;
    let location = location(&path)?;
    let name = arguments.paths.get(1).filter(|name| *name != "-");
    let size = match name {
        None => None,
        Some(name) => {
            let failed = |error: io::Error| Failure::file(name.to_string_lossy(), &error);
            let metadata = std::fs::metadata(name).map_err(failed)?;
            if metadata.is_dir() {
                return Err(Failure::Failed(format!("{} is a directory", name.to_string_lossy())));
            }
            metadata.is_file().then_some(metadata.len())
        }
    };
    let progress = Progress::bytes(arguments, &path, size);
    let part = match size {
        Some(size) => PIECE.max(size / MOST + 1),
        // 144 GiB at most.
        None => 2 * PIECE,
    };
    let no_thread = |error: io::Error| Failure::Failed(format!("no thread: {error}"));
    let mut input = Input::begin(name.cloned(), part).map_err(no_thread)?;
    let unread = |signal| {
        Failure::Stopped(signal, format!("nothing of `{path}` was written to {}", target.name))
    };
    let first = stop.or(input.next()).await.map_err(unread)??;
    if (first.len() as u64) < part {
        let length = first.len() as u64;
        let put = stop.or(target.store.put(&location, first.into())).await;
        let put = put.map_err(|signal| {
            let name = &target.name;
            let what =
                format!("`{path}` was being written to {name}: it is there whole, or as it was");
            Failure::Stopped(signal, what)
        })?;
        put.map_err(|error| target.not_written(&path, &error))?;
        progress.add(length);
        return Ok(());
    }
    let parts = Parts { target, location, input, progress, stop };
    parts.put(first).await
}

/// An object that is put in parts.
struct Parts<'a> {
    target: &'a Target,
    location: Path,
    input: Input,
    progress: Progress,
    stop: &'a Stop,
}

impl Parts<'_> {
    async fn put(mut self, first: Vec<u8>) -> Result<(), Failure> {
        let (target, stop, location) = (self.target, self.stop, self.location.clone());
        let failed = |error| target.not_written(&location, &error);
        // Waited for, come what may: what was begun there can be taken back when its answer is here.
        let mut upload = target.store.put_multipart(&location).await.map_err(failed)?;
        let mut sending = JoinSet::new();
        let sent = stop.or(self.send(&mut *upload, &mut sending, first)).await;
        let failure = match sent {
            Ok(Ok(())) => match upload.complete().await {
                Ok(_) => return Ok(()),
                Err(error) => failed(error),
            },
            Ok(Err(failure)) => failure,
            Err(signal) => {
                Failure::Stopped(signal, format!("`{location}` was not written to {}", target.name))
            }
        };
        sending.shutdown().await;
        // The object stays as it was; if what was sent cannot be taken back, the store's own rules see to it.
        match (upload.abort().await, failure) {
            (Err(error), Failure::Stopped(signal, what)) => {
                let why = causes(&error);
                let what = format!("{what}; what was sent of it may still lie there: {why}");
                Err(Failure::Stopped(signal, what))
            }
            (_, failure) => Err(failure),
        }
    }

    async fn send(
        &mut self,
        upload: &mut dyn MultipartUpload,
        sending: &mut JoinSet<object_store::Result<u64>>,
        mut bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let (length, part) = (bytes.len() as u64, upload.put_part(bytes.into()));
            sending.spawn(async move { part.await.map(|()| length) });
            // It is sent while the next one is read.
            bytes = self.input.next().await?;
            while sending.len() >= PARTS {
                self.one_sent(sending).await?;
            }
        }
        while !sending.is_empty() {
            self.one_sent(sending).await?;
        }
        Ok(())
    }

    async fn one_sent(
        &self,
        sending: &mut JoinSet<object_store::Result<u64>>,
    ) -> Result<(), Failure> {
        match sending.join_next().await {
            None => Ok(()),
            Some(Ok(Ok(length))) => {
                self.progress.add(length);
                Ok(())
            }
            Some(Ok(Err(error))) => Err(self.target.not_written(&self.location, &error)),
            Some(Err(error)) => {
                let what = format!("`{}` of {}: {error}", self.location, self.target.name);
                Err(Failure::Failed(what))
            }
        }
    }
}
