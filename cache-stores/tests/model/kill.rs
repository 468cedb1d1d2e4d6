//! A process that is killed while it writes and reads: the next one finds what was acknowledged, and an exact account.

use crate::stand::folder;
use crate::worker::{PATHS, Writes, command, length, open};
use crate::world::{content, get, lies};
use cache_stores::CachedStore;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often, and after how many acknowledged writes.
const KILLS: [usize; 6] = [1, 7, 30, 60, 2, 45];

#[test]
fn a_kill_while_it_writes_and_reads_costs_copies_and_nothing_else() {
    kill(Writes::Usual);
}

#[test]
fn a_kill_while_it_writes_past_the_page_cache_costs_copies_and_nothing_else() {
    kill(Writes::Direct);
}

fn kill(how: Writes) {
    let folder = folder();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut written = HashMap::new();
    for writes in KILLS {
        let first = written.values().max().map_or(1, |seed| seed + 1000);
        live_and_die(command(folder.path(), first, how), writes, &mut written);
        runtime.block_on(look(folder.path(), &written, how));
    }
}

/// Runs the other process until it has acknowledged so many writes, and kills it.
fn live_and_die(mut command: Command, writes: usize, written: &mut HashMap<String, u64>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
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

async fn look(folder: &Path, written: &HashMap<String, u64>, how: Writes) {
    let store = open(folder, how).unwrap();
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
            .find(|seed| length(*seed, how) == read.len() && read == content(*seed, read.len()));
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
