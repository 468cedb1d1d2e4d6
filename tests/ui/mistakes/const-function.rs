//! Nothing to remember at compile time.

use larder::cached;

#[cached]
const fn double(n: u64) -> u64 {
    2 * n
}

fn main() {}
