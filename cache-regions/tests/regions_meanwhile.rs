//! Computations over a region that begin while a change of their key is on its way to the server: who comes after the change
//! does not join them.

#[path = "../../cache-clients/tests/common/between.rs"]
mod between;
mod stand;

use between::{Between, nobody_joins};
use cache_clients::encoded::{Encoded, Solo};
use cache_clients::server::AnyServer;
use cache_core::{Client, Invalidation, ManualClock, Namespace, wait};
use cache_regions::{Region, RegionPlan, Replace, configure_plans};
use stand::shelf_of_bytes::Shelf;
use stand::{fresh_region, options, shelf};

type Server = Between<Solo<Shelf>>;

fn server(time: &ManualClock) -> (Server, Encoded<AnyServer>) {
    let between = Between::new(shelf(time));
    let server = AnyServer::new(between.clone());
    (between, Encoded::with_options(server, options(time)).unwrap())
}

fn region() -> (Server, &'static Region) {
    let (time, region) = (ManualClock::new(), fresh_region());
    let (between, client) = server(&time);
    let plan = RegionPlan::new(region.name()).with_clock(time.clock());
    let plan = plan.with_encoded(client).with_expiration(1000);
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    (between, region)
}

#[test]
fn who_comes_after_a_change_in_a_region_does_not_join_what_began_meanwhile() {
    let (between, region) = region();
    nobody_joins(&between, &region.open::<u64, u64>("f"));
}

#[test]
fn who_comes_after_a_change_in_a_mirror_does_not_join_what_began_meanwhile() {
    let (_, region) = region();
    let (between, client) = server(&ManualClock::new());
    let mirror = region.mirror(client);
    nobody_joins(&between, &Client::<u64, u64>::open(&mirror, &Namespace::new("n")));
}

/// A change of key 1, and what is there then.
type Change = (fn(&Region), Option<u64>);

const CHANGES: [Change; 6] = [
    (|region| wait(region.delete::<u64, u64>(&1)).unwrap(), None),
    (|region| wait(region.delete_many::<u64, u64>(&[2, 1])).unwrap(), None),
    (|region| wait(region.put(&1_u64, 11_u64)).unwrap(), Some(11)),
    (|region| wait(region.put_many([(1_u64, 11_u64)])).unwrap(), Some(11)),
    (|region| wait(region.invalidate(Invalidation::Hard)).unwrap(), None),
    (|region| wait(region.invalidate(Invalidation::Soft)).unwrap(), None),
];

#[test]
fn who_comes_after_a_change_by_the_direct_face_does_not_join_what_began_meanwhile() {
    let (between, region) = region();
    for (n, (change, then)) in CHANGES.into_iter().enumerate() {
        wait(region.delete::<u64, u64>(&1)).unwrap();
        let meanwhile = between.held_meanwhile(move |hold| {
            let create = move || async move {
                hold.wait();
                20_u64
            };
            wait(region.get_or_compute(&1_u64, create)).unwrap()
        });
        change(region);
        let later = || wait(region.get_or_compute(&1_u64, || async { 30 })).unwrap();
        assert_eq!(meanwhile.and_then(later), (20, then.unwrap_or(30)), "change {n}");
        let kept = wait(region.get::<u64, u64>(&1)).unwrap();
        assert_eq!(kept, Some(then.unwrap_or(30)), "change {n}");
    }
}
