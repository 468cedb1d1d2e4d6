//! What a remote said, in words: what is wrong, and what to look at.

use super::failure::causes;
use larder::stores::object_store;

/// What is found in what was said, what it means, and what to do.
const KINDS: [(&[&str], &str); 5] = [
    (
        // Where clients look that have no keys.
        &["169.254.169.254", "metadata.google.internal"],
        "there are no keys: set them in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_.., AZURE_..) \
         or in the table `remote`",
    ),
    (
        &["405 Method Not Allowed", "501 Not Implemented"],
        "the server does not do this: it may only hand out files",
    ),
    (
        &[
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "TemporaryRedirect",
            "IllegalLocationConstraint",
            "incorrectly configured region",
        ],
        "the bucket is in another region: correct `region` (AWS_REGION)",
    ),
    (
        &["403 Forbidden", "401 Unauthorized"],
        "access is refused: correct the keys and what they allow, in the environment (AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, GOOGLE_.., AZURE_..) or in the table `remote`",
    ),
    (
        &["error trying to connect", "tcp connect error", "dns error", "Connection refused"],
        "the remote cannot be reached: correct `endpoint` (AWS_ENDPOINT), or see whether it is up",
    ),
];

/// An error of a store.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    told(&causes(error), &innermost(error))
}

/// Whether something is not there; what lists bucket and objects says that in its own way.
pub(super) fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) || causes(error).contains("404 Not Found")
}

fn told(all: &str, innermost: &str) -> String {
    let kind = KINDS.iter().find(|(signs, _)| signs.iter().any(|sign| all.contains(sign)));
    match (kind, answer(all)) {
        (Some((_, what)), Some(answer)) => format!("{what}; it said {answer}"),
        (Some((_, what)), None) => format!("{what}; {}", at(all, innermost)),
        (None, Some(answer)) => format!("the remote said {answer}"),
        (None, None) => without_page(all).to_owned(),
    }
}

/// What a server shows to people says nothing that is not in the line before.
fn without_page(text: &str) -> &str {
    let end = ["<!DOCTYPE", "<html", "<HTML"].iter().filter_map(|begin| text.find(begin)).min();
    text[..end.unwrap_or(text.len())].trim_end_matches([' ', ':'])
}

/// What went wrong in the end, and where that was.
fn at(all: &str, innermost: &str) -> String {
    let innermost = without_page(innermost);
    let url = all.split_whitespace().find(|word| word.contains("://"));
    let url = url.map(|url| url.split('?').next().unwrap_or(url));
    url.map_or_else(|| innermost.to_owned(), |url| format!("{url}: {innermost}"))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// The code and the message of an answer in XML, as S3, Google and Azure give them.
fn answer(all: &str) -> Option<String> {
    let part = |name: &str| {
        let (_, rest) = all.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.trim())
    };
    let code = part("Code")?;
    Some(part("Message").map_or_else(|| code.to_owned(), |message| format!("{code}: {message}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: &str = "Error performing GET http://127.0.0.1:5000/b?list-type=2 in 1.2ms - ";

    #[test]
    fn refused_keys_a_wrong_region_and_a_remote_that_is_away_are_told_apart() {
        let refused = format!(
            "{FRONT}Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?> <Error> \
             <Code>InvalidAccessKeyId</Code> <Message>no such key</Message> </Error>"
        );
        let told_refused = told(&refused, "");
        assert!(told_refused.starts_with("access is refused: correct the keys"), "{told_refused}");
        assert!(told_refused.ends_with("; it said InvalidAccessKeyId: no such key"));
        let region = format!(
            "{FRONT}Server returned non-2xx status code: 400 Bad Request: <Error>\
             <Code>AuthorizationHeaderMalformed</Code><Message>expecting 'eu-west-1'</Message></Error>"
        );
        assert_eq!(
            told(&region, ""),
            "the bucket is in another region: correct `region` (AWS_REGION); \
             it said AuthorizationHeaderMalformed: expecting 'eu-west-1'"
        );
        let away = format!("{FRONT}HTTP error: error sending request: tcp connect error");
        assert_eq!(
            told(&away, "Connection refused (os error 111)"),
            "the remote cannot be reached: correct `endpoint` (AWS_ENDPOINT), or see whether it is up; \
             http://127.0.0.1:5000/b: Connection refused (os error 111)"
        );
        let page =
            "Server returned non-2xx status code: 501 Not Implemented: <!DOCTYPE HTML> <html>";
        assert_eq!(
            told(&format!("{FRONT}{page}"), page),
            "the server does not do this: it may only hand out files; http://127.0.0.1:5000/b: \
             Server returned non-2xx status code: 501 Not Implemented"
        );
        let keys = "Error performing PUT http://169.254.169.254/latest/api/token in 1s";
        assert!(
            told(keys, "no answer").starts_with("there are no keys: set them in the environment")
        );
        let full = "503: <Error><Code>SlowDown</Code></Error>";
        assert_eq!(told(full, ""), "the remote said SlowDown");
        assert_eq!(told("something else", "else"), "something else");
    }
}
