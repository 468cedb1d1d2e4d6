//! One call: the view of its key, how to run the body, and how to run it later.

use super::key;
use crate::model::{Model, Part, Shape};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

/// The type of the handle. Only what callers may rely on is named, so that it can be returned even
/// when the type of the key cannot be written.
pub(crate) fn ty(model: &Model) -> TokenStream {
    let larder = &model.larder;
    let (value, out) = (&model.output.value, &model.output.ty);
    if is_spelled(model) {
        let (view, mode) = (key::view_ty(model), mode_name(model));
        return quote!(#larder::Call<#larder::Args<#view, #value, #out, #larder::#mode>>);
    }
    let key = key::ty(model).map(|key| quote!(Key = #key,));
    // Who spawns the handle's futures needs to see that they may cross threads.
    let future = model.is_async().then(|| quote!(, Fut: ::core::marker::Send));
    let (call, work, later) = if model.is_async() {
        ("AsyncCall", "AsyncWork", "AsyncLater")
    } else {
        ("Call", "Work", "Later")
    };
    let [call, work, later] = [call, work, later].map(|name| quote::format_ident!("{name}"));
    let later = model.is_rebuildable().then(|| quote!(+ #larder::#later));
    quote!(#larder::#call<impl #larder::#work<#key Value = #value, Out = #out #future> #later>)
}

/// Whether the type of the handle can be written: then nothing has to be found out about it, which is
/// what takes a compiler most of its time.
pub(crate) fn is_spelled(model: &Model) -> bool {
    let is_kept = |part: &Part| matches!(part, Part::Param(_) | Part::Float(_));
    model.shape == Shape::Type
        && !model.is_async()
        && model.is_rebuildable()
        && !key::has_rest(model)
        && model.key.iter().all(is_kept)
}

/// Makes the handle. `memo` may use `__view`, `body` is the path of the plain function.
pub(crate) fn new(model: &Model, memo: &TokenStream, body: &TokenStream) -> TokenStream {
    let larder = &model.larder;
    if is_spelled(model) {
        return of(model, memo, body);
    }
    let (computed, view, pattern) =
        (key::computed(model), key::view(model, false), key::view(model, true));
    let (rest, rest_pattern) = (rest(model), key::rest(model, key::owner()));
    let arguments = passed(model);
    let (mode, share) = mode(model);
    let call = if model.is_async() { quote!(AsyncCall) } else { quote!(Call) };
    // The body's future has to be `Send`; that is said where the function is named.
    let mut run = quote_spanned!(model.item.sig.ident.span()=> #body(#(#arguments),*));
    if model.is_async() {
        run = quote!(#larder::boxed(#run));
    }
    let later = model.is_rebuildable().then(|| later(model, body));
    quote! {
        #computed
        let __view = #view;
        #larder::#call::new(#memo, __view, #rest, #larder::#mode, #share, |#pattern, #rest_pattern| #run) #later
    }
}

/// Makes the handle whose type is written.
fn of(model: &Model, memo: &TokenStream, body: &TokenStream) -> TokenStream {
    let (larder, name) = (&model.larder, key::name());
    let (view, pattern) = (key::view(model, false), key::view(model, true));
    let (arguments, again) = (passed(model), key::rebuilt(model, false));
    let (_, share) = mode(model);
    let span = model.item.sig.ident.span();
    let run = quote_spanned!(span=> #body(#(#arguments),*));
    let again = quote_spanned!(span=> #body(#(#again),*));
    quote!(#larder::Call::of(#memo, #view, #share, |#pattern| #run, |#name| #again))
}

fn rest(model: &Model) -> TokenStream {
    let owner = model.receiver.as_ref().map(|owner| owner.receiver.self_token);
    key::rest(model, owner)
}

/// The arguments of the body, as the closure that runs it has bound them.
fn passed(model: &Model) -> Vec<TokenStream> {
    let owner = model.receiver.iter().map(|_| {
        let name = key::owner();
        quote!(#name)
    });
    let params = model.params.iter().map(|param| {
        let name = &param.name;
        quote!(#name)
    });
    owner.chain(params).collect()
}

/// The job of a computation in the background; it may be run more than once. Where nothing but the
/// key is needed it is a plain function: functions of the same types then share its code.
fn later(model: &Model, body: &TokenStream) -> TokenStream {
    let larder = &model.larder;
    let name = key::name();
    let again = key::kept_again(model);
    let arguments = key::rebuilt(model, model.is_async());
    let run = quote_spanned!(model.item.sig.ident.span()=> #body(#(#arguments),*));
    let job =
        if model.is_async() { quote!(#larder::boxed(async move { #run.await })) } else { run };
    if key::has_rest(model) {
        let (rest, kept) = (key::rest(model, key::owner()), key::kept(model));
        quote!(.later(|#rest| { #kept ::std::sync::Arc::new(move |#name| { #again #job }) }))
    } else {
        quote!(.alone(|#name| #job))
    }
}

/// How results are stored, and how failures are shared among those who waited.
pub(crate) fn mode(model: &Model) -> (TokenStream, TokenStream) {
    let (larder, ty, mode) = (&model.larder, &model.output.ty, mode_name(model));
    if !model.output.ok_only {
        return (mode, quote!(::core::option::Option::None));
    }
    let probe = quote_spanned!(ty.span()=> #larder::Probe::<#ty>::SHARE);
    let share = quote!({
        #[allow(unused_imports)]
        use #larder::ProbeFallback as _;
        #probe
    });
    (mode, share)
}

fn mode_name(model: &Model) -> TokenStream {
    if model.output.ok_only { quote!(OkOnly) } else { quote!(Plain) }
}
