//! What is made of several versions of one tag, and what a cell remembers of its invalidations.

use super::cell::Version;
use super::{Invalidation, Tag, TagCell, Tags, epoch};
use std::sync::Arc;

fn tags(cell: &Arc<TagCell>, seen: Version) -> Tags {
    Tags::of(vec![Tag { cell: cell.clone(), seen }])
}

#[test]
fn of_versions_of_a_tag_together_the_worst_counts_in_any_order() {
    let cell = Arc::new(TagCell::local("team"));
    let (versions, mut moments) = (&mut Vec::new(), Vec::new());
    for how in [Invalidation::Soft, Invalidation::Hard, Invalidation::Soft, Invalidation::Hard] {
        versions.push(cell.version());
        cell.invalidate_local(how);
        moments.push(epoch());
    }
    versions.push(cell.version());
    for a in &*versions {
        for b in &*versions {
            let (a, b) = (tags(&cell, *a), tags(&cell, *b));
            let both = a.and(&b);
            assert_eq!(both.verdict_at(0), a.verdict_at(0).max(b.verdict_at(0)), "{a:?} {b:?}");
            for moment in &moments {
                let one = a.were_invalidated_by(*moment) || b.were_invalidated_by(*moment);
                assert!(both.were_invalidated_by(*moment) >= one, "{a:?} {b:?} by {moment}");
            }
        }
    }
}

#[test]
fn a_cell_knows_whether_its_one_invalidation_came_before_a_moment() {
    let (cell, other) = (TagCell::local("team"), TagCell::local("other"));
    let (seen, before) = (cell.version(), epoch());
    other.invalidate_local(Invalidation::Hard);
    assert!(!cell.was_invalidated(seen) && !cell.was_invalidated_by(seen, epoch()));
    cell.invalidate_local(Invalidation::Soft);
    assert!(!cell.was_invalidated(seen) && !cell.was_invalidated_by(seen, epoch()));
    cell.invalidate_local(Invalidation::Hard);
    assert!(cell.was_invalidated(seen) && cell.was_invalidated_by(seen, epoch()));
    assert!(!cell.was_invalidated_by(seen, before), "it came later");
    let (second, between) = (cell.version(), epoch());
    cell.invalidate_local(Invalidation::Hard);
    assert!(cell.was_invalidated_by(seen, between), "the second does not hide the first");
    assert!(!cell.was_invalidated_by(second, between), "of this version it is the first");
}
