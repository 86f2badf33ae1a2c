//! What keeps pods running besides deployments, and the history of their templates.

use super::{SCALE, short};
use crate::types::{ControllerRevision, DaemonSet, StatefulSet};
use crate::{column, default, merge, validate};
use quorate_resources::KindInfo;

pub(super) fn kinds() -> Vec<KindInfo> {
    vec![daemon_set(), stateful_set(), controller_revision()]
}

fn daemon_set() -> KindInfo {
    KindInfo {
        short_names: short(&["ds"]),
        default: default::daemon_set,
        validate: validate::daemon_set,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::DAEMON_SETS,
        ..KindInfo::of::<DaemonSet>()
    }
}

fn stateful_set() -> KindInfo {
    KindInfo {
        short_names: short(&["sts"]),
        default: default::stateful_set,
        validate: validate::stateful_set,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::STATEFUL_SETS,
        scale: Some(SCALE),
        ..KindInfo::of::<StatefulSet>()
    }
}

fn controller_revision() -> KindInfo {
    KindInfo {
        status: false,
        validate: validate::controller_revision,
        columns: column::CONTROLLER_REVISIONS,
        ..KindInfo::of::<ControllerRevision>()
    }
}
