//! The generation of a namespace on a fleet of memcached: whatever server goes, the values on the others
//! stay, and what was cleared does not come back.
#![cfg(feature = "memcached")]

use cache_clients::encoded::{Encoded, EncodedCache, EncodedOptions};
use cache_clients::memcached::{BreakerOptions, Memcached, MemcachedOptions, ServerState};
use cache_clients::server::{Claim, Server};
use cache_core::{Cache, CacheExt, ManualClock, wait};
use larder_test_servers as servers;
use servers::{Fault, Proxy};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
const KEYS: u64 = 300;
const NAMESPACE: &str = "n";

type Numbers = EncodedCache<Memcached, u64, u64>;

/// Servers, each behind a proxy, whose address is the server's name.
struct Fleet {
    servers: Vec<servers::Memcached>,
    proxies: Vec<Proxy>,
    time: ManualClock,
}

impl Fleet {
    fn start(size: usize) -> Self {
        let servers: Vec<_> = (0..size).map(|_| servers::Memcached::start()).collect();
        let proxies = servers.iter().map(|one| Proxy::before(&one.address())).collect();
        Fleet { servers, proxies, time: ManualClock::new() }
    }

    fn list(&self, without: Option<usize>) -> String {
        let all = self.proxies.iter().enumerate().filter(|(at, _)| Some(*at) != without);
        all.map(|(_, proxy)| proxy.address()).collect::<Vec<_>>().join(",")
    }

    /// As another process.
    fn open(&self, list: &str) -> (Memcached, Numbers) {
        let patient = MemcachedOptions::default()
            .with_connect_timeout(30 * SECOND)
            .with_answer_timeout(30 * SECOND)
            .with_deadline(30 * SECOND)
            .with_breaker(BreakerOptions::default().with_trials(1));
        let memcached = Memcached::with(list, patient).unwrap();
        let options = EncodedOptions::new().with_clock(self.time.clock());
        let client = Encoded::with_options(memcached.clone(), options).unwrap();
        (memcached, client.open(NAMESPACE))
    }

    /// How many values each server has.
    fn values(&self) -> Vec<u64> {
        let copies: Vec<usize> = (0..self.servers.len()).map(|at| self.held(at)).collect();
        let items = self.servers.iter().map(|server| stat(server, "curr_items"));
        items.zip(copies).map(|(items, copies)| items - copies as u64).collect()
    }

    /// How many copies of the generation lie on this server.
    fn held(&self, at: usize) -> usize {
        let names = self.copies();
        let alone = Memcached::new(self.servers[at].address()).unwrap();
        let answers = wait(alone.get_many(&names, Claim::Nothing));
        answers.into_iter().filter(|answer| answer.as_ref().unwrap().stored.is_some()).count()
    }

    fn copies(&self) -> Vec<String> {
        let (memcached, _) = self.open(&self.list(None));
        wait(memcached.copies(&format!("larder:{NAMESPACE}:gen")))
    }

    fn cut(&self, at: usize) {
        self.proxies[at].set(Fault::Refuse);
        self.proxies[at].cut();
    }

    fn holders(&self) -> Vec<usize> {
        (0..self.servers.len()).filter(|at| self.held(*at) > 0).collect()
    }
}

/// A figure of the server's own.
fn stat(server: &servers::Memcached, name: &str) -> u64 {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"stats\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let line = lines.take_while(|line| line != "END").find_map(|line| {
        let (key, value) = line.strip_prefix("STAT ")?.split_once(' ')?;
        (key == name).then(|| value.parse().unwrap())
    });
    line.unwrap_or_else(|| panic!("memcached has no figure {name}"))
}

fn keys() -> Vec<u64> {
    (0..KEYS).collect()
}

fn fill(cache: &Numbers) {
    for key in 0..KEYS {
        assert!(wait(cache.put_for(&key, key * 2, 600)).unwrap());
    }
}

fn found(cache: &Numbers) -> u64 {
    let found = wait(cache.get_many(&keys())).unwrap();
    for (key, value) in keys().iter().zip(&found) {
        assert!(value.is_none_or(|value| value == key * 2));
    }
    found.iter().flatten().count() as u64
}

/// The server's own event: larder tries a server that is away until it answers.
fn await_back(memcached: &Memcached, name: &str) {
    let start = Instant::now();
    let away =
        || memcached.stats().iter().any(|one| one.name == name && one.state == ServerState::Away);
    while away() {
        assert!(start.elapsed() < 30 * SECOND, "{name} is away for ever");
        thread::sleep(Duration::from_millis(5));
    }
}

