//! ElastiCache's configuration endpoint, against a small one on loopback, and against a memcached that
//! is none.

#![cfg(feature = "memcached")]

use cache_clients::memcached::discover::{Following, Membership, Servers};
use larder_test_servers::Memcached;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CONFIG: &str = "config get cluster";
const KEY: &str = "get AmazonElastiCache:cluster";

/// What the endpoint does when asked.
#[derive(Debug, Clone, Default)]
struct Script {
    version: &'static str,
    config: Vec<u8>,
    key: Vec<u8>,
    then: Then,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Then {
    #[default]
    Listen,
    Close,
}

struct Endpoint {
    address: String,
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    fn start(script: Script) -> Self {
        Endpoint::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    fn on(listener: TcpListener, script: Script) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(script));
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let endpoint = Endpoint { address, script: script.clone(), heard: heard.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, heard) = (script.clone(), heard.clone());
                std::thread::spawn(move || {
                    let mut writer = stream.try_clone().unwrap();
                    for line in BufReader::new(stream).lines().map_while(Result::ok) {
                        heard.lock().unwrap().push(line.clone());
                        let script = script.lock().unwrap().clone();
                        let answer = match line.as_str() {
                            CONFIG => script.config,
                            KEY => script.key,
                            _ => format!("VERSION {}\r\n", script.version).into_bytes(),
                        };
                        let sent = writer.write_all(&answer);
                        if sent.is_err() || (line != "version" && script.then == Then::Close) {
                            return;
                        }
                    }
                });
            }
        });
        endpoint
    }

    fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn follow(&self) -> Following {
        follow(&self.address)
    }
}

fn follow(address: &str) -> Following {
    let servers: Servers = format!("elasticache:{address}").parse().unwrap();
    servers.with_every(Duration::from_millis(40)).with_deadline(Duration::from_millis(500)).follow()
}

fn answer(header: &str, list: &str) -> Vec<u8> {
    format!("{header} 0 {}\r\n{list}\r\nEND\r\n", list.len()).into_bytes()
}

fn config(list: &str) -> Vec<u8> {
    answer("CONFIG cluster", list)
}

fn key(list: &str) -> Vec<u8> {
    answer("VALUE AmazonElastiCache:cluster", list)
}

const ERROR: &[u8] = b"ERROR\r\n";
const TWO: &str =
    "12\nb.mine.cache.amazonaws.com.|10.0.0.2|11211 a.mine.cache.amazonaws.com|10.0.0.1|11212\n";
const TWO_NAMES: [&str; 2] =
    ["a.mine.cache.amazonaws.com:11212", "b.mine.cache.amazonaws.com:11211"];

fn names(membership: &Arc<Membership>) -> Vec<&str> {
    membership.nodes.iter().map(|node| node.name.as_str()).collect()
}

async fn next(following: &Following, seen: u64) -> Arc<Membership> {
    tokio::time::timeout(Duration::from_secs(20), following.changed(seen)).await.expect("no change")
}

