//! Objects as rows for people, and as nothing but metadata.

use crate::failure::Failure;
use crate::query::Query;
use quorate_resources::custom::PathColumn;
use quorate_resources::{Column, KindInfo, Object};
use serde_json::{Value, json};

/// Columns of kinds that name none.
const PLAIN: &[Column] = &[
    Column { format: "name", ..Column::new("Name", |object, _| json!(object.metadata.name)) },
    Column {
        kind: "date",
        ..Column::new("Created At", |object, _| json!(object.metadata.creation_timestamp))
    },
];

/// What comes with every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Object,
}

impl Include {
    pub(crate) fn parse(query: &Query) -> Result<Self, Failure> {
        match query.text("includeObject") {
            None | Some("Metadata") => Ok(Self::Metadata),
            Some("None") => Ok(Self::Nothing),
            Some("Object") => Ok(Self::Object),
            Some(text) => {
                Err(Failure::parameter("includeObject", text, "must be None, Metadata or Object"))
            }
        }
    }
}

/// How a table is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) version: &'static str,
    pub(crate) include: Include,
    /// Seconds since the Unix epoch, for ages.
    pub(crate) now: i64,
}

/// A table of some objects.
pub(crate) fn table(
    info: &KindInfo,
    objects: &[Object],
    metadata: &Value,
    headings: bool,
    style: Style,
) -> Value {
    let definitions = if headings { definitions(info) } else { Vec::new() };
    let rows: Vec<Value> = objects.iter().map(|object| row(info, object, style)).collect();
    json!({
        "kind": "Table", "apiVersion": format!("meta.k8s.io/{}", style.version),
        "metadata": metadata, "columnDefinitions": definitions, "rows": rows,
    })
}

/// The columns of a kind whose schema names none.
fn columns(info: &KindInfo) -> &'static [Column] {
    if info.columns.is_empty() { PLAIN } else { info.columns }
}

/// The columns that come with a structural schema.
fn own(info: &KindInfo) -> Option<&[PathColumn]> {
    let columns = &info.custom.as_ref()?.columns;
    (!columns.is_empty()).then_some(columns)
}

fn definitions(info: &KindInfo) -> Vec<Value> {
    if let Some(columns) = own(info) {
        let of = |column: &PathColumn| {
            json!({
                "name": column.name, "type": column.kind, "format": column.format,
                "description": column.description, "priority": column.priority,
            })
        };
        return columns.iter().map(of).collect();
    }
    let of = |column: &Column| {
        json!({
            "name": column.name, "type": column.kind, "format": column.format,
            "description": column.description, "priority": column.priority,
        })
    };
    columns(info).iter().map(of).collect()
}

fn row(info: &KindInfo, object: &Object, style: Style) -> Value {
    let cells: Vec<Value> = match own(info) {
        Some(columns) => columns.iter().map(|it| it.cell(object, style.now)).collect(),
        None => columns(info).iter().map(|it| (it.cell)(object, style.now)).collect(),
    };
    let mut row = json!({ "cells": cells });
    match style.include {
        Include::Nothing => {}
        Include::Metadata => row["object"] = partial(object, style.version),
        Include::Object => row["object"] = json!(object),
    }
    row
}

/// An object without its body.
pub(crate) fn partial(object: &Object, version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": object.metadata,
    })
}
