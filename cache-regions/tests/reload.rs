//! Configuring twice and reading again: what is right is followed, what is wrong changes nothing.

use cache_core::wait;
use cache_regions::{
    Configuration, Format, Region, Replace, configure, configure_map, configure_str, reload,
};
use std::collections::HashMap;

fn text(region: &str, entries: &str) -> String {
    format!("[regions.{region}]\nbackend = 'memory'\narguments.entries = {entries}\n")
}

#[test]
fn d21_configuring_twice_fails_unless_replacement_is_asked_for() {
    static TWICE: Region = Region::new("twice");
    let text = text("twice", "5");
    assert!(!TWICE.is_configured());
    configure_str(&text, Format::Toml).unwrap();
    assert!(TWICE.is_configured());
    let error = configure_str(&text, Format::Toml).unwrap_err();
    assert!(error.is_invalid());
    assert_eq!(
        error.to_string(),
        "region `twice` is configured already: ask for its replacement, or configure it once"
    );
    let replacing = Configuration::new().with_replace(Replace::Existing);
    replacing.configure_str(&text, Format::Toml).unwrap();
    wait(TWICE.put(&1_u8, 7_u64)).unwrap();
    assert_eq!(wait(TWICE.get::<u8, u64>(&1)).unwrap(), Some(7));
}

#[test]
fn d21_a_wrong_configuration_configures_nothing_of_it() {
    static GOOD: Region = Region::new("good_one");
    let text = text("good_one", "5") + &text("bad_one", "'many'");
    let error = configure_str(&text, Format::Toml).unwrap_err();
    assert_eq!(
        error.to_string(),
        "text:6:21: `entries` is \"many\": right is a whole number, as in 10_000"
    );
    assert!(!GOOD.is_configured());
    let error = wait(GOOD.get::<u8, u8>(&1)).unwrap_err();
    assert!(error.to_string().contains("good_one"), "{error}");
}

#[test]
fn d22_regions_are_configured_from_maps_and_d29_the_map_stays() {
    static MAPPED: Region = Region::new("mapped");
    static LOCAL: Region = Region::new("local");
    let map = HashMap::from([
        ("shop.regions.mapped.backend".to_owned(), "memory".to_owned()),
        ("shop.regions.mapped.arguments.entries".to_owned(), "5".to_owned()),
        ("cache.local.backend".to_owned(), "null".to_owned()),
        ("cache.local.expiration_time".to_owned(), "300".to_owned()),
    ]);
    let before = map.clone();
    configure_map(&map, "shop.").unwrap();
    let one = Configuration::new();
    one.configure_region_map("local", &map, "cache.local.").unwrap();
    assert_eq!(map, before);
    assert!(MAPPED.is_configured() && LOCAL.is_configured());
    let mut again = map.clone();
    assert!(one.configure_region_map("local", &again, "cache.local.").is_err());
    again.insert("cache.local.replace_existing_backend".into(), "True".into());
    one.configure_region_map("local", &again, "cache.local.").unwrap();
    again.insert("cache.local.replace_existing_backend".into(), "maybe".into());
    let error = one.configure_region_map("local", &again, "cache.local.").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cache.local.replace_existing_backend: it is \"maybe\": right is true or false"
    );
}

#[test]
fn x23_reading_again_follows_what_is_right_and_keeps_the_old_over_what_is_wrong() {
    static SHOP: Region = Region::new("reloaded");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("larder.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&(text("reloaded", "1000") + "expiration = '5m'\n"));
    configure(&path).unwrap();
    wait(SHOP.put(&1_u8, 7_u64)).unwrap();

    write(&(text("reloaded", "'many'") + "expiration = '5m'\n"));
    let error = reload().unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}:3:21: `entries` is \"many\": right is a whole number, as in 10_000",
            path.display()
        )
    );
    assert_eq!(wait(SHOP.get::<u8, u64>(&1)).unwrap(), Some(7), "the old settings serve");

    write(&(text("reloaded", "500") + "expiration = '10m'\n"));
    reload().unwrap();
    assert_eq!(wait(SHOP.get::<u8, u64>(&1)).unwrap(), Some(7), "only rules have changed");

    write("[regions.reloaded]\nbackend = 'null'\n");
    reload().unwrap();
    assert_eq!(wait(SHOP.get::<u8, u64>(&1)).unwrap(), None, "another backend");
    std::fs::remove_file(&path).unwrap();
    assert!(reload().unwrap_err().to_string().contains("the file cannot be read"));
}
