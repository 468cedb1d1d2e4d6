//! Signatures: keyed BLAKE3, so that nobody without the key can plant a value in a shared server.

use cache_core::{Error, Result};
use std::fmt;

/// The length of a signature.
pub(super) const SIGNATURE: usize = 32;

/// A secret of 32 bytes that all programs share which may read and write each other's values.
///
/// A value without a signature of this key is [damaged](cache_core::Reason::Damaged): it is never
/// decoded. Signing costs about a microsecond for each kilobyte. The key is never shown by `Debug`.
///
/// ```
/// use cache_clients::encoded::SigningKey;
///
/// let key = SigningKey::from_hex(&"0f".repeat(32)).unwrap();
/// assert_eq!(format!("{key:?}"), "SigningKey(..)");
/// assert!(SigningKey::from_hex("0f0f").unwrap_err().is_invalid());
/// ```
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// A key from its bytes, which should be random.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        SigningKey(bytes)
    }

    /// A key from 64 hexadecimal digits.
    ///
    /// # Errors
    /// When it is anything else; the text is not repeated in the message, it may be a secret.
    pub fn from_hex(text: &str) -> Result<Self> {
        let wrong = || {
            let length = text.chars().count();
            Error::invalid(format!(
                "a signing key is 64 hexadecimal digits, this is {length} characters of which not all fit"
            ))
        };
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(wrong)?;
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(SigningKey(key))
    }

    /// A key from an environment variable of 64 hexadecimal digits.
    ///
    /// ```
    /// use cache_clients::encoded::SigningKey;
    /// let error = SigningKey::from_env("NO_SUCH_VARIABLE").unwrap_err();
    /// assert!(error.is_invalid() && error.to_string().contains("NO_SUCH_VARIABLE"));
    /// ```
    ///
    /// # Errors
    /// When the variable is not set, or is no key.
    pub fn from_env(variable: &str) -> Result<Self> {
        let text = std::env::var(variable).map_err(|_| {
            Error::invalid(format!(
                "the environment variable {variable} should hold a signing key of 64 hexadecimal digits and is not set"
            ))
        })?;
        SigningKey::from_hex(text.trim()).map_err(|error| {
            Error::invalid(format!("in the environment variable {variable}: {error}"))
        })
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        *blake3::keyed_hash(&self.0, bytes).as_bytes()
    }

    /// In a time that does not depend on where the two differ.
    pub(super) fn verify(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = <[u8; SIGNATURE]>::try_from(signature) else { return false };
        blake3::keyed_hash(&self.0, bytes) == blake3::Hash::from_bytes(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_hexadecimal_digits_only() {
        let key = SigningKey::from_hex(&"aB".repeat(32)).unwrap();
        assert_eq!(key.0, [0xab; 32]);
        for wrong in ["", "ab", &"ag".repeat(32), &"ab".repeat(33), &"é".repeat(64)] {
            let error = SigningKey::from_hex(wrong).unwrap_err();
            assert!(error.is_invalid() && !error.to_string().contains("ab"), "{error}");
        }
    }

    #[test]
    fn a_signature_is_for_these_bytes_and_this_key() {
        let (one, other) = (SigningKey::new([1; 32]), SigningKey::new([2; 32]));
        let signature = one.sign(b"bytes");
        assert!(one.verify(b"bytes", &signature));
        assert!(!one.verify(b"bytez", &signature) && !other.verify(b"bytes", &signature));
        assert!(!one.verify(b"bytes", &signature[..31]));
    }
}
