//! Not a function.

use larder::cached;

struct Shop;

#[cached]
impl Shop {}

fn main() {}
