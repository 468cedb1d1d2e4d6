//! Any order of events: who waits is waited for by a run that comes to him, and every reader comes to his end.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

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
