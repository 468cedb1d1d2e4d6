//! An `async fn` by another name.

use larder::cached;

#[cached]
fn fetch(id: u64) -> impl Future<Output = u64> {
    async move { id }
}

fn main() {}
