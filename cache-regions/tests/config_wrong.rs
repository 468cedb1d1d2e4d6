//! Wrong configurations: every mistake is told at once, with its place and what would be right, word for word.

use cache_core::{BoxFuture, Result};
use cache_regions::{Configuration, Format, Mistakes, Wrapper, register_wrapper};

#[derive(Debug)]
struct Count;

impl Wrapper for Count {}

/// Cases as `#### name (format)`, text, `----`, messages.
const CASES: &str = include_str!("data/wrong.txt");

fn reader() -> Configuration {
    Configuration::new().with_environment([("SHORT_KEY", "abcd"), ("KEY", "00")])
}

fn read(format: &str, text: &str) -> Result<usize, Mistakes> {
    let format = match format {
        "toml" => Format::Toml,
        "yaml" => Format::Yaml,
        _ => Format::Json,
    };
    reader().plans_str(text, format).map(|plans| plans.len())
}

#[test]
fn every_wrong_file_gives_all_its_mistakes_with_their_places() {
    register_wrapper("count_of_wrong", |settings| {
        settings.count("step");
        Ok(Count)
    })
    .unwrap();
    let mut cases = 0;
    let mut actual = String::new();
    for case in CASES.split("#### ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (name, format) = title.trim_end_matches(')').rsplit_once(" (").unwrap();
        let (text, _) = rest.split_once("----\n").unwrap();
        let mistakes = match read(format, text) {
            Ok(regions) => panic!("{name}: read as {regions} regions"),
            Err(mistakes) => mistakes,
        };
        actual.push_str(&format!("#### {name} ({format})\n{text}----\n{mistakes}\n"));
        cases += 1;
    }
    assert!(cases >= 50, "{cases}");
    if std::env::var_os("LARDER_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/wrong.txt"), &actual)
            .unwrap();
        return;
    }
    for (actual, expected) in actual.lines().zip(CASES.lines()) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.lines().count(), CASES.lines().count());
}
