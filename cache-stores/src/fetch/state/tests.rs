//! Every decision about a fetch, and any order of events against what must hold.

use super::super::spare::Spares;
use super::*;
use futures::task::noop_waker;
use proptest::prelude::*;
use std::collections::BTreeSet;

const CHUNK: u32 = 10;

fn state(chunks: u32) -> State<&'static str> {
    State::new(Cut::new(u64::from(chunks * CHUNK), CHUNK))
}

#[expect(clippy::needless_pass_by_value, reason = "what was begun is of no other use")]
fn run(begun: Begin) -> RunId {
    match begun {
        Begin::Run(id, _) => id,
        Begin::There => panic!("no run was begun"),
    }
}

fn bytes(count: u32) -> Bytes {
    vec![7; count as usize].into()
}

/// Fills a chunk of a run.
fn fill(state: &mut State<&'static str>, id: RunId) -> Full {
    state.push(id, &mut bytes(CHUNK)).0.expect("a chunk is full")
}

fn take(state: &mut State<&'static str>, seat: SeatId, at: u64) -> Take<&'static str> {
    state.take(seat, at, &noop_waker()).0
}

/// Nothing is spared.
fn written(state: &mut State<&'static str>, chunk: u32, kept: bool) {
    drop(state.written(chunk, kept, |_| None));
}

fn none(_: u32) -> bool {
    false
}

#[test]
fn a_reader_gets_bytes_before_the_chunk_is_full() {
    let mut state = state(3);
    let seat = state.sit(0..3);
    let id = run(state.begin(0, 3, none));
    assert!(matches!(take(&mut state, seat, 0), Take::Wait));
    let (full, wakers) = state.push(id, &mut bytes(4));
    assert!(full.is_none() && wakers.is_empty());
    assert_eq!(state.tell(id).len(), 1);
    assert!(state.tell(id).is_empty());
    assert!(matches!(take(&mut state, seat, 1), Take::Piece(piece) if piece.len() == 3));
    assert!(matches!(take(&mut state, seat, 4), Take::Wait));
}

#[test]
fn a_full_chunk_is_held_until_local_has_it() {
    let mut state = state(2);
    let seat = state.sit(0..2);
    let id = run(state.begin(0, 2, none));
    assert_eq!(fill(&mut state, id).chunk, 0);
    assert!(matches!(take(&mut state, seat, 5), Take::Piece(_)));
    written(&mut state, 0, true);
    assert!(matches!(take(&mut state, seat, 5), Take::Elsewhere));
}

#[test]
fn who_waits_is_told_of_many_bytes_before_the_chunk_is_full() {
    let chunk = 4 * u32::try_from(UNTOLD).unwrap();
    let mut state = State::<&str>::new(Cut::new(chunk.into(), chunk));
    let seat = state.sit(0..1);
    let id = run(state.begin(0, 1, none));
    assert!(matches!(take(&mut state, seat, 0), Take::Wait));
    let half: Bytes = vec![7; UNTOLD / 2].into();
    assert!(state.push(id, &mut half.clone()).1.is_empty());
    assert_eq!(state.push(id, &mut half.clone()).1.len(), 1);
}

#[test]
fn what_local_has_is_held_for_who_comes_soon_until_he_has_passed() {
    let (mut state, spares) = (state(9), Spares::default());
    let seat = state.sit(0..2);
    let id = run(state.begin(0, 9, none));
    for chunk in 0..3 {
        fill(&mut state, id);
        drop(state.written(chunk, true, |bytes| spares.take(bytes)));
    }
    // Nobody reads the third.
    assert_eq!(state.held_of(&(0..9)), [0, 1]);
    assert!(matches!(take(&mut state, seat, 9), Take::Piece(_)));
    assert!(matches!(take(&mut state, seat, 10), Take::Piece(_)));
    assert_eq!(state.held_of(&(0..9)), [1]);
    drop(state.leave(seat));
    assert!(state.held_of(&(0..9)).is_empty());
    assert!(spares.is_whole());
}

#[test]
fn nothing_is_held_for_a_reader_who_is_far_behind() {
    let (mut state, spares) = (state(9), Spares::default());
    state.sit(0..9);
    let id = run(state.begin(0, 9, none));
    for chunk in 0..9 {
        fill(&mut state, id);
        drop(state.written(chunk, true, |bytes| spares.take(bytes)));
    }
    assert_eq!(state.held_of(&(0..9)), [0, 1, 2, 3, 4]);
}

#[test]
fn what_local_did_not_take_is_held_and_ends_the_run() {
    let mut state = state(3);
    let seat = state.sit(0..3);
    let id = run(state.begin(0, 3, none));
    fill(&mut state, id);
    written(&mut state, 0, false);
    assert_eq!(state.turn(id, Unread::Finish, none).0, Turn::Stop);
    assert!(state.is_broken() && !state.is_running());
    assert!(matches!(take(&mut state, seat, 5), Take::Piece(_)));
    assert!(matches!(take(&mut state, seat, 15), Take::Elsewhere));
}

#[test]
fn a_run_ends_at_what_is_there_already() {
    let mut state = state(9);
    state.sit(0..9);
    assert!(matches!(state.begin(0, 9, |n| n == 3), Begin::Run(_, chunks) if chunks == (0..3)));
    assert!(matches!(state.begin(4, 6, none), Begin::Run(_, chunks) if chunks == (4..6)));
    assert_eq!(state.begin(3, 9, |n| n == 3), Begin::There);
}

#[test]
fn a_reader_waits_for_a_run_that_comes_soon_and_no_longer() {
    let mut state = state(99);
    let (near, far) = (state.sit(4..99), state.sit(5..99));
    state.begin(0, 99, none);
    assert!(matches!(take(&mut state, near, 40), Take::Wait));
    assert!(matches!(take(&mut state, far, 50), Take::Elsewhere));
    assert_eq!(state.begin(4, 99, none), Begin::There);
    // What is behind does not shorten what is begun ahead.
    assert!(matches!(state.begin(5, 99, none), Begin::Run(_, chunks) if chunks == (5..99)));
}

#[test]
fn a_run_stops_where_another_has_begun() {
    let mut state = state(20);
    state.sit(0..20);
    let behind = run(state.begin(0, 20, none));
    let ahead = run(state.begin(6, 20, none));
    for chunk in 0..6 {
        assert_eq!(state.turn(behind, Unread::Stop, none).0, Turn::On, "{chunk}");
        fill(&mut state, behind);
        written(&mut state, chunk, true);
    }
    assert_eq!(state.turn(behind, Unread::Stop, none).0, Turn::Stop);
    assert_eq!(state.turn(ahead, Unread::Stop, none).0, Turn::On);
}

#[test]
fn a_run_that_nobody_reads_stops_unless_it_is_to_finish() {
    let mut state = state(3);
    let seat = state.sit(0..3);
    let id = run(state.begin(0, 3, none));
    fill(&mut state, id);
    assert_eq!(state.turn(id, Unread::Stop, none).0, Turn::On);
    drop(state.leave(seat));
    assert_eq!(state.turn(id, Unread::Finish, none).0, Turn::On);
    assert_eq!(state.turn(id, Unread::Stop, none).0, Turn::Stop);
    assert!(!state.is_running());
}

#[test]
fn a_reader_whose_range_has_passed_keeps_no_run_going() {
    let mut state = state(9);
    state.sit(0..1);
    let id = run(state.begin(0, 9, none));
    fill(&mut state, id);
    assert_eq!(state.turn(id, Unread::Stop, none).0, Turn::Stop);
}

#[test]
fn who_waits_for_a_run_that_fails_is_told_once() {
    let mut state = state(3);
    let seat = state.sit(0..3);
    let id = run(state.begin(0, 3, none));
    assert!(matches!(take(&mut state, seat, 0), Take::Wait));
    assert_eq!(state.end(id, Some(&"away")).len(), 1);
    assert!(matches!(take(&mut state, seat, 0), Take::Failed("away")));
    assert!(matches!(take(&mut state, seat, 0), Take::Elsewhere));
}

#[test]
fn who_does_not_wait_is_not_told_of_a_failure() {
    let mut state = state(3);
    let seat = state.sit(0..3);
    let id = run(state.begin(0, 3, none));
    assert!(state.end(id, Some(&"away")).is_empty());
    assert!(matches!(take(&mut state, seat, 0), Take::Elsewhere));
}

#[test]
fn a_failure_is_forgotten_when_somebody_has_begun_anew() {
    let mut state = state(3);
    let seat = state.sit(0..3);
    let id = run(state.begin(0, 3, none));
    take(&mut state, seat, 0);
    state.end(id, Some(&"away"));
    let again = run(state.begin(0, 3, none));
    assert!(matches!(take(&mut state, seat, 0), Take::Wait));
    assert!(state.push(again, &mut bytes(1)).1.is_empty());
    assert_eq!(state.tell(again).len(), 1);
}

#[test]
fn the_chunk_of_an_empty_object_is_full_at_once() {
    let mut state = State::<()>::new(Cut::new(0, CHUNK));
    let id = run(state.begin(0, 1, none));
    let (full, _) = state.push(id, &mut Bytes::new());
    assert_eq!(full.map(|full| (full.chunk, full.pieces.len())), Some((0, 0)));
    assert_eq!(state.turn(id, Unread::Finish, none).0, Turn::Stop);
}

#[test]
fn bytes_beyond_a_chunk_are_left_for_the_next() {
    let mut state = state(2);
    let id = run(state.begin(0, 2, none));
    let mut more = bytes(13);
    assert!(state.push(id, &mut more).0.is_some());
    assert_eq!(more.len(), 3);
    assert!(state.push(id, &mut more).0.is_none());
    assert!(more.is_empty());
}

#[test]
fn nobody_waits_for_a_run_that_has_filled_its_last_chunk() {
    let mut state = state(3);
    let seat = state.sit(0..3);
    let id = run(state.begin(0, 1, none));
    fill(&mut state, id);
    // It has not looked yet whether it goes on.
    assert!(matches!(take(&mut state, seat, 10), Take::Elsewhere));
    assert!(matches!(state.begin(1, 3, none), Begin::Run(_, chunks) if chunks == (1..3)));
    assert_eq!(state.turn(id, Unread::Stop, none).0, Turn::Stop);
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// A reader looks for his next byte.
    Read(usize),
    Leave(usize),
    Sit(u32, u32),
    /// Bytes come for a run.
    Push(usize, u32),
    /// A run that has filled a chunk looks whether it goes on.
    Turn(usize),
    /// Whether local has taken it, and whether there is memory to spare.
    Written(usize, bool, bool),
    Fail(usize),
    /// Local loses a chunk.
    Lose(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0_usize..4).prop_map(Event::Read),
        1 => (0_usize..4).prop_map(Event::Leave),
        2 => (0_u32..12, 1_u32..12).prop_map(|(from, count)| Event::Sit(from, count)),
        6 => (0_usize..3, 1_u32..15).prop_map(|(run, count)| Event::Push(run, count)),
        4 => (0_usize..3).prop_map(Event::Turn),
        3 => (0_usize..4, prop::bool::weighted(0.9), any::<bool>())
            .prop_map(|(at, kept, spare)| Event::Written(at, kept, spare)),
        1 => (0_usize..3).prop_map(Event::Fail),
        1 => (0_u32..12).prop_map(Event::Lose),
    ]
}

