//! Every decision about a fetch, and any order of events against what must hold.

mod orders;

use super::super::spare::Spares;
use super::*;
use futures::task::noop_waker;

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
    assert_eq!(state.begin(0, 1, none), Begin::There);
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
fn a_run_that_comes_to_what_has_come_to_lie_there_stops() {
    let mut state = state(3);
    state.sit(0..3);
    let id = run(state.begin(0, 3, none));
    fill(&mut state, id);
    assert_eq!(state.turn(id, Unread::Stop, |n| n == 1).0, Turn::Stop);
}

#[test]
fn a_run_goes_on_for_a_reader_who_waits_a_little_ahead_of_it() {
    let mut state = state(9);
    let first = state.sit(0..1);
    let id = run(state.begin(0, 9, none));
    let ahead = state.sit(3..9);
    assert!(matches!(take(&mut state, ahead, 30), Take::Wait));
    drop(state.leave(first));
    fill(&mut state, id);
    assert_eq!(state.turn(id, Unread::Stop, none).0, Turn::On);
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
