//! A server of your own: three functions make a client of whatever keeps bytes, and the contract is tested.

use bytes::Bytes;
use larder::conformance::{self, Ability, Harness};
use larder::encoded::{Backend, EncodedCache, EncodedOptions, Solo};
use larder::{CacheExt, Client, Encoded, Error, ManualClock, Namespace, Result, TagSource, wait};
use std::path::{Path, PathBuf};
use std::{fs, io, panic, panic::AssertUnwindSafe, sync::Mutex, time::Duration};

/// One file for each key, in a directory.
#[derive(Debug)]
struct Drawer(PathBuf);

impl Drawer {
    /// These futures must not block, and disks do. `None`: there is no such file.
    async fn run<T: Send + 'static>(
        &self,
        key: &str,
        job: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let file = self.0.join(key.replace(':', "+"));
        match tokio::task::spawn_blocking(move || job(file)).await.map_err(io::Error::from) {
            Ok(Ok(done)) => Ok(Some(done)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Ok(Err(error)) | Err(error) => Err(Error::unreachable("the drawer", error)),
        }
    }
}

impl Backend for Drawer {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(self.run(key, fs::read).await?.map(Bytes::from))
    }
    async fn put(&self, key: &str, bytes: Bytes, _keep: Option<Duration>) -> Result<()> {
        let written = self.run(key, move |file| fs::write(file, bytes)).await?;
        written.ok_or_else(|| Error::unreachable("the drawer", "its directory is gone"))
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.run(key, fs::remove_file).await?.is_some())
    }
}

/// A client over it, whose time may be moved by hand.
fn client(folder: &Path, time: &ManualClock) -> Result<Encoded<Solo<Drawer>>> {
    let server = Solo::new(Drawer(folder.to_owned())).with_clock(time.clock());
    Encoded::with_options(server, EncodedOptions::new().with_clock(time.clock()))
}

static LAST: Mutex<String> = Mutex::new(String::new());

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (folder, time) = (tempfile::tempdir()?, ManualClock::new());
    let prices = client(folder.path(), &time)?.open::<String, u32>("prices");
    wait(prices.put_for(&"bread".to_owned(), 250, 60))?;
    let again = client(folder.path(), &time)?.open::<String, u32>("prices"); // as another process
    println!("bread costs {:?}", wait(again.get(&"bread".to_owned()))?);

    let tested = client(folder.path(), &time)?;
    let open = move |name: &str| -> EncodedCache<_, String, String> {
        Client::open(&tested, &Namespace::new(name).with(TagSource::local()))
    };
    let harness = Harness::new(open, move |by| time.advance(by));
    let harness = harness.without(Ability::Usage).without(Ability::Grace);
    // It lets computations panic, too: of what they say, only the last is of interest, if it fails.
    panic::set_hook(Box::new(|panic| *LAST.lock().expect("no panic in here") = panic.to_string()));
    if panic::catch_unwind(AssertUnwindSafe(|| conformance::run(&harness))).is_err() {
        return Err(LAST.lock()?.as_str().into());
    }
    println!("the whole client contract holds");
    Ok(())
}
