//! Its print would have to be made of itself.

use larder::CacheShape;

#[derive(CacheShape)]
struct Node {
    name: String,
    children: Vec<Node>,
}

#[derive(CacheShape)]
enum Tree {
    Leaf,
    Branch(Option<Box<Self>>, u8),
}

fn main() {}
