//! The option `lanes` of memcached reaches the client.
#![cfg(all(feature = "memcached", feature = "toml"))]

use cache_clients::server::{Claim, Server};
use cache_regions::{Configuration, Format, TierPlan};
use larder_test_servers::Memcached;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What the server counts, this question's connection among it.
fn connections(address: &str) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"stats\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let line = lines.find_map(|line| Some(line.strip_prefix("STAT curr_connections ")?.to_owned()));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn a_task_that_reads_has_a_lane_when_the_region_has_lanes() {
    let process = Memcached::start();
    let address = process.address();
    let before = connections(&address);
    let text = format!(
        "[regions.a]\nbackend = 'memcached'\n\
         arguments = {{ servers = '{address}', lanes = 1, answer_timeout = '10s', deadline = '10s' }}\n"
    );
    let plans = Configuration::new().plans_str(&text, Format::Toml).unwrap();
    let TierPlan::Bytes(bytes) = &plans[0].tiers[0] else { panic!("{plans:?}") };
    let server = bytes.client.server();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let began = Instant::now();
    // One connection for all, and the lane.
    while connections(&address) < before + 2 {
        assert!(began.elapsed() < Duration::from_secs(20), "there is no lane");
        let answer = runtime.block_on(server.get_many(&["k".to_owned()], Claim::Nothing)).remove(0);
        assert!(answer.unwrap().stored.is_none());
    }
}

#[test]
fn no_lanes_are_told_as_a_mistake() {
    let text = "[regions.a]\nbackend = 'memcached'\narguments = { servers = 'a', lanes = 0 }\n";
    let mistakes = Configuration::new().plans_str(text, Format::Toml).unwrap_err().to_string();
    assert!(mistakes.starts_with("text:3:"), "{mistakes}");
    assert!(mistakes.contains("`lanes` is 0: right is a whole number from 1 to"), "{mistakes}");
}
