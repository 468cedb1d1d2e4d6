//! Opening an index on disk: what is there, what is damaged, and of which chunks nobody knows.

use super::answers::{Limits, Opened, Victim};
use super::change::Change;
use super::files::Files;
use super::lock;
use super::log::{self, Log, Replayed};
use super::slot::Marks;
use super::snapshot;
use super::table::Table;
use super::{Index, State};
use crate::object::CopyId;
use crate::policy::Order;
use cache_core::{Clock, Error, Result};
use std::fs;
use std::path::Path;

impl Index {
    /// The index in a directory, which is made if need be. It is read at once: in under a second for a million
    /// objects.
    ///
    /// # Errors
    /// Unreachable: the directory cannot be made or written, or another store has it open. Damage is no error.
    pub(crate) fn open(directory: &Path, limits: Limits, clock: Clock) -> Result<(Index, Opened)> {
        let files = Files::new(directory);
        let lock = lock::take(&files)?;
        let unreachable =
            |error| Error::unreachable(format!("the index `{}`", directory.display()), error);
        let found = match load(&files, limits.order) {
            Ok(found) => found,
            Err(why) => {
                clear(&files).map_err(unreachable)?;
                let state =
                    State::new(limits, Table::new(limits.order), Some(Log::idle(files, lock)));
                let opened = why.map_or(Opened::New, Opened::Damaged);
                return Ok((Index::of(clock, state), opened));
            }
        };
        files.remove_logs_below(found.first);
        let log = Log::resume(files, lock, found.number, &found.last, found.snapshot)
            .map_err(unreachable)?;
        let index = Index::of(clock, State::new(limits, found.table, Some(log)));
        let unsure = index.unsure();
        Ok((index, Opened::Ready { unsure }))
    }

    /// Why what happens is not written to the index's directory any more; told once. The index goes on in memory,
    /// and tries again later.
    pub(crate) fn news(&self) -> Option<String> {
        self.look_at(|state| state.log.as_mut()?.news())
    }

    /// Settles what the last process left: what was being put and what was staged has to go, and the limits may
    /// have changed.
    fn unsure(&self) -> Vec<Victim> {
        let now = self.now();
        self.run(|state| {
            for (copy, chunk) in state.table.open_intents() {
                state.make(Change::Shed { copy, first: chunk, count: 1 });
            }
            let staged = state.table.slab.iter().filter(|slot| slot.marks.has(Marks::STAGED));
            let staged: Vec<CopyId> = staged.map(|slot| slot.copy).collect();
            staged.into_iter().for_each(|copy| drop(state.leave(copy)));
            state.make_room(CopyId(0), now);
            state.leaving()
        })
    }
}

/// What the files say.
struct Loaded {
    table: Table,
    /// The first log after the snapshot, and the last.
    first: u64,
    number: u64,
    last: Replayed,
    snapshot: u64,
}

/// Reads the files. `Err(None)`: there are none; `Err(Some)`: why they cannot be used.
fn load(files: &Files, order: Order) -> Result<Loaded, Option<String>> {
    let unreadable = |error: std::io::Error| Some(error.to_string());
    let logs = files.logs().map_err(unreadable)?;
    if !files.snapshot().try_exists().map_err(unreadable)? {
        return Err((!logs.is_empty()).then(|| "it was never finished".to_owned()));
    }
    let snapshot = snapshot::read(files, order)?;
    let (mut table, first) = (snapshot.table, snapshot.next);
    let newest = logs.last().copied().filter(|newest| *newest >= first);
    let Some(newest) = newest else { return Err(Some(format!("log {first} is missing"))) };
    let mut found = None;
    for number in first..=newest {
        if !logs.contains(&number) {
            return Err(Some(format!("log {number} is missing")));
        }
        if number == newest && number > first && log::is_unfinished(files, number) {
            // Killed while it was being created: nothing is in it, and the one before is the last.
            let _ = fs::remove_file(files.log(number));
            break;
        }
        let log = log::replay(files, number, &mut table)?;
        if log.torn && number < newest {
            return Err(Some(format!("log {number} ends early")));
        }
        found = Some((number, log));
    }
    let Some((number, last)) = found else { return Err(Some(format!("log {first} is missing"))) };
    if !last.sure {
        return Err(Some("the machine went down while it was open".to_owned()));
    }
    Ok(Loaded { table, first, number, last, snapshot: snapshot.length })
}

fn clear(files: &Files) -> std::io::Result<()> {
    // The snapshot last: as long as it is there, missing logs say that the index is damaged.
    files.remove_logs_below(u64::MAX);
    for path in [files.unfinished(), files.snapshot()] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
