//! Wrong configurations: every mistake is told at once, with its place and what would be right, word for word.

use cache_core::{BoxFuture, Result};
use cache_regions::{
    Configuration, Done, Format, Mistakes, Next, Operation, Wrapper, register_wrapper,
};

#[derive(Debug)]
struct Count;

impl Wrapper for Count {
    fn around<'a>(
        &'a self,
        operation: Operation<'a>,
        next: Next<'a>,
    ) -> BoxFuture<'a, Result<Done>> {
        next.run(operation)
    }
}

/// Cases as `#### name (format)`, text, `----`, messages.
const CASES: &str = include_str!("data/wrong.txt");

fn reader() -> Configuration {
    Configuration::new().with_environment([("SHORT_KEY", "abcd"), ("KEY", "00")])
}

fn read(format: &str, text: &str) -> std::result::Result<usize, Mistakes> {
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

#[test]
fn the_environment_is_checked_like_the_file() {
    let text = "[regions.users]\nbackend = 'memory'\narguments.entries = 5\ngrace = 'x'\n";
    let variables = [
        ("LARDER__USERS__EXPIRATION", "soon"),
        ("LARDER__USERS__LEESE", "5"),
        ("LARDER__USRES__GRACE", "5"),
        ("LARDER__USERS", "5"),
        ("LARDER__USERS__TIERS__0__ENTRIES", "5"),
        ("LARDER_QUEUE", "not one of these"),
    ];
    let reader = Configuration::new().with_environment(variables);
    let mistakes = reader.plans_str(text, Format::Toml).unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "text:2:11: `backend` and `tiers`: a region has one of them\n\
         text:4:9: `grace` is \"x\": not a time: \"x\"; write e.g. \"90s\", \"5m\", \"1h30m\", \"250ms\", or a number of seconds\n\
         LARDER__USERS: right is LARDER__REGION__OPTION, as in LARDER__USERS__EXPIRATION=5m\n\
         LARDER__USERS__EXPIRATION: `expiration` is \"soon\": not a time: \"soon\"; write e.g. \"90s\", \"5m\", \"1h30m\", \"250ms\", or a number of seconds\n\
         LARDER__USERS__LEESE: region `users` has no option `leese`: did you mean `lease`?\n\
         LARDER__USRES__GRACE: there is no region `usres`: did you mean `users`?"
    );
    assert_eq!(mistakes.list()[0].position(), Some((2, 11)));
    assert_eq!(mistakes.list()[2].position(), None);
}

#[test]
fn maps_are_checked_like_files() {
    let map = [
        ("cache.regions.users.expiration", "soon"),
        ("cache.regions.users.expiration.x", "5"),
        ("cache.regions.users.tiers.0.backend", "memory"),
        ("cache.regions..x", "5"),
    ];
    let mistakes = reader().plans_map(map, "cache.").unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "cache.regions..x: a key is names with dots between them\n\
         cache.regions.users.expiration.x: `expiration` has a value, and options of its own"
    );
    let mistakes = reader().plans_map(map.into_iter().take(1), "cache.").unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "cache.regions.users.expiration: `expiration` is \"soon\": not a time: \"soon\"; write e.g. \"90s\", \"5m\", \"1h30m\", \"250ms\", or a number of seconds\n\
         cache.regions.users.expiration: region `users` needs `tiers`, or `backend`"
    );
    let mistakes = reader().plans_map(map, "store.").unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "keys beginning with `store.`: no regions: right is a table for each, as [regions.users]"
    );
}

#[test]
fn a_file_that_is_not_there_or_has_no_format_is_one_mistake() {
    let mistakes = reader().plans("/no/such/larder.toml").unwrap_err();
    assert!(mistakes.to_string().starts_with("/no/such/larder.toml: the file cannot be read: "));
    let mistakes = reader().plans("larder.ini").unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "larder.ini: the name tells no format: right is .toml, .yaml, .yml or .json"
    );
}

#[test]
fn a_wrong_file_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let file = |entries: &str| {
        format!(
            "[regions.a]\nbackend = 'files'\narguments.path = {path:?}\n\
             [regions.b]\nbackend = 'memory'\narguments.entries = {entries}\n"
        )
    };
    assert!(reader().plans_str(&file("0"), Format::Toml).is_err());
    assert!(!path.exists(), "the directory of the other region");
    assert_eq!(reader().plans_str(&file("1"), Format::Toml).unwrap().len(), 2);
    assert!(path.exists());
}

#[test]
fn what_cannot_be_opened_is_told_with_the_place_of_its_tier() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "no directory").unwrap();
    let text = format!("[regions.a]\ntiers = [{{ backend = 'files', path = {path:?} }}]\n");
    let mistakes = reader().plans_str(&text, Format::Toml).unwrap_err().to_string();
    assert!(mistakes.starts_with("text:2:10: "), "{mistakes}");
}

#[test]
fn secrets_are_in_no_message() {
    let text = "[regions.a]\nbackend = 'memcached'\n\
                arguments = { servers = 'a', user = 'u', password = ['hunter2'], queue = 0 }\n\
                signing_key = 'hunter2'\n\
                [regions.b]\nbackend = 'redis'\narguments.url = 'redis://u:hunter2@h:x'\n";
    let mistakes = reader().plans_str(text, Format::Toml).unwrap_err();
    assert_eq!(mistakes.list().len(), 4);
    assert!(!format!("{mistakes}{mistakes:?}").contains("hunter2"), "{mistakes}");
}
