//! What is invalidated is not cached, and so has no companions.

use larder::{cached, invalidates};

fn user(id: u64) -> u64 {
    id
}

struct Shop;

impl Shop {
    fn price(&self, item: u32) -> u32 {
        item
    }

    #[invalidates(self.price(item))]
    fn reprice(&self, item: u32) -> u32 {
        item
    }
}

#[cached]
fn team(id: u64) -> u64 {
    id
}

#[invalidates(user(id))]
fn rename(id: u64) -> u64 {
    team(id)
}

fn main() {}
