//! Which lists merge item by item when a manifest is applied, and by which field.
//!
//! Source: the `patchMergeKey` annotations of Kubernetes' published API.

use quorate_resources::MergeKeys;

pub(crate) const KEYS: MergeKeys = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "port"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("imagePullSecrets", &["name"]),
    ("hostAliases", &["ip"]),
];
