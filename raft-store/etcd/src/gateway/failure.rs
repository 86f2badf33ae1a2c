//! Failures in JSON, as etcd's gateway tells them.

use axum::response::Response;
use tonic::codegen::http::StatusCode;
use tonic::{Code, Status};

/// The HTTP status that stands for a code.
pub(super) fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer to a call that failed; the order of its fields is part of what clients compare.
pub(super) fn failed(status: &Status) -> Response {
    let message = text(status.message());
    let code = i32::from(status.code());
    let body = format!(r#"{{"error":{message},"message":{message},"code":{code}}}"#);
    crate::http::json(http_status(status.code()), body)
}

/// The last line of a stream that failed.
pub(super) fn broken(status: &Status) -> String {
    let http = http_status(status.code());
    let message = text(status.message());
    let reason = text(http.canonical_reason().unwrap_or_default());
    let (code, http) = (i32::from(status.code()), http.as_u16());
    format!(
        r#"{{"error":{{"grpc_code":{code},"http_code":{http},"message":{message},"http_status":{reason}}}}}"#
    ) + "\n"
}

fn text(message: &str) -> String {
    serde_json::Value::from(message).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_stream_ends_in_a_line_of_its_own() {
        let line = broken(&Status::unavailable("etcdserver: no \"leader\""));
        assert_eq!(
            line,
            "{\"error\":{\"grpc_code\":14,\"http_code\":503,\
             \"message\":\"etcdserver: no \\\"leader\\\"\",\"http_status\":\"Service Unavailable\"}}\n"
        );
    }
}
