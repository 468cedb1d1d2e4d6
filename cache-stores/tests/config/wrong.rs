//! Wrong configurations, word for word.

use super::{Stand, configure, reader};
use cache_regions::Format;

/// Cases as `#### name`, text in TOML, `----`, messages.
const CASES: &str = include_str!("wrong.txt");

#[test]
fn every_wrong_store_gives_all_its_mistakes_with_their_places() {
    let mut cases = 0;
    let mut actual = String::new();
    for case in CASES.split("#### ").skip(1) {
        let (name, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once("----\n").unwrap();
        let advice = reader().advise_str(text, Format::Toml);
        assert!(!advice.is_good(), "{name}: nothing is wrong");
        let found: Vec<String> = advice
            .findings
            .iter()
            .map(|one| one.to_string().replacen(": mistake", "", 1))
            .collect();
        actual.push_str(&format!("#### {name}\n{text}----\n{}\n", found.join("\n")));
        cases += 1;
    }
    assert!(cases >= 20, "{cases}");
    if std::env::var_os("LARDER_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/wrong.txt");
        std::fs::write(path, &actual).unwrap();
        return;
    }
    for (actual, expected) in actual.lines().zip(CASES.lines()) {
        assert_eq!(actual, expected);
    }
    assert_eq!(actual.lines().count(), CASES.lines().count());
}

#[test]
fn what_cannot_be_opened_is_told_with_its_place_and_nothing_of_the_file_is_configured() {
    let stand = Stand::new();
    let good = stand.table("fine_alone", "cache", "");
    let missing = stand.path("no-such-archive");
    let text = format!("{good}[store.lost]\nremote = {missing:?}\nlocal = 'memory'\n");
    let error = configure(&text).unwrap_err().to_string();
    assert!(
        error.starts_with("text:5:10: the directory ") && error.contains("no-such-archive"),
        "{error}"
    );
    assert!(cache_stores::store("fine_alone").is_err());
    std::fs::write(stand.path("file"), "no directory").unwrap();
    let error = configure(&stand.table("on_file", "file", "")).unwrap_err().to_string();
    assert!(error.starts_with("text:3:9: the directory "), "{error}");
    configure(&good).unwrap();
    assert!(cache_stores::store("fine_alone").is_ok(), "its directory was given back");
}

#[test]
fn a_directory_with_copies_of_another_remote_is_refused() {
    let stand = Stand::new();
    configure(&stand.table("first_of_dir", "cache", "")).unwrap();
    let first = cache_stores::store("first_of_dir").unwrap();
    std::fs::create_dir(stand.path("other")).unwrap();
    let text = stand.table("second_of_dir", "cache", "");
    let text = text
        .replace(&format!("{:?}", stand.path("archive")), &format!("{:?}", stand.path("other")));
    let error = configure(&text).unwrap_err().to_string();
    let (cache, archive, other) = (stand.path("cache"), stand.path("archive"), stand.path("other"));
    assert_eq!(
        error,
        format!(
            "text:3:9: the copies in {} are of {}, and not of {}: give this store another directory, or remove that one",
            cache.display(),
            archive.display(),
            other.display()
        )
    );
    drop(first);
}

#[test]
fn secrets_are_in_no_message() {
    let text = "[store.a]\nlocal = 'memory'\n[store.a.remote]\nurl = 's3://u:hunter2@b'\nsecret_access_key = ['hunter2']\n\
                session_token = { env = 'hunter2-is-not-set' }\n";
    let advice = reader().advise_str(text, Format::Toml);
    let text = format!("{advice}{advice:?}")
        .replace("hunter2-is-not-set", "")
        .replace("s3://u:hunter2@b", "");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn what_may_hold_a_key_is_not_shown_when_it_is_wrong() {
    for text in [
        "remote = 's3://id:hidden@bucket'\nlocal = 'memory'\n",
        "remote = 'https://me.blob.example/c?sv=1&sig=hidden'\nlocal = 'memory'\n",
        "remote = 'memory:'\nlocal = 'redis://:hidden@10.0.0.7'\n",
        "remote = 'memory:'\nlocal = 'memory'\nwrite_back = 'redis://:hidden@10.0.0.7'\n",
        "local = 'memory'\n[store.secrets.remote]\nurl = 's3://b'\nendpoint = 'http://id:hidden@host'\n",
        "local = 'memory'\n[store.secrets.remote]\nurl = 's3://b'\nendpoint = 'id:hidden@host'\n",
    ] {
        let error = configure(&format!("[store.secrets]\n{text}")).unwrap_err().to_string();
        assert!(!error.contains("hidden"), "{error}");
        assert!(
            error.contains("`remote`")
                || error.contains("`local`")
                || error.contains("`write_back`")
                || error.contains("`endpoint`"),
            "{error}"
        );
    }
    for url in ["s3://id:hidden@bucket", "https://host/c?sig=hidden", "ftp://id:hidden@host"] {
        let error = cache_stores::remote(url).unwrap_err().to_string();
        assert!(!error.contains("hidden") && error.contains("is no store: "), "{error}");
    }
}
