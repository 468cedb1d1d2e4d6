//! A TCP proxy with faults, between a client and a server.

mod connection;
mod fault;
mod switch;

pub use fault::Fault;

use connection::Connection;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use switch::Switch;

/// A proxy on 127.0.0.1 before a server; closes everything on drop.
///
/// It forwards as it is until it gets a [`Fault`].
///
/// ```
/// use larder_test_servers::{Fault, Proxy, Redis};
///
/// let redis = Redis::start();
/// let proxy = Proxy::before(&redis.address());
/// proxy.set(Fault::Refuse);
/// assert!(std::net::TcpStream::connect(proxy.address()).is_err());
/// ```
pub struct Proxy {
    address: SocketAddr,
    switch: Arc<Switch>,
    /// One change at a time: a change waits until the listener has followed.
    changing: Mutex<()>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// On a free port, before the server at `host:port`. The server need not be there yet: while it
    /// is not, connections are accepted and closed.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn before(address: &str) -> Self {
        let listener = crate::port::bind();
        let own = listener.local_addr().expect("a bound listener has an address");
        let switch = Arc::new(Switch::default());
        let shared = Arc::clone(&switch);
        let server = address.to_owned();
        let accepting = thread::Builder::new()
            .name("proxy".into())
            .spawn(move || accept(listener, own, &server, &shared))
            .expect("a thread");
        let changing = Mutex::new(());
        Proxy { address: own, switch, changing, accepting: Some(accepting) }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on, this fault, for open connections too. When it returns, the fault is in effect.
    pub fn set(&self, fault: Fault) {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.switch.set(fault);
        self.wake();
        self.switch.wait_for_listener();
    }

    /// Closes all connections now.
    pub fn cut(&self) {
        self.switch.cut();
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.switch.counts.connections.load(Relaxed)
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.switch.open()
    }

    /// How many bytes of clients were forwarded so far.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.switch.counts.asked.load(Relaxed)
    }

    /// How many bytes of answers were forwarded so far.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.switch.counts.answered.load(Relaxed)
    }

    /// Lets the accepting thread look at the fault, if it has a listener that should go.
    fn wake(&self) {
        if self.switch.listener_should_go() {
            let _ = TcpStream::connect(self.address);
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .field("fault", &self.switch.fault().0)
            .finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.switch.close();
        self.wake();
        self.switch.cut();
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(first: TcpListener, address: SocketAddr, server: &str, switch: &Arc<Switch>) {
    let mut listener = Some(first);
    loop {
        if let Some(open) = &listener {
            let accepted = open.accept();
            if !switch.listener_should_go() {
                if let Ok((client, _)) = accepted {
                    Connection::serve(client, server.to_owned(), switch);
                }
                continue;
            }
        }
        if let Some(open) = listener.take() {
            crate::signals::deafen(open);
        }
        switch.listener_is_gone();
        if !switch.wait_until_listening() {
            return;
        }
        listener = Some(bind_again(address));
        switch.listener_is_back();
    }
}

fn bind_again(address: SocketAddr) -> TcpListener {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, address.port())) {
            Ok(listener) => return listener,
            Err(error) if Instant::now() > deadline => {
                panic!("the proxy's port {address} was taken: {error}")
            }
            // A process that another thread is starting may hold the port for a moment.
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}
