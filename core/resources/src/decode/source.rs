//! A whole object as a serde deserializer, without copying its body.

use super::value::{Cursor, Path, unknown};
use super::{DecodeError, Fields};
use crate::Object;
use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde_json::Value;

/// Top-level fields that a type need not have: the registry vouches for them.
const COMMON: &[&str] = &["apiVersion", "kind", "metadata", "status"];

/// An object and the JSON of its metadata.
#[derive(Clone, Copy, Debug)]
pub(super) struct ObjectSource<'de> {
    pub(super) object: &'de Object,
    pub(super) metadata: &'de Value,
    pub(super) fields: Fields,
}

impl<'de> Deserializer<'de> for ObjectSource<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut entries = vec![
            ("apiVersion", Entry::Text(&self.object.api_version)),
            ("kind", Entry::Text(&self.object.kind)),
            ("metadata", Entry::Json(self.metadata)),
        ];
        entries
            .extend(self.object.body.iter().map(|(key, value)| (key.as_str(), Entry::Json(value))));
        visitor.visit_map(TopLevel {
            entries: entries.into_iter(),
            pending: None,
            fields: self.fields,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if self.fields == Fields::KnownOnly {
            unknown(self.object.body.keys(), fields, COMMON, &Path::Root(""))?;
        }
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct seq tuple tuple_struct map enum identifier ignored_any newtype_struct
    }
}

#[derive(Clone, Copy)]
enum Entry<'de> {
    Text(&'de str),
    Json(&'de Value),
}

struct TopLevel<'de> {
    entries: std::vec::IntoIter<(&'de str, Entry<'de>)>,
    pending: Option<(&'de str, Entry<'de>)>,
    fields: Fields,
}

impl<'de> MapAccess<'de> for TopLevel<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.pending = self.entries.next();
        match self.pending {
            Some((key, _)) => seed.deserialize(StrDeserializer::new(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let Some((key, entry)) = self.pending.take() else {
            return Err(DecodeError::custom("a value was asked for before its key"));
        };
        let path = Path::Root(key);
        match entry {
            Entry::Text(text) => {
                let text: StrDeserializer<'_, DecodeError> = StrDeserializer::new(text);
                seed.deserialize(text)
            }
            Entry::Json(value) => {
                seed.deserialize(Cursor { value, path: &path, fields: self.fields })
            }
        }
        .map_err(|error| error.or_at(&path))
    }
}
