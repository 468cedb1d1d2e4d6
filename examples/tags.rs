//! A shop: pages made from users and orders, and what a sale makes them forget.

use larder::{cached, invalidate_tag, invalidate_tag_soft, invalidates, wait};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Mutex;

#[derive(Debug, Clone)]
struct User {
    name: String,
    team: u32,
}

/// Imagine a database.
static USERS: Mutex<BTreeMap<u32, User>> = Mutex::new(BTreeMap::new());
static ORDERS: Mutex<Vec<(u32, String)>> = Mutex::new(Vec::new());

#[cached(ttl = "10m", tags = ["user:{id}"])]
fn user(id: u32) -> Option<User> {
    println!("  reads user {id}");
    USERS.lock().ok()?.get(&id).cloned()
}

#[cached(ttl = "10m", tags = ["orders:{id}"])]
fn orders(id: u32) -> Vec<String> {
    println!("  reads the orders of user {id}");
    let orders = ORDERS.lock().map(|orders| orders.clone()).unwrap_or_default();
    orders.into_iter().filter(|(of, _)| *of == id).map(|(_, what)| what).collect()
}

#[cached(ttl = "10m")]
fn order_count(id: u32) -> usize {
    ORDERS.lock().map(|orders| orders.iter().filter(|(of, _)| *of == id).count()).unwrap_or(0)
}

/// It inherits the tags of `user` and `orders`, whose values it is made from, and never outlives them.
#[cached(ttl = "1h", async_ttl, tags = ["pages"])]
fn page(id: u32) -> Option<String> {
    println!("  renders the page of user {id}");
    let User { name, team } = user(id)?;
    Some(format!("{name} of team {team}: {}", orders(id).join(", ")))
}

/// After success, the user is forgotten, and all pages that were made from it.
#[invalidates(tag = "user:{id}")]
fn rename(id: u32, to: String) -> Result<(), Box<dyn Error>> {
    let mut users = USERS.lock().map_err(|_| "the database is broken")?;
    users.get_mut(&id).ok_or_else(|| format!("there is no user {id}"))?.name = to;
    Ok(())
}

/// Here the one value of `order_count` too: nothing is made from that, so it needs no tag.
#[invalidates(tag = "orders:{id}", order_count(id))]
fn order(id: u32, what: &str) -> Result<(), Box<dyn Error>> {
    ORDERS.lock().map_err(|_| "the database is broken")?.push((id, what.to_owned()));
    Ok(())
}

fn show(what: &str) {
    println!("{what}");
    for id in [1, 2] {
        println!("{} ({} orders)", page(id).unwrap_or_default(), order_count(id));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let names = [(1, "Ann", 7), (2, "Bob", 7)];
    let users = names.map(|(id, name, team)| (id, User { name: name.to_owned(), team }));
    USERS.lock().map_err(|_| "the database is broken")?.extend(users);
    show("nothing is known yet:");
    show("all is known:");
    order(1, "tea")?;
    show("Ann has ordered:");
    rename(2, "Bea".to_owned())?;
    show("Bob is Bea now:");
    if let Err(error) = rename(3, "Cid".to_owned()) {
        println!("{error}, so nothing is forgotten");
    }
    // Elsewhere this is `invalidate_tag(..).await`.
    wait(invalidate_tag("pages"))?;
    show("all pages are gone, what they were made from is not:");
    wait(invalidate_tag_soft("pages"))?;
    show("softly: the old pages are served while new ones are rendered in the background:");
    larder::shutdown_pool();
    Ok(())
}
