//! Not a function.

use larder::cached;

#[cached]
struct Score(u64);

fn main() {}
