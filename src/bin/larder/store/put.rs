//! `larder store put`: an object from a file or from standard input, visible when all of it is there.

use super::arguments::Arguments;
use super::failure::Failure;
use super::progress::Progress;
use super::target::{Target, location};
use larder::stores::object_store::path::Path;
use larder::stores::object_store::{ObjectStoreExt, WriteMultipart};
use std::fs::File;
use std::io::{self, Read};

/// Up to this an object is written in one piece.
const PIECE: u64 = 8 << 20;
/// Parts on their way at a time.
const PARTS: usize = 4;
/// S3 takes no more than 10 000 parts.
const MOST: u64 = 9_000;

pub(super) async fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let path = arguments.path(0)?;
    let location = location(&path)?;
    let (mut source, size): (Box<dyn Read>, Option<u64>) = match arguments.paths.get(1) {
        Some(name) if name != "-" => {
            let failed = |error: io::Error| Failure::file(name.to_string_lossy(), &error);
            let file = File::open(name).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_dir() {
                return Err(Failure::Failed(format!("{} is a directory", name.to_string_lossy())));
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        }
        _ => (Box::new(io::stdin().lock()), None),
    };
    let progress = Progress::bytes(arguments, &path, size);
    let part = match size {
        Some(size) => PIECE.max(size / MOST + 1),
        // 144 GiB at most.
        None => 2 * PIECE,
    };
    let first = piece(&mut source, part)?;
    if (first.len() as u64) < part {
        let length = first.len() as u64;
        let put = target.store.put(&location, first.into()).await;
        put.map_err(|error| target.failed(&path, &error))?;
        progress.add(length);
        return Ok(());
    }
    in_parts(target, &location, (first, &mut source), part, &progress).await
}

/// The next bytes; fewer than wanted only at the end.
fn piece(source: &mut dyn Read, length: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = source.take(length).read_to_end(&mut bytes);
    read.map_err(|error| {
        Failure::Failed(format!("what is to be written cannot be read: {error}"))
    })?;
    Ok(bytes)
}

async fn in_parts(
    target: &Target,
    location: &Path,
    (mut bytes, source): (Vec<u8>, &mut dyn Read),
    part: u64,
    progress: &Progress,
) -> Result<(), Failure> {
    let failed = |error| target.failed(location, &error);
    let upload = target.store.put_multipart(location).await.map_err(failed)?;
    let chunk = usize::try_from(part).unwrap_or(usize::MAX);
    let mut upload = WriteMultipart::new_with_chunk_size(upload, chunk);
    while !bytes.is_empty() {
        let length = bytes.len() as u64;
        let sent = upload.wait_for_capacity(PARTS - 1).await;
        upload.put(bytes.into());
        let next = match sent {
            Ok(()) => piece(source, part),
            Err(error) => Err(target.failed(location, &error)),
        };
        match next {
            Ok(next) => bytes = next,
            Err(failure) => {
                // The object stays as it was; what was sent is of no use, and if that cannot be said, the store's
                // own rules see to it.
                let _ = upload.abort().await;
                return Err(failure);
            }
        }
        progress.add(length);
    }
    upload.finish().await.map(drop).map_err(failed)
}
