//! A crash before and after every write: what is there afterwards is what was acknowledged, or what was on the way.

use crate::course::{Op, ops};
use crate::stand::life::{Life, copy};
use crate::world::{Mode, World};
use proptest::prelude::*;
use std::sync::Arc;
use tokio::runtime::Runtime;

fn crashes(mode: Mode, cases: u32, length: usize) {
    let runtime = Runtime::new().unwrap();
    // Nothing else may go wrong in the same course: the crash does.
    let calm = ops().prop_filter("calm", |op| {
        !matches!(op, Op::Restart | Op::Disk(_) | Op::Away(_) | Op::Glance(_))
    });
    let course = proptest::collection::vec(calm, 3..length);
    let outcome = crate::runner(cases, 20)
        .run(&course, |course| runtime.block_on(all(mode, &course)).map_err(TestCaseError::fail));
    outcome.unwrap_or_else(|error| panic!("{mode:?}: {error}"));
}

/// A crash at each step of a course.
async fn all(mode: Mode, course: &[Op]) -> Result<(), String> {
    let steps = one(mode, course, None).await?;
    for last in 0..steps {
        one(mode, course, Some(last))
            .await
            .map_err(|why| format!("a crash at step {last}: {why}"))?;
    }
    Ok(())
}

/// The number of steps.
async fn one(mode: Mode, course: &[Op], last: Option<usize>) -> Result<usize, String> {
    let mut world = World::new(mode);
    let (from, to) = (world.folders.clone(), world.next_folders());
    let set_aside = {
        let to = to.clone();
        move || {
            // The index first: what it says of chunks was said before they were touched.
            copy(&from.index, &to.index);
            copy(&from.journal, &to.journal);
            copy(&from.objects, &to.objects);
        }
    };
    let life = Arc::new(match last {
        Some(last) => Life::until(last, set_aside),
        None => Life::endless(),
    });
    world.live(&life);
    for op in course {
        world.step(op).await.map_err(|why| format!("{op:?}: {why}"))?;
        if life.is_dead() {
            break;
        }
    }
    let steps = life.steps();
    if last.is_some() {
        life.end();
        world.begin_again(to);
        world.settled().await.map_err(|why| format!("opened again: {why}"))?;
        world.check().await.map_err(|why| format!("read again: {why}"))?;
        world.end().await?;
    }
    Ok(steps)
}

#[test]
fn a_crash_at_any_write_costs_copies_and_nothing_else() {
    crashes(Mode::All, 8, 10);
}

#[test]
fn a_crash_at_any_write_while_copies_are_evicted_leaves_no_orphans() {
    crashes(Mode::FifoTtl, 8, 12);
}

#[test]
fn a_crash_at_any_write_loses_nothing_that_waits_for_the_remote() {
    crashes(Mode::WriteBack, 8, 10);
}
