//! Many tasks of one thread, polled by hand: what goes into which write.

use super::exchange::Exchange;
use super::link::Link;
use super::port::Port;
use super::queue::Bounds;
use crate::memcached::wire::Request;
use parking_lot::Mutex;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// How many ask.
const TASKS: usize = 64;

const NONE: [usize; 0] = [];

/// A socket whose server answers when it is told.
#[derive(Debug, Default)]
struct Told {
    /// Requests in each write.
    writes: Mutex<Vec<usize>>,
    answers: Mutex<Vec<u8>>,
}

impl Told {
    fn answer(&self, requests: usize) {
        self.answers.lock().extend(b"EN\r\n".repeat(requests));
    }

    fn take_writes(&self) -> Vec<usize> {
        std::mem::take(&mut self.writes.lock())
    }
}

impl Port for Told {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let answers = std::mem::take(&mut *self.answers.lock());
        buffer[..answers.len()].copy_from_slice(&answers);
        if answers.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(answers.len()) }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.lock().push(bytes.iter().filter(|byte| **byte == b'\n').count());
        Ok(bytes.len())
    }

    fn drain(&self) -> io::Result<()> {
        Ok(())
    }

    fn await_briefly(&self, _: Duration) {}

    fn shows_the_end(&self) -> bool {
        true
    }

    fn shut(&self) {}

    fn call_io(&self) {}

    fn call_watch(&self) {}
}

type Task<'a> = Pin<Box<Exchange<'a, Told>>>;

fn connected() -> Link<Told> {
    let minute = Duration::from_secs(60);
    let bounds = Bounds { answer: minute, requests: 1_000, bytes: 100_000, value: 100 };
    Link::new(Told::default(), bounds, Box::new(|_, _, _| {}))
}

/// Polls a task; true when it has its answer.
fn poll(task: &mut Task<'_>) -> bool {
    task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Some tasks that have asked.
fn ask(link: &Link<Told>, tasks: usize) -> Vec<Task<'_>> {
    let one = |_| {
        let mut request = Request::default();
        request.get(b"k", None);
        let give_up = Instant::now() + Duration::from_secs(60);
        let mut task = Box::pin(Exchange::new(link, request, give_up, None));
        assert!(!poll(&mut task));
        task
    };
    (0..tasks).map(one).collect()
}

/// All ask, are polled again, and get their answers.
fn round(link: &Link<Told>) {
    let mut tasks = ask(link, TASKS);
    tasks.iter_mut().for_each(|task| assert!(!poll(task)));
    link.port.answer(TASKS);
    link.receive();
    assert!(tasks.iter_mut().all(poll));
}

/// A connection that 64 tasks of this thread, and nobody else, have been using for some time.
fn used() -> Link<Told> {
    let link = connected();
    (0..6).for_each(|_| round(&link));
    link.port.take_writes();
    link
}

#[test]
fn half_of_a_threads_tasks_are_written_while_the_others_ask() {
    let link = used();
    let first = ask(&link, TASKS / 2 - 1);
    assert_eq!(link.port.take_writes(), NONE);
    let second = ask(&link, 1);
    assert_eq!(link.port.take_writes(), [TASKS / 2]);
    let third = ask(&link, TASKS / 2);
    assert_eq!(link.port.take_writes(), [TASKS / 2]);
    drop((first, second, third));
}

#[test]
fn a_leader_for_whom_others_have_written_does_not_write_in_the_place_of_the_next() {
    let link = used();
    let mut first = ask(&link, TASKS / 2);
    link.port.answer(TASKS / 2);
    link.receive();
    let mut next = ask(&link, 3);
    link.port.take_writes();
    assert!(poll(&mut first[0]), "he has his answer");
    assert_eq!(link.port.take_writes(), NONE, "the next would go in two writes");
    assert!(!poll(&mut next[0]));
    assert_eq!(link.port.take_writes(), [3]);
    drop(first);
}

#[test]
fn tasks_of_several_threads_are_written_by_their_leader() {
    let link = used();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(ask(&link, 1)));
    });
    link.port.take_writes();
    let mut tasks = ask(&link, TASKS);
    assert_eq!(link.port.take_writes(), NONE);
    tasks.iter_mut().for_each(|task| assert!(!poll(task)));
    assert_eq!(link.port.take_writes().iter().sum::<usize>(), TASKS);
}
