//! Types as written: what the macro can tell from their tokens.

use proc_macro2::TokenStream;
use quote::quote;
use syn::visit::{self, Visit};
use syn::{
    GenericArgument, Lifetime, PathArguments, PathSegment, Type, TypeFnPtr, TypePath, TypeReference,
};

/// The type inside invisible groups (from `macro_rules`) and parentheses.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(inner) => bare(&inner.elem),
        Type::Paren(inner) => bare(&inner.elem),
        other => other,
    }
}

/// The last segment of a path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(TypePath { path, .. }) => path.segments.last(),
        _ => None,
    }
}

/// The types between the angle brackets of a segment.
pub(crate) fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// `T` of `Option<&T>`.
pub(crate) fn optional_reference(ty: &Type) -> Option<&TypeReference> {
    let segment = last_segment(ty).filter(|segment| segment.ident == "Option")?;
    match type_arguments(segment).first().map(|ty| bare(ty))? {
        Type::Reference(reference)
            if reference.mutability.is_none() && !borrows(&reference.elem) =>
        {
            Some(reference)
        }
        _ => None,
    }
}

/// The lifetime of a reference, or of the reference in an option, if it has a name.
pub(crate) fn lifetime(ty: &Type) -> Option<&Lifetime> {
    match bare(ty) {
        Type::Reference(reference) => reference.lifetime.as_ref(),
        other => optional_reference(other)?.lifetime.as_ref(),
    }
}

/// The owned form of the type behind a reference, spelled as one would in a signature.
pub(crate) fn owned(elem: &Type) -> TokenStream {
    match bare(elem) {
        Type::Path(TypePath { qself: None, path, .. }) if path.is_ident("str") => {
            quote!(::std::string::String)
        }
        Type::Slice(slice) => {
            let elem = &slice.elem;
            quote!(::std::vec::Vec<#elem>)
        }
        other if is_unsized(other) => quote!(<#other as ::std::borrow::ToOwned>::Owned),
        other => quote!(#other),
    }
}

/// Whether the type behind a reference is owned as another type. That cannot be seen of a name, but
/// all that are known are called after what they are.
pub(crate) fn is_unsized(elem: &Type) -> bool {
    match bare(elem) {
        Type::Slice(_) => true,
        Type::Path(_) => last_segment(elem).is_some_and(|last| {
            let name = last.ident.to_string();
            ["str", "Str", "Path", "Slice"].iter().any(|end| name.ends_with(end))
        }),
        _ => false,
    }
}

/// Whether values of this type can be stored, and be part of a key, for all that is known of its names.
pub(crate) fn is_innocent(ty: &Type) -> bool {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.iter().all(|segment| {
            INNOCENT.contains(&&*segment.ident.to_string())
                && type_arguments(segment).into_iter().all(is_innocent)
        }),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_innocent),
        Type::Array(array) => is_innocent(&array.elem),
        Type::Slice(slice) => is_innocent(&slice.elem),
        Type::Reference(reference) => is_innocent(&reference.elem),
        _ => false,
    }
}

const INNOCENT: &[&str] = &[
    "bool",
    "char",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "String",
    "Vec",
    "Box",
    "Arc",
    "Option",
    "BTreeMap",
    "BTreeSet",
    "Duration",
    "Float",
    "std",
    "core",
    "alloc",
    "string",
    "vec",
    "sync",
    "option",
    "boxed",
    "collections",
    "time",
    "larder",
];

/// `&'static T`, which is kept as it is.
pub(crate) fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

/// Whether a value of this type holds a borrow that ends before the program does.
pub(crate) fn borrows(ty: &Type) -> bool {
    let mut search = Borrow(false);
    search.visit_type(ty);
    search.0
}

struct Borrow(bool);

impl<'ast> Visit<'ast> for Borrow {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0 |= reference.lifetime.is_none();
        visit::visit_type_reference(self, reference);
    }
    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.0 |= lifetime.ident != "static";
    }
    // The lifetimes of `fn(&str)` are those of its callers.
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(
        &mut self,
        _: &'ast syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// The float in a type, if there is one.
pub(crate) fn float(ty: &Type) -> Option<&syn::Ident> {
    let mut search = Float(None);
    search.visit_type(ty);
    search.0
}

struct Float<'ast>(Option<&'ast syn::Ident>);

