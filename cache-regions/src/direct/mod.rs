//! What callers who hold a region do with it: values of any type under keys of any type, each with
//! the time of its creation.

mod aged;
mod compute;
mod face;
mod options;
mod runner;
mod stamped;

pub use options::{ComputeOptions, Expiration, ReadOptions};
pub use runner::{Regeneration, Runner};
pub use stamped::Metadata;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Region, RegionPlan, Replace, configure_plans};
    use cache_core::{Cache, PutWhen, wait};

    #[test]
    fn d25_a_value_of_another_format_is_computed_anew() {
        static REGION: Region = Region::new("of another format");
        let plan = RegionPlan::new(REGION.name()).with_memory(10);
        configure_plans(vec![plan], Replace::Refuse).unwrap();
        let direct = REGION.direct::<u64, String>();
        let aged = REGION.aged(&direct, Expiration::OfRegion, None).unwrap();
        let mut old = aged.stamped("old".to_owned());
        old.format -= 1;
        assert!(wait(aged.put(&1, aged.entry(old), PutWhen::Always)).unwrap());
        let get = || wait(REGION.get::<u64, String>(&1)).unwrap();
        let any = ReadOptions::new().ignoring_expiration();
        assert_eq!(get(), None);
        assert_eq!(wait(REGION.get_with::<u64, String>(&1, any)).unwrap(), None);
        let new = REGION.get_or_compute(&1_u64, || async { "new".to_owned() });
        assert_eq!(wait(new).unwrap(), "new");
        assert_eq!(get().as_deref(), Some("new"));
    }
}
