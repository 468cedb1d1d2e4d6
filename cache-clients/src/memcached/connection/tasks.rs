//! What runs on the I/O thread for each connection.

use super::link::{Link, Look};
use std::sync::Arc;
use std::time::Duration;

/// How often an active connection is looked after.
const LOOK: Duration = Duration::from_millis(1);
/// After so many looks without anything to do the watch sleeps.
const LOOKS: u32 = 50;

/// Starts them; on the I/O thread.
pub(super) fn start(link: &Arc<Link>) {
    tokio::spawn(read(link.clone()));
    tokio::spawn(write(link.clone()));
    tokio::spawn(watch(link.clone()));
}

async fn read(link: Arc<Link>) {
    while !link.is_closed() {
        match link.socket.fd.readable().await {
            Ok(mut ready) => {
                if link.receive() {
                    ready.clear_ready();
                }
            }
            Err(error) => link.close(&error.to_string().into()),
        }
    }
}

async fn write(link: Arc<Link>) {
    while !link.is_closed() {
        link.full.notified().await;
        while !link.is_closed() {
            match link.socket.fd.writable().await {
                Ok(mut ready) => {
                    if link.resume() {
                        break;
                    }
                    ready.clear_ready();
                }
                Err(error) => link.close(&error.to_string().into()),
            }
        }
    }
}

async fn watch(link: Arc<Link>) {
    let mut idle = 0;
    loop {
        match link.look() {
            Look::Closed => return,
            Look::Busy => idle = 0,
            Look::Idle => idle += 1,
        }
        if idle > LOOKS && link.sleep() {
            link.awake.notified().await;
            idle = 0;
        } else {
            tokio::time::sleep(LOOK).await;
        }
    }
}
