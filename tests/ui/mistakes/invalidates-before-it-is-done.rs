//! Functions that return before they have done anything, never, or at compile time.

use larder::invalidates;
use std::future::Future;
use std::pin::Pin;

#[invalidates(tag = "team")]
fn boxed() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async {})
}

#[invalidates(tag = "team")]
fn later() -> impl Future<Output = ()> {
    async {}
}

#[invalidates(tag = "team")]
fn forever() -> ! {
    loop {}
}

#[invalidates(tag = "team")]
const fn early() {}

#[invalidates(tag = "team")]
struct Team;

fn main() {}
