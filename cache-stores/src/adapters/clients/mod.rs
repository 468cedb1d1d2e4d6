//! Redis, memcached and files of larder's as a store of objects.
//!
//! ```text
//! SPACE:path               the head (head.rs) of an object: what it is, and its bytes if they are few
//! SPACE#digest             the same, where the path is long or has characters that servers do not take
//! SPACE+writing.part.page  up to 1 MiB of a longer one (page.rs)
//! ```
//!
//! Pages are written first and belong to one writing: the head, one value of the server, makes an object visible
//! or replaces it at once, and says which pages are its own.

mod get;
mod head;
mod page;
mod put;
mod store;
mod upload;

pub use store::ClientStore;
