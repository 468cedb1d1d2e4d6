//! `[store.NAME]` in configurations: what is right opens stores, what is wrong is told with its place, all at once.
#![cfg(feature = "config")]

mod guide;
mod reload;
mod right;
mod wrong;

use cache_regions::{Configuration, Format};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A reader with an environment of its own.
fn reader() -> Configuration {
    cache_stores::register().unwrap();
    Configuration::new().with_environment([("KEY", "secret"), ("HOME", "/root")])
}

/// A directory with an archive of one object.
struct Stand(tempfile::TempDir);

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("archive")).unwrap();
        std::fs::write(folder.path().join("archive/may.csv"), "1,17\n").unwrap();
        Stand(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A table with this remote and this local directory, and more.
    fn table(&self, name: &str, local: &str, more: &str) -> String {
        let (remote, local) = (self.path("archive"), self.path(local));
        format!("[store.{name}]\nremote = {remote:?}\nlocal = {local:?}\n{more}")
    }
}

fn configure(text: &str) -> cache_core::Result<()> {
    reader().configure_str(text, Format::Toml)
}

fn read(store: &cache_stores::CachedStore, path: &str) -> String {
    let bytes = store.open(path).unwrap().read_all().unwrap();
    String::from_utf8(bytes.into()).unwrap()
}

/// Reads and waits until the copy, which is written behind the reader's back, is whole: that event is waited for, 20
/// seconds at most.
fn read_cached(store: &cache_stores::CachedStore, path: &str) {
    let began = Instant::now();
    let mut handle = store.open(path).unwrap();
    while began.elapsed() < Duration::from_secs(20) {
        handle.read_all().unwrap();
        // What is about to be written is as good as the copy for who reads, and not for who counts files.
        // Without an index there is nothing that could tell.
        let status = store.status().into_iter().find(|status| status.path().as_ref() == path);
        if handle.info().unwrap().cached && status.is_none_or(|status| status.is_complete()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{path} was not kept");
}
