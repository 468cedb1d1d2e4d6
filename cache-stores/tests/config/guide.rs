//! The guide says what is: its examples are read, and its table is that of the one table of options.

use super::reader;
use cache_regions::Format;
use std::fs;
use std::path::{Path, PathBuf};

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stores.md")
}

#[test]
fn every_example_of_the_guide_is_right() {
    let text = fs::read_to_string(guide()).unwrap();
    let reader = reader().with_environment([("MODELS_KEY", "secret")]);
    let mut read = 0;
    for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
        let needs = |what: &str, there: bool| block.contains(what) && !there;
        if needs("url = \"s3:", cfg!(feature = "s3")) || needs("\"redis\"", cfg!(feature = "redis"))
        {
            continue;
        }
        let advice = reader.advise_str(block, Format::Toml);
        assert!(advice.is_good(), "{block}\n{advice}");
        assert!(!advice.sections.is_empty(), "{block}");
        read += 1;
    }
    assert!(read >= 3, "{read}");
}

#[test]
fn the_guide_lists_every_option_as_the_reader_knows_it() {
    let text = fs::read_to_string(guide()).unwrap();
    let tables = cache_stores::store_options_tables();
    let (front, rest) = text.split_once("<!-- stores -->").unwrap();
    let (listed, end) = rest.split_once("<!-- /stores -->").unwrap();
    if std::env::var_os("LARDER_BLESS").is_some() {
        let text = format!("{front}<!-- stores -->\n\n{}\n\n<!-- /stores -->{end}", tables.trim());
        fs::write(guide(), text).unwrap();
        return;
    }
    assert_eq!(listed.trim(), tables.trim());
}
