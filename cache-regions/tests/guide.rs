//! The guide and the README say what is: examples are read, and the tables are those of the one table of options.
#![cfg(all(
    feature = "toml",
    feature = "yaml",
    feature = "memcached",
    feature = "redis",
    feature = "files"
))]

use cache_regions::{Configuration, Format};
use std::fs;
use std::path::Path;

fn root(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn every_example_of_the_guide_is_right_and_has_no_contradiction() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "0f".repeat(32)).unwrap();
    let guide = root("docs/configuration.md");
    let guide = guide.replace("/run/secrets/cache-key", key.to_str().unwrap());
    let variables = [
        ("SHOP_REDIS_URL", "redis://10.0.0.1".to_owned()),
        ("SHOP_CACHE_PASSWORD", "secret".to_owned()),
        ("SHOP_CACHE_KEY", "0f".repeat(32)),
    ];
    let reader = Configuration::new().with_environment(variables);
    let mut read = 0;
    for (language, format) in
        [("toml", Format::Toml), ("yaml", Format::Yaml), ("json", Format::Json)]
    {
        for block in blocks(&guide, language) {
            // Nothing is opened by advice, and so the directory of the example is not made.
            let advice = reader.advise_str(block, format);
            assert!(advice.is_good(), "{block}\n{advice}");
            assert!(!advice.regions.is_empty(), "{block}");
            read += 1;
        }
    }
    assert!(read >= 8, "{read}");
}

#[test]
fn the_readme_lists_every_option_as_the_reader_knows_it() {
    let readme = root("README.md");
    if std::env::var_os("LARDER_BLESS").is_some() {
        let (front, rest) = readme.split_once("<!-- regions -->").unwrap();
        let (_, end) = rest.split_once("<!-- /regions -->").unwrap();
        let tables = cache_regions::options_tables();
        let text =
            format!("{front}<!-- regions -->\n\n{}\n\n<!-- /regions -->{end}", tables.trim());
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"), text).unwrap();
        return;
    }
    let tables = readme.split("<!-- regions -->").nth(1).unwrap();
    let tables = tables.split("<!-- /regions -->").next().unwrap();
    assert_eq!(tables.trim(), cache_regions::options_tables().trim());
}

#[test]
fn times_are_read_by_the_same_words_in_the_attribute_and_in_files() {
    let code = |file: &str| -> Vec<String> {
        let text = root(file);
        let text = text.split("/// What a number of bytes looks like.").next().unwrap();
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        lines.map(|line| line.replace("pub(crate)", "pub")).collect()
    };
    let (attribute, files) = (code("cache-macros/src/time.rs"), code("cache-core/src/text.rs"));
    let joined =
        |lines: &[String]| lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(joined(&attribute), joined(&files));
}
