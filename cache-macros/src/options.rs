//! The one table of the attribute's arguments: parser, messages and README are made from it.

/// One argument of `#[cached]`.
pub(crate) struct Argument {
    /// Its name.
    pub(crate) name: &'static str,
    /// What may follow it, as written in the README.
    pub(crate) forms: &'static str,
    /// A use that is shown in messages.
    pub(crate) example: &'static str,
    /// What happens without it.
    pub(crate) default: &'static str,
    /// One line of explanation.
    pub(crate) doc: &'static str,
    /// Names that other caches use for it, for the suggestion after an unknown name.
    also: &'static [&'static str],
}

/// All arguments, in the order in which they are documented.
pub(crate) const ARGUMENTS: &[Argument] = &[
    Argument {
        name: "ttl",
        forms: "`\"5m\"`, seconds, or an expression",
        example: "ttl = \"5m\"",
        default: "until evicted",
        doc: "the absolute limit of a value's age",
        also: &[
            "time",
            "expire",
            "expiry",
            "max_age",
            "ttl_secs",
            "ttl_millis",
            "time_to_live",
            "timeout",
        ],
    },
    Argument {
        name: "async_ttl",
        forms: "nothing, `\"1m\"`, `\"-60s\"`, seconds, or an expression",
        example: "async_ttl = \"1m\"",
        default: "no refresh before expiry",
        doc: "when to recompute in the background: with less than this left, or (negative) once older than this; alone, at half the TTL",
        also: &["refresh", "swr", "stale", "refresh_after", "soft_ttl", "stale_while_revalidate"],
    },
    Argument {
        name: "key",
        forms: "an expression or a tuple of them",
        example: "key = (self.id, name)",
        default: "every argument",
        doc: "what identifies a value",
        also: &["convert", "keys", "by", "hash"],
    },
    Argument {
        name: "skip",
        forms: "`(a, b = clone)`",
        example: "skip(db)",
        default: "nothing",
        doc: "arguments that are no part of the key; `= clone` keeps a clone for work in the background",
        also: &["ignore", "exclude", "skip_args", "skip_all"],
    },
    Argument {
        name: "client",
        forms: "an expression",
        example: "client = CLIENT",
        default: "a shared bounded in-process client",
        doc: "where values live",
        also: &["cache", "store", "region", "backend", "ty", "create"],
    },
    Argument {
        name: "capacity",
        forms: "an expression",
        example: "capacity = 10_000",
        default: "that of the client",
        doc: "an in-process cache of this function's own, of so many entries (or so much weight)",
        also: &["size", "max_size", "limit", "max_capacity", "max_entries"],
    },
    Argument {
        name: "weight",
        forms: "`|key, value| ..`",
        example: "weight = |key, value| value.len() as u32",
        default: "1",
        doc: "what an entry counts against the capacity",
        also: &["weigher", "cost", "weigh"],
    },
    Argument {
        name: "namespace",
        forms: "a string, or `none`",
        example: "namespace = \"prices\"",
        default: "the path of the function",
        doc: "the name under which the client keeps the values; `none`: the keys alone",
        also: &["prefix", "key_prefix", "cache_prefix_block"],
    },
    Argument {
        name: "version",
        forms: "an expression",
        example: "version = 2",
        default: "none",
        doc: "changed when the meaning of stored values changes",
        also: &["schema", "revision"],
    },
    Argument {
        name: "jitter",
        forms: "`0.1`, `\"10%\"`, `\"5s\"`, or an expression",
        example: "jitter = \"10%\"",
        default: "none",
        doc: "by how much a TTL is shortened at random",
        also: &["spread", "random"],
    },
    Argument {
        name: "grace",
        forms: "as `ttl`",
        example: "grace = \"1h\"",
        default: "none",
        doc: "for how long past its TTL a value stands in for a computation that failed",
        also: &["stale_if_error", "result_fallback", "fallback"],
    },
    Argument {
        name: "cache_if",
        forms: "`|value| ..`",
        example: "cache_if = |value| !value.is_empty()",
        default: "always",
        doc: "whether a value is worth storing",
        also: &["if", "unless", "when", "condition", "store_if"],
    },
    Argument {
        name: "ttl_of",
        forms: "`|value| ..`",
        example: "ttl_of = |value| value.expires_in",
        default: "`ttl`",
        doc: "a TTL that comes with the value; the shorter of the two counts",
        also: &["expires", "expires_by", "ttl_fn"],
    },
    Argument {
        name: "cache_err",
        forms: "nothing, or as `ttl`",
        example: "cache_err = \"10s\"",
        default: "only `Ok` and `Some` are stored",
        doc: "store the whole `Result` or `Option`; failures for their own TTL, if one is given",
        also: &["plain", "errors", "none", "result", "option", "cache_none", "negative_ttl"],
    },
    Argument {
        name: "tags",
        forms: "a list of strings with `{argument}`",
        example: "tags = [\"user:{id}\", \"team\"]",
        default: "none of its own",
        doc: "groups that `invalidate_tag` forgets at once; `{argument}`, `{argument.field}` and `{self.field}` stand for parts of the key",
        also: &["tag", "groups", "group", "labels", "label", "depends_on", "dependencies"],
    },
    Argument {
        name: "isolate",
        forms: "nothing",
        example: "isolate",
        default: "tags and TTLs of the cached functions that the body calls count for its own value",
        doc: "they do not",
        also: &["no_propagation", "independent", "detached", "cut"],
    },
    Argument {
        name: "companion",
        forms: "a name, `fn`, or `none`",
        example: "companion = ScoreCache",
        default: "a type named as the function; in `impl` blocks a method `name_entry`",
        doc: "where `peek`, `refresh` and the others are found; `fn` in an `impl` block for a function without `self`, `none` in the `impl` of a trait",
        also: &["name", "companions", "as", "type"],
    },
    Argument {
        name: "crate",
        forms: "a path",
        example: "crate = my::larder",
        default: "`::larder`",
        doc: "where larder is found, for those who re-export it",
        also: &["path", "larder"],
    },
];

