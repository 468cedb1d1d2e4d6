//! What an index on disk says while another store has it open: its files are read, and nothing is changed.

use super::answers::{Limits, Totals};
use super::files::Files;
use super::status::Status;
use super::table::Table;
use super::{Index, State, log, snapshot};
use cache_core::Clock;
use std::path::Path;

/// Who has the index open may exchange its files between two looks at them: so often they are looked at anew.
const TRIES: usize = 5;

impl Index {
    /// What [`status`](Index::status) and [`totals`](Index::totals) give in the store that has it open, but for what that
    /// has not written yet. `Err`: why the files cannot be used.
    pub(crate) fn peek(
        directory: &Path,
        limits: Limits,
        clock: &Clock,
    ) -> Result<(Vec<Status>, Totals), String> {
        let files = Files::new(directory);
        let mut outcome = Err(String::new());
        for _ in 0..TRIES {
            outcome = table(&files, limits);
            if outcome.is_ok() {
                break;
            }
        }
        let index = Index::of(clock.clone(), State::new(limits, outcome?, None));
        Ok((index.status(), index.totals()))
    }
}

fn table(files: &Files, limits: Limits) -> Result<Table, String> {
    let snapshot = snapshot::read(files, limits.order)?;
    let (mut table, first) = (snapshot.table, snapshot.next);
    let logs = files.logs().map_err(|error| error.to_string())?;
    for number in logs.into_iter().filter(|number| *number >= first) {
        // It is being created.
        if number > first && log::is_unfinished(files, number) {
            break;
        }
        log::replay(files, number, &mut table)?;
    }
    Ok(table)
}
