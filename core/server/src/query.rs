//! The parameters of a request's URL.

use crate::failure::Failure;

/// Decoded parameters in the order given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        });
        Self(pairs.collect())
    }

    /// The first value of a parameter; empty counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse();
        number.map(Some).map_err(|_| Failure::parameter(name, text, "must be a whole number"))
    }

    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Failure> {
        match self.text(name) {
            None | Some("false" | "0" | "False" | "f" | "F") => Ok(false),
            Some("true" | "1" | "True" | "t" | "T") => Ok(true),
            Some(text) => Err(Failure::parameter(name, text, "must be true or false")),
        }
    }
}

/// Decodes percent signs, and plus signs where they stand for blanks; what is malformed stays.
pub(crate) fn decode(text: &str, plus_is_blank: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        let code = hex.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                out.push(code);
                at += 2;
            }
            (b'+', _) if plus_is_blank => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::parse("labelSelector=a%3Db%2Cc&x=1+2&dryRun=All&dryRun=&bad=%zz");
        assert_eq!(query.text("labelSelector"), Some("a=b,c"));
        assert_eq!(query.text("x"), Some("1 2"));
        assert_eq!(query.text("bad"), Some("%zz"));
        assert_eq!(query.all("dryRun").collect::<Vec<_>>(), ["All", ""]);
        assert!(query.number("x").is_err() && query.flag("x").is_err());
        assert!(matches!(query.number("none"), Ok(None)));
    }
}
