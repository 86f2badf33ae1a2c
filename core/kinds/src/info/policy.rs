//! What bounds pods and moves their number.

use super::short;
use crate::types::{
    HorizontalPodAutoscaler, LimitRange, PodDisruptionBudget, PriorityClass, ResourceQuota,
};
use crate::{column, default, validate};
use quorate_resources::KindInfo;

pub(super) fn kinds() -> Vec<KindInfo> {
    vec![disruption_budget(), autoscaler(), priority_class(), resource_quota(), limit_range()]
}

fn disruption_budget() -> KindInfo {
    KindInfo {
        short_names: short(&["pdb"]),
        validate: validate::disruption_budget,
        columns: column::DISRUPTION_BUDGETS,
        ..KindInfo::of::<PodDisruptionBudget>()
    }
}

fn autoscaler() -> KindInfo {
    KindInfo {
        short_names: short(&["hpa"]),
        default: default::autoscaler,
        validate: validate::autoscaler,
        categories: short(&["all"]),
        columns: column::AUTOSCALERS,
        ..KindInfo::of::<HorizontalPodAutoscaler>()
    }
}

fn priority_class() -> KindInfo {
    KindInfo {
        short_names: short(&["pc"]),
        status: false,
        default: default::priority_class,
        validate: validate::priority_class,
        columns: column::PRIORITY_CLASSES,
        ..KindInfo::of::<PriorityClass>()
    }
}

fn resource_quota() -> KindInfo {
    KindInfo {
        short_names: short(&["quota"]),
        validate: validate::resource_quota,
        columns: column::RESOURCE_QUOTAS,
        ..KindInfo::of::<ResourceQuota>()
    }
}

fn limit_range() -> KindInfo {
    KindInfo {
        short_names: short(&["limits"]),
        status: false,
        default: default::limit_range,
        validate: validate::limit_range,
        columns: column::LIMIT_RANGES,
        ..KindInfo::of::<LimitRange>()
    }
}
