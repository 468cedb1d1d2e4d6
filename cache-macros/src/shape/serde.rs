//! What serde's attributes do to the form of a type in bytes.

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token};

/// The attributes of one type, variant or field.
#[derive(Default)]
pub(super) struct Serde {
    /// The name in bytes, if it is another one.
    pub(super) rename: Option<String>,
    /// Neither written nor read.
    pub(super) skip: bool,
    /// All others that change the form, as they are written.
    pub(super) verbatim: Vec<String>,
    /// The form cannot be told from the fields: their names must be stored.
    pub(super) by_name: bool,
    /// Other code writes or reads it, so that the type says nothing.
    pub(super) foreign: bool,
}

/// These concern the generated code only, or what is accepted beside.
const NEUTRAL: &[&str] =
    &["bound", "crate", "expecting", "alias", "borrow", "deny_unknown_fields", "getter"];

/// With these, what is written still follows from names, order and types.
const POSITIONAL: &[&str] =
    &["rename", "rename_all", "rename_all_fields", "transparent", "default"];

const FOREIGN: &[&str] =
    &["with", "serialize_with", "deserialize_with", "from", "into", "try_from", "remote"];

impl Serde {
    /// Attributes that cannot be read are left to serde's own derive, which says so.
    pub(super) fn read(attrs: &[Attribute]) -> Self {
        let mut serde = Serde::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            let metas = attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            metas.into_iter().flatten().for_each(|meta| serde.one(&meta));
        }
        serde
    }

    fn one(&mut self, meta: &Meta) {
        let name = meta.path().to_token_stream().to_string();
        if NEUTRAL.contains(&&*name) {
            return;
        }
        match (&*name, text(meta)) {
            ("skip", _) => self.skip = true,
            ("rename", Some(rename)) => self.rename = Some(rename),
            _ => {
                self.by_name |= !POSITIONAL.contains(&&*name) || matches!(meta, Meta::List(_));
                self.foreign |= FOREIGN.contains(&&*name);
                self.verbatim.push(meta.to_token_stream().to_string());
            }
        }
    }
}

/// The text of `name = "text"`.
fn text(meta: &Meta) -> Option<String> {
    match meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
