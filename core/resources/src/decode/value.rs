//! A JSON value with its path, as a serde deserializer.

use super::DecodeError;
use crate::{FieldError, field};
use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde_json::{Map, Value};
use std::fmt;

/// What to do with fields that the type does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// Ignore them.
    AnyAllowed,
    /// Refuse them.
    KnownOnly,
}

/// Where a value stands, linked to where its parent stands: costs nothing until it is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'p> {
    Root(&'p str),
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(self))
    }
}

fn render(path: &Path<'_>) -> String {
    match path {
        Path::Root(root) => (*root).to_owned(),
        Path::Field(parent, name) => field::child(&render(parent), name),
        Path::Item(parent, index) => field::item(&render(parent), *index),
    }
}

/// A value at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'de, 'p> {
    pub(crate) value: &'de Value,
    pub(crate) path: &'p Path<'p>,
    pub(crate) fields: Fields,
}

impl<'de> Cursor<'de, '_> {
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let result = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items { items, next: 0, parent: self }),
            Value::Object(map) => visitor.visit_map(Entries::new(map, self)),
        };
        result.map_err(|error| error.or_at(self.path))
    }

    /// Refuses entries that are not among the fields of the struct to be filled.
    fn check(self, known: &[&str]) -> Result<(), DecodeError> {
        let (Fields::KnownOnly, Value::Object(map)) = (self.fields, self.value) else {
            return Ok(());
        };
        unknown(map.keys(), known, &[], self.path)
    }
}

/// Refuses the first name that is neither known nor exempt.
pub(crate) fn unknown<'n>(
    names: impl IntoIterator<Item = &'n String>,
    known: &[&str],
    exempt: &[&str],
    path: &Path<'_>,
) -> Result<(), DecodeError> {
    let is_known =
        |name: &String| known.contains(&name.as_str()) || exempt.contains(&name.as_str());
    match names.into_iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let full = Path::Field(path, name).to_string();
            Err(DecodeError::at(FieldError::unknown(full, name, known)))
        }
    }
}

fn visit_number<'de, V: Visitor<'de>>(
    number: &serde_json::Number,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    if let Some(number) = number.as_u64() {
        visitor.visit_u64(number)
    } else if let Some(number) = number.as_i64() {
        visitor.visit_i64(number)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
    }
}

impl<'de> Deserializer<'de> for Cursor<'de, '_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self).map_err(|error| error.or_at(self.path))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.check(fields)?;
        self.any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let variant = match self.value {
            Value::String(name) => Variant { name, content: None, parent: self },
            Value::Object(map) if map.len() == 1 => match map.iter().next() {
                Some((name, content)) => Variant { name, content: Some(content), parent: self },
                None => return self.any(visitor),
            },
            _ => return self.any(visitor),
        };
        visitor.visit_enum(variant).map_err(|error| error.or_at(self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct Items<'de, 'p> {
    items: &'de [Value],
    next: usize,
    parent: Cursor<'de, 'p>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(value) = self.items.get(self.next) else { return Ok(None) };
        let path = Path::Item(self.parent.path, self.next);
        self.next += 1;
        let cursor = Cursor { value, path: &path, fields: self.parent.fields };
        seed.deserialize(cursor).map(Some).map_err(|error| error.or_at(&path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len() - self.next)
    }
}

/// The entries of a JSON object; each key waits for its value to be asked for.
pub(crate) struct Entries<'de, 'p> {
    entries: serde_json::map::Iter<'de>,
    pending: Option<(&'de str, &'de Value)>,
    parent: Cursor<'de, 'p>,
}

impl<'de, 'p> Entries<'de, 'p> {
    fn new(map: &'de Map<String, Value>, parent: Cursor<'de, 'p>) -> Self {
        Self { entries: map.iter(), pending: None, parent }
    }
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.pending = Some((key, value));
        let path = Path::Field(self.parent.path, key);
        seed.deserialize(StrDeserializer::new(key))
            .map(Some)
            .map_err(|e: DecodeError| e.or_at(&path))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let Some((key, value)) = self.pending.take() else {
            return Err(DecodeError::custom("a value was asked for before its key"));
        };
        let path = Path::Field(self.parent.path, key);
        let cursor = Cursor { value, path: &path, fields: self.parent.fields };
        seed.deserialize(cursor).map_err(|error| error.or_at(&path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

struct Variant<'de, 'p> {
    name: &'de str,
    content: Option<&'de Value>,
    parent: Cursor<'de, 'p>,
}

impl<'de, 'p> EnumAccess<'de> for Variant<'de, 'p> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self), DecodeError> {
        let name: StrDeserializer<'de, DecodeError> = StrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de, '_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content {
            None => Ok(()),
            Some(_) => Err(DecodeError::invalid_type(Unexpected::Map, &"a name only")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let Some(value) = self.content else {
            return Err(DecodeError::invalid_type(
                Unexpected::UnitVariant,
                &"a variant with content",
            ));
        };
        let path = Path::Field(self.parent.path, self.name);
        let cursor = Cursor { value, path: &path, fields: self.parent.fields };
        seed.deserialize(cursor).map_err(|error| error.or_at(&path))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.newtype_variant_seed(Content(visitor, None))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.newtype_variant_seed(Content(visitor, Some(fields)))
    }
}

/// Hands a visitor the content of a tuple or struct variant.
struct Content<V>(V, Option<&'static [&'static str]>);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Content<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        match self.1 {
            Some(fields) => deserializer.deserialize_struct("", fields, self.0),
            None => deserializer.deserialize_seq(self.0),
        }
    }
}
