//! Values as bytes and back.

use super::shaped::Shaped;
use cache_core::{Reason, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// How values become bytes.
///
/// What is stored says how it was written, so that programs of different settings read each other's
/// values.
///
/// ```
/// use cache_clients::encoded::{Codec, EncodedOptions};
/// let options = EncodedOptions::new().with_codec(Codec::MessagePack);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Codec {
    /// postcard for values with a [shape](cache_core::CacheShape) that allows it: half the size,
    /// twice as fast, and safe, since values of another shape are never decoded. Else MessagePack.
    #[default]
    Auto,
    /// MessagePack with field names: fields may be added and reordered, and other languages read it.
    MessagePack,
    /// JSON: for eyes and for other languages.
    #[cfg(feature = "json")]
    Json,
}

pub(super) const MESSAGE_PACK: u8 = 1;
pub(super) const POSTCARD: u8 = 2;
#[cfg(feature = "json")]
pub(super) const JSON: u8 = 3;

/// How the values of one cache are written and read.
pub(super) struct Format<V> {
    codec: Codec,
    shaped: Option<Shaped<V>>,
}

impl<V: Serialize + DeserializeOwned> Format<V> {
    pub(super) fn new(codec: Codec, shaped: Option<Shaped<V>>) -> Self {
        Format { codec, shaped }
    }

    /// The print of the values' shape; 0 without.
    pub(super) fn print(&self) -> u64 {
        self.shaped.map_or(0, |shaped| shaped.print())
    }

    /// Appends the value; says which codec it took.
    pub(super) fn encode(&self, value: &V, out: &mut Vec<u8>) -> Result<u8, String> {
        match (self.codec, self.shaped.filter(Shaped::is_positional)) {
            (Codec::Auto, Some(shaped)) => {
                shaped.encode(value, out)?;
                Ok(POSTCARD)
            }
            (Codec::Auto, None) | (Codec::MessagePack, _) => {
                rmp_serde::encode::write_named(out, value).map_err(|error| error.to_string())?;
                Ok(MESSAGE_PACK)
            }
            #[cfg(feature = "json")]
            (Codec::Json, _) => {
                serde_json::to_writer(out, value).map_err(|error| error.to_string())?;
                Ok(JSON)
            }
        }
    }

    /// Decodes what carries the right print. Whatever does not fit is of another schema.
    pub(super) fn decode(&self, codec: u8, bytes: &[u8]) -> Result<V, Reason> {
        let value = match codec {
            MESSAGE_PACK => message_pack(bytes),
            POSTCARD => self.shaped.filter(Shaped::is_positional).and_then(|s| s.decode(bytes)),
            #[cfg(feature = "json")]
            JSON => serde_json::from_slice(bytes).ok(),
            _ => None,
        };
        value.ok_or(Reason::Schema)
    }
}

/// All of the bytes, or it was something else.
fn message_pack<V: DeserializeOwned>(bytes: &[u8]) -> Option<V> {
    let mut reader = bytes;
    let value = V::deserialize(&mut rmp_serde::Deserializer::new(&mut reader)).ok()?;
    reader.is_empty().then_some(value)
}

impl<V> Clone for Format<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V> Copy for Format<V> {}

impl<V> fmt::Debug for Format<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Format").field("codec", &self.codec).field("shaped", &self.shaped).finish()
    }
}
