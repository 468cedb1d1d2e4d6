//! Whatever the text, reading it gives plans or mistakes: never a panic, and every mistake has a place in it.

use cache_regions::{Configuration, Format, Mistakes, RegionPlan};
use proptest::prelude::*;

fn read(text: &str, format: Format) -> Result<Vec<RegionPlan>, Mistakes> {
    Configuration::new().with_environment([("A", "b")]).plans_str(text, format)
}

fn check(text: &str) {
    for format in [Format::Toml, Format::Yaml, Format::Json] {
        if let Err(mistakes) = read(text, format) {
            assert!(!mistakes.list().is_empty());
            for mistake in mistakes.list() {
                let (line, column) = mistake.position().unwrap();
                assert!(line >= 1 && column >= 1 && line <= text.lines().count() + 2, "{mistake}");
                assert!(!mistake.message().contains('\n'), "{mistake}");
            }
        }
    }
}

/// Pieces of configurations, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "[regions.a]\n",
        "[regions]\n",
        "[defaults]\n",
        "[[regions.a.tiers]]\n",
        "regions:\n",
        "  a:\n",
        "    backend: ",
        "backend = ",
        "'memory'",
        "\"null\"",
        "memcached",
        "\n",
        "tiers = ",
        "[",
        "]",
        "{",
        "}",
        "entries",
        " = ",
        ": ",
        "5",
        "-7",
        "1e400",
        "'5m'",
        "\"-60s\"",
        "expiration",
        "jitter",
        "'150%'",
        ",",
        "{\"regions\":",
        "{\"a\":",
        "\"backend\":",
        "wrappers",
        "mangler",
        "'length:'",
        "signing_key",
        "env",
        "\u{feff}",
        "é",
        "\t",
        "#",
        "- ",
        "&a ",
        "*a",
        "!!str ",
        "|\n",
        "1979-05-27",
        "true",
        "None",
        "0x",
        "''",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
        check(&text);
    }

    #[test]
    fn pieces_of_configurations_are_read_without_a_panic(text in pieces()) {
        check(&text);
    }

    #[test]
    fn any_map_is_read_without_a_panic(map in prop::collection::btree_map("(regions|a|b|\\.|0|1|tiers|backend){0,6}", "\\PC{0,9}", 0..9)) {
        drop(Configuration::new().plans_map(&map, ""));
    }
}

#[test]
fn mistakes_that_tell_what_has_several_lines_have_one() {
    for text in
        ["{regions:\n|\n\nregions:\n", "\"a\\nb\" = 1\n", "[regions.\"a\\nb\"]\n\"c\\td\" = 1\n"]
    {
        check(text);
    }
    let told = read("[regions.a]\n\"c\\nd\" = 1\n", Format::Toml).unwrap_err().to_string();
    assert!(told.contains(r"region `a` has no option `c\nd`"), "{told}");
}

#[test]
fn what_is_nested_without_end_is_a_mistake() {
    for (front, back) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let text = format!("regions: {}{}", front.repeat(2000), back.repeat(2000));
        assert!(read(&text, Format::Yaml).is_err());
    }
    let text = format!("a = {}{}", "[".repeat(2000), "]".repeat(2000));
    assert!(read(&text, Format::Toml).is_err());
    let text = format!("{}1{}", "{\"a\":".repeat(2000), "}".repeat(2000));
    assert!(read(&text, Format::Json).is_err());
}
