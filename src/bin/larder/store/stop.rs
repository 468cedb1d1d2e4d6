//! Ctrl-C and its like: what was begun is taken back or brought to its end, within a bounded time.

use futures::future::{Either, select};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::process;
use std::time::Duration;
use tokio::sync::watch;

/// So long a command may tidy up.
const LONGEST: Duration = Duration::from_secs(10);

/// Who asks a command to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Interrupt,
    #[cfg(unix)]
    Terminate,
}

impl Signal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Signal::Interrupt => "SIGINT",
            #[cfg(unix)]
            Signal::Terminate => "SIGTERM",
        }
    }

    /// What shells say of a process that the signal ended.
    pub(super) fn code(self) -> u8 {
        match self {
            Signal::Interrupt => 130,
            #[cfg(unix)]
            Signal::Terminate => 143,
        }
    }
}

/// Knows whether the command is to end.
#[derive(Debug)]
pub(super) struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    /// Listens from now on. A command that has nothing to tidy up says here what it does: it ends at once.
    pub(super) fn listen(at_once: Option<String>) -> io::Result<Self> {
        let mut signals = Signals::new()?;
        let (tell, told) = watch::channel(None);
        tokio::spawn(async move {
            let signal = signals.next().await;
            if let Some(what) = at_once {
                end(signal, &what);
            }
            // Nobody may be listening any more.
            let _ = tell.send(Some(signal));
            if tokio::time::timeout(LONGEST, signals.next()).await.is_err() {
                let seconds = LONGEST.as_secs();
                end(signal, &format!("what was begun could not be taken back within {seconds} s"));
            }
            // Asked twice: he knows what he does.
            process::exit(signal.code().into());
        });
        Ok(Stop(told))
    }

    /// Until the command is to end.
    async fn wait(&self) -> Signal {
        let mut told = self.0.clone();
        loop {
            let signal = *told.borrow_and_update();
            match signal {
                Some(signal) => return signal,
                None if told.changed().await.is_ok() => {}
                None => std::future::pending().await,
            }
        }
    }

    /// What comes of the work, unless the command is to end before: then it is dropped.
    pub(super) async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Signal> {
        match select(pin!(work), pin!(self.wait())).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right((signal, _)) => Err(signal),
        }
    }
}

/// From whatever the command's own thread waits for.
fn end(signal: Signal, what: &str) -> ! {
    eprintln!("larder: stopped by {}: {what}", signal.name());
    process::exit(signal.code().into());
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) -> Signal {
        match select(pin!(self.0.recv()), pin!(self.1.recv())).await {
            Either::Left(_) => Signal::Interrupt,
            Either::Right(_) => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