impl<'ast> Visit<'ast> for Float<'ast> {
    fn visit_type_path(&mut self, path: &'ast TypePath) {
        if let Some(ident) =
            path.path.get_ident().filter(|ident| *ident == "f32" || *ident == "f64")
        {
            self.0 = Some(ident);
        }
        // `Float<f64>` and `OrderedFloat<f64>` have solved it.
        let solved = path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            name.contains("Float") || name == "NotNan" || name == "PhantomData"
        });
        if !solved {
            visit::visit_type_path(self, path);
        }
    }
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(
        &mut self,
        _: &'ast syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// The name in a type that ties it to one thread, if there is one.
pub(crate) fn of_one_thread(ty: &Type) -> Option<&syn::Ident> {
    let mut search = OneThread(None);
    search.visit_type(ty);
    search.0
}

struct OneThread<'ast>(Option<&'ast syn::Ident>);

impl<'ast> Visit<'ast> for OneThread<'ast> {
    fn visit_path_segment(&mut self, segment: &'ast PathSegment) {
        if ["Rc", "Cell", "RefCell", "MutexGuard"].iter().any(|name| segment.ident == name) {
            self.0 = Some(&segment.ident);
        }
        visit::visit_path_segment(self, segment);
    }
    fn visit_type_fn_ptr(&mut self, _: &'ast TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(
        &mut self,
        _: &'ast syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// The `impl Trait` in a type, if there is one.
pub(crate) fn impl_trait(ty: &Type) -> Option<&syn::TypeImplTrait> {
    let mut search = ImplTrait(None);
    search.visit_type(ty);
    search.0
}

struct ImplTrait<'ast>(Option<&'ast syn::TypeImplTrait>);

impl<'ast> Visit<'ast> for ImplTrait<'ast> {
    fn visit_type_impl_trait(&mut self, found: &'ast syn::TypeImplTrait) {
        self.0 = Some(found);
    }
}

/// Whether the type is a boxed future, as `#[async_trait]` makes them.
pub(crate) fn is_boxed_future(ty: &Type) -> bool {
    let mut search = Future(false);
    search.visit_type(ty);
    search.0
}

struct Future(bool);

impl<'ast> Visit<'ast> for Future {
    fn visit_type_trait_object(&mut self, object: &'ast syn::TypeTraitObject) {
        self.0 |= object.bounds.iter().any(|bound| match bound {
            syn::TypeParamBound::Trait(bound) => {
                bound.path.segments.last().is_some_and(|last| last.ident == "Future")
            }
            _ => false,
        });
    }
    fn visit_path_segment(&mut self, segment: &'ast PathSegment) {
        self.0 |= segment.ident == "BoxFuture" || segment.ident == "LocalBoxFuture";
        visit::visit_path_segment(self, segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn borrows_are_seen_where_they_are() {
        let all: [Type; 4] = [
            parse_quote!(&str),
            parse_quote!(Cow<'_, str>),
            parse_quote!(Vec<&str>),
            parse_quote!(Row<'a>),
        ];
        assert!(all.iter().all(borrows));
        let none: [Type; 4] = [
            parse_quote!(u8),
            parse_quote!(&'static str),
            parse_quote!(fn(&str) -> u8),
            parse_quote!(Box<dyn Fn(&str)>),
        ];
        assert!(!none.iter().any(borrows));
    }

    #[test]
    fn floats_are_seen_unless_wrapped() {
        let bare: Type = parse_quote!(Vec<(u8, f64)>);
        assert!(float(&bare).is_some());
        let wrapped: Type = parse_quote!(OrderedFloat<f64>);
        assert!(float(&wrapped).is_none());
    }
}
