//! The client contract, over files: plain, boxed, paged, mapped, under a near tier, and two handles
//! of one directory as in two processes.

#![cfg(feature = "files")]

use cache_clients::encoded::{Encoded, EncodedCache, EncodedOptions};
use cache_clients::{Files, FilesOptions, Inproc, Mapping, Reads, Tiered};
use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{Client, ManualClock, Namespace, Shared, TagSource};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

type Plain = EncodedCache<Files, String, String>;

fn client(folder: &TempDir, time: &ManualClock, options: FilesOptions) -> Encoded<Files> {
    let files = Files::open_with(folder.path(), options.with_clock(time.clock())).unwrap();
    let options =
        EncodedOptions::new().with_clock(time.clock()).with_grace(Duration::from_secs(100_000));
    Encoded::with_options(files, options).unwrap()
}

fn harness<C: Subject>(
    options: FilesOptions,
    wrap: impl Fn(Plain) -> C + Send + Sync + 'static,
) -> Harness<C> {
    let (folder, time) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let client = client(&folder, &time, options);
    // The directory lives as long as who opens caches in it.
    let open = move |name: &str| {
        let _ = &folder;
        wrap(Client::open(&client, &tagged(name)))
    };
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

/// A namespace that checks the tags of this process.
fn tagged(name: &str) -> Namespace {
    Namespace::new(name).with(TagSource::local())
}

macro_rules! configurations {
    ($($name:ident: $options:expr, $wrap:expr;)*) => {$(
        mod $name {
            use super::*;
            cache_core::conformance_tests!(harness($options, $wrap));
        }
    )*};
}

configurations! {
    plain: FilesOptions::new(), |cache| cache;
    boxed: FilesOptions::new(), Shared::new;
    mapped: FilesOptions::new().with_mapping(Mapping::Above(0)), |cache| cache;
    copied_on_threads: FilesOptions::new().with_mapping(Mapping::Off).with_reads(Reads::Threads), |cache| cache;
    // A quarter of the capacity is the longest value: most lie in pages.
    paged: FilesOptions::new().with_capacity(100_000), |cache| cache;
}

mod two_handles {
    use super::*;
    fn apart() -> Harness<Plain> {
        let (folder, time) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let client = || client(&folder, &time, FilesOptions::new());
        let (clients, turn) = ([client(), client()], AtomicUsize::new(0));
        let open = move |name: &str| {
            let _ = &folder;
            let client = &clients[turn.fetch_add(1, Ordering::Relaxed) % 2];
            Client::open(client, &tagged(name))
        };
        let harness = Harness::new(open, move |by| time.advance(by)).without(Ability::Usage);
        harness.with_lag(Duration::from_secs(1))
    }
    cache_core::conformance_tests!(apart());
}

mod under_a_near_tier {
    use super::*;
    fn tiers() -> Harness<impl Subject> {
        let (folder, time) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let near = Inproc::new(1000).with_clock(time.clock());
        let tiers = Tiered::new(near, client(&folder, &time, FilesOptions::new()));
        let open = move |name: &str| {
            let _ = &folder;
            Client::<String, String>::open(&tiers, &tagged(name))
        };
        Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
    }
    cache_core::conformance_tests!(tiers());
}
