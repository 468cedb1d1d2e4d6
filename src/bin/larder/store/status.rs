//! `larder store status`: what is kept of a store, in the order in which it would go.

use super::arguments::Arguments;
use super::failure::Failure;
use super::json::Line;
use super::target::Target;
use larder::stores::CachedStore;
use std::io::{self, Write};

/// As many objects are shown unless all are asked for.
const SHOWN: usize = 20;

pub(super) fn run(arguments: &Arguments, target: &Target) -> Result<(), Failure> {
    let Some(store) = target.cached() else { return Ok(()) };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let shown = if arguments.has("all") { usize::MAX } else { SHOWN };
    let written = match arguments.has("json") {
        true => json(store, shown, &mut out),
        false => text(store, shown, &mut out),
    };
    written.and_then(|()| out.flush()).map_err(|error| Failure::file("standard output", &error))
}

fn json(store: &CachedStore, shown: usize, out: &mut impl Write) -> io::Result<()> {
    let stats = store.stats();
    let total = Line::default()
        .text("store", Some(store.name()))
        .plain("objects", stats.objects)
        .plain("bytes", stats.bytes)
        .plain("unsent", stats.unsent);
    out.write_all(total.end().as_bytes())?;
    for status in store.status().iter().take(shown) {
        let line = Line::default()
            .text("path", Some(status.path().as_ref()))
            .plain("size", status.size())
            .plain("kept", status.kept())
            .seconds("age", Some(status.age()))
            .text("standing", Some(&format!("{:?}", status.standing()).to_lowercase()))
            .plain("complete", status.is_complete());
        out.write_all(line.end().as_bytes())?;
    }
    Ok(())
}

fn text(store: &CachedStore, shown: usize, out: &mut impl Write) -> io::Result<()> {
    let (stats, all) = (store.stats(), store.status());
    writeln!(out, "{store}")?;
    writeln!(
        out,
        "{} objects, {} bytes kept, {} unsent",
        stats.objects, stats.bytes, stats.unsent
    )?;
    if all.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{:>14}  {:>14}  {:>10}  {:8}  path, the first to go first",
        "size", "kept", "age s", "standing"
    )?;
    for status in all.iter().take(shown) {
        let (size, kept, age) = (status.size(), status.kept(), status.age().as_secs());
        let standing = format!("{:?}", status.standing()).to_lowercase();
        writeln!(out, "{size:>14}  {kept:>14}  {age:>10}  {standing:8}  {}", status.path())?;
    }
    match all.len().saturating_sub(shown) {
        0 => Ok(()),
        more => writeln!(out, "and {more} more: --all shows them"),
    }
}
