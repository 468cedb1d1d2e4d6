//! Servers come up, stop, come back, freeze, and never outlive the test.

use larder_test_servers::{Memcached, Moto, Redis};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(10);

fn ask(stream: &mut (impl Read + Write), question: &str) -> String {
    stream.write_all(question.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

fn alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn memcached_answers_as_soon_as_it_is_started() {
    let memcached = Memcached::start();
    assert!(ask(&mut connect(&memcached.address()), "version\r\n").starts_with("VERSION 1."));
    assert_eq!(memcached.address(), format!("127.0.0.1:{}", memcached.port()));
}

#[test]
fn redis_answers_as_soon_as_it_is_started_and_saves_nothing() {
    let redis = Redis::start();
    let mut stream = connect(&redis.address());
    assert_eq!(ask(&mut stream, "PING\r\n"), "+PONG\r\n");
    stream.write_all(b"CONFIG GET save\r\n").unwrap();
    let mut answer = [0; 20];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
}

#[test]
fn options_reach_the_server() {
    let memcached = Memcached::start_with(&["-m", "7", "-I", "2m"]);
    let mut stream = connect(&memcached.address());
    stream.write_all(b"stats settings\r\n").unwrap();
    let mut seen = String::new();
    let mut lines = BufReader::new(stream).lines();
    while !seen.contains("END") {
        seen += &lines.next().unwrap().unwrap();
        seen.push('\n');
    }
    assert!(seen.contains("STAT maxbytes 7340032\n"), "{seen}");
    assert!(seen.contains("STAT item_size_max 2097152\n"), "{seen}");

    let redis = Redis::start_with(&["--requirepass", "secret-{port}"]);
    let mut stream = connect(&redis.address());
    assert!(ask(&mut stream, "PING\r\n").starts_with("-NOAUTH"));
    assert_eq!(ask(&mut stream, &format!("AUTH secret-{}\r\n", redis.port())), "+OK\r\n");
}

#[test]
fn a_wrong_option_is_told_in_the_words_of_the_server() {
    let failed = std::panic::catch_unwind(|| Memcached::start_with(&["-m", "nonsense", "-t", "0"]));
    let message = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("memcached ended with exit status"), "{message}");
    assert!(message.contains("greater than 0"), "{message}");
}

#[test]
fn memcached_answers_on_a_unix_socket_and_again_after_a_stop() {
    let memcached = Memcached::start_unix();
    let mut stream = UnixStream::connect(memcached.path()).unwrap();
    assert!(ask(&mut stream, "version\r\n").starts_with("VERSION"));
    assert_eq!(memcached.address(), memcached.path().display().to_string());
    memcached.stop();
    assert!(UnixStream::connect(memcached.path()).is_err());
    memcached.start_again();
    let mut stream = UnixStream::connect(memcached.path()).unwrap();
    assert!(ask(&mut stream, "version\r\n").starts_with("VERSION"));
}

#[test]
fn a_stopped_server_refuses_and_comes_back_empty_on_the_same_port() {
    let memcached = Memcached::start();
    let mut stream = connect(&memcached.address());
    assert_eq!(ask(&mut stream, "set key 0 0 1\r\nx\r\n"), "STORED\r\n");
    memcached.stop();
    let refused = TcpStream::connect(memcached.address()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    memcached.stop();
    memcached.start_again();
    assert_eq!(ask(&mut connect(&memcached.address()), "get key\r\n"), "END\r\n");

    let redis = Redis::start();
    let mut stream = connect(&redis.address());
    assert_eq!(ask(&mut stream, "SET key x\r\n"), "+OK\r\n");
    redis.stop();
    assert!(TcpStream::connect(redis.address()).is_err());
    redis.start_again();
    assert_eq!(ask(&mut connect(&redis.address()), "GET key\r\n"), "$-1\r\n");
}

#[test]
fn a_frozen_server_accepts_says_nothing_and_answers_when_it_thaws() {
    let (memcached, redis) = (Memcached::start(), Redis::start());
    memcached.freeze();
    redis.freeze();
    let mut first = connect(&memcached.address());
    let mut second = connect(&redis.address());
    first.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    first.write_all(b"version\r\n").unwrap();
    second.write_all(b"PING\r\n").unwrap();
    let silent = first.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(silent, std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
    first.set_read_timeout(Some(LONG)).unwrap();
    memcached.thaw();
    redis.thaw();
    assert!(ask(&mut first, "").starts_with("VERSION"));
    assert_eq!(ask(&mut second, ""), "+PONG\r\n");
}

#[test]
fn a_panic_leaves_no_process_behind_even_a_frozen_one() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let test = std::thread::spawn(move || {
        let (memcached, redis) = (Memcached::start(), Redis::start());
        redis.freeze();
        sender.send([memcached.process().unwrap(), redis.process().unwrap()]).unwrap();
        std::panic::resume_unwind(Box::new("the test failed"));
    });
    let processes = receiver.recv().unwrap();
    assert!(test.join().is_err());
    assert!(processes.into_iter().all(|process| !alive(process)));
}

#[test]
fn a_server_outlives_the_thread_that_started_it() {
    let memcached = std::thread::spawn(Memcached::start).join().unwrap();
    let mut stream = connect(&memcached.address());
    for _ in 0..3 {
        assert!(ask(&mut stream, "version\r\n").starts_with("VERSION"));
    }
}

#[test]
fn many_servers_at_once_each_have_a_port_of_their_own() {
    let threads: Vec<_> = (0..12).map(|_| std::thread::spawn(Memcached::start)).collect();
    let servers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    for server in &servers {
        let mut stream = connect(&server.address());
        let question = "stats\r\n";
        let answer = ask(&mut stream, question);
        assert_eq!(answer, format!("STAT pid {}\r\n", server.process().unwrap()));
    }
}

/// The second process of the next test: starts servers, says their numbers, and waits to be killed.
#[test]
fn second_process() {
    if std::env::var_os("LARDER_SERVERS_SECOND").is_none() {
        return;
    }
    let (memcached, redis) = (Memcached::start(), Redis::start());
    println!("\nstarted {} {}", memcached.process().unwrap(), redis.process().unwrap());
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_killed_test_runner_leaves_no_process_behind() {
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "second_process", "--nocapture"])
        .env("LARDER_SERVERS_SECOND", "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(runner.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with("started ")).unwrap();
    let processes: Vec<u32> =
        line.split(' ').skip(1).map(|number| number.parse().unwrap()).collect();
    assert!(processes.len() == 2 && processes.iter().all(|process| alive(*process)));
    runner.kill().unwrap();
    runner.wait().unwrap();
    for process in processes {
        until("the server outlived its test runner", || !alive(process));
    }
}

/// The second process of the next test: looks for programs where there are none.
#[test]
fn without_programs() {
    if std::env::var_os("LARDER_SERVERS_MISSING").is_none() {
        return;
    }
    for (start, says) in [
        (start_memcached as fn(), "memcached is not installed: apt-get install memcached"),
        (start_redis as fn(), "redis-server is not installed: apt-get install redis-server"),
    ] {
        let failed = std::panic::catch_unwind(start).unwrap_err();
        assert_eq!(failed.downcast_ref::<String>().map(String::as_str), Some(says));
    }
}

fn start_memcached() {
    drop(Memcached::start());
}

fn start_redis() {
    drop(Redis::start());
}

#[test]
fn a_missing_program_is_told_with_what_to_install() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "without_programs"])
        .env("LARDER_SERVERS_MISSING", "yes")
        .env("PATH", "/nonexistent")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn moto_answers_as_soon_as_it_is_started_and_gives_each_test_a_bucket() {
    let moto = Moto::shared();
    let (one, other) = (moto.bucket(), moto.bucket());
    assert_ne!(one.name(), other.name());
    assert_eq!(one.endpoint(), format!("http://{}", moto.address()));
    let mut stream = connect(&one.address());
    let answer = ask(&mut stream, "GET /moto-api/ HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_moto_that_is_not_there_fails_the_test_and_says_what_to_install() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "moto_answers_as_soon_as_it_is_started_and_gives_each_test_a_bucket"])
        .env("LARDER_MOTO", "/nowhere/moto_server")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("/nowhere/moto_server is not installed: "), "{said}");
    assert!(said.contains("pip install 'moto[s3,server]'"), "{said}");
}
