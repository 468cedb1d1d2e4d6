//! What the function and the arguments mean together: parameters, key, receiver, return type.

use crate::args::{Args, Companion};
use crate::errors::Errors;
use crate::item::Item;
use crate::mention::{mentions, mentions_self, mentions_self_type};
use crate::types;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Expr, ExprCast, FnArg, GenericParam, Ident, Pat, PatType, Receiver, ReceiverKind, ReturnType,
    Type,
};

/// A function that is understood.
pub(crate) struct Model {
    pub(crate) args: Args,
    pub(crate) item: Item,
    pub(crate) receiver: Option<Owner>,
    pub(crate) params: Vec<Param>,
    pub(crate) key: Vec<Part>,
    pub(crate) output: Output,
    pub(crate) shape: Shape,
    /// The path under which the runtime is found.
    pub(crate) larder: TokenStream,
}

/// One parameter other than `self`.
pub(crate) struct Param {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) taken: Taken,
    pub(crate) fate: Fate,
}

/// How a parameter is taken.
pub(crate) enum Taken {
    Value,
    /// A reference to this.
    Reference(Type),
    /// An optional reference to this.
    Optional(Type),
}

/// What becomes of a parameter, or of `self`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// It is this part of the key, and can be had back from it.
    Keyed(usize),
    /// An expression of the key uses it.
    Mentioned,
    Skipped,
    /// Skipped, with a clone kept for work in the background.
    Cloned,
    /// Nothing was said: a mistake.
    Undecided,
}

/// `self`.
pub(crate) struct Owner {
    pub(crate) receiver: Receiver,
    pub(crate) fate: Fate,
    /// It is taken by value, not behind a reference.
    pub(crate) by_value: bool,
}

/// One part of the key.
pub(crate) enum Part {
    /// A parameter as it is.
    Param(usize),
    /// A float parameter in the adapter.
    Float(usize),
    /// An expression of a type that was written.
    Typed(Box<Expr>, Box<Type>),
    /// An expression of a type only the compiler knows.
    Computed(Box<Expr>),
}

/// The return type.
pub(crate) struct Output {
    pub(crate) ty: Type,
    /// Only the inside of `Ok` and `Some` is stored.
    pub(crate) ok_only: bool,
    /// Its name ends in `Result` or is `Option`.
    pub(crate) is_named_outcome: bool,
    /// The type of what is stored.
    pub(crate) value: TokenStream,
    /// That type is written out, not had from the return type by the compiler.
    pub(crate) is_spelled: bool,
}

/// Where the companions are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// A type beside the function.
    Type,
    /// A function `name_entry` in the same `impl`.
    Entry,
    /// Nowhere.
    None,
}

impl Model {
    pub(crate) fn new(args: Args, item: Item, errors: &mut Errors) -> Self {
        let larder = match &args.larder {
            Some(path) => quote!(#path::__private),
            None => quote!(::larder::__private),
        };
        let mut params = params(&item, errors);
        let key = key(&args, &params);
        let output = Output::new(&item.sig.output, args.cache_err.is_some(), &larder);
        let receiver = item.sig.receiver().map(|receiver| Owner::new(receiver, &args));
        for (index, param) in params.iter_mut().enumerate() {
            param.fate = fate(&args, &key, index, &param.name);
        }
        let shape = shape(&args, &item);
        Model { args, item, receiver, params, key, output, shape, larder }
    }

    /// All arguments can be had back later, so that work in the background is possible.
    pub(crate) fn is_rebuildable(&self) -> bool {
        let is_kept = |fate| matches!(fate, Fate::Keyed(_) | Fate::Cloned);
        self.params.iter().all(|param| is_kept(param.fate))
            && self.receiver.as_ref().is_none_or(|owner| is_kept(owner.fate))
            && !(self.shape == Shape::None && self.needs_self())
    }

    /// The first argument that cannot be had back.
    pub(crate) fn lost(&self) -> Option<(String, Fate)> {
        let is_lost = |fate| matches!(fate, Fate::Mentioned | Fate::Skipped);
        let owner = self.receiver.as_ref().filter(|owner| is_lost(owner.fate));
        let param = self.params.iter().find(|param| is_lost(param.fate));
        owner
            .map(|owner| ("self".to_owned(), owner.fate))
            .or_else(|| param.map(|p| (p.name.to_string(), p.fate)))
    }

    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
    }

    /// The function has type or constant parameters.
    pub(crate) fn is_generic(&self) -> bool {
        self.item
            .sig
            .generics
            .params
            .iter()
            .any(|param| !matches!(param, GenericParam::Lifetime(_)))
    }

    /// The function is certainly inside an `impl`.
    pub(crate) fn needs_self(&self) -> bool {
        self.receiver.is_some() || mentions_self_type(&self.item.sig)
    }
}

fn params(item: &Item, errors: &mut Errors) -> Vec<Param> {
    let typed = item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed.filter_map(|typed| errors.take(Param::new(typed))).collect()
}

