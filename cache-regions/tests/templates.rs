//! The `cached` block in rendered templates.
#![cfg(all(feature = "templates", feature = "memcached"))]

use cache_clients::encoded::Solo;
use cache_core::{Invalidation, ManualClock, wait};
use cache_regions::{MemoryBytes, Region, RegionPlan, Replace, add_cached_block, configure_plans};
use larder_test_servers::Memcached;
use minijinja::{Environment, Value, context};
use std::error::Error as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// A site of one template, and how often its expensive part was asked for.
struct Site {
    environment: Environment<'static>,
    asked: Arc<AtomicU32>,
}

impl Site {
    fn new(template: &str) -> Self {
        let asked = Arc::new(AtomicU32::new(0));
        let mut environment = Environment::new();
        add_cached_block(&mut environment);
        let count = asked.clone();
        environment.add_function("orders", move |user: Value| {
            format!("{}. order of <{user}>", count.fetch_add(1, Ordering::Relaxed) + 1)
        });
        environment.add_template_owned("shop.html", template.to_owned()).unwrap();
        Site { environment, asked }
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    fn try_page(&self, user: impl Into<Value>) -> Result<String, minijinja::Error> {
        let user: Value = user.into();
        self.environment.get_template("shop.html")?.render(context! { user })
    }

    fn page(&self, user: impl Into<Value>) -> String {
        self.try_page(user).unwrap()
    }
}

fn block(region: &str, more: &str) -> String {
    format!(
        r#"<h1>{{{{ user }}}}</h1>{{% call cached("orders", user, region="{region}"{more}) %}}<p>{{{{ orders(user) }}}}</p>{{% endcall %}}"#
    )
}

fn in_memory(name: &str) -> (RegionPlan, ManualClock) {
    let time = ManualClock::new();
    (RegionPlan::new(name).with_memory(100).with_clock(time.clock()), time)
}

fn configured(plan: RegionPlan) {
    configure_plans(vec![plan], Replace::Refuse).unwrap();
}

#[test]
fn a_block_is_rendered_once_for_each_key() {
    configured(in_memory("once").0);
    let site = Site::new(&block("once", ""));
    for _ in 0..3 {
        assert_eq!(site.page(7), "<h1>7</h1><p>1. order of &lt;7&gt;</p>");
    }
    assert_eq!(site.page(8), "<h1>8</h1><p>2. order of &lt;8&gt;</p>");
    assert_eq!(site.asked(), 2);
}

#[test]
fn texts_and_numbers_are_different_keys() {
    configured(in_memory("kinds").0);
    let site = Site::new(&block("kinds", ""));
    let pages = [site.page(1), site.page("1"), site.page(vec![1]), site.page(vec!["1"])];
    assert_eq!(site.asked(), 4);
    assert_eq!(pages[0], "<h1>1</h1><p>1. order of &lt;1&gt;</p>");
    // The comma of a list is none of a text.
    site.page(vec!["a,b"]);
    site.page(vec!["a", "b"]);
    assert_eq!(site.asked(), 6);
}

#[test]
fn a_ttl_in_the_block_counts_and_is_not_stored() {
    let (plan, time) = in_memory("ttl");
    configured(plan.with_expiration(3600));
    let (short, long) = (Site::new(&block("ttl", r#", ttl="5m""#)), Site::new(&block("ttl", "")));
    short.page(7);
    time.advance(Duration::from_secs(299));
    short.page(7);
    assert_eq!(short.asked(), 1);
    time.advance(Duration::from_secs(2));
    assert_eq!(long.page(7), "<h1>7</h1><p>1. order of &lt;7&gt;</p>");
    assert_eq!(short.page(7), "<h1>7</h1><p>2. order of &lt;7&gt;</p>");
    assert_eq!((short.asked(), long.asked()), (2, 0));
}

#[test]
fn a_body_that_fails_is_not_stored_and_its_error_is_the_pages() {
    configured(in_memory("failing").0);
    let text = r#"{% call cached("a", 1, region="failing") %}{{ orders(user) }}{{ user.fails() }}{% endcall %}"#;
    let site = Site::new(text);
    for n in 1..3 {
        let error = site.try_page(7).unwrap_err();
        assert!(error.to_string().contains("fails"), "{error}");
        assert_eq!(site.asked(), n);
    }
}

#[test]
fn many_readers_of_a_cold_page_render_its_block_once() {
    configured(in_memory("herd").0);
    let site = Site::new(&block("herd", ""));
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                assert_eq!(site.page(7), "<h1>7</h1><p>1. order of &lt;7&gt;</p>");
            });
        }
    });
    assert_eq!(site.asked(), 1);
}

