//! Regions: caches that are named in the program and configured when it runs.
//!
//! A [`Region`] is such a cache; [`configure`] reads what it is to be, and [`watch`] reads it again.
//!
//! A configuration is read by `config` into one tree, checked against one table of options, and
//! made into a [`RegionPlan`] for each region; a plan can be written in code as well. The stacks of
//! tiers that plans describe are made of [`backends`](register_backend) by name.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout))]

mod advise;
mod backends;
mod cache;
mod config;
mod configure;
mod direct;
mod explain;
mod kept;
mod known;
mod look;
mod mangle;
mod mirror;
mod plan;
mod region;
mod register;
mod revised;
mod revisions;
mod section;
mod stack;
mod state;
#[cfg(feature = "templates")]
mod templates;
mod tiers;
mod watch;
mod wrapped;
mod wrapper;

pub use advise::{Advice, Bounds, Finding, FindingKind, Load, Together};
pub use backends::{BackendPlan, Distance, MemoryBytes, Sharing, register_backend};
pub use cache::RegionCache;
pub use config::{
    Configuration, Format, Mistake, Mistakes, OptionRow, ServerPlan, Settings, Spot,
    options_markdown, options_tables,
};
pub use configure::{configure, configure_map, configure_str, reload};
pub use direct::{ComputeOptions, Expiration, Metadata, ReadOptions, Regeneration, Runner};
pub use mangle::{Mangled, Mangler, register_mangler};
pub use mirror::Mirror;
pub use plan::{
    BytesPlan, Expiry, MemoryPlan, PolicyPlan, RegionPlan, Replace, Scope, TierPlan, WrapperPlan,
};
pub use region::{Region, configure_plans};
pub use register::register_wrapper;
pub use revised::{RevisedCache, RevisedKey};
pub use revisions::{InvalidationStrategy, Revisions};
pub use section::{Entries, Section, SectionDraft, SectionEntry, SectionPlan, register_section};
/// Times, sizes and names that were probably meant, in the words of configurations, for those who tell what a section of theirs says.
#[doc(hidden)]
pub mod words {
    pub use crate::advise::{size, time};

    /// What to say of a name that is none of these: which was probably meant, or which there are.
    #[must_use]
    pub fn instead(name: &str, names: &[&str]) -> String {
        crate::config::nearest::suggestion(name, names)
    }
}

#[cfg(feature = "templates")]
pub use templates::add_cached_block;
pub use watch::{Watch, WatchOptions, watch};
pub use wrapper::{Act, AnyKey, AnyValue, Done, Next, Operation, Wrapper};
