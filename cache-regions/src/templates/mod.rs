//! Parts of a page that a region keeps: the `cached` block of minijinja templates.

mod fragment;
mod here;

use crate::direct::ComputeOptions;
use crate::region::{self, Region};
use cache_core::Error as CacheError;
use fragment::{Fragment, FragmentKey};
use minijinja::value::{Kwargs, Rest, Value, ValueOrKwargs, from_args};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Gives the templates of an environment the block `cached`, whose body is rendered once and then
/// comes from a region.
///
/// ```jinja
/// {% call cached("basket", user.id, region="pages", ttl="5m") %}
///   {{ expensive(user) }}
/// {% endcall %}
/// ```
///
/// The first argument names the block; the template's name and the further arguments (text, numbers,
/// truth values, lists of them) make up its key, so whatever the body depends on belongs there.
/// `region` is the name of a configured region. `ttl` is a limit of the age, `"90s"` or seconds; without
/// it the region's expiration counts. While one caller renders a block, the others wait for it; of a
/// stale one they get the old text. A body that fails is not stored. The block is rendered in the
/// thread that asks for the page, which waits for the region's tiers.
///
/// ```
/// use cache_regions::{RegionPlan, Replace, add_cached_block, configure_plans};
/// use minijinja::{Environment, context};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// configure_plans(vec![RegionPlan::new("pages").with_memory(1000)], Replace::Refuse)?;
///
/// static QUERIES: AtomicU32 = AtomicU32::new(0);
/// let mut environment = Environment::new();
/// add_cached_block(&mut environment);
/// environment.add_function("orders", |user: u32| {
///     QUERIES.fetch_add(1, Ordering::Relaxed);
///     format!("orders of {user}")
/// });
/// environment.add_template(
///     "shop.html",
///     r#"{% call cached("orders", user, region="pages", ttl="5m") %}<p>{{ orders(user) }}</p>{% endcall %}"#,
/// )?;
/// for _ in 0..3 {
///     let page = environment.get_template("shop.html")?.render(context! { user => 7 })?;
///     assert_eq!(page, "<p>orders of 7</p>");
/// }
/// assert_eq!(QUERIES.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn add_cached_block(environment: &mut Environment<'_>) {
    environment.add_function("cached", cached);
}

fn cached(state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let arguments = arguments.into_values();
    let (arguments, options) = from_args::<(&[Value], Kwargs)>(&arguments)?;
    let fragment = Fragment::read(state.name(), arguments, &options)?;
    let Ok(body) = options.get::<Value>("caller") else {
        return Err(wrong("`cached` is a block: write {% call cached(..) %} .. {% endcall %}"));
    };
    options.assert_all_used()?;
    let text = kept(&fragment, || {
        let text = body.call(state, &[])?;
        Ok(text.as_str().map_or_else(|| text.to_string(), str::to_owned))
    })?;
    // What the body has escaped must not be escaped again.
    Ok(match state.auto_escape() {
        AutoEscape::None => Value::from(text),
        _ => Value::from_safe_string(text),
    })
}

fn kept(
    fragment: &Fragment,
    render: impl FnOnce() -> Result<String, Error>,
) -> Result<String, Error> {
    let region = configured(&fragment.region)?;
    let _rendering = Rendering::begin(fragment)?;
    let mut options = ComputeOptions::new();
    if let Some(ttl) = fragment.ttl {
        options = options.with_expiration(ttl);
    }
    here::compute(region, &fragment.key, options, render).map_err(|fault| match fault {
        here::Fault::Body(error) => error,
        here::Fault::Cache(error) => of_cache(&error),
    })
}

/// The regions that templates have named; so few that they may stay.
fn configured(name: &str) -> Result<&'static Region, Error> {
    static NAMED: LazyLock<Mutex<HashMap<Box<str>, &'static Region>>> =
        LazyLock::new(Mutex::default);
    if let Some(region) = NAMED.lock().get(name) {
        return Ok(*region);
    }
    if !region::is_configured(name) {
        return Err(of_cache(&CacheError::unconfigured(name)));
    }
    let mut named = NAMED.lock();
    Ok(*named
        .entry(name.into())
        .or_insert_with(|| Box::leak(Box::new(Region::new(String::leak(name.to_owned()))))))
}

fn of_cache(error: &CacheError) -> Error {
    wrong(error.to_string()).with_source(error.clone())
}

fn wrong(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

thread_local! {
    static RENDERING: RefCell<Vec<(String, FragmentKey)>> = const { RefCell::new(Vec::new()) };
}

/// A block that this thread is rendering, until dropped: one that contains itself would wait for
/// itself.
struct Rendering;

impl Rendering {
    fn begin(fragment: &Fragment) -> Result<Self, Error> {
        let this = (fragment.region.clone(), fragment.key.clone());
        RENDERING.with_borrow_mut(|rendering| {
            if rendering.contains(&this) {
                return Err(wrong(format!("the cached block {} contains itself", fragment.key)));
            }
            rendering.push(this);
            Ok(Rendering)
        })
    }
}

impl Drop for Rendering {
    fn drop(&mut self) {
        RENDERING.with_borrow_mut(|rendering| drop(rendering.pop()));
    }
}