/// larder's own event: it has given up the servers that are gone, and stores where it can.
fn await_stored(cache: &Numbers) {
    let start = Instant::now();
    while !wait(cache.put_for(&KEYS, 0, 600)).unwrap() {
        assert!(start.elapsed() < 30 * SECOND, "nothing is stored for ever");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_generation_lies_on_three_different_servers() {
    for (size, copies) in [(1, 1), (2, 2), (3, 3), (5, 3)] {
        let fleet = Fleet::start(size);
        fill(&fleet.open(&fleet.list(None)).1);
        assert_eq!(
            (fleet.copies().len(), fleet.holders().len()),
            (copies + 1, copies),
            "of {size}"
        );
    }
}

#[test]
fn c77_a_server_that_dies_takes_along_its_own_values_only() {
    for turn in 0..3 {
        let fleet = Fleet::start(5);
        let (_, cache) = fleet.open(&fleet.list(None));
        fill(&cache);
        let (values, holder) = (fleet.values(), fleet.holders()[turn]);
        assert_eq!(values.iter().sum::<u64>(), KEYS);
        fleet.servers[holder].stop();
        fleet.time.advance(SECOND);
        assert_eq!(found(&cache), KEYS - values[holder]);
        let (_, another) = fleet.open(&fleet.list(None));
        assert_eq!(found(&another), KEYS - values[holder]);
    }
}

#[test]
fn c77_a_server_that_leaves_the_list_takes_along_its_own_values_only() {
    for size in [2, 3, 5] {
        let fleet = Fleet::start(size);
        fill(&fleet.open(&fleet.list(None)).1);
        let values = fleet.values();
        for (gone, lost) in values.iter().enumerate() {
            let (_, cache) = fleet.open(&fleet.list(Some(gone)));
            assert_eq!(found(&cache), KEYS - lost, "server {gone} of {size}");
        }
    }
}

#[test]
fn c77_a_server_that_joins_the_list_takes_its_share_only() {
    let fleet = Fleet::start(4);
    let last = fleet.servers.len() - 1;
    fill(&fleet.open(&fleet.list(Some(last))).1);
    let (_, cache) = fleet.open(&fleet.list(None));
    let there = found(&cache);
    assert!(there > KEYS / 2 && there < KEYS, "{there} of {KEYS} are still there");
}

#[test]
fn c77_servers_that_are_replaced_one_after_the_other_lose_no_generation() {
    let fleet = Fleet::start(6);
    let list = |from: usize| {
        let names = fleet.proxies[from..from + 3].iter().map(Proxy::address);
        names.collect::<Vec<_>>().join(",")
    };
    fill(&fleet.open(&list(0)).1);
    let generation = |from: usize| {
        let (memcached, cache) = fleet.open(&list(from));
        found(&cache);
        let names = wait(memcached.copies(&format!("larder:{NAMESPACE}:gen")));
        let answers = wait(memcached.get_many(&names, Claim::Nothing));
        let bytes = |answer: cache_core::Result<cache_clients::server::Answer>| {
            answer.unwrap().stored.map(|stored| stored.bytes)
        };
        let all: Vec<_> = answers.into_iter().map(bytes).collect();
        assert!(all.iter().all(|one| one.is_some() && one == &all[0]), "{all:?}");
        all[0].clone()
    };
    let first = generation(0);
    for from in 1..=3 {
        assert_eq!(generation(from), first);
    }
}

#[test]
fn c27_a_clear_while_a_server_is_away_holds_when_it_is_back() {
    let fleet = Fleet::start(3);
    let (memcached, cache) = fleet.open(&fleet.list(None));
    fill(&cache);
    let values = fleet.values();
    for away in 0..3 {
        fleet.cut(away);
        wait(cache.clear()).unwrap();
        assert_eq!(found(&cache), 0);
        fleet.proxies[away].set(Fault::None);
        await_back(&memcached, &fleet.proxies[away].address());
        // Another process, which never heard of the clear: the copy there is older than the others.
        assert_eq!(found(&fleet.open(&fleet.list(None)).1), 0, "server {away} forgets the clear");
        fill(&fleet.open(&fleet.list(None)).1);
        fleet.time.advance(SECOND);
        assert_eq!(found(&cache), KEYS);
    }
    assert!(values.iter().all(|values| *values > 0));
}

/// Two of three copies die after they alone have heard of the clear.
#[test]
fn c27_a_clear_holds_also_if_only_the_copy_is_left_that_missed_it() {
    let fleet = Fleet::start(3);
    let (memcached, cache) = fleet.open(&fleet.list(None));
    fill(&cache);
    fleet.cut(0);
    wait(cache.clear()).unwrap();
    assert_eq!(found(&cache), 0);
    fleet.servers[1].stop();
    fleet.servers[2].stop();
    fleet.proxies[0].set(Fault::None);
    await_back(&memcached, &fleet.proxies[0].address());
    fleet.time.advance(SECOND);
    assert_eq!(found(&cache), 0, "the process that cleared sees what it cleared");
    // What it knows is of use to others once it has reached the copy that is left.
    await_stored(&cache);
    assert_eq!(found(&cache), 0, "the process that cleared sees what it cleared");
    assert_eq!(found(&fleet.open(&fleet.list(None)).1), 0, "another process sees what was cleared");
}

#[test]
fn clients_that_know_a_server_by_different_names_share_its_values() {
    let fleet = Fleet::start(1);
    let (_, behind) = fleet.open(&fleet.list(None));
    let (_, before) = fleet.open(&fleet.servers[0].address());
    assert!(wait(behind.put_for(&1, 10, 600)).unwrap());
    assert_eq!(wait(before.get(&1)).unwrap(), Some(10));
    wait(before.clear()).unwrap();
    fleet.time.advance(SECOND);
    assert_eq!(wait(behind.get(&1)).unwrap(), None);
    assert!(wait(before.put_for(&1, 11, 600)).unwrap());
    assert_eq!(wait(behind.get(&1)).unwrap(), Some(11));
}

#[test]
fn processes_that_begin_at_once_agree_on_one_generation() {
    let fleet = Fleet::start(3);
    let (list, start) = (fleet.list(None), Barrier::new(8));
    thread::scope(|scope| {
        for process in 0..8 {
            let ((_, cache), start) = (fleet.open(&list), &start);
            scope.spawn(move || {
                start.wait();
                assert!(wait(cache.put_for(&process, process * 2, 600)).unwrap());
            });
        }
    });
    assert_eq!(found(&fleet.open(&list).1), 8);
}
