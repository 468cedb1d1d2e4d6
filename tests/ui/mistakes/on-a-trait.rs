//! Not a function.

use larder::cached;

#[cached]
trait Shop {}

fn main() {}
