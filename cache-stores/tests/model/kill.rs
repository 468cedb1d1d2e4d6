//! A process that is killed while it writes and reads: the next one finds what was acknowledged, and an exact account.

use crate::stand::folder;
use crate::worker::{PATHS, command, length, open};
use crate::world::{content, get, lies};
use cache_stores::CachedStore;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How often, and after how many acknowledged writes.
const KILLS: [usize; 6] = [1, 7, 30, 60, 2, 45];

#[test]
fn a_kill_while_it_writes_and_reads_costs_copies_and_nothing_else() {
    let folder = folder();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut written = HashMap::new();
    for writes in KILLS {
        let first = written.values().max().map_or(1, |seed| seed + 1000);
        live_and_die(folder.path(), first, writes, &mut written);
        runtime.block_on(look(folder.path(), &written));
    }
}

/// Runs the other process until it has acknowledged so many writes, and kills it.
fn live_and_die(folder: &Path, first: u64, writes: usize, written: &mut HashMap<String, u64>) {
    let mut child = command(folder, first).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = 0;
    for line in lines {
        let Some((seed, path)) = line.strip_prefix("@ ").and_then(|line| line.split_once(' '))
        else {
            continue;
        };
        acknowledged += 1;
        written.insert(path.to_owned(), seed.parse().unwrap());
        if acknowledged == writes {
            // SIGKILL; what it said before that is still read.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged >= writes, "it ended by itself after {acknowledged} writes");
}

async fn look(folder: &Path, written: &HashMap<String, u64>) {
    let store = open(folder).unwrap();
    account(&store, folder).await;
    for path in PATHS {
        let read = get(&store, path).await.unwrap();
        let Some(read) = read else {
            assert!(!written.contains_key(path), "{path} is lost");
            continue;
        };
        // The last that was acknowledged, or the one that was on its way.
        let least = written.get(path).copied().unwrap_or(0);
        let found = (least..least + 10_000)
            .find(|seed| length(*seed) == read.len() && read == content(*seed, length(*seed)));
        assert!(found.is_some(), "{path}: not what was written last ({least}), nor anything later");
    }
    account(&store, folder).await;
    // The next process wants the directory.
    store.close().await;
}

/// What the store says is what lies there, to the byte.
async fn account(store: &CachedStore, folder: &Path) {
    let began = Instant::now();
    let objects = folder.join("cache/objects");
    loop {
        let (said, lies) = (store.stats().bytes, lies(&objects));
        let listed: u64 = store.status().iter().map(|one| one.kept()).sum();
        if (said, listed) == (lies, lies) {
            return;
        }
        let files = crate::stand::files(&objects);
        let late = began.elapsed() > Duration::from_secs(5);
        assert!(!late, "{lies} bytes lie there, it says {said} and lists {listed}: {files:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
