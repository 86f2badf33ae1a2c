//! Questions about who one is and what one may. Without authorization everybody may everything.

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::{self, Reply};
use hyper::Method;
use serde_json::{Value, json};

/// Group, plural and kind of every review; their version is `v1`.
pub(crate) const REVIEWS: &[(&str, &str, &str)] = &[
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
];

/// Answers a review.
pub(crate) fn review(call: &Call, group: &str, plural: &str) -> Result<Reply, Failure> {
    let known = REVIEWS.iter().find(|(own, name, _)| *own == group && *name == plural);
    let (_, _, kind) = known.ok_or(Failure::NoSuchPath)?;
    if call.method != Method::POST {
        return Err(Failure::NoSuchVerb);
    }
    let mut review = call.object()?;
    if !review.is_object() {
        return Err(Failure::bad("the body must be an object"));
    }
    review["kind"] = json!(kind);
    review["apiVersion"] = json!(format!("{group}/v1"));
    review["status"] = status(kind);
    Ok(reply::value(201, &review, call.accepted.encoding))
}

fn status(kind: &str) -> Value {
    match kind {
        "SelfSubjectAccessReview" => json!({ "allowed": true }),
        "SelfSubjectRulesReview" => json!({
            "resourceRules": [{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }],
            "nonResourceRules": [{ "verbs": ["*"], "nonResourceURLs": ["*"] }],
            "incomplete": false,
        }),
        _ => json!({
            "userInfo": {
                "username": "system:admin",
                "groups": ["system:masters", "system:authenticated"],
            },
        }),
    }
}
