//! Pages of an object: their names, their order, and the bytes around them.

use super::head::Head;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use object_store::PutPayload;
use std::ops::Range;
use twox_hash::XxHash3_64;

/// No page is longer, however much a server takes: a batch of them is to stay small.
pub(super) const MOST: usize = 1 << 20;
/// Before the bytes of a page: which one it is, and a checksum.
pub(super) const FRONT: usize = 24;
/// So many pages go over the wire at a time.
pub(super) const BATCH: usize = 4;

/// A page's place in its writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) part: u32,
    pub(super) number: u32,
}

/// What of a page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) place: Place,
    pub(super) length: usize,
    pub(super) within: Range<usize>,
}

/// The pages of a part, with their lengths.
pub(super) fn of_part(part: u32, length: u64, page: u32) -> impl Iterator<Item = (Place, u64)> {
    let page = u64::from(page.max(1));
    (0..length.div_ceil(page)).map(move |number| {
        let left = length - number * page;
        // A part is no longer than an upload can be.
        (Place { part, number: number as u32 }, left.min(page))
    })
}

pub(super) fn places(head: &Head) -> impl Iterator<Item = (Place, u64)> {
    let parts = (0_u32..).zip(&head.parts);
    parts.flat_map(|(part, length)| of_part(part, *length, head.page))
}

/// The pages that a range touches, in order.
pub(super) fn wanted(head: &Head, range: &Range<u64>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let mut at = 0;
    for (part, &length) in (0_u32..).zip(&head.parts) {
        if at + length > range.start && at < range.end {
            for (place, length) in of_part(part, length, head.page) {
                let from = at + u64::from(place.number) * u64::from(head.page);
                let (first, last) = (range.start.max(from), range.end.min(from + length));
                if first < last {
                    let within = (first - from) as usize..(last - from) as usize;
                    wanted.push(Wanted { place, length: length as usize, within });
                }
            }
        }
        at += length;
    }
    wanted
}

/// A page as the server gets it.
pub(super) fn seal(writing: u64, place: Place, bytes: &[u8]) -> Bytes {
    let mut to = BytesMut::with_capacity(FRONT + bytes.len());
    to.put_u64(writing);
    to.put_u32(place.part);
    to.put_u32(place.number);
    to.put_u64(XxHash3_64::oneshot_with_seed(seed(writing, place), bytes));
    to.put_slice(bytes);
    to.freeze()
}

/// The bytes of the page, if it is this one and undamaged.
pub(super) fn open(mut sealed: Bytes, writing: u64, wanted: &Wanted) -> Option<Bytes> {
    if sealed.len() != FRONT + wanted.length {
        return None;
    }
    let mut front = sealed.split_to(FRONT);
    let place = wanted.place;
    let is_it = front.get_u64() == writing
        && front.get_u32() == place.part
        && front.get_u32() == place.number
        && front.get_u64() == XxHash3_64::oneshot_with_seed(seed(writing, place), &sealed);
    is_it.then_some(sealed)
}

fn seed(writing: u64, place: Place) -> u64 {
    writing ^ (u64::from(place.part) << 32 | u64::from(place.number))
}

/// A payload, cut. Each piece is copied once, into its page.
pub(super) fn cut(payload: &PutPayload, page: u32) -> Vec<Bytes> {
    let page = page as usize;
    let mut pages = Vec::new();
    let mut open = BytesMut::new();
    for piece in payload {
        let mut piece = &piece[..];
        while !piece.is_empty() {
            if open.is_empty() {
                open.reserve(page.min(payload.content_length() - pages.len() * page));
            }
            let (now, rest) = piece.split_at(piece.len().min(page - open.len()));
            open.extend_from_slice(now);
            piece = rest;
            if open.len() == page {
                pages.push(open.split().freeze());
            }
        }
    }
    if !open.is_empty() {
        pages.push(open.freeze());
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::Attributes;
    use proptest::prelude::*;

    fn head(parts: Vec<u64>, page: u32) -> Head {
        let (attributes, inline) = (Attributes::new(), Bytes::new());
        Head { writing: 5, modified: 0, page, parts, path: "a".into(), attributes, inline }
    }

    proptest! {
        #[test]
        fn the_pages_of_a_range_are_its_bytes(
            parts in prop::collection::vec(0..40_u64, 1..6),
            page in 1..20_u32,
            from in 0..200_u64,
            length in 0..200_u64,
        ) {
            let head = head(parts, page);
            let whole: Vec<u8> = (0..head.size()).map(|at| at as u8).collect();
            let range = from.min(head.size())..(from + length).min(head.size());
            // The bytes of each page, as they are cut.
            let mut stored = std::collections::HashMap::new();
            let mut rest = &whole[..];
            for (part, length) in (0..).zip(&head.parts) {
                let (now, later) = rest.split_at(*length as usize);
                rest = later;
                for (number, bytes) in (0..).zip(cut(&now.to_vec().into(), page)) {
                    let place = Place { part, number };
                    stored.insert(place, seal(5, place, &bytes));
                }
            }
            prop_assert_eq!(stored.len(), places(&head).count());
            let mut read = Vec::new();
            for wanted in wanted(&head, &range) {
                let bytes = open(stored[&wanted.place].clone(), 5, &wanted).unwrap();
                read.extend_from_slice(&bytes[wanted.within]);
            }
            prop_assert_eq!(&read[..], &whole[range.start as usize..range.end as usize]);
        }
    }

    #[test]
    fn a_page_is_known_by_its_writing_and_place_and_bytes() {
        let place = Place { part: 1, number: 2 };
        let sealed = seal(5, place, b"page");
        let wanted = Wanted { place, length: 4, within: 0..4 };
        assert_eq!(open(sealed.clone(), 5, &wanted).unwrap(), "page");
        assert_eq!(open(sealed.clone(), 6, &wanted), None);
        let other = Wanted { place: Place { part: 1, number: 3 }, ..wanted.clone() };
        assert_eq!(open(sealed.clone(), 5, &other), None);
        let mut damaged = sealed.to_vec();
        damaged[FRONT] ^= 1;
        assert_eq!(open(damaged.into(), 5, &wanted), None);
    }
}
