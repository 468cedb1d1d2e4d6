//! Other attributes of a cached function end up where they belong.
#![deny(warnings, missing_docs, unused)]

use larder::cached;

/// Doubles.
#[cached]
#[inline(never)]
#[must_use]
pub fn double(n: u64) -> u64 {
    2 * n
}

#[cached]
#[cfg(any())]
fn never_here(n: Missing) -> u64 {
    n
}

#[cached]
#[cfg(all())]
fn here(n: u64) -> u64 {
    n
}

#[cfg(any())]
#[cached]
fn never_here_either(n: Missing) -> u64 {
    n
}

/// Old.
#[cached]
#[deprecated = "use `double`"]
pub fn twice(n: u64) -> u64 {
    2 * n
}

#[cached]
#[allow(unused_variables)]
fn constant(n: u64) -> u64 {
    7
}

#[cached]
#[expect(unused_variables)]
fn another_constant(n: u64) -> u64 {
    7
}

#[cached]
#[expect(dead_code)]
fn unused(n: u64) -> u64 {
    n
}

#[cached]
#[track_caller]
#[cold]
fn cold(mut n: u64) -> u64 {
    n += 1;
    n
}

struct Shop;

impl Shop {
    #[cached(skip(self))]
    #[cfg(any())]
    fn never(&self, n: Missing) -> u64 {
        n
    }

    #[cached(skip(self))]
    #[allow(unused_variables)]
    #[inline]
    fn price(&self, mut sku: String, by: u64) -> usize {
        sku.push('!');
        sku.len()
    }
}

fn main() {
    assert_eq!((double(2), here(3), constant(1), another_constant(1), cold(1)), (4, 3, 7, 7, 2));
    #[expect(deprecated)]
    let old = twice(3);
    assert_eq!((old, twice::peek(3)), (6, Some(6)));
    assert_eq!(Shop.price("tea".into(), 1), 4);
}