#[test]
fn a_reader_who_panics_leaves_the_block_to_the_next() {
    configured(in_memory("panics").0);
    let mut site = Site::new(&block("panics", ""));
    let panics = Arc::new(AtomicU32::new(1));
    let left = panics.clone();
    site.environment.add_function("orders", move |_: Value| {
        assert_ne!(left.swap(0, Ordering::Relaxed), 1, "on purpose");
        "rendered"
    });
    let first = std::thread::scope(|scope| scope.spawn(|| site.page(7)).join());
    assert!(first.is_err());
    assert_eq!(site.page(7), "<h1>7</h1><p>rendered</p>");
}

#[test]
fn invalidating_the_region_renders_anew() {
    static MENU: Region = Region::new("menu");
    configured(in_memory("menu").0);
    let site = Site::new(&block("menu", ""));
    site.page(7);
    wait(MENU.invalidate(Invalidation::Hard)).unwrap();
    assert_eq!(site.page(7), "<h1>7</h1><p>2. order of &lt;7&gt;</p>");
}

#[test]
fn blocks_within_blocks_are_kept_each_for_itself() {
    configured(in_memory("nested").0);
    let inner = block("nested", "");
    let site = Site::new(&format!(
        r#"{{% call cached("all", region="nested") %}}{inner}{{% endcall %}}|{inner}"#
    ));
    let part = "<h1>7</h1><p>1. order of &lt;7&gt;</p>";
    assert_eq!(site.page(7), format!("{part}|{part}"));
    assert_eq!(site.asked(), 1);
}

#[test]
fn a_block_within_itself_is_an_error_and_no_deadlock() {
    configured(in_memory("circle").0);
    let text = r#"{% call cached("a", region="circle") %}{% include "shop.html" %}{% endcall %}"#;
    let error = Site::new(text).try_page(7).unwrap_err();
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    let text = causes.join("\n");
    assert!(text.contains("the cached block `a` of shop.html contains itself"), "{text}");
}

#[test]
fn plain_templates_are_not_escaped() {
    configured(in_memory("plain").0);
    let mut site = Site::new("");
    site.environment.add_template_owned("mail.txt", block("plain", "")).unwrap();
    for _ in 0..2 {
        let mail = site.environment.get_template("mail.txt").unwrap();
        let mail = mail.render(context! { user => "a&b" }).unwrap();
        assert_eq!(mail, "<h1>a&b</h1><p>1. order of <a&b></p>");
    }
}

#[test]
fn memcached_and_bytes_in_memory_keep_blocks_for_all_readers() {
    let server = Memcached::start();
    let memcached = cache_clients::memcached::Memcached::new([server.address()]).unwrap();
    let plan = RegionPlan::new("far").with_server(memcached).unwrap();
    configured(plan);
    let time = ManualClock::new();
    let bytes =
        RegionPlan::new("bytes").with_server(Solo::new(MemoryBytes::new(1 << 20, time.clock())));
    configured(bytes.unwrap());
    for region in ["far", "bytes"] {
        let (one, other) = (Site::new(&block(region, "")), Site::new(&block(region, "")));
        assert_eq!(one.page(7), other.page(7));
        assert_eq!((one.asked(), other.asked()), (1, 0), "{region}");
    }
}

#[test]
fn mistakes_say_what_is_wrong() {
    configured(in_memory("mistakes").0);
    let cases = [
        (
            r#"{{ cached("a", region="mistakes") }}"#,
            "`cached` is a block: write {% call cached(..) %}",
        ),
        (
            r#"{% call cached(1, region="mistakes") %}x{% endcall %}"#,
            "a cached block begins with its name",
        ),
        (
            r#"{% call cached("a") %}x{% endcall %}"#,
            "the cached block `a` of shop.html has no region",
        ),
        (r#"{% call cached("a", region="nobody's") %}x{% endcall %}"#, "nobody's"),
        (
            r#"{% call cached("a", nothing, region="mistakes") %}x{% endcall %}"#,
            "has a key that is undefined",
        ),
        (
            r#"{% call cached("a", region="mistakes", ttl="5 parsecs") %}x{% endcall %}"#,
            "unknown unit `parsecs`",
        ),
        (
            r#"{% call cached("a", region="mistakes", ttl=-5) %}x{% endcall %}"#,
            "is -5: right is \"5m\"",
        ),
        (r#"{% call cached("a", region="mistakes", ttl="-5s") %}x{% endcall %}"#, "below zero"),
        (r#"{% call cached("a", region="mistakes", tll="5m") %}x{% endcall %}"#, "tll"),
    ];
    for (text, what) in cases {
        let error = Site::new(text).try_page(7).unwrap_err();
        assert!(error.to_string().contains(what), "{text}: {error}");
    }
}
