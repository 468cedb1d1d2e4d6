//! What `#[cached]` and `#[derive(CacheShape)]` say to mistakes: one message each, at the place, with the way out.
//!
//! `TRYBUILD=overwrite cargo test -p larder-ui` writes the messages anew; read them before you commit.

#[test]
fn each_mistake_has_one_message() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("mistakes/*.rs");
}

#[test]
fn what_is_right_compiles_without_a_warning() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
}
