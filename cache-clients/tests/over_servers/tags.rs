//! Tags of values on a server: versions that processes share, checked at each read.

use crate::stand::{Seen, Stand};
use cache_clients::encoded::{Encoded, EncodedCache};
use cache_clients::server::Server;
use cache_core::{
    Aim, Cache, CacheExt, Client, Entry, Filled, Invalidation, Lookup, Namespace, PutWhen, Reason,
    Shared, TagRecords, TagSource, Tags, wait,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

pub(crate) const LAG: Duration = Duration::from_secs(5);
const HOUR: u64 = 3600;

/// A client as in a process of its own, with its own knowledge of the tags.
pub(crate) struct Process<C> {
    pub(crate) records: Shared<String, u64>,
    pub(crate) source: TagSource,
    pub(crate) texts: C,
}

impl<C: Cache<u64, String>> Process<C> {
    pub(crate) fn over<S: Server, D>(stand: &Stand<S>, client: &D) -> Self
    where
        D: Client<u64, String, Cache = C> + Client<String, u64>,
    {
        let space = Namespace::new("~tags").with(TagRecords);
        let records = Shared::new(Client::<String, u64>::open(client, &space));
        let source = TagSource::over(records.clone(), LAG, stand.time.clock());
        let space = Namespace::new("texts").with(source.clone());
        let texts = Client::<u64, String>::open(client, &space);
        Process { records, source, texts }
    }

    pub(crate) fn capture(&self, names: &[&str]) -> Tags {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        wait(self.source.capture(&names)).unwrap()
    }

    pub(crate) fn put(&self, key: u64, value: &str, tags: &[&str]) {
        let entry = entry(value).with_tags(self.capture(tags));
        assert!(wait(self.texts.put(&key, entry, PutWhen::Always)).unwrap());
    }

    pub(crate) fn invalidate(&self, name: &str, how: Invalidation) {
        wait(self.source.invalidate(&[name.to_owned()], how)).unwrap();
    }

    pub(crate) fn look(&self, key: u64) -> Lookup<String> {
        wait(self.texts.lookup(&key, Aim::Read)).unwrap()
    }

    pub(crate) fn get(&self, key: u64) -> Option<String> {
        self.look(key).live().map(|(value, _)| value)
    }

    #[track_caller]
    pub(crate) fn assert_gone(&self, key: u64) {
        let found = self.look(key);
        assert!(matches!(found, Lookup::Missing { reason: Reason::Tag, .. }), "{found:?}");
    }
}

type Far<S> = Process<EncodedCache<Seen<S>, u64, String>>;

fn process<S: Server>(stand: &Stand<S>) -> Far<S> {
    Process::over(stand, &stand.client())
}

fn entry(value: &str) -> Entry<String> {
    Entry::new(value.to_owned()).with_ttl(HOUR)
}

/// The names of the records on the server.
fn records<S: Server>(stand: &Stand<S>) -> Vec<String> {
    stand.server.names().into_iter().filter(|name| name.contains(":tags~")).collect()
}

pub(crate) fn x1_an_invalidated_tag_outdates_what_was_stored_also_elsewhere<S: Server>(
    stand: &Stand<S>,
) {
    let (one, other) = (process(stand), process(stand));
    one.put(1, "ann", &["user:1", "team"]);
    one.put(2, "bob", &["user:2", "team"]);
    assert_eq!((other.get(1), other.get(2)), (Some("ann".to_owned()), Some("bob".to_owned())));
    one.invalidate("user:1", Invalidation::Hard);
    one.assert_gone(1);
    stand.time.advance(LAG);
    other.assert_gone(1);
    assert_eq!(other.get(2), Some("bob".to_owned()));
    other.invalidate("team", Invalidation::Hard);
    other.assert_gone(2);
    stand.time.advance(LAG);
    one.assert_gone(2);
    one.put(2, "new", &["user:2", "team"]);
    assert_eq!(other.get(2), Some("new".to_owned()));
}

pub(crate) fn x1_a_tag_that_is_invalidated_during_a_computation_outdates_its_value<S: Server>(
    stand: &Stand<S>,
) {
    let (one, other) = (process(stand), process(stand));
    let tags = other.capture(&["team"]);
    let lease = wait(other.texts.lookup(&1, Aim::Compute)).unwrap().into_lease();
    one.invalidate("team", Invalidation::Hard);
    let old = entry("old").with_tags(tags);
    assert_eq!(wait(other.texts.fill(&1, old, lease)).unwrap(), Filled::Stored);
    one.assert_gone(1);
    stand.time.advance(LAG);
    other.assert_gone(1);
    // What is computed after it counts.
    let tags = other.capture(&["team"]);
    let lease = wait(other.texts.lookup(&1, Aim::Compute)).unwrap().into_lease();
    let new = entry("new").with_tags(tags);
    assert_eq!(wait(other.texts.fill(&1, new, lease)).unwrap(), Filled::Stored);
    assert_eq!((one.get(1), other.get(1)), (Some("new".to_owned()), Some("new".to_owned())));
}

pub(crate) fn a_softly_invalidated_tag_makes_values_stale_and_one_computes<S: Server>(
    stand: &Stand<S>,
) {
    let (one, other) = (process(stand), process(stand));
    one.put(1, "old", &["team"]);
    one.invalidate("team", Invalidation::Soft);
    stand.time.advance(LAG);
    let found = other.look(1);
    assert!(matches!(&found, Lookup::Stale { value, .. } if value == "old"), "{found:?}");
    let tags = other.capture(&["team"]);
    let found = wait(other.texts.lookup(&1, Aim::Refresh)).unwrap();
    let Lookup::Stale { value, lease, .. } = found else { panic!("{found:?}") };
    assert_eq!((value.as_str(), lease.is_some()), ("old", true));
    let second = wait(one.texts.lookup(&1, Aim::Refresh)).unwrap();
    assert!(matches!(&second, Lookup::Fresh { value, .. } if value == "old"), "{second:?}");
    let new = entry("new").with_tags(tags);
    assert_eq!(wait(other.texts.fill(&1, new, lease)).unwrap(), Filled::Stored);
    let found = one.look(1);
    assert!(matches!(&found, Lookup::Fresh { value, .. } if value == "new"), "{found:?}");
    one.invalidate("team", Invalidation::Hard);
    one.assert_gone(1);
}

pub(crate) fn x9_an_evicted_record_of_a_tag_fails_closed<S: Server>(stand: &Stand<S>) {
    let (one, other) = (process(stand), process(stand));
    one.put(1, "one", &["team"]);
    one.put(2, "two", &["other"]);
    assert_eq!(other.get(1), Some("one".to_owned()));
    let before = records(stand);
    assert_eq!(before.len(), 4, "two records a tag: {before:?}");
    before.iter().for_each(|name| stand.server.remove(name));
    stand.time.advance(LAG);
    // Read by whoever comes first, in either process.
    other.assert_gone(1);
    one.assert_gone(1);
    one.assert_gone(2);
    assert_eq!(records(stand), before, "added anew");
    one.put(1, "new", &["team"]);
    assert_eq!(other.get(1), Some("new".to_owned()));
}

pub(crate) fn x10_a_value_never_outlives_the_record_of_its_tag<S: Server>(stand: &Stand<S>) {
    let (one, other) = (process(stand), process(stand));
    for kind in ["h", "s"] {
        let number = Entry::new(7_u64).with_ttl(10);
        assert!(wait(one.records.put(&format!("{kind}team"), number, PutWhen::Always)).unwrap());
    }
    one.put(1, "one", &["team"]);
    assert_eq!(other.get(1), Some("one".to_owned()));
    stand.time.advance(Duration::from_secs(11));
    other.assert_gone(1);
    one.assert_gone(1);
    stand.time.advance(Duration::from_secs(60));
    one.assert_gone(1);
}

pub(crate) fn x19_what_is_filled_while_a_tag_is_invalidated_is_never_older_than_it<S: Server>(
    stand: &Stand<S>,
) {
    const ROUNDS: u64 = 20;
    let truth = AtomicU64::new(0);
    let processes = [process(stand), process(stand), process(stand)];
    let [one, fillers @ ..] = &processes;
    thread::scope(|scope| {
        for filler in fillers {
            let (truth, time) = (&truth, stand.time.clone());
            scope.spawn(move || {
                for round in 0..4 * ROUNDS {
                    let key = round % 4;
                    // What a process believes may be as old as its lag: here, of no time at all.
                    time.advance(LAG);
                    let tags = filler.capture(&["truth"]);
                    let value = truth.load(Ordering::SeqCst).to_string();
                    let lease = wait(filler.texts.lookup(&key, Aim::Replace)).unwrap().into_lease();
                    let value = entry(&value).with_tags(tags);
                    wait(filler.texts.fill(&key, value, lease)).unwrap();
                }
            });
        }
        for _ in 0..ROUNDS {
            truth.fetch_add(1, Ordering::SeqCst);
            one.invalidate("truth", Invalidation::Hard);
        }
    });
    stand.time.advance(LAG);
    for process in &processes {
        for key in 0..4 {
            let found = process.get(key);
            assert!(found.is_none() || found == Some(ROUNDS.to_string()), "{key}: {found:?}");
        }
    }
}

pub(crate) fn tags_of_a_value_in_pages_are_kept_renewed_and_checked<S: Server>(stand: &Stand<S>) {
    let client = Encoded::with_options(stand.with_most(700), stand.options()).unwrap();
    let (one, other) = (Process::over(stand, &client), process(stand));
    let long: String = (0..3000_u32).map(|n| char::from(b'a' + (n * n % 26) as u8)).collect();
    one.put(1, &long, &["team", "user:1"]);
    assert_eq!(other.get(1), Some(long.clone()));
    assert!(wait(one.texts.renew(&1, Some(Duration::from_secs(2 * HOUR)))).unwrap());
    stand.time.advance(Duration::from_secs(HOUR + 60));
    assert_eq!(other.get(1), Some(long));
    one.invalidate("user:1", Invalidation::Hard);
    stand.time.advance(LAG);
    other.assert_gone(1);
    assert!(!wait(other.texts.renew(&1, Some(Duration::from_secs(9 * HOUR)))).unwrap());
}

pub(crate) fn whoever_cannot_check_tags_believes_no_value_that_has_some<S: Server>(
    stand: &Stand<S>,
) {
    let client = stand.client();
    let tagged = Process::over(stand, &client);
    tagged.put(1, "one", &["team"]);
    let blind = client.open::<u64, String>("texts");
    let found = wait(blind.lookup(&1, Aim::Read)).unwrap();
    assert!(matches!(found, Lookup::Missing { reason: Reason::Tag, .. }), "{found:?}");
    assert_eq!(client.stats().tag, 1);
    // It counts as nothing, also for an add.
    assert!(wait(blind.add(&1, "plain".to_owned(), HOUR)).unwrap());
    assert_eq!(tagged.get(1), Some("plain".to_owned()));
}

pub(crate) fn x16_altered_tags_are_damage<S: Server>(stand: &Stand<S>) {
    let one = process(stand);
    one.put(1, "one", &["team"]);
    let values: Vec<String> =
        stand.server.names().into_iter().filter(|name| name.contains(":texts:")).collect();
    let [name] = &values[..] else { panic!("{values:?}") };
    let good = stand.server.bytes(name).unwrap();
    let text = good.windows(4).position(|bytes| bytes == b"team").expect("the name as it is");
    for at in [5, text - 2, text - 1, text, text + 4, good.len() - 1] {
        let mut bad = good.to_vec();
        bad[at] ^= 8;
        stand.server.set(name, bad, Duration::from_secs(HOUR));
        let found = one.look(1);
        assert!(
            matches!(found, Lookup::Missing { reason: Reason::Damaged, .. }),
            "byte {at}: {found:?}"
        );
    }
    stand.server.set(name, good, Duration::from_secs(HOUR));
    assert_eq!(one.get(1), Some("one".to_owned()));
}

pub(crate) fn many_values_ask_for_their_tags_once<S: Server>(stand: &Stand<S>) {
    let (one, other) = (process(stand), process(stand));
    for key in 0..20 {
        one.put(key, "value", &["team", &format!("user:{key}")]);
    }
    one.invalidate("user:7", Invalidation::Hard);
    let keys: Vec<u64> = (0..20).collect();
    wait(other.texts.get(&99)).unwrap(); // finds the generation
    wait(other.records.get(&"none".to_owned())).unwrap(); // that of the records too
    let before = stand.server.questions();
    let found = wait(other.texts.get_many(&keys)).unwrap();
    assert_eq!(found.iter().filter(|value| value.is_some()).count(), 19);
    assert!(found[7].is_none());
    assert_eq!(stand.server.questions() - before, 2, "values, and the records of their tags");
    assert_eq!(wait(other.texts.get_many(&keys)).unwrap(), found);
    assert_eq!(stand.server.questions() - before, 3, "the versions are believed for the lag");
}

pub(crate) fn too_many_and_too_long_tags_are_refused_by_name<S: Server>(stand: &Stand<S>) {
    let one = process(stand);
    let long = "x".repeat(251);
    let entry = entry("one").with_tags(one.capture(&[&long]));
    let error = wait(one.texts.put(&1, entry, PutWhen::Always)).unwrap_err().to_string();
    assert!(error.contains("`texts`") && error.contains("1 to 250 bytes"), "{error}");
    assert_eq!(one.get(1), None);
}

type InTiers<S> = Process<
    cache_clients::TieredCache<
        u64,
        String,
        cache_core::Near<u64, String>,
        EncodedCache<Seen<S>, u64, String>,
    >,
>;

fn in_tiers<S: Server>(stand: &Stand<S>) -> InTiers<S> {
    Process::over(stand, &stand.tiers())
}

pub(crate) fn x1_an_invalidated_tag_reaches_the_near_tiers_of_all_within_the_lag<S: Server>(
    stand: &Stand<S>,
) {
    let (one, other) = (in_tiers(stand), in_tiers(stand));
    one.put(1, "old", &["team"]);
    assert_eq!(other.get(1), Some("old".to_owned()));
    let before = stand.server.questions();
    assert_eq!(other.get(1), Some("old".to_owned()));
    assert_eq!(stand.server.questions(), before, "a tagged value is promoted, and read in front");
    one.invalidate("team", Invalidation::Hard);
    one.assert_gone(1);
    stand.time.advance(LAG);
    // The near tier cannot tell any more, so the far one is asked.
    other.assert_gone(1);
    one.put(1, "new", &["team"]);
    assert_eq!((one.get(1), other.get(1)), (Some("new".to_owned()), Some("new".to_owned())));
    stand.time.advance(LAG);
    let before = stand.server.questions();
    assert_eq!(other.get(1), Some("new".to_owned()));
    assert!(stand.server.questions() > before, "after the lag somebody has to ask");
    let before = stand.server.questions();
    assert_eq!(other.get(1), Some("new".to_owned()));
    assert_eq!(stand.server.questions(), before, "once");
}

pub(crate) fn x1_a_computation_over_tiers_that_a_tag_overtakes_counts_nowhere<S: Server>(
    stand: &Stand<S>,
) {
    let (one, other) = (in_tiers(stand), in_tiers(stand));
    let tags = other.capture(&["team"]);
    let lease = wait(other.texts.lookup(&1, Aim::Compute)).unwrap().into_lease();
    one.invalidate("team", Invalidation::Hard);
    wait(other.texts.fill(&1, entry("old").with_tags(tags), lease)).unwrap();
    one.assert_gone(1);
    stand.time.advance(LAG);
    other.assert_gone(1);
}

pub(crate) fn x9_a_near_tier_does_not_hide_that_a_record_was_evicted<S: Server>(stand: &Stand<S>) {
    let (one, other) = (in_tiers(stand), in_tiers(stand));
    one.invalidate("team", Invalidation::Hard);
    one.put(1, "one", &["team"]);
    assert_eq!((one.get(1), other.get(1)), (Some("one".to_owned()), Some("one".to_owned())));
    records(stand).iter().for_each(|name| stand.server.remove(name));
    stand.time.advance(LAG);
    other.assert_gone(1);
    one.assert_gone(1);
    one.put(1, "new", &["team"]);
    assert_eq!((one.get(1), other.get(1)), (Some("new".to_owned()), Some("new".to_owned())));
}

pub(crate) fn a_softly_invalidated_tag_makes_values_in_tiers_stale<S: Server>(stand: &Stand<S>) {
    let (one, other) = (in_tiers(stand), in_tiers(stand));
    one.put(1, "old", &["team"]);
    assert_eq!(other.get(1), Some("old".to_owned()));
    one.invalidate("team", Invalidation::Soft);
    stand.time.advance(LAG);
    for process in [&one, &other] {
        let found = process.look(1);
        assert!(matches!(&found, Lookup::Stale { value, .. } if value == "old"), "{found:?}");
        // Also once it is promoted.
        let found = process.look(1);
        assert!(matches!(&found, Lookup::Stale { value, .. } if value == "old"), "{found:?}");
    }
    one.put(1, "new", &["team"]);
    one.invalidate("team", Invalidation::Hard);
    stand.time.advance(LAG);
    other.assert_gone(1);
}

pub(crate) fn a_renewal_takes_back_no_invalidation_of_a_tag<S: Server>(stand: &Stand<S>) {
    fn renews<C: Cache<u64, String>>(stand: &Stand<impl Server>, [one, other]: [Process<C>; 2]) {
        let renew = |process: &Process<C>| wait(process.texts.renew(&1, Some(LAG * 9999))).unwrap();
        one.put(1, "old", &["team"]);
        one.invalidate("team", Invalidation::Soft);
        stand.time.advance(LAG);
        for process in [&one, &other, &one] {
            assert!(renew(process), "it may still be served");
            let found = process.look(1);
            assert!(matches!(&found, Lookup::Stale { value, .. } if value == "old"), "{found:?}");
        }
        one.invalidate("team", Invalidation::Hard);
        stand.time.advance(LAG);
        assert!(!renew(&other) && !renew(&one));
        other.assert_gone(1);
        one.assert_gone(1);
    }
    renews(stand, [0, 1].map(|_| process(stand)));
    renews(stand, [0, 1].map(|_| in_tiers(stand)));
}
