//! What runs to its end: jobs and those that are made by the clock.

use super::short;
use crate::types::{CronJob, Job};
use crate::{column, default, merge, validate};
use quorate_resources::KindInfo;
use quorate_types::name::{self, NameError};

pub(super) fn kinds() -> Vec<KindInfo> {
    vec![job(), cron_job()]
}

fn job() -> KindInfo {
    KindInfo {
        default: default::job,
        validate: validate::job,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::JOBS,
        selectable: &["status.successful"],
        ..KindInfo::of::<Job>()
    }
}

fn cron_job() -> KindInfo {
    KindInfo {
        short_names: short(&["cj"]),
        name_rule: cron_job_name,
        default: default::cron_job,
        validate: validate::cron_job,
        merge_keys: merge::KEYS,
        categories: short(&["all"]),
        columns: column::CRON_JOBS,
        ..KindInfo::of::<CronJob>()
    }
}

/// The longest name of a cron job: its jobs' names have eleven characters more.
const CRON_JOB_NAME: usize = 52;

fn cron_job_name(name: &str) -> Result<(), NameError> {
    let length = name.chars().count();
    if length > CRON_JOB_NAME {
        return Err(NameError::TooLong { limit: CRON_JOB_NAME, length });
    }
    name::check_dns_subdomain(name)
}
