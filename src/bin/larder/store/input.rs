//! What is to be written, read by a thread of its own: a pipe that says nothing for a while keeps nobody from ending the
//! command.

use super::failure::Failure;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc;
use tokio::sync::mpsc as later;

/// Pieces of a file or of standard input.
#[derive(Debug)]
pub(super) struct Input {
    /// A piece is read when it is asked for: no more of them are in memory than are wanted.
    wanted: mpsc::Sender<()>,
    pieces: later::Receiver<Result<Vec<u8>, Failure>>,
}

impl Input {
    /// In pieces of this length.
    pub(super) fn begin(name: Option<OsString>, length: u64) -> io::Result<Self> {
        let (wanted, orders) = mpsc::channel();
        let (sender, pieces) = later::channel(1);
        let read = move || match open(name.as_ref()) {
            Ok(mut source) => {
                while orders.recv().is_ok() {
                    // Whoever wanted it has gone.
                    if sender.blocking_send(piece(&mut source, length)).is_err() {
                        return;
                    }
                }
            }
            Err(failure) => drop(sender.blocking_send(Err(failure))),
        };
        std::thread::Builder::new().name("input".to_owned()).spawn(read)?;
        Ok(Input { wanted, pieces })
    }

    /// The next one; shorter than the others only at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, Failure> {
        // If the thread has ended, it has said why.
        let _ = self.wanted.send(());
        let ended = || Failure::Failed("what is to be written cannot be read".to_owned());
        self.pieces.recv().await.unwrap_or_else(|| Err(ended()))
    }
}

/// A pipe is open when somebody writes to it.
fn open(name: Option<&OsString>) -> Result<Box<dyn Read>, Failure> {
    match name {
        None => Ok(Box::new(io::stdin().lock())),
        Some(name) => match File::open(name) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(Failure::file(name.to_string_lossy(), &error)),
        },
    }
}

fn piece(source: &mut dyn Read, length: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = source.take(length).read_to_end(&mut bytes);
    read.map_err(|error| {
        Failure::Failed(format!("what is to be written cannot be read: {error}"))
    })?;
    Ok(bytes)
}
