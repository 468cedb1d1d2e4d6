//! A web service over a cached `async fn`: hundreds of requests, few computations.

use axum::{Router, extract::Path, routing::get};
use larder::cached;
use std::{io, net::SocketAddr, time::Duration, time::Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Imagine a slow database.
#[cached(ttl = "1m", async_ttl = "30s")]
async fn page(topic: &str) -> String {
    tokio::time::sleep(Duration::from_millis(50)).await;
    format!("all about {topic}")
}

async fn show(Path(topic): Path<String>) -> String {
    page(&topic).await
}

async fn forget(Path(topic): Path<String>) -> String {
    page::invalidate(&topic).await.to_string()
}

async fn ask(server: SocketAddr, method: &'static str, topic: &'static str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    let head = format!("{method} /{topic} HTTP/1.1\r\nhost: larder\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(1024)?; // as many callers may knock at once
    let server = listener.local_addr()?;
    let routes = Router::new().route("/{topic}", get(show).delete(forget));
    tokio::spawn(async move { axum::serve(listener, routes).await });

    for round in ["nothing is there yet", "all is there", "one was forgotten"] {
        let (began, before) = (Instant::now(), page::stats().computations);
        let topics = ["bread", "milk", "salt", "flour"].into_iter().cycle().take(400);
        let requests: Vec<_> =
            topics.map(|topic| tokio::spawn(ask(server, "GET", topic))).collect();
        for request in requests {
            assert!(request.await??.starts_with("all about "));
        }
        let computed = page::stats().computations - before;
        println!("400 requests, {round}: {computed} computed, {:.0?}", began.elapsed());
        if round == "all is there" {
            ask(server, "DELETE", "milk").await?;
        }
    }
    print!("\n{}", larder::report());
    Ok(())
}
