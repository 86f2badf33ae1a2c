//! Three-way merge: what a manifest says now, what it said last, and what is there.
//!
//! Fields of the new manifest are set; fields that only the last manifest had are removed; fields
//! that no manifest ever had are left alone. Lists are replaced as a whole unless the table of merge
//! keys says by which field their items are the same item.
//!
//! Laws (held by property tests): without a last manifest nothing is removed; merging twice changes
//! nothing more; every field of the new manifest is in the result.

use crate::MergeKeys;
use serde_json::{Map, Value};

/// Merges; see the module.
#[must_use]
pub fn three_way(last: &Value, new: &Value, live: &Value, keys: MergeKeys) -> Value {
    match (new, live) {
        (Value::Object(new), Value::Object(live)) => {
            Value::Object(merge_maps(last.as_object(), new, live, keys))
        }
        _ => new.clone(),
    }
}

fn merge_maps(
    last: Option<&Map<String, Value>>,
    new: &Map<String, Value>,
    live: &Map<String, Value>,
    keys: MergeKeys,
) -> Map<String, Value> {
    let mut result = live.clone();
    for key in last.into_iter().flat_map(Map::keys).filter(|key| !new.contains_key(*key)) {
        result.remove(key);
    }
    for (key, value) in new {
        let before = last.and_then(|last| last.get(key)).unwrap_or(&Value::Null);
        let merged = match (value, live.get(key)) {
            (Value::Null, _) => {
                result.remove(key);
                continue;
            }
            (Value::Object(_), Some(current @ Value::Object(_))) => {
                three_way(before, value, current, keys)
            }
            (Value::Array(items), Some(Value::Array(current))) => {
                let before = before.as_array().map_or(&[][..], Vec::as_slice);
                merge_lists(key, before, items, current, keys)
            }
            _ => value.clone(),
        };
        result.insert(key.clone(), merged);
    }
    result
}

fn merge_lists(
    name: &str,
    last: &[Value],
    new: &[Value],
    live: &[Value],
    keys: MergeKeys,
) -> Value {
    let Some(field) = merge_key(name, new, live, keys) else {
        return Value::Array(new.to_vec());
    };
    let find = |items: &[Value], id: &Value| {
        items.iter().find(|item| item.get(field) == Some(id)).cloned()
    };
    let merge = |item: &Value| {
        let id = &item[field];
        match find(live, id) {
            Some(current) => {
                let before = find(last, id).unwrap_or(Value::Null);
                three_way(&before, item, &current, keys)
            }
            None => item.clone(),
        }
    };
    let has = |items: &[Value], item: &Value| items.iter().any(|other| other[field] == item[field]);
    let foreign = |item: &&Value| {
        !has(new, item) && !last.iter().any(|old| old.get(field) == item.get(field))
    };
    if in_live_order(field, new, live) {
        let kept = live.iter().filter(|item| has(new, item) || foreign(item));
        let merged = kept
            .map(|item| find(new, &item[field]).map_or_else(|| item.clone(), |item| merge(&item)));
        return merged.collect();
    }
    new.iter().map(merge).chain(live.iter().filter(foreign).cloned()).collect()
}

/// Whether every new item is there already, in the same order: then the live order stays.
fn in_live_order(field: &str, new: &[Value], live: &[Value]) -> bool {
    let places: Option<Vec<usize>> =
        new.iter().map(|item| live.iter().position(|other| other[field] == item[field])).collect();
    places.is_some_and(|places| places.is_sorted())
}

/// The field that tells the items of both lists apart; `None` if the lists have none.
fn merge_key(name: &str, new: &[Value], live: &[Value], keys: MergeKeys) -> Option<&'static str> {
    let (_, candidates) = keys.iter().find(|(list, _)| *list == name)?;
    candidates.iter().copied().find(|field| unique(field, new) && unique(field, live))
}

fn unique(field: &str, items: &[Value]) -> bool {
    items.iter().enumerate().all(|(at, item)| {
        let id = item.get(field);
        id.is_some_and(|id| !id.is_null()) && items[..at].iter().all(|other| other.get(field) != id)
    })
}

#[cfg(test)]
mod tests;
