//! Tags whose versions are out of reach (X14): nothing is trusted that may be outdated.

use crate::far::Opened;
use crate::stand::*;
use larder::encoded::EncodedOptions;
use larder::{
    Aim, Cache, Client, Clock, Entry, Invalidation, Lookup, Namespace, PutWhen, Reason, Shared,
    TagRecords, TagSource, wait,
};
use larder_test_servers::Fault;
use std::time::Duration;

/// Texts that check the tag `team` at each read.
struct Texts {
    source: TagSource,
    texts: Shared<String, String>,
}

impl Texts {
    fn of(client: &Opened) -> Self {
        let space = Namespace::new("~tags").with(TagRecords);
        let records = Client::<String, u64>::open(client, &space);
        let source = TagSource::over(records, Duration::ZERO, Clock::system());
        let space = Namespace::new("tagged").with(source.clone());
        Texts { texts: Client::<String, String>::open(client, &space), source }
    }

    fn put(&self, value: &str) {
        until("a tagged value is stored", || {
            let Ok(tags) = wait(self.source.capture(&[key("team")])) else { return false };
            let entry = Entry::new(key(value)).with_ttl(HOUR).with_tags(tags);
            wait(self.texts.put(&key("name"), entry, PutWhen::Always)).unwrap_or(false)
        });
    }

    fn look(&self) -> Lookup<String> {
        // The value, and its tag: each may use up its deadline.
        within("a look", 2 * DEADLINE, || wait(self.texts.lookup(&key("name"), Aim::Read))).unwrap()
    }

    fn first_trusted(&self) -> Lookup<String> {
        let mut answer = None;
        until("the server is trusted again", || {
            let found = self.look();
            let away = matches!(found, Lookup::Missing { reason: Reason::Unreachable, .. });
            answer = Some(found);
            !away
        });
        answer.expect("an answer")
    }
}

fn is_gone(found: &Lookup<String>) -> bool {
    matches!(found, Lookup::Missing { reason: Reason::Tag, .. })
}

pub(crate) fn x14_an_invalidated_tag_is_delivered_on_return_before_a_value_is_trusted(
    stand: &Stand,
) {
    let client = stand.client(EncodedOptions::new());
    let (ours, others) = (Texts::of(&client), Texts::of(&stand.other_client()));
    for (fault, how) in [
        (Fault::Refuse, Invalidation::Hard),
        (Fault::Hang, Invalidation::Hard),
        (Fault::CloseAfter(0), Invalidation::Hard),
        (Fault::Refuse, Invalidation::Soft),
    ] {
        ours.put("old");
        let found = others.first_trusted().live();
        assert_eq!(found.map(|(value, _)| value), Some(key("old")));
        stand.proxy.set(fault);
        stand.proxy.cut();
        let told = within("an invalidation", 4 * DEADLINE, || {
            wait(ours.source.invalidate(&[key("team")], how))
        });
        let error = told.expect_err("nobody has heard of it");
        assert!(error.is_unreachable() && error.to_string().contains("`team`"), "{error}");
        assert!(client.stats().pending_invalidations > 0, "{fault:?}");
        let found = ours.look();
        assert!(matches!(found, Lookup::Missing { .. }), "{fault:?}: {found:?}");
        // What hangs must not arrive by itself when the way is free.
        stand.proxy.cut();
        stand.back();
        let (first, theirs) = match how {
            Invalidation::Hard => (ours.first_trusted(), others.first_trusted()),
            Invalidation::Soft => {
                let first = ours.first_trusted();
                assert!(matches!(first, Lookup::Stale { .. }), "{first:?}");
                let theirs = others.first_trusted();
                assert!(matches!(theirs, Lookup::Stale { .. }), "{theirs:?}");
                continue;
            }
        };
        assert!(is_gone(&first), "{fault:?}: {first:?}");
        assert!(is_gone(&theirs), "{fault:?}: {theirs:?}");
    }
}

pub(crate) fn a_value_whose_tags_cannot_be_captured_is_computed_and_not_stored(stand: &Stand) {
    let client = stand.client(EncodedOptions::new());
    let ours = Texts::of(&client);
    ours.put("old");
    stand.away();
    let captured = within("a capture", 2 * DEADLINE, || wait(ours.source.capture(&[key("team")])));
    let error = captured.unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("`team`"), "{error}");
    assert!(matches!(ours.look(), Lookup::Missing { reason: Reason::Unreachable, .. }));
    stand.back();
    let found = ours.first_trusted().live();
    assert_eq!(found.map(|(value, _)| value), Some(key("old")), "nothing has happened to it");
}
