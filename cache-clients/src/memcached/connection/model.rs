//! loom's models of a connection: the real queue, calls, exchanges and duties, on a socket and with
//! an I/O thread that are modelled. What is asked of them: nobody reads beside another, no wake is
//! lost, and every request is answered, whoever leaves or cuts the connection meanwhile.

use super::call::Answers;
use super::duty::Duty;
use super::exchange::Exchange;
use super::link::Link;
use super::port::Port;
use super::queue::Bounds;
use crate::memcached::wire::{Answer, Request};
use crate::sync::{be_patient, call_this_thread, gather, now, pass};
use loom::future::block_on;
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A socket whose server answers every line at once, and the bells.
#[derive(Debug, Default)]
struct Modelled {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What there is to read.
    answers: Vec<u8>,
    shut: bool,
    io_called: bool,
    watch_called: bool,
    /// Somebody is reading: the second to come would tear the stream.
    reader: bool,
}

impl Modelled {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
        changed
    }

    fn await_that(&self, mut holds: impl FnMut(&mut State) -> bool) {
        let mut state = self.state.lock().unwrap();
        while !holds(&mut state) {
            state = self.changed.wait(state).unwrap();
        }
    }
}

impl Port for Modelled {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.change(|state| assert!(!std::mem::replace(&mut state.reader, true), "two readers"));
        thread::yield_now();
        self.change(|state| {
            state.reader = false;
            let read = std::mem::take(&mut state.answers);
            buffer[..read.len()].copy_from_slice(&read);
            match (read.len(), state.shut) {
                (0, false) => Err(io::ErrorKind::WouldBlock.into()),
                (read, _) => Ok(read),
            }
        })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.change(|state| {
            if state.shut {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            state.answers.extend(b"EN\r\n".repeat(lines));
            Ok(bytes.len())
        })
    }

    fn drain(&self) -> io::Result<()> {
        Ok(())
    }

    /// Nothing may come for all of a caller's patience.
    fn await_briefly(&self, _: Duration) {
        pass(Duration::from_secs(1));
    }

    fn shows_the_end(&self) -> bool {
        true
    }

    fn shut(&self) {
        self.change(|state| state.shut = true);
    }

    fn call_io(&self) {
        self.change(|state| state.io_called = true);
    }

    fn call_watch(&self) {
        self.change(|state| state.watch_called = true);
    }
}

type Line = Arc<Link<Modelled>>;

/// The name of the thread that reads for others.
const READER: usize = 9;

/// A connection, with somebody who reads.
fn connected(duty: Duty) -> Line {
    let bounds =
        Bounds { answer: Duration::from_secs(60), requests: 100, bytes: 10_000, value: 100 };
    let link = Link::new(Modelled::default(), bounds, Box::new(|_, _, _| {}));
    link.queue.lock().duty = duty;
    Arc::new(link)
}

/// The I/O thread, as `tasks` has it.
fn serve(link: &Line) {
    while !link.is_closed() {
        if !link.is_watched() {
            link.port.await_that(|state| std::mem::take(&mut state.io_called));
            continue;
        }
        while !link.is_closed() && !link.unwatch() {
            link.port.await_that(|state| {
                std::mem::take(&mut state.io_called) || !state.answers.is_empty() || state.shut
            });
            link.receive();
        }
    }
}

fn exchange(link: &Line) -> Exchange<'_, Modelled> {
    let mut request = Request::default();
    request.get(b"k", None);
    Exchange::new(link, request, now() + Duration::from_secs(3600), None)
}

/// Asks and waits; true when there was an answer.
fn ask(link: &Line) -> bool {
    match block_on(exchange(link)).map(Answers::into_vec) {
        Ok(answers) => {
            assert_eq!(answers, [Answer::Nothing]);
            true
        }
        Err(_) => false,
    }
}

/// Asks in a thread that waits for nothing else.
fn ask_patiently(link: &Line) -> bool {
    be_patient();
    ask(link)
}

/// Asks as a task of the thread of this name.
fn ask_as_task(link: &Line, thread: usize) -> bool {
    call_this_thread(thread);
    ask(link)
}

/// Asks as a task of the thread that reads for others.
fn ask_as_its_task(link: &Line) -> bool {
    ask_as_task(link, READER)
}

/// Explores what the callers do beside each other and the I/O thread. The first calls here. Says how
/// many got answers, to a check.
fn explore(
    duty: fn() -> Duty,
    callers: &'static [fn(&Line) -> bool],
    check: impl Fn(usize) + Send + Sync + 'static,
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let link = connected(duty());
        let io = thread::spawn({
            let link = link.clone();
            move || {
                call_this_thread(READER);
                serve(&link);
            }
        });
        let others: Vec<_> = callers[1..]
            .iter()
            .map(|caller| {
                let link = link.clone();
                thread::spawn(move || caller(&link))
            })
            .collect();
        let mut answered = usize::from(callers[0](&link));
        for other in others {
            answered += usize::from(other.join().unwrap());
        }
        check(answered);
        link.close(&"the model ends".into());
        io.join().unwrap();
    });
}

fn all_of(callers: usize) -> impl Fn(usize) {
    move |answered| assert_eq!(answered, callers)
}

/// Asks, and goes before the answer is there.
fn ask_and_drop(link: &Line) -> bool {
    let mut dropped = pin!(exchange(link));
    let _ = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    true
}

