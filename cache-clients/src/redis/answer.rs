//! What the server's answers mean.

use super::header;
use crate::server::{Answer, Leased};
use ::redis::Value;

/// Whether this can be an answer to a plain read.
pub(super) fn is_read(value: &Value) -> bool {
    matches!(value, Value::Nil | Value::BulkString(_))
}

/// Whether this can be an answer to a plain read of many keys.
pub(super) fn is_reads(value: &Value) -> bool {
    matches!(value, Value::Array(values) if values.iter().all(is_read))
}

/// Whether this can be an answer to a claim.
pub(super) fn is_claim(value: &Value) -> bool {
    match value {
        Value::Array(parts) => {
            matches!(&parts[..], [Value::Int(0..=2), Value::Nil | Value::BulkString(_)])
        }
        other => matches!(other, Value::BulkString(_)),
    }
}

/// Whether this can be an answer to claims of many keys, or of one.
pub(super) fn is_claims(value: &Value) -> bool {
    let each = |value: &Value| matches!(value, Value::ServerError(_)) || is_claim(value);
    is_claim(value) || matches!(value, Value::Array(answers) if answers.iter().all(each))
}

/// The answers to claims of so many keys.
pub(super) fn split(value: Value, keys: usize) -> Result<Vec<Value>, String> {
    match value {
        single if keys == 1 => Ok(vec![single]),
        Value::Array(answers) if answers.len() == keys => Ok(answers),
        other => Err(cause(other)),
    }
}

/// Whether this can be an answer to a change.
pub(super) fn is_change(value: &Value) -> bool {
    matches!(value, Value::Okay | Value::Int(0 | 1))
}

/// The answer to a read; `lease` is the token under which the lease was asked for.
pub(super) fn answer(value: Value, lease: u64) -> Result<Answer, String> {
    let (state, string) = match value {
        Value::Array(parts) => match <[Value; 2]>::try_from(parts) {
            Ok([Value::Int(state), string]) => (state, string),
            _ => return Err(UNEXPECTED.into()),
        },
        other => (0, other),
    };
    let mut stored = match string {
        Value::BulkString(string) => header::read(string),
        Value::Nil => None,
        // A list, a set and their like, which somebody else left under our key.
        Value::ServerError(error) if error.code() == "WRONGTYPE" => None,
        other => return Err(cause(other)),
    };
    let leased = match state {
        0 => Leased::No,
        1 => Leased::Won(lease),
        _ => Leased::Taken,
    };
    if let (Leased::Won(token), Some(stored)) = (leased, &mut stored) {
        stored.token = token;
    }
    Ok(Answer { stored, leased })
}

/// The answer to a change.
pub(super) fn changed(value: Value) -> Result<bool, String> {
    match value {
        Value::Okay => Ok(true),
        Value::Int(number) => Ok(number != 0),
        other => Err(cause(other)),
    }
}

const UNEXPECTED: &str = "an answer that was not expected";

fn cause(value: Value) -> String {
    value.extract_error().map_or_else(|error| error.to_string(), |_| UNEXPECTED.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_make_no_sense_are_errors_and_no_panics() {
        for value in [
            Value::Int(3),
            Value::Array(vec![]),
            Value::Array(vec![Value::Nil, Value::Nil]),
            Value::Array(vec![Value::Int(1), Value::Int(1)]),
        ] {
            assert!(!is_claim(&value) && !is_read(&value));
            assert_eq!(answer(value, 1), Err(UNEXPECTED.into()));
        }
        assert_eq!(changed(Value::Nil), Err(UNEXPECTED.into()));
    }

    #[test]
    fn the_winner_reads_the_token_of_the_lease() {
        let string = header::fresh(7).to_vec();
        let won = Value::Array(vec![Value::Int(1), Value::BulkString(string.clone())]);
        let answer = answer(won, 9).unwrap();
        assert_eq!((answer.leased, answer.stored.unwrap().token), (Leased::Won(9), 9));
        let taken = Value::Array(vec![Value::Int(2), Value::BulkString(string)]);
        let answer = super::answer(taken, 9).unwrap();
        assert_eq!((answer.leased, answer.stored.unwrap().token), (Leased::Taken, 7));
    }
}
