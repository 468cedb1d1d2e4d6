//! A multiplexer by hand: what tasks of a runtime pay for a connection that they share, or for one of each of its
//! threads, and nothing else.
//!
//! Requests and answers have a known length, nothing can fail, and nobody but tasks of this runtime may ask. A client
//! that does more cannot be much faster over a channel.

use super::raw;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

/// A request, and where its answer goes.
type Ask = (Bytes, oneshot::Sender<Bytes>);

/// A handle for many tasks.
#[derive(Clone)]
pub struct Multiplexed(Arc<[mpsc::UnboundedSender<Ask>]>);

impl Multiplexed {
    /// Starts a task for each connection.
    pub fn connect(runtime: &Runtime, address: &str, connections: usize) -> Result<Self, String> {
        let connect = |_| {
            let stream = runtime
                .block_on(async {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Ok(stream)
                })
                .map_err(|e: std::io::Error| format!("{address}: {e}"))?;
            let (sender, receiver) = mpsc::unbounded_channel();
            runtime.spawn(serve(stream, receiver));
            Ok(sender)
        };
        (0..connections).map(connect).collect::<Result<_, _>>().map(Multiplexed)
    }

    /// Asks for one value, over the connection of this thread, and checks it.
    pub async fn get(&self, request: Bytes) {
        let (sender, receiver) = oneshot::channel();
        let connection = &self.0[this_thread() % self.0.len()];
        assert!(connection.send((request, sender)).is_ok(), "the connection is served");
        raw::check_answer(&receiver.await.expect("memcached answers"));
    }
}

/// The number of this thread: two that begin to ask one after the other have different connections.
fn this_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! { static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed); }
    NUMBER.with(|number| *number)
}

/// Writes all that is asked at once, and hands out what comes, until nobody can ask any more.
async fn serve(mut stream: TcpStream, mut asks: mpsc::UnboundedReceiver<Ask>) {
    let (mut waiting, mut batch) = (VecDeque::new(), Vec::new());
    let (mut out, mut answers) = (BytesMut::new(), BytesMut::with_capacity(64 << 10));
    loop {
        tokio::select! {
            biased;
            read = stream.read_buf(&mut answers) => {
                assert!(read.expect("memcached answers") > 0, "memcached closed the connection");
                hand_out(&mut answers, &mut waiting);
            }
            asked = asks.recv_many(&mut batch, raw::KEYS) => {
                if asked == 0 {
                    return;
                }
                // Who asks first has woken this task, which a runtime of several threads puts before all others:
                // without a step back each write would have one request.
                tokio::task::yield_now().await;
                while let Ok(more) = asks.try_recv() {
                    batch.push(more);
                }
                for (request, sender) in batch.drain(..) {
                    out.extend_from_slice(&request);
                    waiting.push_back(sender);
                }
                stream.write_all(&out).await.expect("memcached takes requests");
                out.clear();
            }
        }
    }
}

fn hand_out(answers: &mut BytesMut, waiting: &mut VecDeque<oneshot::Sender<Bytes>>) {
    while answers.len() >= raw::ANSWERED {
        let answer = answers.split_to(raw::ANSWERED).freeze();
        let sender = waiting.pop_front().expect("each answer was asked for");
        assert!(sender.send(answer).is_ok(), "tasks wait for their answers");
    }
    answers.reserve(64 << 10);
}
