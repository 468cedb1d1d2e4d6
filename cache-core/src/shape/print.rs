//! The print: a hash over the parts of a type, computed by the compiler.

use std::fmt;

/// A number for the form of a type, and whether it tells all of that form.
///
/// ```
/// use cache_core::Print;
///
/// const METERS: Print = Print::new("Meters").text("height").part(Print::new("f64"));
/// assert_ne!(METERS, Print::new("Feet").text("height").part(Print::new("f64")));
/// assert!(METERS.is_positional() && !METERS.by_name().is_positional());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Print {
    number: u64,
    positional: bool,
}

/// FNV-1a, 64 bits.
const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

impl Print {
    /// The print of something of this name.
    #[must_use]
    pub const fn new(name: &str) -> Self {
        Print { number: START, positional: true }.text(name)
    }

    /// With more text, which cannot run into what comes before or after.
    #[must_use]
    pub const fn text(self, text: &str) -> Self {
        let mut number = self.count(text.len() as u64).number;
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            number = (number ^ bytes[at] as u64).wrapping_mul(PRIME);
            at += 1;
        }
        Print { number, ..self }
    }

    /// With a number.
    #[must_use]
    pub const fn count(self, count: u64) -> Self {
        let mut number = self.number;
        let mut bytes = count;
        let mut at = 0;
        while at < 8 {
            number = (number ^ (bytes & 0xff)).wrapping_mul(PRIME);
            bytes >>= 8;
            at += 1;
        }
        Print { number, ..self }
    }

    /// With the print of a part.
    #[must_use]
    pub const fn part(self, part: Print) -> Self {
        let positional = self.positional && part.positional;
        Print { positional, ..self.count(part.number()) }
    }

    /// Of a form that the print does not see in full: what is stored must tell the names of fields.
    #[must_use]
    pub const fn by_name(self) -> Self {
        Print { positional: false, ..self }
    }

    /// The number; never 0.
    #[must_use]
    pub const fn number(self) -> u64 {
        // The end of a multiplication depends on few bits: mixed once more (splitmix64).
        let mut mixed = self.number;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        if mixed == 0 { 1 } else { mixed }
    }

    /// Whether it sees all that decides on the bytes, so that names may be left out.
    #[must_use]
    pub const fn is_positional(self) -> bool {
        self.positional
    }
}

impl fmt::Debug for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = if self.positional { "" } else { ", by name" };
        write!(f, "Print({:016x}{names})", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_run_into_each_other() {
        assert_ne!(Print::new("ab").text("c"), Print::new("a").text("bc"));
        assert_ne!(Print::new("a").text(""), Print::new("a"));
    }

    #[test]
    fn prints_never_change() {
        assert_eq!(format!("{:?}", Print::new("u8")), "Print(c43b68e2f98a2f03)");
        let print = Print::new("Pair").text("a").part(Print::new("u8")).count(2).by_name();
        assert_eq!(format!("{print:?}"), "Print(3f55c1c6ecc86a42, by name)");
    }

    #[test]
    fn one_part_by_name_is_enough() {
        assert!(!Print::new("whole").part(Print::new("part").by_name()).is_positional());
    }
}
