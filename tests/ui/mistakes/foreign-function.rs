//! Called by others.

use larder::cached;

#[cached]
extern "C" fn double(n: u64) -> u64 {
    2 * n
}

fn main() {}
