//! Watching files: a change is followed, a wrong one changes nothing.

use cache_core::{ManualClock, Result, wait};
use cache_regions::{Region, WatchOptions, configure, watch};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// For what happens on other threads; nothing waits for it in vain.
const PATIENCE: Duration = Duration::from_secs(20);

fn text(region: &str, entries: &str) -> String {
    format!("[regions.{region}]\nbackend = 'memory'\narguments.entries = {entries}\n")
}

/// A watched file, by a clock in hand.
struct Watched {
    time: ManualClock,
    outcomes: Receiver<Result<()>>,
    _watch: cache_regions::Watch,
}

impl Watched {
    fn new(path: &Path) -> Self {
        let time = ManualClock::new();
        let (tell, outcomes) = channel();
        let options = WatchOptions::new()
            .with_every(SECOND)
            .with_clock(time.clock())
            .with_listener(move |outcome| drop(tell.send(outcome.clone())));
        Watched { _watch: watch(path, options).unwrap(), time, outcomes }
    }

    /// What came of the next change. Looks happen on another thread, which may not have begun to wait
    /// when time passes: so it passes until something comes of it.
    fn next(&self) -> Result<()> {
        let end = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < end {
            self.time.advance(SECOND);
            if let Ok(outcome) = self.outcomes.recv_timeout(Duration::from_millis(20)) {
                return outcome;
            }
        }
        panic!("the change was not noticed")
    }
}

#[test]
fn x23_a_watched_file_is_followed_when_it_changes() {
    static SHOP: Region = Region::new("watched");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("larder.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    assert!(
        watch(&path, WatchOptions::new()).unwrap_err().to_string().contains("call `configure`")
    );
    write(&text("watched", "10"));
    configure(&path).unwrap();
    wait(SHOP.put(&1_u8, 7_u64)).unwrap();
    let watched = Watched::new(&path);

    // Of the same length, perhaps within the same tick of the file system's clock.
    write(&text("watched", "xx"));
    let error = watched.next().unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert_eq!(wait(SHOP.get::<u8, u64>(&1)).unwrap(), Some(7), "the old settings serve");

    write(&text("watched", "20"));
    watched.next().unwrap();
    assert_eq!(wait(SHOP.get::<u8, u64>(&1)).unwrap(), Some(7));

    std::fs::remove_file(&path).unwrap();
    assert!(watched.next().unwrap_err().to_string().contains("cannot be read"));
    write("[regions.watched]\nbackend = 'null'\n");
    watched.next().unwrap();
    assert_eq!(wait(SHOP.get::<u8, u64>(&1)).unwrap(), None);
}

#[test]
fn nothing_is_followed_after_the_guard_is_dropped() {
    static SHOP: Region = Region::new("left");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("larder.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&text("left", "10"));
    configure(&path).unwrap();
    let watched = Watched::new(&path);
    write(&text("left", "20"));
    watched.next().unwrap();
    let Watched { time, outcomes, _watch } = watched;
    drop(_watch);
    write(&text("left", "30"));
    // The looks end at the next one, and drop the listener: then nothing can come any more.
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        time.advance(SECOND);
        match outcomes.recv_timeout(Duration::from_millis(20)) {
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Ok(outcome) => panic!("followed: {outcome:?}"),
        }
        assert!(std::time::Instant::now() < end, "the looks did not end");
    }
    assert!(SHOP.is_configured());
}
