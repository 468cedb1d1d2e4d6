//! Options that larder's own backends have in common.

use super::settings::Settings;
use super::value;

impl<'a> Settings<'a> {
    /// A number of things or bytes, 1 at least.
    pub fn amount(&mut self, name: &'a str) -> Option<usize> {
        self.read(name, |value| match value::bytes(value)? {
            0 => Err("right is 1 at least".to_owned()),
            amount => Ok(usize::try_from(amount).unwrap_or(usize::MAX)),
        })
    }

    /// A number of things, 1 at least, and few.
    #[cfg(feature = "memcached")]
    pub(crate) fn small(&mut self, name: &'a str) -> Option<u32> {
        self.read(name, |value| match u32::try_from(value::count(value)?) {
            Ok(0) | Err(_) => Err(format!("right is a whole number from 1 to {}", u32::MAX)),
            Ok(number) => Ok(number),
        })
    }

    /// Two files that only make sense together.
    #[cfg(all(feature = "tls", any(feature = "memcached", feature = "redis")))]
    pub(crate) fn pair(&mut self, one: &'a str, other: &'a str) -> Option<(Vec<u8>, Vec<u8>)> {
        for (here, missing) in [(one, other), (other, one)] {
            if self.has(here) && !self.has(missing) {
                self.wrong(here, format!("`{here}` without `{missing}`: give both"));
            }
        }
        self.file(one).zip(self.file(other))
    }

    /// An option of a feature that was not compiled in.
    #[cfg(all(not(feature = "tls"), any(feature = "memcached", feature = "redis")))]
    pub(crate) fn without_feature(&mut self, name: &'a str, feature: &str) {
        if self.take(name).is_some() {
            self.wrong(name, format!("`{name}` needs larder's feature `{feature}`"));
        }
    }
}
