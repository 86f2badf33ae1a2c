//! Whose a token is.

use super::{text, texts};
use crate::access::{AuthenticateError, Credentials, Known};
use crate::call::Call;
use crate::failure::Failure;
use serde_json::{Value, json};

/// Whose a token is, and for whom of those that are asked about it was made out.
pub(super) async fn token(call: &Call, spec: &Value) -> Result<Value, Failure> {
    let (token, wanted) = (text(spec, "token"), texts(spec, "audiences"));
    if token.is_empty() {
        return Err(Failure::bad("token is required for TokenReview in authentication"));
    }
    let credentials = Credentials { audiences: wanted.clone(), ..Credentials::token(token) };
    let access = &call.caller.access;
    let known = match access.known(&credentials).await {
        Ok(Some(known)) => known,
        Ok(None) => return Ok(refused("the token is not known")),
        Err(AuthenticateError::Objects(error)) => return Err(Failure::Objects(error)),
        Err(error) => return Ok(refused(&error.to_string())),
    };
    let Known { user, mut audiences } = known;
    if audiences.is_empty() && !wanted.is_empty() {
        // A token that is made out for nobody special is for this API.
        let own = access.accounts().map(|accounts| accounts.audiences()).unwrap_or_default();
        audiences = wanted.into_iter().filter(|one| own.contains(one)).collect();
        if audiences.is_empty() {
            return Ok(refused("the token is made out for another audience"));
        }
    }
    let mut status = json!({ "authenticated": true, "user": user.info() });
    if !audiences.is_empty() {
        status["audiences"] = json!(audiences);
    }
    Ok(status)
}

fn refused(reason: &str) -> Value {
    json!({ "authenticated": false, "user": {}, "error": reason })
}