const CHUNKS: u32 = 12;

/// The state together with its surroundings: a reader is a seat and where he is.
struct World {
    state: State<&'static str>,
    readers: Vec<(SeatId, u64, u32)>,
    runs: Vec<RunId>,
    writing: Vec<u32>,
    /// Runs that have filled a chunk and have not looked yet whether they go on.
    turning: Vec<RunId>,
    present: BTreeSet<u32>,
}

impl World {
    fn new() -> Self {
        let (readers, runs) = (Vec::new(), Vec::new());
        let (writing, present) = (Vec::new(), BTreeSet::new());
        let turning = Vec::new();
        World { state: state(CHUNKS), readers, runs, writing, turning, present }
    }

    /// Byte `n` of the object is `n`: a piece from the wrong place is seen.
    fn read(&mut self, reader: usize) {
        let count = self.readers.len();
        let Some((seat, at, end)) = self.readers.get_mut(reader % count.max(1)) else { return };
        let chunk = u32::try_from(*at / u64::from(CHUNK)).unwrap();
        if chunk >= *end {
            return;
        }
        match take(&mut self.state, *seat, *at) {
            Take::Piece(piece) => {
                assert!(!piece.is_empty());
                assert_eq!(u64::from(piece[0]), *at % 251);
                *at += piece.len() as u64;
            }
            Take::Elsewhere if self.present.contains(&chunk) => {
                *at = u64::from((chunk + 1) * CHUNK);
            }
            Take::Elsewhere => {
                let present = &self.present;
                let begun = self.state.begin(chunk, *end, |n| present.contains(&n));
                self.runs.push(run(begun));
            }
            Take::Wait => assert!(!self.runs.is_empty(), "he waits, and nothing is running"),
            Take::Failed(_) => {}
        }
    }

