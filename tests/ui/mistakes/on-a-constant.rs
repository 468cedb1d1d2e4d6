//! Not a function.

use larder::cached;

#[cached]
const SCORE: u64 = 7;

fn main() {}
