//! What the derive says to types that it cannot, or must not, make a print of.

use super::derive;
use proc_macro2::TokenStream;
use quote::quote;

/// All messages.
fn messages(input: TokenStream) -> Vec<String> {
    match derive(input) {
        Ok(expanded) => panic!("it was accepted: {expanded}"),
        Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
    }
}

#[test]
fn a_union_is_refused() {
    let messages = messages(quote!(union Either { a: u8, b: i8 }));
    assert!(messages[0].contains("structs and enums"), "{messages:?}");
}

#[test]
fn unknown_and_doubled_settings_are_refused_all_at_once() {
    let messages = messages(quote! {
        #[shape(nmae = "Old")]
        #[shape(name = "A", name = "B")]
        struct Item {
            #[shape(name = "b")]
            a: u8,
            #[shape(opaque = "")]
            b: u8,
        }
    });
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert!(messages[0].contains("`name = \"..\"`, `opaque"), "{messages:?}");
    assert!(messages[1].contains("given twice"), "{messages:?}");
}

#[test]
fn faults_of_fields_are_found_together() {
    let messages = messages(quote! {
        enum Item {
            #[shape(opaque = "v1")]
            A,
            B { #[shape(name = "b")] a: u8 },
            C(#[shape(opaque = "")] u8),
        }
    });
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].contains("variants have no"), "{messages:?}");
    assert!(messages[1].contains("expected `opaque"), "{messages:?}");
    assert!(messages[2].contains("empty"), "{messages:?}");
}

#[test]
fn a_type_that_contains_itself_is_told_what_to_write() {
    for ty in [quote!(Vec<Node>), quote!(Option<Box<Self>>)] {
        let messages = messages(quote!(struct Node { children: #ty }));
        assert!(messages[0].contains("opaque = \"v1\""), "{messages:?}");
    }
    assert!(
        derive(quote!(
            struct Node {
                #[shape(opaque = "v1")]
                children: Vec<Node>,
            }
        ))
        .is_ok()
    );
    assert!(
        derive(quote!(
            struct Node {
                node: u8,
            }
        ))
        .is_ok()
    );
}

#[test]
fn only_fields_that_depend_on_parameters_become_bounds() {
    let expanded = derive(quote! {
        struct Pair<'a, A: Iterator, const N: usize> where A: Clone { a: A::Item, b: &'a str, c: [u8; N] }
    });
    let expanded = expanded.unwrap().to_string();
    let clause = expanded.split("where").nth(1).unwrap().split('{').next().unwrap();
    assert!(clause.contains("A :: Item : :: larder"), "{clause}");
    assert!(clause.contains("A : Clone") && !clause.contains("str"), "{clause}");
}
