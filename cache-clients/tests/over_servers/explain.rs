//! What a server's tier says of a key: each reason, and that asking changes nothing.

use crate::stand::{Seen, Stand};
use cache_clients::encoded::EncodedCache;
use cache_clients::server::Server;
use cache_core::{
    Aim, Cache, CacheExt, Entry, Explanation, Filled, Lookup, Reason, TierState, Verdict, wait,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

type Texts<S> = EncodedCache<Seen<S>, u64, String>;

fn told<C: Cache<u64, String>>(cache: &C, key: u64) -> Explanation {
    Explanation::of("texts", wait(cache.explain(&key)))
}

fn missing(told: &Explanation) -> (Reason, Option<Duration>) {
    match told.tiers.last().map(|tier| &tier.state) {
        Some(TierState::Missing { reason, since }) => (*reason, *since),
        _ => panic!("{told}"),
    }
}

fn text() -> String {
    "some text".to_owned()
}

pub(crate) fn the_life_of_a_value_is_told<S: Server>(stand: &Stand<S>) {
    let cache: Texts<S> = stand.client_with(stand.options().with_grace(HOUR)).open("texts");
    let other: Texts<S> = stand.client_with(stand.options().with_grace(HOUR)).open("texts");
    assert_eq!(missing(&told(&cache, 1)), (Reason::Never, None));
    let entry = Entry::new(text()).with_ttl(60).with_refresh_after(30 * SECOND);
    wait(cache.put(&1, entry, cache_core::PutWhen::Always)).unwrap();
    stand.time.advance(10 * SECOND);
    // As every process sees it.
    for cache in [&cache, &other] {
        let state = told(cache, 1).tiers.remove(0).state;
        let TierState::Fresh { left: Some(left), refresh_in: Some(refresh), age: Some(age) } =
            state
        else {
            panic!("{state:?}")
        };
        assert_eq!((left, refresh, age), (50 * SECOND, 20 * SECOND, 10 * SECOND));
    }
    stand.time.advance(25 * SECOND);
    let told_now = told(&other, 1);
    assert_eq!(told_now.verdict, Verdict::StaleHit);
    assert!(told_now.to_string().ends_with(": refresh due, 25 s left, 35 s old"), "{told_now}");
    stand.time.advance(37 * SECOND);
    let told_now = told(&other, 1);
    assert_eq!(told_now.verdict, Verdict::Miss(Reason::Expired));
    assert!(told_now.to_string().ends_with(": expired 12 s ago"), "{told_now}");
}

pub(crate) fn what_is_gone_is_told_by_what_this_process_remembers<S: Server>(stand: &Stand<S>) {
    let cache: Texts<S> = stand.client().open("texts");
    let other: Texts<S> = stand.client().open("texts");
    let reader: Texts<S> = stand.client().open("texts");
    wait(cache.put_for(&1, text(), 60)).unwrap();
    wait(reader.get(&1)).unwrap().unwrap();
    let name = stand.server.names().remove(0);
    stand.server.remove(&name);
    assert_eq!(missing(&told(&cache, 1)), (Reason::Evicted, None));
    assert_eq!(missing(&told(&reader, 1)), (Reason::Evicted, None), "it had only read it");
    assert_eq!(missing(&told(&other, 1)), (Reason::Never, None), "it never saw it");
    let found = wait(cache.lookup(&1, Aim::Read)).unwrap();
    assert!(matches!(found, Lookup::Missing { reason: Reason::Evicted, .. }), "{found:?}");
    stand.time.advance(72 * SECOND);
    assert_eq!(missing(&told(&cache, 1)), (Reason::Expired, Some(12 * SECOND)));

    wait(cache.put_for(&2, text(), 60)).unwrap();
    wait(cache.delete(&2)).unwrap();
    stand.time.advance(5 * SECOND);
    let told_now = told(&cache, 2);
    assert_eq!(missing(&told_now), (Reason::Invalidated, Some(5 * SECOND)));
    assert!(told_now.to_string().ends_with(": removed by a call 5 s ago"), "{told_now}");
    wait(cache.delete(&3)).unwrap();
    assert_eq!(missing(&told(&cache, 3)).0, Reason::Never, "there was nothing to remove");

    wait(cache.put_for(&4, text(), 60)).unwrap();
    wait(cache.expire(&4)).unwrap();
    stand.time.advance(3 * SECOND);
    assert_eq!(missing(&told(&cache, 4)), (Reason::Expired, Some(3 * SECOND)));

    wait(cache.put_for(&5, text(), 60)).unwrap();
    wait(cache.clear()).unwrap();
    assert_eq!(missing(&told(&cache, 5)).0, Reason::Never, "a clear forgets what was");

    let client = stand.client();
    let counted: Texts<S> = client.open("texts");
    wait(counted.put_for(&7, text(), 60)).unwrap();
    wait(counted.delete(&7)).unwrap();
    wait(counted.get(&7)).unwrap();
    wait(counted.get(&8)).unwrap();
    assert_eq!((client.stats().invalidated, client.stats().absent), (1, 1));

    let forgetful: Texts<S> = stand.client_with(stand.options().with_ghost(0)).open("texts");
    wait(forgetful.put_for(&6, text(), 60)).unwrap();
    wait(forgetful.delete(&6)).unwrap();
    assert_eq!(missing(&told(&forgetful, 6)).0, Reason::Never);
}

pub(crate) fn damage_and_other_schemas_are_told<S: Server>(stand: &Stand<S>) {
    let cache: Texts<S> = stand.client().open("texts");
    wait(cache.put_for(&1, text(), 60)).unwrap();
    let name = stand.server.names().remove(0);
    let mut bytes = stand.server.bytes(&name).unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    stand.server.set(&name, bytes.clone(), HOUR);
    assert_eq!(missing(&told(&cache, 1)).0, Reason::Damaged);
    bytes[4] = 99;
    stand.server.set(&name, bytes, HOUR);
    assert_eq!(missing(&told(&cache, 1)).0, Reason::Schema);
}

pub(crate) fn an_explanation_writes_nothing_and_counts_nothing<S: Server>(stand: &Stand<S>) {
    let client = stand.client();
    let cache: Texts<S> = client.open("texts");
    let before = client.stats();
    assert_eq!(missing(&told(&cache, 1)).0, Reason::Never);
    assert!(stand.server.names().is_empty(), "not even the generation was made");
    let Lookup::Missing { lease, .. } = wait(cache.lookup(&1, Aim::Compute)).unwrap() else {
        panic!("there is nothing")
    };
    let looked = client.stats();
    // Another process computes: nobody waits for that to explain.
    let other: Texts<S> = stand.client().open("texts");
    assert_eq!(missing(&told(&other, 1)).0, Reason::Never);
    assert_eq!(missing(&told(&cache, 1)).0, Reason::Never);
    assert_eq!(client.stats(), looked);
    assert_eq!(before.absent + 1, looked.absent);
    let filled = wait(cache.fill(&1, Entry::new(text()).with_ttl(60), lease)).unwrap();
    assert_eq!(filled, Filled::Stored, "the lease is as good as ever");
}

pub(crate) fn a_fenced_result_is_told<S: Server>(stand: &Stand<S>) {
    let cache: Texts<S> = stand.client().open("texts");
    let other: Texts<S> = stand.client().open("texts");
    let Lookup::Missing { lease, .. } = wait(cache.lookup(&1, Aim::Compute)).unwrap() else {
        panic!("there is nothing")
    };
    wait(other.delete(&1)).unwrap();
    let filled = wait(cache.fill(&1, Entry::new(text()).with_ttl(60), lease)).unwrap();
    assert_eq!(filled, Filled::Fenced);
    stand.time.advance(2 * SECOND);
    assert_eq!(missing(&told(&cache, 1)), (Reason::Fenced, Some(2 * SECOND)));
    wait(other.put_for(&1, text(), 60)).unwrap();
    assert_eq!(told(&cache, 1).verdict, Verdict::Hit);
}

pub(crate) fn tiers_are_told_one_by_one<S: Server>(stand: &Stand<S>) {
    let tiers = stand.tiers().with_near_ttl(10 * SECOND).open::<u64, String>("texts");
    wait(tiers.put_for(&1, text(), 60)).unwrap();
    stand.time.advance(12 * SECOND);
    let first = told(&tiers, 1);
    assert_eq!(first.verdict, Verdict::Hit);
    let name = cache_core::wait(async { stand.server.name() });
    assert_eq!(
        first.to_string(),
        format!("texts would hit: in process: expired 2 s ago; {name}: fresh, 48 s left, 12 s old")
    );
    assert_eq!(told(&tiers, 1), first, "nothing was promoted");
    wait(tiers.get(&1)).unwrap().unwrap();
    assert!(told(&tiers, 1).tiers[0].state.is_live(), "by a read it is");
}