    fn push(&mut self, at: usize, count: u32) {
        let runs = self.runs.len();
        let Some(id) = self.runs.get(at % runs.max(1)).copied() else { return };
        if self.turning.contains(&id) {
            return;
        }
        let one = self.state.runs.iter().find(|run| run.id == id).expect("it is running");
        let start = u64::from(one.at * CHUNK) + one.pieces.len() as u64;
        let mut more: Bytes =
            (start..start + u64::from(count)).map(|n| (n % 251) as u8).collect::<Vec<_>>().into();
        if let Some(full) = self.state.push(id, &mut more).0 {
            self.writing.push(full.chunk);
            self.turning.push(id);
        }
    }

    fn turn(&mut self, at: usize) {
        if at >= self.turning.len() {
            return;
        }
        let id = self.turning.remove(at);
        let present = &self.present;
        if self.state.turn(id, Unread::Stop, |n| present.contains(&n)).0 == Turn::Stop {
            self.runs.retain(|one| *one != id);
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Read(reader) => self.read(reader),
            Event::Leave(at) if at < self.readers.len() => {
                let (seat, ..) = self.readers.remove(at);
                drop(self.state.leave(seat));
            }
            Event::Sit(from, count) if self.readers.len() < 4 => {
                let end = (from + count).min(CHUNKS);
                let seat = self.state.sit(from..end);
                self.readers.push((seat, u64::from(from * CHUNK), end));
            }
            Event::Push(run, count) => self.push(run, count),
            Event::Turn(at) => self.turn(at),
            Event::Written(at, kept, spare) if at < self.writing.len() => {
                let chunk = self.writing.remove(at);
                if kept {
                    self.present.insert(chunk);
                }
                let spares = Spares::default();
                let spare = |bytes| spares.take(bytes).filter(|_| spare);
                drop(self.state.written(chunk, kept, spare));
            }
            Event::Fail(at) if at < self.runs.len() => {
                let id = self.runs.remove(at);
                self.turning.retain(|one| *one != id);
                self.state.end(id, Some(&"away"));
            }
            Event::Lose(chunk) => drop(self.present.remove(&chunk)),
            Event::Leave(_) | Event::Sit(..) | Event::Written(..) | Event::Fail(_) => {}
        }
        self.validate();
    }

