//! The name that was probably meant.

/// Of these names the one with the fewest letters to change, if they are few enough.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distances = names.into_iter().map(|known| (distance(&known.to_lowercase(), &name), known));
    let (far, known) = distances.min_by_key(|(far, _)| *far)?;
    (far <= 1 + known.chars().count() / 3).then_some(known)
}

/// `did you mean ..?`, or all that there is.
pub(crate) fn suggestion(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None if names.is_empty() => "it takes none".to_owned(),
        None => format!("there are {}", names.join(", ")),
    }
}

/// How many letters have to be typed or untyped between two words.
fn distance(a: &str, b: &str) -> usize {
    // A name of another size is another name; this bounds the work on what is no name at all.
    if a.len().abs_diff(b.len()) > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let cheapest =
                (diagonal + usize::from(left != *right)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cheapest);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let names = ["expiration", "async_ttl", "grace"];
        assert_eq!(nearest("expirtion", names), Some("expiration"));
        assert_eq!(nearest("AsyncTTL", names), Some("async_ttl"));
        assert_eq!(nearest("frobnicate", names), None);
        assert_eq!(nearest(&"x".repeat(1000), names), None);
    }
}
