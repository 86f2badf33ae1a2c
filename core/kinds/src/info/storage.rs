//! Storage that outlives pods.

use super::short;
use crate::types::{PersistentVolume, PersistentVolumeClaim, StorageClass};
use crate::{column, default, validate};
use quorate_resources::KindInfo;

pub(super) fn kinds() -> Vec<KindInfo> {
    vec![claim(), volume(), class()]
}

fn claim() -> KindInfo {
    KindInfo {
        short_names: short(&["pvc"]),
        default: default::claim,
        validate: validate::claim,
        columns: column::CLAIMS,
        ..KindInfo::of::<PersistentVolumeClaim>()
    }
}

fn volume() -> KindInfo {
    KindInfo {
        short_names: short(&["pv"]),
        default: default::volume,
        validate: validate::volume,
        columns: column::VOLUMES,
        ..KindInfo::of::<PersistentVolume>()
    }
}

fn class() -> KindInfo {
    KindInfo {
        short_names: short(&["sc"]),
        status: false,
        default: default::storage_class,
        validate: validate::storage_class,
        columns: column::STORAGE_CLASSES,
        ..KindInfo::of::<StorageClass>()
    }
}
