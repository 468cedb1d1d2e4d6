//! Typed caches over bytes: envelope, codec, compression, signature, pages.
//!
//! [`Encoded`] makes a client for any serialisable types of a [`Server`](crate::server::Server) of
//! bytes. Whoever has only a place to put bytes writes a [`Backend`], three functions, and gets a
//! server of it through [`Solo`].
//!
//! The way of a value: `codec` (postcard by `tail`) and `compress` make bytes of it, `envelope` (signed by `sign`) goes
//! around them, `page` cuts what is too long, `digest` names it, `space` knows the generation of its
//! namespace (of which `generation` keeps copies) and what the server has not heard yet, `ghost` what
//! became of keys that are gone; `cache` puts it all together.

mod backend;
mod both;
mod cache;
mod client;
mod codec;
mod compress;
mod digest;
mod envelope;
mod generation;
mod ghost;
mod options;
mod page;
mod pending;
mod shaped;
mod sign;
mod solo;
mod space;
mod stats;
mod tagged;
mod tail;

pub use backend::Backend;
#[doc(hidden)]
pub use both::both;
pub use cache::EncodedCache;
pub use client::Encoded;
pub use codec::Codec;
pub use compress::Compression;
pub use options::{Absence, Contention, EncodedOptions};
pub use shaped::{ShapeProbe, ShapeProbeFallback, Shaped};
pub use sign::SigningKey;
pub use solo::Solo;
pub use stats::EncodedStats;
