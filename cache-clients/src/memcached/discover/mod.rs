//! Which servers there are: a fixed list, DNS names that are followed, ElastiCache clusters.
//!
//! [`Servers`] says where to look, [`Servers::follow`] looks and goes on looking on larder's I/O thread,
//! [`Following::now`] is the list of the moment.

mod address;
mod ask;
mod dns;
mod elasticache;
mod following;
mod learned;
mod membership;
mod servers;

pub(crate) use address::Address;
pub use following::Following;
pub use membership::{Change, Membership};
pub use servers::Servers;
