//! The process that is killed: writes and reads as fast as it can, and says which writes were acknowledged.

use crate::stand::disk;
use crate::world::{content, get};
use cache_stores::{CachedStore, Lru, Size};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::env;
use std::io::Write;
use std::path::Path as Folder;

/// Each has one writer, so that its seeds only grow.
pub(crate) const PATHS: [&str; 6] = ["0/a", "0/b", "0/c", "1/a", "1/b", "1/c"];
pub(crate) const FOLDER: &str = "LARDER_TEST_FOLDER";
const FIRST: &str = "LARDER_TEST_FIRST";
const WRITES: &str = "LARDER_TEST_WRITES";

/// How copies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    Usual,
    /// Past the page cache, which only larger ones are.
    Direct,
}

/// What both processes open, one after the other.
pub(crate) fn open(folder: &Folder, writes: Writes) -> cache_stores::Result<CachedStore> {
    let remote = folder.join("remote");
    std::fs::create_dir_all(&remote).unwrap();
    let store = CachedStore::on_disk(folder.join("cache"), disk(&remote));
    match writes {
        Writes::Usual => store.policy(Size("150KiB") | Lru).chunk("4KiB").build(),
        Writes::Direct => {
            store.policy(Size("2MiB") | Lru).chunk("300KiB").direct_writes("1KiB").build()
        }
    }
}

/// How long a content is that has this seed.
pub(crate) fn length(seed: u64, writes: Writes) -> usize {
    let most = if writes == Writes::Direct { 1 << 20 } else { 40_000 };
    (seed.wrapping_mul(7919) % most) as usize
}

pub(crate) fn command(folder: &Folder, first: u64, writes: Writes) -> std::process::Command {
    let mut command = std::process::Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "worker::second_process", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .env(WRITES, format!("{writes:?}"));
    command
}

#[test]
fn second_process() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let first: u64 = env::var(FIRST).unwrap().parse().unwrap();
    let writes = match env::var(WRITES).unwrap().as_str() {
        "Direct" => Writes::Direct,
        _ => Writes::Usual,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let store = open(Folder::new(&folder), writes).unwrap();
        let writers = (0..2).map(|half| tokio::spawn(write(store.clone(), half, first, writes)));
        let readers = (0..2).map(|half| tokio::spawn(read(store.clone(), half)));
        let all: Vec<_> = writers.chain(readers).collect();
        // None of them ends but by a panic, which ends the process: its parent hears no more.
        futures::future::select_all(all).await.0.unwrap();
    });
}

/// One half of the paths, in turn, and now and then without one.
async fn write(store: CachedStore, half: usize, first: u64, writes: Writes) {
    for seed in first.. {
        let path = PATHS[half * 3 + seed as usize % 3];
        let content = content(seed, length(seed, writes));
        store.put(&Path::from(path), content.into()).await.unwrap();
        let line = format!("\n@ {seed} {path}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

async fn read(store: CachedStore, half: usize) {
    for n in half.. {
        let path = PATHS[n % PATHS.len()];
        // What is written meanwhile may be refused, or not be there yet.
        let _ = get(&store, path).await;
    }
}
