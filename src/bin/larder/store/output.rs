//! What was read, written by a thread of its own: a pipe that nobody reads keeps nobody from ending the command.

use super::failure::Failure;
use std::fmt::Display;
use std::io::{self, Write};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Pieces that wait to be written: the next one is fetched meanwhile.
const WAITING: usize = 2;

type Piece = Box<dyn AsRef<[u8]> + Send>;

/// A file, a pipe, a device.
#[derive(Debug)]
pub(super) struct Output {
    name: String,
    pieces: mpsc::Sender<Piece>,
    done: oneshot::Receiver<io::Result<()>>,
}

impl Output {
    /// Opened by `open`, and when all is written ended by `end`.
    pub(super) fn begin<W: Write>(
        name: impl Display,
        open: impl FnOnce() -> io::Result<W> + Send + 'static,
        end: impl FnOnce(&mut W) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, Failure> {
        let name = name.to_string();
        let (pieces, mut waiting) = mpsc::channel::<Piece>(WAITING);
        let (tell, done) = oneshot::channel();
        let write = move || {
            let write = || {
                let mut out = open()?;
                while let Some(bytes) = waiting.blocking_recv() {
                    out.write_all((*bytes).as_ref())?;
                }
                out.flush()?;
                end(&mut out)
            };
            // Nobody may be waiting any more.
            let _ = tell.send(write());
        };
        let spawned = thread::Builder::new().name("output".to_owned()).spawn(write);
        spawned.map_err(|error| Failure::file(&name, &error))?;
        Ok(Output { name, pieces, done })
    }

    /// Takes a piece.
    pub(super) async fn write(
        &mut self,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<(), Failure> {
        match self.pieces.send(Box::new(bytes)).await {
            Ok(()) => Ok(()),
            Err(_) => outcome(&self.name, (&mut self.done).await),
        }
    }

    /// Waits until all is written.
    pub(super) async fn end(self) -> Result<(), Failure> {
        let Output { name, pieces, done } = self;
        drop(pieces);
        outcome(&name, done.await)
    }
}

fn outcome(
    name: &str,
    done: Result<io::Result<()>, oneshot::error::RecvError>,
) -> Result<(), Failure> {
    let done = done.unwrap_or_else(|_| Err(io::Error::other("the thread that writes has ended")));
    done.map_err(|error| Failure::file(name, &error))
}
