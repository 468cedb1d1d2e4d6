//! The ways out of what `#[derive(CacheShape)]` refuses.
#![deny(warnings)]

use larder::CacheShape;

/// Of another crate.
struct Foreign(u8);

#[derive(CacheShape)]
#[shape(name = "Old")]
struct Price {
    amount: u64,
    #[shape(opaque = "v1")]
    currency: Foreign,
}

#[derive(CacheShape)]
struct Node {
    name: String,
    #[shape(opaque = "v1")]
    children: Vec<Node>,
}

#[derive(CacheShape)]
enum Tree<T> {
    Leaf(T),
    Branch(#[shape(opaque = "v1")] Option<Box<Self>>),
}

fn main() {
    let price = Price { amount: 1, currency: Foreign(2) };
    let _ = (price.amount, price.currency.0);
    let node = Node { name: String::new(), children: Vec::new() };
    let _ = (node.name, node.children);
    for tree in [Tree::Leaf(1_u8), Tree::Branch(None)] {
        match tree {
            Tree::Leaf(leaf) => drop(leaf.to_string()),
            Tree::Branch(tree) => drop(tree),
        }
    }
    assert_ne!(<Price as CacheShape>::PRINT, <Tree<u8> as CacheShape>::PRINT);
}
