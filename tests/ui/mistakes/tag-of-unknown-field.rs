//! A tag with a field that the argument does not have.

use larder::cached;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Order {
    user: u64,
}

#[cached(tags = ["user:{order.usr}"])]
fn total(order: Order) -> u64 {
    order.user
}

fn main() {}
