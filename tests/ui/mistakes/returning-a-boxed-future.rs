//! What `#[async_trait]` makes of an `async fn`.

use larder::cached;

#[cached]
fn fetch(id: u64) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { id })
}

fn main() {}
