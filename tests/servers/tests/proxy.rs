//! Each fault of the proxy, seen from raw sockets.

use larder_test_servers::{Fault, Memcached, Proxy};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const VERSION: &[u8] = b"version\r\n";
const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(50);

fn both() -> (Memcached, Proxy) {
    let memcached = Memcached::start();
    let proxy = Proxy::before(&memcached.address());
    (memcached, proxy)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// What memcached says to `version`, as long as it ought to be.
fn version(mut stream: &TcpStream) -> Vec<u8> {
    stream.write_all(VERSION).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\n") && stream.read(&mut byte).unwrap() == 1 {
        answer.push(byte[0]);
    }
    answer
}

fn assert_silent(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(SHORT)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.set_read_timeout(Some(LONG)).unwrap();
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn without_a_fault_everything_passes_and_is_counted() {
    let (_memcached, proxy) = both();
    let streams = [connect(&proxy), connect(&proxy)];
    let mut answered = 0;
    for stream in &streams {
        let answer = version(stream);
        assert!(answer.starts_with(b"VERSION 1."), "{answer:?}");
        answered += answer.len();
    }
    assert_eq!((proxy.connections(), proxy.open()), (2, 2));
    assert_eq!((proxy.asked(), proxy.answered()), (2 * VERSION.len(), answered));
    drop(streams);
    until("closed connections are forgotten", || proxy.open() == 0);
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn large_values_pass_unchanged() {
    let (_memcached, proxy) = both();
    let mut stream = connect(&proxy);
    let value: Vec<u8> = (0..900_000_u32).map(|at| (at * 31 % 251) as u8).collect();
    stream.write_all(format!("set large 0 0 {}\r\n", value.len()).as_bytes()).unwrap();
    stream.write_all(&value).unwrap();
    stream.write_all(b"\r\nget large\r\n").unwrap();
    let head = format!("STORED\r\nVALUE large 0 {}\r\n", value.len());
    let mut answer = vec![0; head.len() + value.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[..head.len()], head.as_bytes());
    assert!(answer[head.len()..] == value);
}

#[test]
fn refused_connections_leave_open_ones_alone_and_end_with_the_fault() {
    let (_memcached, proxy) = both();
    let open = connect(&proxy);
    version(&open);
    for _ in 0..20 {
        proxy.set(Fault::Refuse);
        let error = TcpStream::connect(proxy.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        proxy.set(Fault::None);
        assert!(version(&connect(&proxy)).starts_with(b"VERSION"));
    }
    assert!(version(&open).starts_with(b"VERSION"));
    assert_eq!(proxy.connections(), 21);
}

#[test]
fn while_it_hangs_nothing_passes_and_then_all_of_it() {
    let (_memcached, proxy) = both();
    let old = connect(&proxy);
    version(&old);
    proxy.set(Fault::Hang);
    let new = connect(&proxy);
    for mut stream in [&old, &new] {
        stream.write_all(VERSION).unwrap();
        assert_silent(stream);
    }
    let asked = proxy.asked();
    proxy.set(Fault::None);
    for mut stream in [&old, &new] {
        let mut start = [0; 7];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"VERSION");
    }
    until("both questions are counted", || proxy.asked() == asked + 2 * VERSION.len());
}

#[test]
fn answers_come_later_by_the_delay() {
    let (_memcached, proxy) = both();
    let stream = connect(&proxy);
    version(&stream);
    proxy.set(Fault::Delay(SHORT));
    let began = Instant::now();
    version(&stream);
    assert!(began.elapsed() >= SHORT);
}

#[test]
fn an_end_of_the_delay_or_a_cut_is_not_delayed() {
    let (_memcached, proxy) = both();
    let mut stream = connect(&proxy);
    proxy.set(Fault::Delay(LONG * 100));
    stream.write_all(VERSION).unwrap();
    until("the question has passed", || proxy.asked() == VERSION.len());
    proxy.set(Fault::None);
    stream.read_exact(&mut [0; 7]).unwrap();
    proxy.set(Fault::Delay(LONG * 100));
    stream.write_all(VERSION).unwrap();
    proxy.cut();
    assert_ended(&stream);
}

/// Reads to the end, which is an end or a reset.
fn assert_ended(mut stream: &TcpStream) {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_connection_is_closed_after_so_many_bytes() {
    let (_memcached, proxy) = both();
    let mut stream = connect(&proxy);
    let whole = version(&stream);
    proxy.set(Fault::CloseAfter(4));
    stream.write_all(VERSION).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, &whole[..4]);
    proxy.set(Fault::None);
    assert_eq!(version(&connect(&proxy)), whole);
}

#[test]
fn what_is_truncated_never_comes_and_the_connection_stays_open() {
    let (_memcached, proxy) = both();
    let mut stream = connect(&proxy);
    proxy.set(Fault::Truncate(4));
    stream.write_all(VERSION).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"VERS");
    assert_silent(&stream);
    proxy.set(Fault::None);
    assert!(version(&stream).starts_with(b"VERSION"));
}

#[test]
fn every_nth_byte_is_another() {
    let (_memcached, proxy) = both();
    let mut stream = connect(&proxy);
    let whole = version(&stream);
    proxy.set(Fault::Corrupt { every: 3 });
    stream.write_all(VERSION).unwrap();
    let mut answer = vec![0; whole.len()];
    stream.read_exact(&mut answer).unwrap();
    for (at, (is, was)) in answer.iter().zip(&whole).enumerate() {
        assert_eq!(is != was, at % 3 == 2, "byte {at}");
    }
}

#[test]
fn a_cut_closes_all_connections_at_once_also_those_that_hang() {
    let (_memcached, proxy) = both();
    let working = connect(&proxy);
    version(&working);
    proxy.set(Fault::Hang);
    let hanging = connect(&proxy);
    until("both are accepted", || proxy.connections() == 2);
    proxy.cut();
    assert_ended(&working);
    assert_ended(&hanging);
    assert_eq!(proxy.open(), 0);
    proxy.set(Fault::None);
    assert!(version(&connect(&proxy)).starts_with(b"VERSION"));
}

#[test]
fn before_a_stopped_server_connections_are_closed() {
    let (memcached, proxy) = both();
    memcached.stop();
    assert_ended(&connect(&proxy));
    memcached.start_again();
    assert!(version(&connect(&proxy)).starts_with(b"VERSION"));
}

#[test]
fn both_sides_hear_when_the_other_closes() {
    let (memcached, proxy) = both();
    let stream = connect(&proxy);
    version(&stream);
    memcached.stop();
    assert_ended(&stream);
    memcached.start_again();
    let stream = connect(&proxy);
    version(&stream);
    stream.shutdown(Shutdown::Write).unwrap();
    until("memcached hung up on the client that did", || proxy.open() == 0);
}

#[test]
fn a_dropped_proxy_refuses_and_closes() {
    let (_memcached, proxy) = both();
    let stream = connect(&proxy);
    version(&stream);
    let address = proxy.address();
    drop(proxy);
    assert_ended(&stream);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_proxy_is_dropped_under_every_fault() {
    let faults = [Fault::Refuse, Fault::Hang, Fault::Delay(LONG * 100), Fault::Truncate(0)];
    for fault in faults {
        let (_memcached, proxy) = both();
        let mut stream = connect(&proxy);
        stream.write_all(VERSION).unwrap();
        proxy.set(fault);
        drop(proxy);
        assert_ended(&stream);
    }
}

#[test]
fn a_refusal_holds_while_other_threads_start_processes() {
    let (_memcached, proxy) = both();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let starts = || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            std::process::Command::new("true").env_clear().status().unwrap();
            drop(Memcached::start());
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(starts);
        scope.spawn(starts);
        for _ in 0..200 {
            proxy.set(Fault::Refuse);
            let refused = (0..10).all(|_| TcpStream::connect(proxy.address()).is_err());
            proxy.set(Fault::None);
            if !refused || TcpStream::connect(proxy.address()).is_err() {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("refused: {refused}");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
