//! Lists of servers that change while values are changed: nobody reads what was changed elsewhere.
#![cfg(feature = "memcached")]

#[path = "common/endpoint.rs"]
mod endpoint;

use cache_clients::encoded::{Encoded, EncodedCache};
use cache_clients::memcached::discover::Servers;
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_core::{Cache, CacheExt, wait};
use endpoint::Endpoint;
use larder_test_servers as servers;
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);
const KEYS: u64 = 200;

struct Stand {
    servers: Vec<servers::Memcached>,
    endpoint: Endpoint,
    memcached: Memcached,
    cache: EncodedCache<Memcached, u64, u64>,
}

impl Stand {
    fn start(size: usize, first: &[usize]) -> Self {
        let servers: Vec<_> = (0..size).map(|_| servers::Memcached::start()).collect();
        let endpoint = Endpoint::start();
        let addresses: Vec<_> = first.iter().map(|at| servers[*at].address()).collect();
        endpoint.name(&addresses);
        let list: Servers = endpoint.source().parse().unwrap();
        let patient = MemcachedOptions::default()
            .with_connect_timeout(LIMIT)
            .with_answer_timeout(LIMIT)
            .with_deadline(LIMIT);
        let list = list.with_every(Duration::from_millis(20)).with_deadline(LIMIT);
        let memcached = Memcached::with(list, patient).unwrap();
        let cache = Encoded::new(memcached.clone()).unwrap().open("n");
        Stand { servers, endpoint, memcached, cache }
    }

    /// The endpoint's own event: it is asked again all the time.
    fn list(&self, servers: &[usize]) {
        let mut addresses: Vec<_> = servers.iter().map(|at| self.servers[*at].address()).collect();
        self.endpoint.name(&addresses);
        addresses.sort_unstable();
        let start = Instant::now();
        let names = || self.memcached.stats().into_iter().map(|one| one.name);
        while names().collect::<Vec<_>>() != addresses {
            assert!(start.elapsed() < LIMIT, "{:?} is not {addresses:?}", self.memcached);
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn put(&self, key: u64, value: u64) {
        assert!(wait(self.cache.put_for(&key, value, 3600)).unwrap());
    }

    fn all(&self) -> Vec<Option<u64>> {
        wait(self.cache.get_many(&(0..KEYS).collect::<Vec<_>>())).unwrap()
    }
}

#[test]
fn a_server_that_is_in_the_list_again_has_no_value_that_was_changed_meanwhile() {
    let stand = Stand::start(3, &[0, 1, 2]);
    (0..KEYS).for_each(|key| stand.put(key, 1));
    stand.list(&[1, 2]);
    for key in 0..KEYS {
        match key % 4 {
            0 => stand.put(key, 2),
            1 => drop(wait(stand.cache.delete(&key)).unwrap()),
            2 => drop(wait(stand.cache.expire(&key)).unwrap()),
            _ => {}
        }
    }
    stand.list(&[0, 1, 2]);
    let mut there = 0;
    for (key, value) in (0..KEYS).zip(stand.all()) {
        match key % 4 {
            0 => assert!(value != Some(1), "key {key} is outdated"),
            1 | 2 => assert_eq!(value, None, "key {key} was removed"),
            _ => {
                assert_eq!(value, Some(1), "nothing happened to key {key}");
                there += 1;
            }
        }
    }
    assert_eq!(there, KEYS / 4);
}

#[test]
fn a_server_that_was_never_out_of_the_list_has_no_value_that_was_changed_at_a_newcomer() {
    let stand = Stand::start(2, &[0]);
    (0..KEYS).for_each(|key| stand.put(key, 1));
    stand.list(&[0, 1]);
    (0..KEYS).for_each(|key| stand.put(key, 2));
    stand.list(&[0]);
    let found = stand.all();
    assert!(found.iter().all(|value| *value != Some(1)), "{found:?}");
    let kept = found.iter().flatten().count() as u64;
    assert!(kept > KEYS / 4 && kept < KEYS, "{kept} of {KEYS} were never the newcomer's");
}

#[test]
fn a_list_that_changes_back_and_forth_shows_no_old_value() {
    let stand = Stand::start(4, &[0, 1]);
    let lists: [&[usize]; 5] = [&[1, 2], &[0, 2, 3], &[0, 1], &[3], &[0, 1, 2, 3]];
    for (round, list) in (1..).zip(lists) {
        (0..KEYS).for_each(|key| stand.put(key, round));
        stand.list(list);
        let found = stand.all();
        assert!(found.iter().flatten().all(|value| *value == round), "round {round}: {found:?}");
    }
}
