//! Claims, volumes and their classes.

use super::text::{at, items};
use super::{AGE, NAME};
use quorate_resources::{Column, Object};
use serde_json::{Value, json};

const UNSET: &str = "<unset>";

pub(super) const CLAIMS: &[Column] = &[
    NAME,
    Column::new("Status", |claim, _| json!(phase(claim))),
    Column::new("Volume", |claim, _| json!(at(claim, "/spec/volumeName"))),
    Column::new("Capacity", |claim, _| {
        let bound = !at(claim, "/spec/volumeName").is_empty();
        json!(if bound { at(claim, "/status/capacity/storage") } else { "" })
    }),
    Column::new("Access Modes", |claim, _| {
        let bound = !at(claim, "/spec/volumeName").is_empty();
        json!(if bound { modes(claim, "/status/accessModes") } else { String::new() })
    }),
    Column::new("StorageClass", |claim, _| json!(at(claim, "/spec/storageClassName"))),
    Column::new("VolumeAttributesClass", |claim, _| json!(attributes(claim))),
    AGE,
    Column::new("VolumeMode", |claim, _| json!(at(claim, "/spec/volumeMode"))).wide(),
];

pub(super) const VOLUMES: &[Column] = &[
    NAME,
    Column::new("Capacity", |volume, _| json!(at(volume, "/spec/capacity/storage"))),
    Column::new("Access Modes", |volume, _| json!(modes(volume, "/spec/accessModes"))),
    Column::new("Reclaim Policy", |volume, _| {
        json!(at(volume, "/spec/persistentVolumeReclaimPolicy"))
    }),
    Column::new("Status", |volume, _| json!(phase(volume))),
    Column::new("Claim", |volume, _| {
        let claim = |field: &str| at(volume, &format!("/spec/claimRef/{field}")).to_owned();
        let (space, name) = (claim("namespace"), claim("name"));
        json!(if name.is_empty() { name } else { format!("{space}/{name}") })
    }),
    Column::new("StorageClass", |volume, _| json!(at(volume, "/spec/storageClassName"))),
    Column::new("VolumeAttributesClass", |volume, _| json!(attributes(volume))),
    Column::new("Reason", |volume, _| json!(at(volume, "/status/reason"))),
    AGE,
    Column::new("VolumeMode", |volume, _| json!(at(volume, "/spec/volumeMode"))).wide(),
];

pub(super) const CLASSES: &[Column] = &[
    Column {
        format: "name",
        ..Column::new("Name", |class, _| {
            let default = "storageclass.kubernetes.io/is-default-class";
            let is_default = class.metadata.annotations.get(default).is_some_and(|it| it == "true");
            let name = &class.metadata.name;
            json!(if is_default { format!("{name} (default)") } else { name.clone() })
        })
    },
    Column::new("Provisioner", |class, _| json!(at(class, "/provisioner"))),
    Column::new("ReclaimPolicy", |class, _| json!(at(class, "/reclaimPolicy"))),
    Column::new("VolumeBindingMode", |class, _| json!(at(class, "/volumeBindingMode"))),
    Column::new("AllowVolumeExpansion", |class, _| {
        json!(class.pointer("/allowVolumeExpansion") == Some(&Value::Bool(true)))
    }),
    AGE,
];

fn phase(object: &Object) -> &str {
    if object.metadata.is_deleting() { "Terminating" } else { at(object, "/status/phase") }
}

fn attributes(object: &Object) -> &str {
    match at(object, "/spec/volumeAttributesClassName") {
        "" => UNSET,
        name => name,
    }
}

/// Access modes as people abbreviate them.
fn modes(object: &Object, pointer: &str) -> String {
    let short = |mode: &str| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        _ => "",
    };
    let modes = items(object, pointer).filter_map(Value::as_str).map(short);
    modes.collect::<Vec<_>>().join(",")
}
