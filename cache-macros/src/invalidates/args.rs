//! What was written between the parentheses of `#[invalidates(..)]`.

use crate::template::Template;
use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprPath, Ident, LitStr, Path, Result, Token};

/// What to forget, in the order in which it is written.
#[derive(Default)]
pub(super) struct Args {
    pub(super) targets: Vec<Target>,
    pub(super) larder: Option<Path>,
}

pub(super) enum Target {
    /// A value of a cached function.
    Value(Called),
    /// All values of a tag.
    Tag(Template),
}

/// A cached function with the arguments of the value to forget.
pub(super) struct Called {
    pub(super) by: By,
    pub(super) arguments: Vec<Expr>,
}

/// How the companion of a function is reached.
pub(super) enum By {
    /// `user(id)`: a type beside the function has it.
    Path(Path),
    /// `Self::user(id)`, `Users::user(id)`: so is a function of an `impl` block called.
    Type(Path),
    /// `self.user(id)`.
    Method(Ident),
}

const EXAMPLES: &str = "`user(id)`, `self.user(id)`, or `tag = \"user:{id}\"`";

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut args = Args::default();
        while !input.is_empty() {
            args.read(input)?;
            if input.is_empty() {
                break;
            }
            if !input.peek(Token![,]) {
                return Err(input.error("expected a comma before what else is to be forgotten"));
            }
            input.parse::<Token![,]>()?;
        }
        if args.targets.is_empty() {
            let message = format!("say what this function makes others forget: {EXAMPLES}");
            return Err(Error::new(Span::call_site(), message));
        }
        Ok(args)
    }
}

impl Args {
    fn read(&mut self, input: ParseStream<'_>) -> Result<()> {
        if input.peek(Token![crate]) && input.peek2(Token![=]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            self.larder = Some(input.call(Path::parse_mod_style)?);
            return Ok(());
        }
        if input.peek(Ident) && input.peek2(Token![=]) && !input.peek2(Token![==]) {
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            if name != "tag" {
                let message = match &*name.to_string() {
                    "tags" => {
                        "write each tag by itself: `tag = \"user:{id}\", tag = \"team\"`".to_owned()
                    }
                    _ => format!("unknown argument `{name}`: write {EXAMPLES}"),
                };
                return Err(Error::new(name.span(), message));
            }
            if !input.peek(LitStr) {
                let message =
                    "a tag is text in quotes, with arguments in braces: `tag = \"user:{id}\"`";
                return Err(Error::new(input.span(), message));
            }
            self.targets.push(Target::Tag(Template::of(&input.parse()?)?));
            return Ok(());
        }
        self.targets.push(Target::Value(called(&input.parse()?)?));
        Ok(())
    }
}

fn called(expr: &Expr) -> Result<Called> {
    match expr {
        Expr::Group(inner) => called(&inner.expr),
        Expr::Call(call) => {
            let Expr::Path(ExprPath { qself: None, path, .. }) = &*call.func else {
                return Err(what(expr));
            };
            Ok(Called { by: by(path), arguments: given(&call.args) })
        }
        Expr::MethodCall(call) if is_self(&call.receiver) && call.turbofish.is_none() => {
            Ok(Called { by: By::Method(call.method.clone()), arguments: given(&call.args) })
        }
        Expr::Path(ExprPath { qself: None, path, .. }) => {
            let name = path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            Err(Error::new_spanned(
                expr,
                format!(
                    "say which value of `{name}` is to be forgotten: `{name}(id)`, with its arguments; `{name}()` if it has none"
                ),
            ))
        }
        _ => Err(what(expr)),
    }
}

fn given(arguments: &Punctuated<Expr, Token![,]>) -> Vec<Expr> {
    arguments.iter().cloned().collect()
}

fn what(expr: &Expr) -> Error {
    let message = format!("expected a cached function with its arguments, or a tag: {EXAMPLES}");
    Error::new_spanned(expr, message)
}

fn is_self(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(path) if path.path.is_ident("self"))
}

/// Types begin with a capital, modules and functions do not.
fn by(path: &Path) -> By {
    let before = path.segments.iter().rev().nth(1);
    let is_type = before.is_some_and(|one| one.ident.to_string().starts_with(char::is_uppercase));
    if is_type { By::Type(path.clone()) } else { By::Path(path.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn wrong(tokens: proc_macro2::TokenStream) -> String {
        syn::parse2::<Args>(tokens).err().unwrap().to_string()
    }

    #[test]
    fn every_form_is_read() {
        let args: Args = syn::parse_quote!(
            user(id),
            other::path(&a, b.len()),
            Self::made(1),
            self.score(id),
            tag = "team:{id}",
        );
        let forms: Vec<_> = args
            .targets
            .iter()
            .map(|target| match target {
                Target::Value(Called { by: By::Path(_), .. }) => "path",
                Target::Value(Called { by: By::Type(_), .. }) => "type",
                Target::Value(Called { by: By::Method(_), .. }) => "method",
                Target::Tag(_) => "tag",
            })
            .collect();
        assert_eq!(forms, ["path", "path", "type", "method", "tag"]);
    }

    #[test]
    fn each_mistake_has_its_words() {
        assert!(wrong(quote!()).contains("makes others forget"));
        assert!(wrong(quote!(user)).contains("`user(id)`"));
        assert!(wrong(quote!("team")).contains("expected a cached function"));
        assert!(wrong(quote!(tags = ["a"])).contains("each tag by itself"));
        assert!(wrong(quote!(tag = team)).contains("text in quotes"));
        assert!(wrong(quote!(key = 7)).contains("unknown argument `key`"));
        assert!(wrong(quote!(user(id) team(id))).contains("comma"));
        assert!(wrong(quote!(db.user(id))).contains("`self.user(id)`"));
    }
}
