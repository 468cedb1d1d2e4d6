//! Asks a source for its servers.

use super::dns;
use super::elasticache::{self, Form};
use super::learned::Found;
use super::servers::{Pace, Source};
use crate::memcached::ring::Node;
use cache_core::BoxFuture;
use std::fmt::{self, Debug};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to an endpoint.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Dialed = BoxFuture<'static, io::Result<Box<dyn Stream>>>;

/// Makes connections to endpoints, given as `host:port`; with TLS where the servers have it.
#[derive(Clone)]
pub(crate) struct Dial(Arc<dyn Fn(String) -> Dialed + Send + Sync>);

impl Dial {
    /// By a function.
    pub(crate) fn by<S, F>(connect: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        Dial(Arc::new(move |address| {
            let stream = connect(address);
            Box::pin(async move { Ok(Box::new(stream.await?) as Box<dyn Stream>) })
        }))
    }

    /// Plain TCP.
    pub(crate) fn tcp() -> Self {
        Dial::by(TcpStream::connect::<String>)
    }
}

impl Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}

/// Asks a source; there is no deadline here. The error says what happened, not whom it was asked.
pub(super) async fn ask(source: Source, pace: Pace, dial: Dial) -> Result<Found, String> {
    match source {
        Source::Fixed(node) => Ok(Found { nodes: vec![node], valid: None }),
        Source::Dns { host, port, weight } => {
            let (addresses, valid) = dns::addresses(&host, pace).await?;
            let nodes = addresses.into_iter().map(|address| {
                Node::new(SocketAddr::new(address, port).to_string()).with_weight(weight)
            });
            Ok(Found { nodes: nodes.collect(), valid })
        }
        Source::ElastiCache { endpoint, weight } => {
            let nodes = cluster(&endpoint, &dial).await?;
            let nodes = nodes.into_iter().map(|node| node.with_weight(weight)).collect();
            Ok(Found { nodes, valid: None })
        }
    }
}

/// The servers of a cluster: in the form that the endpoint's version has, else in the other.
async fn cluster(endpoint: &str, dial: &Dial) -> Result<Vec<Node>, String> {
    let mut talk = Talk::start(endpoint, dial).await?;
    talk.say("version").await?;
    let version = talk.hear(|bytes| Ok(elasticache::line(bytes)?.map(|(text, _)| text.to_owned())));
    let [first, second] = elasticache::order(&version.await?);
    let refused = match talk.list(first).await {
        Ok(nodes) => return Ok(nodes),
        Err(refused) => refused,
    };
    // After an error nobody knows where in the stream the next answer begins.
    let mut talk = Talk::start(endpoint, dial).await?;
    talk.list(second)
        .await
        .map_err(|too| format!("`{}`: {refused}; `{}`: {too}", first.command(), second.command()))
}

/// One conversation.
struct Talk {
    stream: Box<dyn Stream>,
    heard: Vec<u8>,
}

impl Talk {
    async fn start(endpoint: &str, dial: &Dial) -> Result<Self, String> {
        let stream = (dial.0)(endpoint.to_owned()).await.map_err(|error| error.to_string())?;
        Ok(Talk { stream, heard: Vec::new() })
    }

    async fn list(&mut self, form: Form) -> Result<Vec<Node>, String> {
        self.say(form.command()).await?;
        self.hear(|bytes| elasticache::decode(form, bytes)).await
    }

    async fn say(&mut self, command: &str) -> Result<(), String> {
        self.heard.clear();
        let line = format!("{command}\r\n");
        self.stream.write_all(line.as_bytes()).await.map_err(|error| error.to_string())
    }

    /// Reads until there is an answer.
    async fn hear<T>(
        &mut self,
        answer: impl Fn(&[u8]) -> Result<Option<T>, String>,
    ) -> Result<T, String> {
        loop {
            if let Some(answer) = answer(&self.heard)? {
                return Ok(answer);
            }
            match self.stream.read_buf(&mut self.heard).await {
                Ok(0) => return Err("the connection ended within the answer".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
