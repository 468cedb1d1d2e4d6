//! From the model to code: the function, its plain body, and its companions.

mod attrs;
mod call;
mod companions;
mod entry;
mod function;
mod inline;
mod key;
mod memo;
mod proof;
mod signature;
pub(crate) mod tags;

pub(crate) use proof::is_plain;

use crate::model::{Model, Shape};
use proc_macro2::TokenStream;

pub(crate) fn expand(model: &Model) -> TokenStream {
    match model.shape {
        Shape::Type => function::expand(model),
        Shape::Entry => entry::expand(model),
        Shape::None => inline::expand(model),
    }
}
