//! A store of three functions: what someone writes who has only a place to put whole objects.

mod functions;
mod store;
mod upload;

pub use functions::{Blocking, Simple, SimpleBlocking};
pub use store::SimpleStore;