/// Looks an argument up by its exact name.
pub(crate) fn find(name: &str) -> Option<&'static Argument> {
    ARGUMENTS.iter().find(|argument| argument.name == name)
}

/// The argument that was probably meant.
pub(crate) fn nearest(name: &str) -> Option<&'static Argument> {
    let name = name.to_lowercase();
    if let Some(known) = ARGUMENTS.iter().find(|a| a.name == name || a.also.contains(&&*name)) {
        return Some(known);
    }
    let distances = ARGUMENTS.iter().map(|argument| (distance(argument.name, &name), argument));
    let (far, argument) = distances.min_by_key(|(far, _)| *far)?;
    (far <= 1 + argument.name.len() / 3).then_some(argument)
}

/// All names, as a list for messages.
pub(crate) fn names() -> String {
    let names: Vec<_> = ARGUMENTS.iter().map(|argument| argument.name).collect();
    names.join(", ")
}

/// The table of the README.
pub(crate) fn markdown() -> String {
    let mut table =
        String::from("| argument | value | without it | meaning |\n|---|---|---|---|\n");
    for Argument { name, forms, default, doc, .. } in ARGUMENTS {
        // A closure's bars would end the cell.
        let forms = forms.replace('|', "\\|");
        table.push_str(&format!("| `{name}` | {forms} | {default} | {doc} |\n"));
    }
    table
}

/// How many letters have to be typed or untyped between two words.
pub(crate) fn distance(a: &str, b: &str) -> usize {
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
        assert_eq!(nearest("tll").unwrap().name, "ttl");
        assert_eq!(nearest("asyncttl").unwrap().name, "async_ttl");
        assert_eq!(nearest("capasity").unwrap().name, "capacity");
        assert!(nearest("frobnicate").is_none());
    }

    #[test]
    fn words_of_other_caches_are_understood() {
        assert_eq!(nearest("max_size").unwrap().name, "capacity");
        assert_eq!(nearest("stale_if_error").unwrap().name, "grace");
        assert_eq!(nearest("plain").unwrap().name, "cache_err");
    }

    #[test]
    fn each_word_means_one_argument() {
        let mut words: Vec<_> =
            ARGUMENTS.iter().flat_map(|a| a.also.iter().chain([&a.name])).collect();
        words.sort();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "{words:?}");
    }
}
