//! From a type to its print: each part of the form adds to it, in order.

use super::own::{Own, Place};
use super::serde::Serde;
use crate::errors::Errors;
use crate::mention::{mentions, mentions_self_type};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Field, Fields, Generics, Ident, ItemEnum, ItemStruct, Type};

/// The type whose print is made.
struct Maker<'a> {
    ident: &'a Ident,
    generics: &'a Generics,
    own: Own,
    serde: Serde,
    /// Calls on the print so far.
    calls: TokenStream,
    /// Types that have to have a shape, since they depend on parameters.
    bounds: Vec<Type>,
}

pub(super) fn structure(item: &ItemStruct, errors: &mut Errors) -> TokenStream {
    let mut maker = Maker::new(&item.ident, &item.generics, &item.attrs, errors);
    if maker.looks_inside() {
        maker.fields(&item.fields, errors);
    }
    maker.finish("struct")
}

pub(super) fn enumeration(item: &ItemEnum, errors: &mut Errors) -> TokenStream {
    let mut maker = Maker::new(&item.ident, &item.generics, &item.attrs, errors);
    if maker.looks_inside() {
        for variant in &item.variants {
            Own::read(&variant.attrs, Place::Variant, errors);
            let mut serde = Serde::read(&variant.attrs);
            // It keeps its place among the others.
            if serde.skip {
                serde.by_name = true;
                serde.verbatim.push("skip".to_owned());
            }
            let name = serde.rename.clone().unwrap_or_else(|| variant.ident.unraw().to_string());
            maker.call(quote!(.text("variant").text(#name)));
            maker.attributes(&serde);
            // What other code writes and reads has any form.
            if !serde.foreign {
                maker.fields(&variant.fields, errors);
            }
        }
    }
    maker.finish("enum")
}

impl<'a> Maker<'a> {
    fn new(
        ident: &'a Ident,
        generics: &'a Generics,
        attrs: &[Attribute],
        errors: &mut Errors,
    ) -> Self {
        let own = Own::read(attrs, Place::Type, errors);
        let mut serde = Serde::read(attrs);
        // Of a type, serde's name is stored nowhere.
        serde.rename = None;
        let (calls, bounds) = (TokenStream::new(), Vec::new());
        let mut maker = Maker { ident, generics, own, serde: Serde::default(), calls, bounds };
        maker.attributes(&serde);
        if let Some(opaque) = &maker.own.opaque {
            let opaque = quote!(.text("opaque").text(#opaque).by_name());
            maker.call(opaque);
        }
        maker.serde = serde;
        maker
    }

    fn looks_inside(&self) -> bool {
        self.own.opaque.is_none() && !self.serde.foreign
    }

    fn call(&mut self, call: TokenStream) {
        self.calls.extend(call);
    }

    fn attributes(&mut self, serde: &Serde) {
        for verbatim in &serde.verbatim {
            self.call(quote!(.text("serde").text(#verbatim)));
        }
        if serde.by_name {
            self.call(quote!(.by_name()));
        }
    }

    fn fields(&mut self, fields: &Fields, errors: &mut Errors) {
        let kind = match fields {
            Fields::Named(_) => "named",
            Fields::Unnamed(_) => "unnamed",
            Fields::Unit => "unit",
        };
        self.call(quote!(.text(#kind)));
        let stored =
            fields.iter().enumerate().map(|(at, field)| (at, field, Serde::read(&field.attrs)));
        let mut count: u64 = 0;
        for (at, field, serde) in stored.filter(|(.., serde)| !serde.skip) {
            count += 1;
            self.field(at, field, &serde, errors);
        }
        self.call(quote!(.count(#count)));
    }

    fn field(&mut self, at: usize, field: &Field, serde: &Serde, errors: &mut Errors) {
        let own = Own::read(&field.attrs, Place::Field, errors);
        let given =
            field.ident.as_ref().map_or_else(|| at.to_string(), |name| name.unraw().to_string());
        let name = serde.rename.clone().unwrap_or(given);
        self.call(quote!(.text(#name)));
        self.attributes(serde);
        let ty = &field.ty;
        if let Some(opaque) = own.opaque {
            return self.call(quote!(.text("opaque").text(#opaque).by_name()));
        }
        // Written by other code: all that is known of its form is what the type is called.
        if serde.foreign {
            let called = quote!(#ty).to_string();
            return self.call(quote!(.text(#called)));
        }
        if mentions(ty, self.ident) || mentions_self_type(ty) {
            return errors.at(
                ty,
                "a type that contains itself has no print of its own: write `#[shape(opaque = \"v1\")]` at this field, and count up when the type changes",
            );
        }
        if self.generics.type_params().any(|param| mentions(ty, &param.ident)) {
            self.bounds.push(ty.clone());
        }
        let larder = self.own.larder();
        self.call(quote_spanned!(ty.span()=> .part(<#ty as #larder::CacheShape>::PRINT)));
    }

    fn finish(self, what: &str) -> TokenStream {
        let (ident, larder, calls, bounds) =
            (self.ident, self.own.larder(), self.calls, self.bounds);
        let name = self.own.name.map_or_else(|| ident.unraw().to_string(), |name| name.value());
        let (generics, arguments, clause) = self.generics.split_for_impl();
        let given = clause.map(|clause| &clause.predicates).into_iter().flatten();
        quote! {
            #[automatically_derived]
            impl #generics #larder::CacheShape for #ident #arguments
            where #(#given,)* #(#bounds: #larder::CacheShape,)*
            {
                const PRINT: #larder::Print = #larder::Print::new(#what).text(#name) #calls;
            }
        }
    }
}