/// Asks three times in one task; the second, who may have promised to write for the third, goes.
fn ask_behind_one_who_goes(link: &Line) -> bool {
    let mut asked: Vec<_> = (0..3).map(|_| Some(Box::pin(exchange(link)))).collect();
    let mut first_time = true;
    block_on(poll_fn(|context| {
        for one in &mut asked {
            let polled = one.as_mut().map(|one| one.as_mut().poll(context));
            if let Some(Poll::Ready(answered)) = polled {
                assert_eq!(answered.map(Answers::into_vec), Ok(vec![Answer::Nothing]));
                *one = None;
            }
        }
        if std::mem::take(&mut first_time) {
            asked[1] = None;
        }
        if asked.iter().all(Option::is_none) { Poll::Ready(true) } else { Poll::Pending }
    }))
}

/// Asks twice in a thread that waits for nothing else: both ask before one waits.
fn ask_both(link: &Line) -> bool {
    be_patient();
    let mut asked = [Some(Box::pin(exchange(link))), Some(Box::pin(exchange(link)))];
    let mut first_time = true;
    block_on(poll_fn(|context| {
        gather(std::mem::take(&mut first_time));
        for one in &mut asked {
            let polled = one.as_mut().map(|one| one.as_mut().poll(context));
            if let Some(Poll::Ready(answered)) = polled {
                assert_eq!(answered.map(Answers::into_vec), Ok(vec![Answer::Nothing]));
                *one = None;
            }
        }
        gather(false);
        if asked.iter().all(Option::is_none) { Poll::Ready(true) } else { Poll::Pending }
    }))
}

/// The same, by somebody who goes after he has asked.
fn ask_both_and_drop(link: &Line) -> bool {
    be_patient();
    gather(true);
    ask_and_drop(link)
}

fn cut(link: &Line) -> bool {
    link.close(&"cut".into());
    false
}

fn cut_by_server(link: &Line) -> bool {
    link.port.shut();
    false
}

#[test]
fn loom_threads_that_wait_read_one_after_the_other_and_call_when_they_leave() {
    explore(Duty::asleep, &[ask_patiently, ask_patiently], all_of(2));
}

#[test]
fn loom_a_thread_that_waits_reads_beside_the_io_thread() {
    explore(Duty::watched, &[ask_patiently, ask_patiently], all_of(2));
}

#[test]
fn loom_a_task_is_answered_whether_a_thread_reads_or_has_just_left() {
    explore(Duty::asleep, &[ask_patiently, |link| ask_as_task(link, 1)], all_of(2));
}

#[test]
fn loom_tasks_of_one_thread_wake_each_other() {
    explore(Duty::watched, &[|link| ask_as_task(link, 1), |link| ask_as_task(link, 1)], all_of(2));
}

#[test]
fn loom_tasks_of_the_thread_that_reads_are_woken_by_it() {
    explore(Duty::watched, &[ask_as_its_task, ask_as_its_task], all_of(2));
    explore(Duty::watched, &[ask_as_its_task, ask_and_drop], all_of(2));
}

#[test]
fn loom_tasks_of_two_threads_call_the_io_thread_that_sleeps() {
    explore(Duty::asleep, &[|link| ask_as_task(link, 1), |link| ask_as_task(link, 2)], all_of(2));
}

#[test]
fn loom_a_caller_who_goes_leaves_no_request_of_others_unanswered() {
    explore(Duty::asleep, &[ask_and_drop, |link| ask_as_task(link, 0)], all_of(2));
    explore(Duty::watched, &[|link| ask_as_task(link, 0), ask_and_drop], all_of(2));
}

#[test]
fn loom_those_who_count_on_one_who_goes_are_answered() {
    explore(Duty::watched, &[ask_behind_one_who_goes], all_of(1));
    explore(Duty::asleep, &[ask_behind_one_who_goes], all_of(1));
}

#[test]
fn loom_a_thread_that_asks_twice_before_it_waits_is_answered() {
    explore(Duty::asleep, &[ask_both], all_of(1));
    explore(Duty::watched, &[ask_both], all_of(1));
    explore(Duty::asleep, &[ask_both, |link| ask_as_task(link, 1)], all_of(2));
    explore(Duty::asleep, &[|link| ask_as_task(link, 1), ask_both_and_drop], all_of(2));
    explore(Duty::asleep, &[ask_patiently, ask_both_and_drop], all_of(2));
}

#[test]
fn loom_the_io_thread_does_not_fall_asleep_over_a_request() {
    explore(Duty::drowsy, &[|link| ask_as_task(link, 1), |link| ask_as_task(link, 2)], all_of(2));
    explore(Duty::drowsy, &[ask_patiently, |link| ask_as_task(link, 1)], all_of(2));
}

#[test]
fn loom_a_thread_that_waits_is_answered_beside_a_caller_who_goes() {
    explore(Duty::asleep, &[ask_patiently, ask_and_drop], all_of(2));
}

#[test]
fn loom_a_connection_that_is_cut_leaves_nobody_waiting() {
    explore(Duty::asleep, &[ask_patiently, cut], |answered| assert!(answered <= 1));
    explore(Duty::watched, &[|link| ask_as_task(link, 1), cut], |answered| assert!(answered <= 1));
    explore(Duty::asleep, &[|link| ask_as_task(link, 1), cut_by_server], |answered| {
        assert!(answered <= 1);
    });
}

#[test]
fn loom_the_watch_that_sleeps_hears_of_every_request() {
    loom::model(|| {
        let link = connected(Duty::watched());
        let watch = thread::spawn({
            let link = link.clone();
            move || {
                if link.sleep() {
                    link.port.await_that(|state| std::mem::take(&mut state.watch_called));
                }
            }
        });
        let mut asked = Box::pin(exchange(&link));
        let _ = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        watch.join().unwrap();
        drop(asked);
        link.close(&"the model ends".into());
    });
}
