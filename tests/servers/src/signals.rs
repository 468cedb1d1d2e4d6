//! The system calls for which the standard library has no safe face.
#![expect(
    unsafe_code,
    reason = "signals, a deaf listener, what a child does before it is a server"
)]

use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A signal for a process that we started and have not waited for.
pub(crate) fn send(pid: u32, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(pid).expect("a process number");
    // SAFETY: `kill` reads no memory of ours.
    let done = unsafe { libc::kill(pid, signal) };
    assert!(done == 0, "signal {signal} to process {pid}: {}", io::Error::last_os_error());
}

/// Lets nobody connect any more. Closing is not enough: a process that another thread starts at this
/// moment has a copy of the socket until it becomes its program.
pub(crate) fn deafen(listener: TcpListener) {
    // SAFETY: `shutdown` reads no memory of ours, and the listener is open until the end.
    unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) };
    drop(listener);
}

pub(crate) fn root() -> bool {
    // SAFETY: `geteuid` reads no memory of ours and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Lets the child die with the thread that starts it.
#[cfg(target_os = "linux")]
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let follow = move || {
        // SAFETY: neither call touches memory, takes a lock or allocates.
        let followed = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } == 0;
        // SAFETY: as above.
        let orphan = unsafe { libc::getppid() }.cast_unsigned() != parent;
        // The parent may have died before the first call took effect.
        if followed && !orphan { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only the two calls above are made.
    unsafe { command.pre_exec(follow) };
}

/// Other systems have nothing of the kind: there only `Drop` stops servers.
#[cfg(not(target_os = "linux"))]
pub(crate) fn die_with_parent(_command: &mut Command) {}
