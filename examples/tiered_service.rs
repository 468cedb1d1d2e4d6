//! A web service over two tiers: this process, and a memcached that all replicas share. Without one it works as well.

use axum::{Router, extract::Path, routing::get};
use larder::{Encoded, Inproc, Memcached, Tiered, cached};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::{io, sync::LazyLock, time::Duration, time::Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nobody listens there, unless the example starts a memcached.
static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    free.local_addr().expect("it is bound")
});
static NEAR: Inproc = Inproc::new(10_000);
static FAR: LazyLock<Encoded<Memcached>> = LazyLock::new(|| {
    let memcached = Memcached::new(ADDRESS.to_string()).expect("an address is a list of servers");
    Encoded::new(memcached).expect("the defaults fit together")
});
static TIERS: LazyLock<Tiered<&Inproc, Encoded<Memcached>>> =
    LazyLock::new(|| Tiered::new(&NEAR, FAR.clone()).with_near_ttl(Duration::from_secs(10)));

/// Imagine a slow database.
#[cached(client = TIERS, namespace = "pages", ttl = "5m", async_ttl = "-1m")]
async fn page(topic: &str) -> String {
    tokio::time::sleep(Duration::from_millis(50)).await;
    format!("all about {topic}")
}

async fn ask(server: SocketAddr, topic: &'static str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    let head = format!("GET /{topic} HTTP/1.1\r\nhost: larder\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

/// Ended with the example.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A memcached, if one is installed.
fn start() -> Option<Server> {
    let (host, port) = (ADDRESS.ip().to_string(), ADDRESS.port().to_string());
    let options = ["-l", &host, "-p", &port, "-U", "0", "-m", "64", "-u", "nobody"];
    let server = Server(Command::new("memcached").args(options).spawn().ok()?);
    let began = Instant::now();
    while std::net::TcpStream::connect(*ADDRESS).is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "memcached does not listen");
        std::thread::sleep(Duration::from_millis(2));
    }
    Some(server)
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let memcached = start();
    println!("far tier: {}", if memcached.is_some() { "memcached" } else { "away, not installed" });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let show = |Path(topic): Path<String>| async move { page(&topic).await };
    let routes = Router::new().route("/{topic}", get(show));
    tokio::spawn(async move { axum::serve(listener, routes).await });

    for round in ["nothing is there yet", "all is near", "after a restart"] {
        if round == "after a restart" {
            NEAR.open::<String, String>("pages").clear(); // as in a new process
        }
        let (began, before) = (Instant::now(), page::stats());
        let topics = ["bread", "milk", "salt", "flour"].into_iter().cycle().take(100);
        let requests: Vec<_> = topics.map(|topic| tokio::spawn(ask(server, topic))).collect();
        for request in requests {
            assert!(request.await??.starts_with("all about "));
        }
        let (now, took) = (page::stats(), began.elapsed());
        let (near, far) = (now.hits - before.hits, now.far_hits - before.far_hits);
        let computed = now.computations - before.computations;
        println!("100 requests, {round}: {near} near, {far} far, {computed} computed, {took:.0?}");
    }
    println!("\n{}\n{:#?}", larder::report(), FAR.stats());
    Ok(())
}
