//! A value for one thread.

use larder::cached;

#[cached]
fn score(user: u64) -> std::rc::Rc<u64> {
    std::rc::Rc::new(user)
}

fn main() {}
