//! Amounts of the resources that every node has.

use quorate_kinds::k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use quorate_types::Quantity;
use std::collections::BTreeMap;

/// CPU, memory and pods, as asked for or as available.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU in thousandths of a core.
    pub cpu_milli: i64,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// Pods.
    pub pods: i64,
}

impl Amounts {
    /// Reads a resource list; a missing or unreadable entry counts as zero (validation has refused
    /// unreadable ones before they were stored).
    #[must_use]
    pub fn from_list(list: Option<&BTreeMap<String, Text>>) -> Self {
        let quantity = |name: &str| -> Quantity {
            list.and_then(|list| list.get(name))
                .and_then(|text| text.0.parse().ok())
                .unwrap_or_default()
        };
        let narrow = |value: i128| i64::try_from(value).unwrap_or(i64::MAX);
        Self {
            cpu_milli: narrow(quantity("cpu").milli()),
            memory_bytes: narrow(quantity("memory").units()),
            pods: narrow(quantity("pods").units()),
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            pods: self.pods.saturating_add(other.pods),
        }
    }

    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.max(other.cpu_milli),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            pods: self.pods.max(other.pods),
        }
    }
}
