//! What a killed process was writing. `object_store` writes a file under its name, `#` and a number, and renames it
//! when it is whole; a listing does not show these, so that nobody else finds them.

use crate::index::Opened;
use crate::layout::Layout;
use std::fs;
use std::path::Path as Directory;

/// Removes it; to be called while nobody else writes there.
pub(super) fn clear(objects: &Directory, opened: &Opened) {
    match opened {
        // What was on its way is known.
        Opened::Ready { unsure } => {
            for victim in unsure {
                for chunk in victim.chunks.iter() {
                    one(objects, Layout.chunk(victim.copy, chunk).as_ref());
                }
            }
        }
        Opened::Damaged(_) | Opened::New => all(&objects.join(Layout.root().as_ref())),
    }
}

fn one(objects: &Directory, chunk: &str) {
    // Each number was taken because the ones before it were.
    let mut numbers = 1..;
    while numbers
        .next()
        .is_some_and(|n| fs::remove_file(objects.join(format!("{chunk}#{n}"))).is_ok())
    {}
}

fn all(folder: &Directory) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all(&path);
        } else if is_litter(&entry.file_name().to_string_lossy()) {
            // If it stays, it is in the way of nobody.
            let _ = fs::remove_file(path);
        }
    }
}

fn is_litter(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CachedStore;
    use object_store::memory::InMemory;

    #[test]
    fn what_a_killed_process_was_writing_goes_and_nothing_else() {
        assert!(is_litter("59c0e20285b0a2c7.0#1") && is_litter("a#12"));
        assert!(!is_litter("59c0e20285b0a2c7.0") && !is_litter("a#b") && !is_litter("a#"));
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("objects");
        let chunks = objects.join("larder/59");
        fs::create_dir_all(&chunks).unwrap();
        for name in ["59c0e20285b0a2c7.0#1", "59c0e20285b0a2c7.0#2", "notes"] {
            fs::write(chunks.join(name), name).unwrap();
        }
        CachedStore::on_disk(folder.path(), InMemory::new()).build().unwrap();
        let left: Vec<_> =
            fs::read_dir(chunks).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left, ["notes"]);
    }
}
