//! Numbers from environment variables: a wrong one is reported once and does not stop anybody.

/// The number that `name` holds, or `default`.
pub(crate) fn number(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => parse(name, &text, default).unwrap_or_else(|complaint| {
            eprintln!("{complaint}");
            default
        }),
    }
}

fn parse(name: &str, text: &str, default: usize) -> Result<usize, String> {
    text.trim().replace('_', "").parse().map_err(|_| {
        format!("larder: {name} is {text:?}, which is not a whole number; using {default}")
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_wrong_number_is_named_and_replaced() {
        assert_eq!(parse("LARDER_QUEUE", " 1_000 ", 7), Ok(1000));
        let complaint = parse("LARDER_QUEUE", "many", 7).unwrap_err();
        assert!(
            complaint.contains("LARDER_QUEUE") && complaint.contains("\"many\""),
            "{complaint}"
        );
    }
}
