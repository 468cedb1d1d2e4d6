//! Wrappers by name.

use crate::config::settings::Settings;
use crate::wrapper::Wrapper;
use cache_core::{Error, Result};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

type Builder = dyn Fn(&mut Settings<'_>) -> Result<Arc<dyn Wrapper>> + Send + Sync;

static OWN: Mutex<BTreeMap<String, Arc<Builder>>> = Mutex::new(BTreeMap::new());

/// Registers a wrapper, for `wrappers = ["name"]` and `wrappers = [{ name = "name", .. }]` in
/// configurations that are read from now on.
///
/// The builder asks for its options; unknown ones are reported for it. It is called once for each region
/// that names the wrapper, whenever a configuration is read, and should open nothing.
///
/// ```
/// use cache_core::{BoxFuture, Error, Result};
/// use cache_regions::{Configuration, Done, Format, Next, Operation, Wrapper, register_wrapper};
///
/// #[derive(Debug)]
/// struct AtMost {
///     keys: usize,
/// }
///
/// impl Wrapper for AtMost {
///     fn around<'a>(&'a self, operation: Operation<'a>, next: Next<'a>) -> BoxFuture<'a, Result<Done>> {
///         if operation.keys.len() > self.keys {
///             return Box::pin(async { Err(Error::invalid("too many keys at once")) });
///         }
///         next.run(operation)
///     }
/// }
///
/// register_wrapper("at_most", |options| {
///     options.required("keys");
///     Ok(AtMost { keys: options.count("keys").unwrap_or(1) as usize })
/// })?;
/// let text = "[regions.toys]\nbackend = 'null'\nwrappers = [{ name = 'at_most', keys = 100 }]\n";
/// assert_eq!(Configuration::new().plans_str(text, Format::Toml)?[0].wrappers.len(), 1);
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// When there is a wrapper of this name.
pub fn register_wrapper<W: Wrapper>(
    name: impl Into<String>,
    builder: impl Fn(&mut Settings<'_>) -> Result<W> + Send + Sync + 'static,
) -> Result<()> {
    let name = name.into();
    let mut own = OWN.lock();
    if own.contains_key(&name) {
        return Err(Error::invalid(format!(
            "there is a wrapper `{name}` already: give yours another name"
        )));
    }
    own.insert(
        name,
        Arc::new(move |settings: &mut Settings<'_>| {
            builder(settings).map(|wrapper| -> Arc<dyn Wrapper> { Arc::new(wrapper) })
        }),
    );
    Ok(())
}

/// Who makes a wrapper of this name; an error says which there are.
pub(crate) fn builder(name: &str) -> Result<Arc<Builder>, String> {
    let own = OWN.lock();
    if let Some(builder) = own.get(name) {
        return Ok(builder.clone());
    }
    let names: Vec<&str> = own.keys().map(String::as_str).collect();
    match names.is_empty() {
        true => Err("no wrapper is registered: call `register_wrapper` before".to_owned()),
        false => Err(crate::config::nearest::suggestion(name, &names)),
    }
}