    fn validate(&self) {
        let state = &self.state;
        assert_eq!(state.runs.len(), self.runs.len());
        for (n, run) in state.runs.iter().enumerate() {
            assert!(
                run.at < run.end || self.turning.contains(&run.id),
                "it has ended and is not gone"
            );
            let others = state.runs.iter().skip(n + 1).filter(|other| other.fills(run.at));
            assert!(!run.fills(run.at) || others.count() == 0, "two fill one chunk");
        }
        for held in state.held.iter().filter(|held| held.spare.is_some()) {
            assert!(is_awaited(&state.seats, held.chunk), "nobody comes to {}", held.chunk);
        }
        for seat in state.seats.iter().filter(|seat| seat.waits.is_some()) {
            let chunk = seat.wants.start;
            assert!(
                state.runs.iter().any(|run| run.comes_soon_to(chunk)),
                "he waits for chunk {chunk}, and no run comes to it"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nobody_waits_for_what_does_not_come(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::new();
        events.into_iter().for_each(|event| world.step(event));
    }

    #[test]
    fn every_reader_comes_to_his_end(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World::new();
        for event in events {
            // What local has not taken ends this way of reading: then readers ask the remote themselves.
            if !matches!(event, Event::Written(_, false, _)) {
                world.step(event);
            }
        }
        for _ in 0..500 {
            for reader in 0..world.readers.len() {
                world.read(reader);
            }
            for run in 0..world.runs.len() {
                world.push(run, CHUNK);
            }
            world.turn(0);
            if !world.writing.is_empty() {
                world.step(Event::Written(0, true, true));
            }
        }
        let done = |(_, at, end): &(SeatId, u64, u32)| *at >= u64::from(*end * CHUNK);
        prop_assert!(world.readers.iter().all(done), "{:?}", world.readers);
    }
}
