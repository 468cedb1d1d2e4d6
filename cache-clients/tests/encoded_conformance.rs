//! The client contract, over bytes in a map: in each codec and compression, signed, paged, boxed.
#![cfg(feature = "encoded")]

mod shelf;

use cache_clients::encoded::{
    Codec, Compression, Encoded, EncodedCache, EncodedOptions, Shaped, SigningKey, Solo,
};
use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{Client, ManualClock, Namespace, Shared, TagSource};
use shelf::Shelf;
use std::time::Duration;

type Plain = EncodedCache<Solo<Shelf>, String, String>;

/// The envelope's times are those that count, so that moving the clock is enough.
fn harness<C: Subject>(
    configure: impl FnOnce(EncodedOptions) -> EncodedOptions,
    max_value: usize,
    wrap: impl Fn(Plain) -> C + Send + Sync + 'static,
) -> Harness<C> {
    let time = ManualClock::new();
    let server = Solo::new(Shelf::default()).with_clock(time.clock()).with_max_value(max_value);
    let options =
        EncodedOptions::new().with_clock(time.clock()).with_grace(Duration::from_secs(100_000));
    let client = Encoded::with_options(server, configure(options)).unwrap();
    let open = move |name: &str| wrap(Client::open(&client, &tagged(name)));
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

/// A namespace that checks the tags of this process.
fn tagged(name: &str) -> Namespace {
    Namespace::new(name).with(TagSource::local())
}

macro_rules! configurations {
    ($($name:ident: $most:expr, $options:expr, $wrap:expr;)*) => {$(
        mod $name {
            use super::*;
            cache_core::conformance_tests!(harness($options, $most, $wrap));
        }
    )*};
}

const WHOLE: usize = 1 << 20;
/// So little that every value of the suite lies in pages, most in one.
const SCRAPS: usize = 200;

configurations! {
    plain: WHOLE, |options| options, |cache| cache;
    boxed: WHOLE, |options| options, Shared::new;
    paged: SCRAPS, |options| options, |cache| cache;
    signed: WHOLE, |options| options.with_signing(Ok(SigningKey::new([7; 32]))), |cache| cache;
    c78_uncompressed: WHOLE, |options| options.with_compression(Compression::Off), |cache| cache;
    c78_always_lz4: WHOLE, |options| options.with_compression(Compression::Lz4 { from: 0 }), |cache| cache;
    c78_message_pack: WHOLE, |options| options.with_codec(Codec::MessagePack), |cache| cache;
}

#[cfg(feature = "zstd")]
configurations! {
    c78_zstd: WHOLE, |options| options.with_compression(Compression::Zstd { from: 0, level: 3 }), |cache| cache;
}

#[cfg(feature = "json")]
configurations! {
    c78_json: WHOLE, |options| options.with_codec(Codec::Json), |cache| cache;
}

mod shaped {
    use super::*;
    fn shaped() -> Harness<Plain> {
        let time = ManualClock::new();
        let options = EncodedOptions::new().with_clock(time.clock());
        let server = Solo::new(Shelf::default()).with_clock(time.clock());
        let client = Encoded::with_options(server, options).unwrap();
        let open =
            move |name: &str| Client::open(&client, &tagged(name).with(Shaped::<String>::of()));
        // Nothing is kept past its TTL unless asked for.
        Harness::new(open, move |by| time.advance(by))
            .without(Ability::Usage)
            .without(Ability::Grace)
    }
    cache_core::conformance_tests!(shaped());
}

/// Two clients of one server, as in two processes.
mod two_clients {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    fn apart() -> Harness<Plain> {
        let time = ManualClock::new();
        let server = Solo::new(Shelf::default()).with_clock(time.clock());
        let client = || {
            let options = EncodedOptions::new()
                .with_clock(time.clock())
                .with_grace(Duration::from_secs(100_000));
            Encoded::with_options(server.clone(), options).unwrap()
        };
        let (clients, turn) = ([client(), client()], AtomicUsize::new(0));
        let open = move |name: &str| {
            let client = &clients[turn.fetch_add(1, Ordering::Relaxed) % 2];
            Client::open(client, &tagged(name))
        };
        let harness = Harness::new(open, move |by| time.advance(by)).without(Ability::Usage);
        harness.with_lag(Duration::from_secs(1))
    }
    cache_core::conformance_tests!(apart());
}
