//! Makes a connection and greets: TLS, login, version, settings.

use super::call::Answers;
use super::exchange::Exchange;
use super::link::{self, Lost};
use super::port::Line;
use super::queue::Bounds;
use super::socket::Socket;
use super::{Cause, Link, tasks};
use crate::memcached::discover::Address;
use crate::memcached::options::Settings;
use crate::memcached::wire::{Answer, Request};
use std::sync::Arc;
use std::time::Instant;

/// The first version with the meta commands as they are now.
const NEEDED: (u32, u32) = (1, 6);

/// What a server said of itself.
#[derive(Debug, Clone)]
pub(crate) struct Greeting {
    /// `1.6.18`.
    pub(crate) version: String,
    /// The largest item, with its key and the server's own bytes, if it says so.
    pub(crate) item: Option<usize>,
    /// Differs between two runs of a server: tokens count from one in each.
    pub(crate) run: (u64, u64),
}

/// Connects within the time that the settings give; on the I/O thread.
pub(crate) async fn open(
    address: &Address,
    settings: &Settings,
    lost: Lost,
) -> Result<(Arc<Link>, Greeting), Cause> {
    let late = || format!("no connection within {:?}", settings.connect);
    match tokio::time::timeout(settings.connect, greet(address, settings, lost)).await {
        Ok(opened) => opened,
        Err(_) => Err(late().into()),
    }
}

/// Closes the connection unless the greeting is done.
struct Guard(Option<Arc<Link>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(link) = &self.0 {
            link.close(&"the greeting was not finished".into());
        }
    }
}

async fn greet(
    address: &Address,
    settings: &Settings,
    lost: Lost,
) -> Result<(Arc<Link>, Greeting), Cause> {
    let text = |error: std::io::Error| Cause::from(error.to_string());
    let socket = Socket::connect(address).await.map_err(text)?;
    #[cfg(feature = "tls")]
    let socket = match &settings.tls {
        Some(tls) => socket
            .secure(tls, address)
            .await
            .map_err(|error| Cause::from(format!("the TLS handshake failed: {error}")))?,
        None => socket,
    };
    let link = Arc::new(link::Link::new(Line::new(socket), settings.bounds(), lost));
    tasks::start(&link);
    let mut guard = Guard(Some(link.clone()));
    if let Some((user, password)) = &settings.login {
        login(&link, settings, user, password).await?;
    }
    let greeting = ask(&link, settings).await?;
    guard.0 = None;
    Ok((link, greeting))
}

async fn login(
    link: &Arc<Link>,
    settings: &Settings,
    user: &str,
    password: &str,
) -> Result<(), Cause> {
    let mut request = Request::default();
    request.login(user, password);
    match exchange(link, settings, request).await?.pop() {
        Some(Answer::Okay) => Ok(()),
        Some(Answer::Refused(what) | Answer::Failed(what)) => {
            Err(format!("the login of `{user}` was refused: {what}").into())
        }
        other => Err(format!("the login of `{user}` was answered by {other:?}").into()),
    }
}

async fn ask(link: &Arc<Link>, settings: &Settings) -> Result<Greeting, Cause> {
    let mut request = Request::default();
    request.version();
    let version = match exchange(link, settings, request).await?.pop() {
        Some(Answer::Version(version)) => version,
        Some(Answer::Refused(what)) if what.contains("unauthenticated") => {
            return Err("the server wants a login: give one by `with_login`".into());
        }
        other => return Err(format!("`version` was answered by {other:?}").into()),
    };
    check(&version)?;
    let mut request = Request::default();
    request.settings();
    request.stats();
    let answers = exchange(link, settings, request).await?.into_vec();
    let stat = |wanted: &str| {
        answers.iter().find_map(|answer| match answer {
            Answer::Stat(name, value) if name == wanted => value.parse::<u64>().ok(),
            _ => None,
        })
    };
    let item = stat("item_size_max").and_then(|item| usize::try_from(item).ok());
    let started = stat("time").unwrap_or(0).wrapping_sub(stat("uptime").unwrap_or(0));
    let run = (stat("pid").unwrap_or(0), started);
    Ok(Greeting { version, item, run })
}

async fn exchange(
    link: &Arc<Link>,
    settings: &Settings,
    request: Request,
) -> Result<Answers, Cause> {
    // Whoever knocks waits for the greeting as a whole.
    Exchange::new(link, request, Instant::now() + settings.connect, None).await
}

/// One clear error for servers that are too old.
fn check(version: &str) -> Result<(), Cause> {
    let mut numbers = version.split('.').map_while(|part| {
        let digits = part.split(|letter: char| !letter.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    });
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < NEEDED => Err(format!(
            "memcached {version} has no meta commands: larder needs memcached 1.6.10 or newer"
        )
        .into()),
        // A proxy may call itself what it likes; it will refuse what it does not know.
        _ => match (numbers.next(), version.starts_with("1.6.")) {
            (Some(patch), true) if patch < 10 => Err(format!(
                "the meta commands of memcached {version} are not the ones of today: larder needs \
                 memcached 1.6.10 or newer"
            )
            .into()),
            _ => Ok(()),
        },
    }
}

impl Settings {
    fn bounds(&self) -> Bounds {
        Bounds { answer: self.answer, requests: self.requests, bytes: self.bytes, value: 1 << 30 }
    }
}

/// A connection at whose other end nobody is.
#[cfg(test)]
pub(crate) fn to_nowhere(settings: &Settings) -> Arc<Link> {
    to_nobody(settings).0
}

/// A connection that nobody answers, and its other end.
#[cfg(test)]
pub(crate) fn to_nobody(settings: &Settings) -> (Arc<Link>, std::os::unix::net::UnixStream) {
    let (socket, other) = Socket::to_nobody().unwrap();
    let line = Line::new(socket);
    (Arc::new(link::Link::new(line, settings.bounds(), Box::new(|_, _, _| {}))), other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_without_the_meta_commands_of_today_are_named() {
        for version in ["1.6.10", "1.6.18", "1.6.45", "1.7.0", "2.0", "1.6.12-rc1", "unknown", ""] {
            assert!(check(version).is_ok(), "{version}");
        }
        for version in ["1.5.22", "1.4.39", "0.9.1", "1.6.9", "1.6.0"] {
            let error = check(version).unwrap_err();
            assert!(error.contains(version) && error.contains("1.6.10 or newer"), "{error}");
        }
    }
}
