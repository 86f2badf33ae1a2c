//! Which etcd clients are told that this is.

use crate::context::Context;
use axum::response::Response;
use tonic::codegen::http::StatusCode;

/// The version that a cluster of members of one version has: its minor version's first.
pub(crate) fn cluster_version(version: &str) -> String {
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    format!("{minor}.0")
}

/// Major and minor number.
pub(crate) fn minor(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The answer at `/version`; `Status` and the metrics tell the same.
pub(crate) async fn version(context: Context) -> Response {
    let version = &context.options.version;
    let cluster = cluster_version(version);
    let body = match minor(version) >= (3, 6) {
        true => format!(
            r#"{{"etcdserver":"{version}","etcdcluster":"{cluster}","storage":"{cluster}"}}"#
        ),
        false => format!(r#"{{"etcdserver":"{version}","etcdcluster":"{cluster}"}}"#),
    };
    crate::http::json(StatusCode::OK, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_the_version_of_its_minor() {
        assert_eq!(cluster_version("3.6.14"), "3.6.0");
        assert_eq!(minor("3.4.23"), (3, 4));
        assert!(minor("3.10.0") > minor("3.6.1"));
    }
}
