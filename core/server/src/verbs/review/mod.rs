//! Questions about who one is and what one may: answered by what judges every request.

mod access;
mod identity;

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use crate::route::ReviewTarget;
use hyper::Method;
use quorate_resources::{Error, FieldError, GroupKind, ObjectKey};
use serde_json::{Value, json};

const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";

/// A sort of review; the version of all is `v1`.
#[derive(Debug)]
pub(crate) struct Review {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
}

const fn cluster(group: &'static str, plural: &'static str, kind: &'static str) -> Review {
    Review { group, plural, kind, namespaced: false }
}

/// Every sort of review.
pub(crate) const REVIEWS: &[Review] = &[
    cluster(AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview"),
    cluster(AUTHENTICATION, "tokenreviews", "TokenReview"),
    cluster(AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    cluster(AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    cluster(AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview"),
    Review {
        group: AUTHORIZATION,
        plural: "localsubjectaccessreviews",
        kind: "LocalSubjectAccessReview",
        namespaced: true,
    },
];

/// Answers a review.
pub(crate) async fn review(call: &Call, target: &ReviewTarget) -> Result<Reply, Failure> {
    let known = REVIEWS.iter().find(|review| {
        let scope = review.namespaced == target.namespace.is_some();
        review.group == target.group && review.plural == target.plural && scope
    });
    let known = known.ok_or(Failure::NoSuchPath)?;
    if call.method != Method::POST {
        return Err(Failure::NoSuchVerb);
    }
    let mut review = call.object()?;
    if !review.is_object() {
        return Err(Failure::bad("the body must be an object"));
    }
    let spec = review.get("spec").cloned().unwrap_or(Value::Null);
    let status = match known.kind {
        "SelfSubjectReview" => json!({ "userInfo": call.caller.user.info() }),
        "TokenReview" => identity::token(call, &spec).await?,
        "SelfSubjectAccessReview" => access::own(call, known, &spec).await?,
        "SelfSubjectRulesReview" => access::rules(call, &spec).await?,
        _ => access::of_user(call, known, &spec, target.namespace.as_deref()).await?,
    };
    review["kind"] = json!(known.kind);
    review["apiVersion"] = json!(format!("{}/v1", known.group));
    review["status"] = status;
    if !review["metadata"].is_object() {
        review["metadata"] = json!({});
    }
    Ok(reply::value(201, &review, call.accepted.encoding))
}

/// A review that cannot be answered, and the field that is at fault.
fn invalid(review: &Review, path: &str, message: &str) -> Failure {
    Failure::Objects(Error::Invalid {
        kind: GroupKind::new(review.group, review.kind),
        key: ObjectKey::cluster(""),
        causes: vec![FieldError::invalid(path, message)],
    })
}

/// The text in a field; empty if there is none.
fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The texts in a field.
fn texts(value: &Value, field: &str) -> Vec<String> {
    let list = value.get(field).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
