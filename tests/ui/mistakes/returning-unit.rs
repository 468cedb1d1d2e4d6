//! Nothing to cache, spelled out.

use larder::cached;

#[cached]
fn greet(name: &str) -> () {
    println!("hello {name}");
}

fn main() {}
