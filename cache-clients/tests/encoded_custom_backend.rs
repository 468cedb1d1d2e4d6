//! A server of one's own: three functions, and the whole client contract holds.
#![cfg(feature = "encoded")]

use bytes::Bytes;
use cache_clients::encoded::{Backend, Encoded, EncodedCache, EncodedOptions, Solo};
use cache_core::conformance::{Ability, Harness};
use cache_core::{Client, Error, ManualClock, Namespace, Result, TagSource};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

/// One file for each key, in a directory.
#[derive(Debug)]
struct Drawer(PathBuf);

impl Drawer {
    /// Colons are not welcome in file names everywhere.
    fn file(&self, key: &str) -> PathBuf {
        self.0.join(key.replace(':', "+"))
    }
}

fn fault(error: std::io::Error) -> Error {
    Error::unreachable("the drawer", error)
}

impl Backend for Drawer {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        match fs::read(self.file(key)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }
    async fn put(&self, key: &str, bytes: Bytes, _keep: Option<Duration>) -> Result<()> {
        fs::write(self.file(key), bytes).map_err(fault)
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        match fs::remove_file(self.file(key)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(fault(error)),
        }
    }
}

fn harness() -> Harness<EncodedCache<Solo<Drawer>, String, String>> {
    let (time, folder) = (ManualClock::new(), tempfile::tempdir().unwrap());
    let server = Solo::new(Drawer(folder.path().to_owned())).with_clock(time.clock());
    let options = EncodedOptions::new().with_clock(time.clock());
    let client = Encoded::with_options(server, options).unwrap();
    // The folder lives as long as the harness.
    let open = move |name: &str| {
        assert!(folder.path().exists());
        Client::open(&client, &Namespace::new(name).with(TagSource::local()))
    };
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage).without(Ability::Grace)
}

cache_core::conformance_tests!(harness());