impl Param {
    fn new(PatType { pat, ty, attrs, .. }: &PatType) -> syn::Result<Self> {
        if let Some(attr) = attrs.iter().find(|attr| attr.path().is_ident("cfg")) {
            return Err(syn::Error::new_spanned(
                attr,
                "an argument that comes and goes cannot be part of a key: put `#[cfg]` on the function",
            ));
        }
        let name = match &**pat {
            Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() => pat.ident.clone(),
            other => {
                let message = "give this argument a name, and take it apart in the body: the key is made from it";
                return Err(syn::Error::new_spanned(other, message));
            }
        };
        let taken = match types::bare(ty) {
            Type::Reference(reference) if !types::is_static(reference) => {
                Taken::Reference((*reference.elem).clone())
            }
            other => match types::optional_reference(other) {
                Some(reference) => Taken::Optional((*reference.elem).clone()),
                None => Taken::Value,
            },
        };
        Ok(Param { name, ty: (**ty).clone(), taken, fate: Fate::Undecided })
    }
}

impl Owner {
    fn new(receiver: &Receiver, args: &Args) -> Self {
        let by_value = match &receiver.kind {
            ReceiverKind::Reference(..) => false,
            ReceiverKind::Typed(_, ty) => !matches!(types::bare(ty), Type::Reference(_)),
            _ => true,
        };
        let fate = match args.skip.iter().find(|skip| skip.name == "self") {
            Some(skip) if skip.cloned => Fate::Cloned,
            Some(_) => Fate::Skipped,
            None if args.key.as_ref().is_some_and(mentions_self) => Fate::Mentioned,
            None => Fate::Undecided,
        };
        Owner { receiver: receiver.clone(), fate, by_value }
    }
}

fn fate(args: &Args, key: &[Part], index: usize, name: &Ident) -> Fate {
    let kept =
        key.iter().position(|part| matches!(part, Part::Param(i) | Part::Float(i) if *i == index));
    let skip = args.skip.iter().find(|skip| skip.name == *name);
    match (kept, skip) {
        (Some(part), _) => Fate::Keyed(part),
        (None, Some(skip)) if skip.cloned => Fate::Cloned,
        (None, Some(_)) => Fate::Skipped,
        (None, None) if args.key.as_ref().is_some_and(|key| mentions(key, name)) => Fate::Mentioned,
        (None, None) => Fate::Undecided,
    }
}

fn key(args: &Args, params: &[Param]) -> Vec<Part> {
    let Some(key) = &args.key else {
        let is_kept = |param: &Param| args.skip.iter().all(|skip| skip.name != param.name);
        return (0..params.len())
            .filter(|index| is_kept(&params[*index]))
            .map(Part::Param)
            .collect();
    };
    match unwrapped(key) {
        Expr::Tuple(parts) => parts.elems.iter().map(|part| Part::new(part, params)).collect(),
        single => vec![Part::new(single, params)],
    }
}

fn unwrapped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => unwrapped(&inner.expr),
        Expr::Group(inner) => unwrapped(&inner.expr),
        other => other,
    }
}

impl Part {
    fn new(expr: &Expr, params: &[Param]) -> Self {
        let expr = unwrapped(expr);
        if let Some(index) = named(expr, params) {
            return Part::Param(index);
        }
        if let Some(index) = wrapped(expr, params) {
            return Part::Float(index);
        }
        match expr {
            Expr::Cast(ExprCast { ty, .. }) => Part::Typed(Box::new(expr.clone()), ty.clone()),
            other => Part::Computed(Box::new(other.clone())),
        }
    }
}

/// The parameter that an expression is.
fn named(expr: &Expr, params: &[Param]) -> Option<usize> {
    let Expr::Path(path) = expr else { return None };
    let name = path.path.get_ident()?;
    params.iter().position(|param| param.name == *name)
}

/// The parameter in `Float(param)`.
fn wrapped(expr: &Expr, params: &[Param]) -> Option<usize> {
    let Expr::Call(call) = expr else { return None };
    let Expr::Path(function) = &*call.func else { return None };
    if function.path.segments.last()?.ident != "Float" || call.args.len() != 1 {
        return None;
    }
    named(unwrapped(&call.args[0]), params)
        .filter(|index| matches!(params[*index].taken, Taken::Value))
}

impl Output {
    fn new(output: &ReturnType, cache_err: bool, larder: &TokenStream) -> Self {
        let ty = match output {
            ReturnType::Type(_, ty) => types::bare(ty).clone(),
            ReturnType::Default => syn::parse_quote!(()),
        };
        let last = types::last_segment(&ty);
        let is_named_outcome = last.is_some_and(|last| {
            last.ident == "Option" || last.ident.to_string().ends_with("Result")
        });
        let ok_only = is_named_outcome && !cache_err;
        let spelled = if ok_only { inside(&ty) } else { Some(ty.to_token_stream()) };
        let is_spelled = spelled.is_some();
        let value =
            spelled.unwrap_or_else(|| quote_spanned!(ty.span()=> <#ty as #larder::Outcome>::Value));
        Output { ty, ok_only, is_named_outcome, value, is_spelled }
    }
}

/// The success type, where the standard type is written out; an alias may hide it anywhere.
fn inside(ty: &Type) -> Option<TokenStream> {
    let last = types::last_segment(ty)?;
    let arguments = types::type_arguments(last);
    let count = if last.ident == "Option" { 1 } else { 2 };
    let is_standard = last.ident == "Option" || last.ident == "Result";
    (is_standard && arguments.len() == count).then(|| arguments[0].to_token_stream())
}

fn shape(args: &Args, item: &Item) -> Shape {
    match &args.companion {
        Some(Companion::None) => Shape::None,
        Some(Companion::Function) => Shape::Entry,
        Some(Companion::Named(_)) => Shape::Type,
        None if item.sig.receiver().is_some() || mentions_self_type(&item.sig) => Shape::Entry,
        None => Shape::Type,
    }
}
