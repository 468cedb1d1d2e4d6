//! A page whose expensive part is kept by a region: minijinja's `cached` block.
//!
//! `cargo run --features templates --example templates`

use larder::{Invalidation, Region, RegionPlan, Replace, add_cached_block, configure_plans, wait};
use minijinja::{Environment, context};
use std::sync::atomic::{AtomicU32, Ordering};

static PAGES: Region = Region::new("pages");
static QUERIES: AtomicU32 = AtomicU32::new(0);

const SHOP: &str = r#"<h1>Hello {{ user.name }}</h1>
{% call cached("bestsellers", user.country, region="pages", ttl="5m") -%}
<ol>{% for book in bestsellers(user.country) %}<li>{{ book }}</li>{% endfor %}</ol>
{%- endcall %}
"#;

/// Imagine a query over many tables.
fn bestsellers(country: &str) -> Vec<String> {
    let queries = QUERIES.fetch_add(1, Ordering::Relaxed) + 1;
    (1..=3).map(|n| format!("Book {n} of {country} (query {queries})")).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = RegionPlan::new("pages").with_memory(10_000).with_expiration(3600);
    configure_plans(vec![plan], Replace::Refuse)?;

    let mut environment = Environment::new();
    add_cached_block(&mut environment);
    environment.add_function("bestsellers", |country: String| bestsellers(&country));
    environment.add_template("shop.html", SHOP)?;

    for (name, country) in [("Ann", "Peru"), ("Bob", "Peru"), ("Cid", "Chad"), ("Dan", "Chad")] {
        let user = context! { name, country };
        println!("{}", environment.get_template("shop.html")?.render(context! { user })?);
    }
    println!("4 pages took {} queries", QUERIES.load(Ordering::Relaxed));
    assert_eq!(QUERIES.load(Ordering::Relaxed), 2);

    wait(PAGES.invalidate(Invalidation::Hard))?;
    let user = context! { name => "Eve", country => "Peru" };
    environment.get_template("shop.html")?.render(context! { user })?;
    println!("after the region was invalidated there are {}", QUERIES.load(Ordering::Relaxed));
    Ok(())
}
