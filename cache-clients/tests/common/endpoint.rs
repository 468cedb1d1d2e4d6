//! A configuration endpoint of a cluster, as ElastiCache has it, whose list the test changes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Listens on loopback for as long as the test runs.
pub(crate) struct Endpoint {
    address: String,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Endpoint {
    /// Over plain connections.
    #[allow(dead_code, reason = "each test file uses its own part")]
    pub(crate) fn start() -> Self {
        Endpoint::over(Some)
    }

    /// Over connections that are made of plain ones; `None` if that fails.
    pub(crate) fn over<S: Read + Write>(
        wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let endpoint = Endpoint { address, answer: answer.clone() };
        let wrap = Arc::new(wrap);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (wrap, answer) = (wrap.clone(), answer.clone());
                thread::spawn(move || wrap(stream).map(|stream| serve(stream, &answer)));
            }
        });
        endpoint
    }

    /// For lists of servers.
    pub(crate) fn source(&self) -> String {
        format!("elasticache:{}", self.address)
    }

    /// From now on the cluster has these servers, each `host:port`.
    pub(crate) fn name<A: AsRef<str>>(&self, servers: &[A]) {
        let part = |server: &A| {
            let (host, port) = server.as_ref().rsplit_once(':').unwrap();
            format!("{host}|{host}|{port}")
        };
        let list = format!("1\n{}\n", servers.iter().map(part).collect::<Vec<_>>().join(" "));
        let answer = format!("CONFIG cluster 0 {}\r\n{list}\r\nEND\r\n", list.len());
        *self.answer.lock().unwrap() = answer.into_bytes();
    }
}

fn serve<S: Read + Write>(stream: S, answer: &Mutex<Vec<u8>>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while matches!(stream.read_line(&mut line), Ok(1..)) {
        let answer = match line.trim_end() {
            "config get cluster" => answer.lock().unwrap().clone(),
            _ => b"VERSION 1.6.22\r\n".to_vec(),
        };
        if stream.get_mut().write_all(&answer).is_err() {
            return;
        }
        line.clear();
    }
}
