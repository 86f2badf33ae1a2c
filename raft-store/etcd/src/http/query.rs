//! The parameters after the question mark. Pure.

/// Names and values of a query, as they stand there; `+` and `%XX` are read.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Whether a parameter has a value the first time it is given.
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.0.iter().find(|(known, _)| known == name).is_some_and(|(_, given)| given == value)
    }

    /// Whether a parameter is given with a value at all.
    pub(super) fn lists(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(known, given)| known == name && given == value)
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_browsers_write_them() {
        let query =
            Query::read(Some("serializable=true&exclude=NOSPACE&exclude=A%42&verbose&x=%4"));
        assert!(query.is("serializable", "true") && query.has("verbose"));
        assert!(query.lists("exclude", "NOSPACE") && query.lists("exclude", "AB"));
        assert!(query.is("x", "%4") && !query.has("y"));
        assert!(!Query::read(None).has(""));
    }
}
