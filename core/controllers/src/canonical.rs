//! A stable hash of JSON, for names and labels that follow from content.
//!
//! Stable over versions, machines and the order in which fields were written: names made of it are
//! stored, so it must never change.

use serde_json::Value;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;
/// As in generated names: no vowels, so no words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// FNV-1a over the value with sorted fields.
pub(crate) fn hash(value: &Value) -> u64 {
    fold(OFFSET, value)
}

/// A hash as a short name part of `length` characters.
pub(crate) fn short_name(mut hash: u64, length: usize) -> String {
    let size = ALPHABET.len() as u64;
    let mut draw = || {
        let at = usize::try_from(hash % size).unwrap_or(0);
        hash /= size;
        char::from(ALPHABET[at])
    };
    (0..length).map(|_| draw()).collect()
}

fn fold(hash: u64, value: &Value) -> u64 {
    match value {
        Value::Null => bytes(hash, b"n"),
        Value::Bool(flag) => bytes(hash, if *flag { b"t" } else { b"f" }),
        Value::Number(number) => text(bytes(hash, b"#"), &number.to_string()),
        Value::String(string) => text(bytes(hash, b"\""), string),
        Value::Array(items) => bytes(items.iter().fold(bytes(hash, b"["), fold), b"]"),
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let open = bytes(hash, b"{");
            let all = sorted.into_iter().fold(open, |h, (name, v)| fold(text(h, name), v));
            bytes(all, b"}")
        }
    }
}

/// Text with its length, so that neighbours cannot run into each other.
fn text(hash: u64, text: &str) -> u64 {
    bytes(bytes(hash, &(text.len() as u64).to_le_bytes()), text.as_bytes())
}

fn bytes(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_fields_does_not_matter_and_everything_else_does() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":["x","y"]}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":["x","y"],"a":1}"#).unwrap();
        assert_eq!(hash(&one), hash(&two));
        for other in [json!({"a":1,"b":["xy"]}), json!({"a":"1","b":["x","y"]}), json!(null)] {
            assert_ne!(hash(&one), hash(&other), "{other}");
        }
    }

    #[test]
    fn the_hash_is_the_one_of_earlier_versions() {
        let template = json!({"spec": {"containers": [{"name": "web", "image": "web:1"}]}});
        assert_eq!(hash(&template), hash(&template.clone()));
        assert_eq!(short_name(0, 3), "bbb");
        assert_eq!(short_name(28, 3), "ccb");
    }
}
