//! Two processes ask for one cold key: one caller gets the lease and computes, the others wait for its value.

use larder::server::Server;
use larder::{CacheExt, Encoded, Files, Memcached, Redis, wait};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, error, thread};

type Outcome<T> = Result<T, Box<dyn error::Error>>;

/// One of the two: three callers who begin when it is told to.
fn work<S: Server>(process: &str, server: S) -> Outcome<()> {
    let reports = Encoded::new(server)?.open::<u32, String>("reports");
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let call = |caller: usize| {
        let (began, me) = (Instant::now(), format!("{process}{caller}"));
        let author = me.clone();
        let report = wait(reports.get_or_compute_for(&2026, 60, move || async move {
            println!("{author} computes");
            thread::sleep(Duration::from_millis(300)); // imagine a slow query
            format!("the report by {author}")
        }));
        println!("{me} got {report} after {:.0?}", began.elapsed());
    };
    thread::scope(|scope| (1..=3).for_each(|caller| drop(scope.spawn(move || call(caller)))));
    Ok(())
}

/// Ended with the example.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A server of its own, if the program is installed.
fn start(program: &str, options: &[&str]) -> Option<(Running, String)> {
    let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
    let port = address.port().to_string();
    let command = Command::new(program).args(options).arg(&port).stdout(Stdio::null()).spawn();
    let server = Running(command.ok()?);
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "{program} does not listen");
        thread::sleep(Duration::from_millis(2));
    }
    Some((server, address.to_string()))
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [process, kind, place] = arguments.as_slice() {
        return match kind.as_str() {
            "memcached" => work(process, Memcached::new(place)?),
            "redis" => work(process, Redis::open(&format!("redis://{place}"))?),
            _ => work(process, Files::open(place)?),
        };
    }
    let folder = tempfile::tempdir()?;
    let memcached = || start("memcached", &["-l", "127.0.0.1", "-U", "0", "-u", "nobody", "-p"]);
    let redis = || start("redis-server", &["--save", "", "--bind", "127.0.0.1", "--port"]);
    let (kind, place, _server) = match memcached() {
        Some((server, address)) => ("memcached", address, Some(server)),
        None => match redis() {
            Some((server, address)) => ("redis", address, Some(server)),
            None => ("files", folder.path().join("cache").display().to_string(), None),
        },
    };
    println!("two processes, three callers each, over {kind}");
    let mut processes = Vec::new();
    for process in ["A", "B"] {
        let mut command = Command::new(env::current_exe()?);
        command.args([process, kind, &place]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running(command.spawn()?);
        let mut lines = BufReader::new(running.0.stdout.take().ok_or("no output")?).lines();
        assert_eq!(lines.next().ok_or("it ended at once")??, "ready");
        processes.push((running, lines));
    }
    for (running, _) in &mut processes {
        writeln!(running.0.stdin.as_mut().ok_or("no input")?)?;
    }
    let mut computations = 0;
    for (running, lines) in &mut processes {
        for line in lines {
            let line = line?;
            computations += usize::from(line.ends_with(" computes"));
            println!("{line}");
        }
        assert!(running.0.wait()?.success());
    }
    assert_eq!(computations, 1, "six callers, one computation");
    Ok(())
}
