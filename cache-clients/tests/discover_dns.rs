//! Servers by DNS name, against a small name server on loopback.

#![cfg(feature = "dns")]

use cache_clients::memcached::discover::{Following, Membership, Servers};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// What the name server says of a name.
#[derive(Clone)]
enum Says {
    Addresses { ttl: u32, all: Vec<IpAddr> },
    Alias { ttl: u32, to: &'static str, its_ttl: u32, all: Vec<IpAddr> },
    Code(u8),
    Nothing,
}

fn addresses(ttl: u32, all: &[&str]) -> Says {
    Says::Addresses { ttl, all: all.iter().map(|address| address.parse().unwrap()).collect() }
}

#[derive(Default)]
struct Shared {
    says: Mutex<HashMap<String, Says>>,
    questions: [AtomicUsize; 2],
    over: AtomicBool,
}

struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl NameServer {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let shared = Arc::new(Shared::default());
        let server = NameServer { address: socket.local_addr().unwrap(), shared: shared.clone() };
        std::thread::spawn(move || {
            let mut packet = [0; 512];
            while !shared.over.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
                if let Some(answer) = answer(&shared, &packet[..length]) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        server
    }

    fn say(&self, name: &str, says: Says) {
        self.shared.says.lock().unwrap().insert(name.to_owned(), says);
    }

    fn questions(&self, family: u16) -> usize {
        self.shared.questions[usize::from(family == AAAA)].load(Ordering::Relaxed)
    }

    fn follow(&self, servers: &str) -> Following {
        let servers: Servers = servers.parse().unwrap();
        let deadline = Duration::from_millis(900);
        servers.with_name_server(self.address).with_deadline(deadline).follow()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

/// The labels of the question, lower case, and where it ends.
fn question(packet: &[u8]) -> (String, u16, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8(packet[at + 1..end].to_ascii_lowercase()).unwrap());
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([packet[at + 1], packet[at + 2]]), at + 5)
}

fn labels(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    name.split('.').flat_map(label).chain([0]).collect()
}

fn record(name: &[u8], family: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let head = [&family.to_be_bytes()[..], &[0, 1], &ttl.to_be_bytes(), &length.to_be_bytes()];
    [name, &head.concat(), data].concat()
}

fn of_family(name: &[u8], family: u16, ttl: u32, all: &[IpAddr]) -> Vec<Vec<u8>> {
    let data = all.iter().filter_map(|address| match (address, family) {
        (IpAddr::V4(address), A) => Some(address.octets().to_vec()),
        (IpAddr::V6(address), AAAA) => Some(address.octets().to_vec()),
        _ => None,
    });
    data.map(|data| record(name, family, ttl, &data)).collect()
}

fn answer(shared: &Shared, packet: &[u8]) -> Option<Vec<u8>> {
    const ASKED: &[u8] = &[0xc0, 12];
    let (name, family, end) = question(packet);
    shared.questions[usize::from(family == AAAA)].fetch_add(1, Ordering::Relaxed);
    let says = shared.says.lock().unwrap().get(&name).cloned().unwrap_or(Says::Code(3));
    let (code, records) = match says {
        Says::Nothing => return None,
        Says::Code(code) => (code, Vec::new()),
        Says::Addresses { ttl, all } => (0, of_family(ASKED, family, ttl, &all)),
        Says::Alias { ttl, to, its_ttl, all } => {
            let mut records = vec![record(ASKED, CNAME, ttl, &labels(to))];
            records.extend(of_family(&labels(to), family, its_ttl, &all));
            (0, records)
        }
    };
    let count = u16::try_from(records.len()).unwrap().to_be_bytes();
    let head = [packet[0], packet[1], 0x81, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0];
    Some([&head[..], &packet[12..end], &records.concat()].concat())
}

/// The next list, within some TTLs of a second.
async fn next(following: &Following, seen: u64) -> Arc<Membership> {
    tokio::time::timeout(Duration::from_secs(20), following.changed(seen)).await.expect("no change")
}

/// Until something has happened, within some TTLs of a second.
async fn until(what: &str, happened: impl Fn() -> bool) {
    for _ in 0..2000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 20 s: {what}");
}

fn names(membership: &Arc<Membership>) -> Vec<&str> {
    membership.nodes.iter().map(|node| node.name.as_str()).collect()
}

#[tokio::test]
async fn a_name_is_followed_by_its_ttl_and_a_change_keeps_those_who_stay() {
    let dns = NameServer::start();
    dns.say("caches.test", addresses(1, &["10.0.0.2", "10.0.0.1"]));
    let following = dns.follow("dns:caches.test:11212*3, 10.9.9.9:11211");
    let first = following.settled().await;
    assert_eq!(names(&first), ["10.0.0.1:11212", "10.0.0.2:11212", "10.9.9.9:11211"]);
    assert_eq!(first.nodes.iter().map(|node| node.weight).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!((first.version, following.version()), (1, 1));

    dns.say("caches.test", addresses(1, &["10.0.0.3", "10.0.0.2"]));
    let second = next(&following, 1).await;
    assert_eq!(names(&second), ["10.0.0.2:11212", "10.0.0.3:11212", "10.9.9.9:11211"]);
    let change = first.change(&second);
    assert_eq!(
        (change.kept, change.added, change.removed),
        (vec![(1, 0), (2, 2)], vec![1], vec![0])
    );
}

#[tokio::test]
async fn the_order_of_an_answer_is_no_change() {
    let dns = NameServer::start();
    dns.say("caches.test", addresses(0, &["10.0.0.2", "10.0.0.1", "10.0.0.2"]));
    let following = dns.follow("dns:caches.test");
    assert_eq!(names(&following.settled().await), ["10.0.0.1:11211", "10.0.0.2:11211"]);
    dns.say("caches.test", addresses(0, &["10.0.0.1", "10.0.0.2"]));
    let asked = dns.questions(A);
    until("two more questions", || dns.questions(A) >= asked + 2).await;
    assert_eq!(following.version(), 1);
}

#[tokio::test]
async fn a_long_ttl_is_not_asked_for_again() {
    let dns = NameServer::start();
    dns.say("long.test", addresses(600, &["10.0.0.1"]));
    dns.say("short.test", addresses(1, &["10.0.0.2"]));
    let long = dns.follow("dns:long.test");
    long.settled().await;
    let asked = dns.questions(A);
    let short = dns.follow("dns:short.test");
    until("the other name asked for twice", || dns.questions(A) >= asked + 2).await;
    dns.say("long.test", addresses(600, &["10.0.0.9"]));
    until("and once more", || dns.questions(A) >= asked + 3).await;
    assert_eq!((long.version(), short.version()), (1, 1));
}

#[tokio::test]
async fn an_alias_holds_as_long_as_its_shortest_part() {
    let dns = NameServer::start();
    let alias = |address: &str| Says::Alias {
        ttl: 1,
        to: "pool.test",
        its_ttl: 600,
        all: vec![address.parse().unwrap()],
    };
    dns.say("caches.test", alias("10.0.0.1"));
    let following = dns.follow("dns:caches.test");
    assert_eq!(names(&following.settled().await), ["10.0.0.1:11211"]);
    dns.say("caches.test", alias("10.0.0.2"));
    assert_eq!(names(&next(&following, 1).await), ["10.0.0.2:11211"]);
}

#[tokio::test]
async fn ipv6_addresses_serve_where_there_are_no_ipv4_ones() {
    let dns = NameServer::start();
    dns.say("both.test", addresses(600, &["10.0.0.1", "fd00::1"]));
    dns.say("six.test", addresses(600, &["fd00::2", "fd00::1"]));
    let both = dns.follow("dns:both.test");
    assert_eq!(names(&both.settled().await), ["10.0.0.1:11211"]);
    assert_eq!(dns.questions(AAAA), 0);
    let six = dns.follow("dns:six.test:3");
    assert_eq!(names(&six.settled().await), ["[fd00::1]:3", "[fd00::2]:3"]);
}

#[tokio::test]
async fn whatever_goes_wrong_the_last_known_list_stays_and_a_good_answer_is_taken_again() {
    let mut runs = tokio::task::JoinSet::new();
    for wrong in [Says::Code(3), Says::Code(2), Says::Nothing, addresses(1, &[])] {
        runs.spawn(goes_wrong_and_right_again(wrong));
    }
    runs.join_all().await;
}

async fn goes_wrong_and_right_again(wrong: Says) {
    let dns = NameServer::start();
    dns.say("caches.test", addresses(1, &["10.0.0.1", "10.0.0.2"]));
    let following = dns.follow("dns:caches.test");
    following.settled().await;
    dns.say("caches.test", wrong);
    until("trouble", || !following.troubles().is_empty()).await;
    let trouble = &following.troubles()[0];
    assert!(trouble.starts_with("dns:caches.test:11211: "), "{trouble}");
    assert_eq!(names(&following.now()), ["10.0.0.1:11211", "10.0.0.2:11211"]);
    assert_eq!(following.version(), 1);

    dns.say("caches.test", addresses(1, &["10.0.0.3"]));
    assert_eq!(names(&next(&following, 1).await), ["10.0.0.3:11211"]);
    assert!(following.troubles().is_empty());
}

#[test]
fn a_name_that_was_never_answered_serves_itself_and_is_waited_for_without_a_runtime() {
    let dns = NameServer::start();
    let following = dns.follow("dns:nowhere.test:11212*2, 10.0.0.1");
    let list = cache_core::wait(following.settled());
    assert_eq!(names(&list), ["nowhere.test:11212", "10.0.0.1:11211"]);
    assert_eq!(list.nodes[0].weight, 2);
}

#[tokio::test]
async fn nobody_asks_after_the_following_was_dropped() {
    let dns = NameServer::start();
    dns.say("dropped.test", addresses(1, &["10.0.0.1"]));
    dns.say("other.test", addresses(1, &["10.0.0.2"]));
    let dropped = dns.follow("dns:dropped.test");
    dropped.settled().await;
    drop(dropped);
    dns.say("dropped.test", Says::Code(3));
    let asked = dns.questions(A);
    let other = dns.follow("dns:other.test");
    until("the other name asked for three times", || dns.questions(A) >= asked + 3).await;
    assert_eq!(dns.questions(AAAA), 0, "the dropped name would have been asked for again");
    drop(other);
}
