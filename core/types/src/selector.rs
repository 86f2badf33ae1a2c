//! Label selectors in both published forms: the text of `kubectl -l` and the object in a spec.

use crate::name::{self, NameError};
use std::collections::BTreeMap;
use thiserror::Error;

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// The label has one of the values.
    In(String, Vec<String>),
    /// The label is absent or has none of the values.
    NotIn(String, Vec<String>),
    /// The label is present.
    Exists(String),
    /// The label is absent.
    DoesNotExist(String),
}

/// A conjunction of requirements; the empty selector matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// Why a selector is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// A label key breaks the rules.
    #[error("label key {key:?}: {source}")]
    Key {
        /// The key as given.
        key: String,
        /// The broken rule.
        source: NameError,
    },
    /// A label value breaks the rules.
    #[error("value of label {key:?}: {source}")]
    Value {
        /// The key as given.
        key: String,
        /// The broken rule.
        source: NameError,
    },
    /// The text is not a selector.
    #[error("{text:?} is not a label selector: {reason}")]
    Syntax {
        /// The part that cannot be read.
        text: String,
        /// What was expected.
        reason: &'static str,
    },
    /// `In` and `NotIn` need values, `Exists` and `DoesNotExist` take none.
    #[error("operator {operator:?} on label {key:?} does not fit its values")]
    Operator {
        /// The key as given.
        key: String,
        /// The operator as given.
        operator: String,
    },
}

impl Selector {
    /// Matches everything.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Every pair must be present: `spec.selector` of a Service, `matchLabels`.
    pub fn from_labels<K: Into<String>, V: Into<String>>(
        labels: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let requirements = labels
            .into_iter()
            .map(|(key, value)| Requirement::In(key.into(), vec![value.into()]))
            .collect();
        Self { requirements }
    }

    /// Adds one expression of `matchExpressions`.
    ///
    /// # Errors
    /// The operator is unknown or does not fit the values.
    pub fn and_expression(
        mut self,
        key: &str,
        operator: &str,
        values: &[String],
    ) -> Result<Self, SelectorError> {
        let requirement = match (operator, values.is_empty()) {
            ("In", false) => Requirement::In(key.to_owned(), values.to_vec()),
            ("NotIn", false) => Requirement::NotIn(key.to_owned(), values.to_vec()),
            ("Exists", true) => Requirement::Exists(key.to_owned()),
            ("DoesNotExist", true) => Requirement::DoesNotExist(key.to_owned()),
            _ => {
                return Err(SelectorError::Operator {
                    key: key.to_owned(),
                    operator: operator.to_owned(),
                });
            }
        };
        self.requirements.push(checked(requirement)?);
        Ok(self)
    }

    /// Reads the text form: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    ///
    /// # Errors
    /// Names the part that cannot be read.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let requirements = split_top_level(text)
            .into_iter()
            .filter(|part| !part.trim().is_empty())
            .map(|part| parse_requirement(part.trim()).and_then(checked))
            .collect::<Result<_, _>>()?;
        Ok(Self { requirements })
    }

    /// Whether the labels fulfil every requirement.
    pub fn matches<'a>(&self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
        let labels: BTreeMap<&str, &str> = labels.into_iter().collect();
        self.requirements.iter().all(|requirement| holds(requirement, &labels))
    }

    /// Whether the labels of an object fulfil every requirement.
    #[must_use]
    pub fn matches_map(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matches(labels.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    /// Whether it matches everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The requirements, in the order given.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }
}

fn holds(requirement: &Requirement, labels: &BTreeMap<&str, &str>) -> bool {
    let one_of = |key: &String, values: &[String]| {
        labels.get(key.as_str()).is_some_and(|value| values.iter().any(|v| v == value))
    };
    match requirement {
        Requirement::In(key, values) => one_of(key, values),
        Requirement::NotIn(key, values) => !one_of(key, values),
        Requirement::Exists(key) => labels.contains_key(key.as_str()),
        Requirement::DoesNotExist(key) => !labels.contains_key(key.as_str()),
    }
}

fn checked(requirement: Requirement) -> Result<Requirement, SelectorError> {
    let (key, values): (&String, &[String]) = match &requirement {
        Requirement::In(key, values) | Requirement::NotIn(key, values) => (key, values),
        Requirement::Exists(key) | Requirement::DoesNotExist(key) => (key, &[]),
    };
    name::check_label_key(key).map_err(|source| SelectorError::Key { key: key.clone(), source })?;
    for value in values {
        name::check_label_value(value)
            .map_err(|source| SelectorError::Value { key: key.clone(), source })?;
    }
    Ok(requirement)
}

/// Splits at commas outside parentheses.
fn split_top_level(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(part: &str) -> Result<Requirement, SelectorError> {
    let one = |key: &str, value: &str| (key.trim().to_owned(), vec![value.trim().to_owned()]);
    if let Some((key, value)) = part.split_once("!=") {
        let (key, values) = one(key, value);
        return Ok(Requirement::NotIn(key, values));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        let (key, values) = one(key, value);
        return Ok(Requirement::In(key, values));
    }
    if let Some(key) = part.strip_prefix('!') {
        return Ok(Requirement::DoesNotExist(key.trim().to_owned()));
    }
    let Some((head, list)) = part.split_once('(') else {
        return Ok(Requirement::Exists(part.to_owned()));
    };
    let fail = |reason| SelectorError::Syntax { text: part.to_owned(), reason };
    let list = list.trim().strip_suffix(')').ok_or_else(|| fail("missing ')'"))?;
    let values: Vec<String> = list.split(',').map(|value| value.trim().to_owned()).collect();
    match head.split_whitespace().collect::<Vec<_>>()[..] {
        [key, "in"] => Ok(Requirement::In(key.to_owned(), values)),
        [key, "notin"] => Ok(Requirement::NotIn(key.to_owned(), values)),
        _ => Err(fail("expected 'key in (a,b)' or 'key notin (a,b)'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        Selector::parse(selector).unwrap().matches(labels.iter().copied())
    }

    #[test]
    fn text_form_matches_as_kubectl_documents() {
        let labels = [("app", "web"), ("tier", "front")];
        assert!(matches("", &labels));
        assert!(matches("app=web", &labels));
        assert!(matches("app==web,tier", &labels));
        assert!(matches("app in (db, web)", &labels));
        assert!(!matches("app notin (db, web)", &labels));
        assert!(matches("zone notin (a)", &labels), "an absent label is not in any set");
        assert!(matches("zone!=a", &labels));
        assert!(matches("!zone", &labels));
        assert!(!matches("!app", &labels));
    }

    #[test]
    fn bad_text_names_the_part() {
        for text in ["app=web,?=x", "app in web)", "app within (a)", "app=a b"] {
            let error = Selector::parse(text);
            assert!(error.is_err(), "{text} gave {error:?}");
        }
    }

    #[test]
    fn expressions_need_fitting_values() {
        let none: [String; 0] = [];
        assert!(Selector::everything().and_expression("a", "In", &none).is_err());
        assert!(Selector::everything().and_expression("a", "Exists", &none).is_ok());
        assert!(Selector::everything().and_expression("a", "Near", &["x".into()]).is_err());
    }
}
