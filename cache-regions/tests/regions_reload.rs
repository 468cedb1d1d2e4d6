//! Configurations that change how a fleet of memcached servers is asked, or which servers it is, while one of them is away:
//! what it has missed is not forgotten with the client that knew of it.
#![cfg(feature = "memcached")]

use cache_core::{Cache, CacheExt, wait};
use cache_regions::{Configuration, Format, Region, RegionCache, Replace};
use larder_test_servers::{Fault, Memcached, Proxy};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const KEYS: u64 = 40;
const LIMIT: Duration = Duration::from_secs(60);

/// Two servers, of which one can be cut off and keeps what it has, and a region over them.
struct Fleet {
    _servers: [Memcached; 2],
    far: Proxy,
    other: String,
    region: &'static Region,
    cache: RegionCache<u64, String>,
}

impl Fleet {
    fn start() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let servers = [Memcached::start(), Memcached::start()];
        let far = Proxy::before(&servers[0].address());
        let name = format!("fleet{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let region: &'static Region = Box::leak(Box::new(Region::new(name.leak())));
        let other = servers[1].address();
        let cache = region.open::<u64, String>("f");
        let fleet = Fleet { _servers: servers, far, other, region, cache };
        fleet.follow(&[&fleet.far.address(), &fleet.other], 10);
        fleet
    }

    /// Takes a configuration with these servers, and so many seconds for an answer.
    fn follow(&self, servers: &[&str], seconds: u32) {
        let text = format!(
            "[regions.{}]\nbackend = 'memcached'\ninvalidation = 'process'\n\
             arguments.servers = {servers:?}\narguments.answer_timeout = {seconds}\n\
             arguments.connect_timeout = 10\narguments.deadline = 20\narguments.stand_in = 2\n\
             arguments.breaker = {{ failures = 1, pause = 1000, longest_pause = 1000 }}\n",
            self.region.name()
        );
        let anew = Configuration::new().with_replace(Replace::Existing);
        anew.configure_str(&text, Format::Toml).unwrap();
    }

    fn both(&self, seconds: u32) {
        self.follow(&[&self.far.address(), &self.other], seconds);
    }

    fn put_all(&self, value: &str) -> bool {
        let put = |key| wait(self.cache.put_for(&key, value.to_owned(), 3600)).unwrap();
        // Each of them, also after one that fails.
        (0..KEYS).map(put).fold(true, |all, stored| all & stored)
    }

    fn delete_all(&self) {
        wait(self.cache.delete_many(&(0..KEYS).collect::<Vec<_>>())).unwrap();
    }

    fn all(&self) -> Vec<Option<String>> {
        wait(self.cache.get_many(&(0..KEYS).collect::<Vec<_>>())).unwrap()
    }

    fn cut_off(&self) {
        self.far.set(Fault::Refuse);
        self.far.cut();
        let start = Instant::now();
        // Until the other one stands in for it: then every key has a place.
        while !self.put_all("meanwhile") {
            assert!(start.elapsed() < LIMIT, "it is never given up");
        }
    }
}

#[test]
fn what_a_server_that_is_away_has_missed_is_owed_to_it_under_another_timeout() {
    let fleet = Fleet::start();
    assert!(fleet.put_all("old"));
    fleet.cut_off();
    fleet.delete_all();
    fleet.both(11);
    fleet.far.set(Fault::None);
    assert_eq!(fleet.all(), vec![None; KEYS as usize]);
    // A second configuration, and a third, before anybody has asked.
    assert!(fleet.put_all("old"));
    fleet.cut_off();
    fleet.delete_all();
    fleet.both(12);
    fleet.both(13);
    fleet.far.set(Fault::None);
    assert_eq!(fleet.all(), vec![None; KEYS as usize]);
}

#[test]
fn a_configuration_that_was_there_before_hears_of_what_was_missed_under_the_one_between() {
    let fleet = Fleet::start();
    assert!(fleet.put_all("old"));
    fleet.both(11);
    fleet.cut_off();
    fleet.delete_all();
    fleet.both(10);
    fleet.far.set(Fault::None);
    assert_eq!(fleet.all(), vec![None; KEYS as usize]);
}

#[test]
fn a_server_that_a_configuration_leaves_out_for_a_while_has_no_value_that_was_changed_meanwhile() {
    let fleet = Fleet::start();
    assert!(fleet.put_all("old"));
    fleet.follow(&[&fleet.other], 11);
    wait(fleet.cache.delete_many(&(0..KEYS / 2).collect::<Vec<_>>())).unwrap();
    fleet.both(12);
    let found = fleet.all();
    let (deleted, left) = found.split_at(KEYS as usize / 2);
    assert_eq!(deleted, vec![None; KEYS as usize / 2]);
    assert!(left.iter().flatten().count() == left.len(), "nothing happened to {left:?}");
}

#[test]
fn a_stand_in_is_not_believed_under_another_configuration_when_the_server_is_away_again() {
    let fleet = Fleet::start();
    assert!(fleet.put_all("old"));
    fleet.cut_off();
    fleet.both(11);
    fleet.far.set(Fault::None);
    fleet.delete_all();
    assert_eq!(fleet.all(), vec![None; KEYS as usize]);
    fleet.far.set(Fault::Refuse);
    fleet.far.cut();
    // The stand-in still has "meanwhile", and is asked as soon as the breaker is open.
    for _ in 0..200 {
        let found = fleet.all();
        assert!(found.iter().all(Option::is_none), "{found:?}");
    }
}
