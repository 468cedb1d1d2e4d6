//! Paths as users write them: nothing in them can lead out of the root of a store.

use cache_core::Error;
use object_store::path::Path;
use std::io;

/// The path of an object: names joined by `/`.
pub(crate) fn location(path: &str) -> io::Result<Path> {
    let wrong = |what: &str| {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            Error::invalid(format!(
                "the path `{}` {what}: right are names joined by `/`, like `reports/2026/may.csv`",
                path.escape_debug()
            )),
        ))
    };
    if path.is_empty() {
        return wrong("is empty");
    }
    if path.starts_with('/') {
        return wrong("is absolute");
    }
    for segment in path.split('/') {
        match segment {
            "" => return wrong("has an empty segment"),
            "." | ".." => return wrong(&format!("has the segment `{segment}`")),
            _ => {}
        }
    }
    if let Some(control) = path.chars().find(char::is_ascii_control) {
        return wrong(&format!("has the control character `{}`", control.escape_debug()));
    }
    Path::parse(path).or_else(|cause| wrong(&format!("cannot be: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_a_path_stays_below_the_root_or_is_refused_by_name() {
        for (path, part) in [
            ("", "is empty"),
            ("/etc/passwd", "`/etc/passwd` is absolute"),
            ("/", "is absolute"),
            ("..", "the segment `..`"),
            ("a/../../b", "the segment `..`"),
            ("./a", "the segment `.`"),
            ("a//b", "an empty segment"),
            ("a/", "an empty segment"),
            ("a\0b", "the control character `\\0`"),
            ("a\nb", "the control character `\\n`"),
        ] {
            let error = location(path).expect_err(path);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.to_string().contains("right are names joined by `/`"), "{error}");
        }
    }

    #[test]
    fn other_names_are_as_they_were_written() {
        for path in ["a", "a/b.c", "a b/ü/🙀", "%2e%2e/a", "..a/b..", "a\\b", "...", "a:b?c#d"] {
            assert_eq!(location(path).expect(path).as_ref(), path);
        }
    }
}
