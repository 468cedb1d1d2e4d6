//! Promises that a cache cannot keep.

use larder::cached;

#[cached]
unsafe fn first(bytes: u64) -> u64 {
    bytes
}

fn main() {}