async fn until(what: &str, happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn c80_the_new_form_is_asked_first_of_a_new_server() {
    let script = Script { version: "1.6.22", config: config(TWO), ..Script::default() };
    let endpoint = Endpoint::start(script);
    assert_eq!(names(&endpoint.follow().settled().await), TWO_NAMES);
    assert_eq!(endpoint.heard()[..2], ["version", CONFIG]);
    assert!(!endpoint.heard().contains(&KEY.to_owned()));
}

#[tokio::test]
async fn c80_the_old_form_is_asked_first_of_an_old_server() {
    let script = Script { version: "1.4.5", key: key(TWO), ..Script::default() };
    let endpoint = Endpoint::start(script);
    assert_eq!(names(&endpoint.follow().settled().await), TWO_NAMES);
    assert_eq!(endpoint.heard()[..2], ["version", KEY]);
    assert!(!endpoint.heard().contains(&CONFIG.to_owned()));
}

#[tokio::test]
async fn c80_a_server_that_does_not_know_the_first_form_is_asked_in_the_other() {
    for (version, then) in [("1.4.14", Then::Listen), ("9", Then::Close), ("?", Then::Listen)] {
        let script = Script { version, config: ERROR.to_vec(), key: key(TWO), then };
        let endpoint = Endpoint::start(script);
        assert_eq!(names(&endpoint.follow().settled().await), TWO_NAMES, "{version}");
    }
    let script = Script {
        version: "1.4.5",
        config: config(TWO),
        key: b"END\r\n".to_vec(),
        ..Script::default()
    };
    assert_eq!(names(&Endpoint::start(script).follow().settled().await), TWO_NAMES);
}

#[tokio::test]
async fn c80_the_endpoint_is_asked_again_and_those_who_stay_are_kept() {
    let script = Script { version: "1.6.22", config: config(TWO), ..Script::default() };
    let endpoint = Endpoint::start(script);
    let following = endpoint.follow();
    let first = following.settled().await;
    let list =
        "13\nb.mine.cache.amazonaws.com|10.0.0.2|11211 c.mine.cache.amazonaws.com|10.0.0.3|11211";
    endpoint.change(|script| script.config = config(list));
    let second = next(&following, 1).await;
    assert_eq!(second.nodes[1].name, "c.mine.cache.amazonaws.com:11211");
    let change = first.change(&second);
    assert_eq!((change.kept, change.added, change.removed), (vec![(1, 0)], vec![1], vec![0]));
}

#[tokio::test]
async fn c80_a_cluster_of_one_server_is_asked_again_too() {
    let script =
        Script { version: "1.6.22", config: config("1\na|1.1.1.1|1"), ..Script::default() };
    let endpoint = Endpoint::start(script);
    let following = endpoint.follow();
    assert_eq!(names(&following.settled().await), ["a:1"]);
    endpoint.change(|script| script.config = config("2\na|1.1.1.1|1 b|1.1.1.2|1"));
    assert_eq!(names(&next(&following, 1).await), ["a:1", "b:1"]);
}

#[tokio::test]
async fn c80_broken_and_truncated_answers_keep_the_last_known_list() {
    let whole = config(TWO);
    let mut foreign = whole.clone();
    foreign[20] = 0xff;
    for (broken, then) in [
        (whole[..whole.len() - 1].to_vec(), Then::Close),
        (whole[..40].to_vec(), Then::Close),
        (whole[..7].to_vec(), Then::Listen),
        (Vec::new(), Then::Close),
        (Vec::new(), Then::Listen),
        (config("12\n"), Then::Listen),
        (config("12\na|b"), Then::Listen),
        (config("a|b|1"), Then::Listen),
        (b"CONFIG cluster 0 3\r\n12\na|b|1\r\nEND\r\n".to_vec(), Then::Listen),
        (b"CONFIG cluster 0 99999999999999999999\r\n".to_vec(), Then::Listen),
        (foreign, Then::Listen),
        (b"SERVER_ERROR out of memory\r\n".to_vec(), Then::Listen),
    ] {
        let script = Script {
            version: "1.6.22",
            config: whole.clone(),
            key: ERROR.to_vec(),
            ..Script::default()
        };
        let endpoint = Endpoint::start(script);
        let following = endpoint.follow();
        following.settled().await;
        endpoint.change(|script| (script.config, script.then) = (broken.clone(), then));
        until("trouble", || !following.troubles().is_empty()).await;
        let trouble = &following.troubles()[0];
        assert!(trouble.starts_with(&format!("elasticache:{}: ", endpoint.address)), "{trouble}");
        assert_eq!(names(&following.now()), TWO_NAMES, "{trouble}");

        endpoint.change(|script| {
            (script.config, script.then) = (config("14\nd|1.1.1.1|1"), Then::Listen)
        });
        assert_eq!(names(&next(&following, 1).await), ["d:1"]);
    }
}

#[tokio::test]
async fn c80_an_endpoint_that_is_away_serves_itself_until_it_answers() {
    // A port that nobody listens on, until the endpoint comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let following = follow(&address.to_string());
    assert_eq!(names(&following.settled().await), [address.to_string()]);
    assert!(following.troubles()[0].contains("refused"), "{:?}", following.troubles());

    let script = Script { version: "1.6.22", config: config(TWO), ..Script::default() };
    let _endpoint = Endpoint::on(TcpListener::bind(address).unwrap(), script);
    assert_eq!(names(&next(&following, 1).await), TWO_NAMES);
}

#[tokio::test]
async fn c80_an_endpoint_that_hangs_is_given_up_at_the_deadline() {
    // It accepts by its backlog, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let start = Instant::now();
    let following = follow(&address);
    assert_eq!(names(&following.settled().await), [address]);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(
        following.troubles()[0].ends_with("no answer within 500ms"),
        "{:?}",
        following.troubles()
    );
}

#[tokio::test]
async fn c80_a_memcached_that_is_no_endpoint_serves_itself() {
    let memcached = Memcached::start();
    let following = follow(&memcached.address());
    assert_eq!(names(&following.settled().await), [memcached.address()]);
    let trouble = &following.troubles()[0];
    assert!(trouble.ends_with("`config get cluster`: answered `ERROR`; `get AmazonElastiCache:cluster`: answered `END`"), "{trouble}");
}

#[test]
fn several_sources_make_one_list_in_which_each_name_is_once() {
    let script = Script {
        version: "1.6.22",
        config: config("1\na|1.1.1.1|11211 b|1.1.1.2|11211"),
        ..Script::default()
    };
    let endpoint = Endpoint::start(script);
    let servers: Servers = format!("c*7, elasticache:{}*2, a", endpoint.address).parse().unwrap();
    let list = cache_core::wait(servers.follow().settled());
    assert_eq!(names(&list), ["c:11211", "a:11211", "b:11211"]);
    assert_eq!(list.nodes.iter().map(|node| node.weight).collect::<Vec<_>>(), [7, 2, 2]);
}

#[test]
fn a_name_of_this_machine_is_resolved_with_and_without_the_feature_dns() {
    let servers: Servers = "dns:localhost:11212".parse().unwrap();
    let list = cache_core::wait(servers.follow().settled());
    assert_eq!(names(&list), ["127.0.0.1:11212"]);
}
