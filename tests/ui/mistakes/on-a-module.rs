//! Not a function.

use larder::cached;

#[cached]
mod shop {}

fn main() {}
