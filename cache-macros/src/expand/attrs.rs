//! Where the user's other attributes go.

use syn::{Attribute, Meta, parse_quote};

/// The user's attributes, by the item they belong to.
pub(crate) struct Attrs<'a> {
    /// The function itself: what readers and callers see.
    pub(crate) function: Vec<Attribute>,
    /// The plain body: what concerns its code.
    pub(crate) body: Vec<&'a Attribute>,
    /// Every item: whether it exists at all.
    pub(crate) every: Vec<&'a Attribute>,
}

impl<'a> Attrs<'a> {
    pub(crate) fn of(attrs: &'a [Attribute]) -> Self {
        let mut placed = Attrs { function: Vec::new(), body: Vec::new(), every: Vec::new() };
        for attr in attrs {
            match &*name(attr) {
                "doc" | "must_use" | "deprecated" => placed.function.push(attr.clone()),
                "cfg" => placed.every.push(attr),
                // Nobody is told that a cached function is not used, so that cannot be expected either.
                "expect" if is_about_use(attr) => {}
                "expect" => {
                    placed.function.extend(allowed(attr));
                    placed.body.push(attr);
                }
                "allow" | "warn" | "deny" | "forbid" => {
                    placed.function.push(attr.clone());
                    placed.body.push(attr);
                }
                _ => placed.body.push(attr),
            }
        }
        placed
    }
}

fn name(attr: &Attribute) -> String {
    attr.path().get_ident().map(ToString::to_string).unwrap_or_default()
}

/// What is expected of the body is allowed of the function: an expectation is met once.
fn allowed(attr: &Attribute) -> Option<Attribute> {
    let Meta::List(list) = &attr.meta else { return None };
    let lints = &list.tokens;
    Some(parse_quote!(#[allow(#lints)]))
}

fn is_about_use(attr: &Attribute) -> bool {
    let Meta::List(list) = &attr.meta else { return false };
    let lints = list.tokens.to_string();
    lints.starts_with("dead_code") || lints.starts_with("unused ") || lints == "unused"
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn each_attribute_has_its_place() {
        let attrs: Vec<Attribute> = vec![
            parse_quote!(#[doc = "Loads."]),
            parse_quote!(#[inline(never)]),
            parse_quote!(#[cfg(unix)]),
            parse_quote!(#[allow(clippy::too_many_arguments)]),
            parse_quote!(#[expect(dead_code)]),
            parse_quote!(#[tracing::instrument]),
        ];
        let placed = Attrs::of(&attrs);
        assert_eq!((placed.function.len(), placed.body.len(), placed.every.len()), (2, 3, 1));
    }
}
