//! One request, read.

use crate::access::Caller;
use crate::body;
use crate::failure::Failure;
use crate::media::{self, Accepted};
use crate::query::Query;
use bytes::Bytes;
use hyper::Method;
use hyper::header::USER_AGENT;
use hyper::http::request::Parts;
use serde_json::Value;

/// What to do with fields that the kind does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validation {
    Ignore,
    Warn,
    Strict,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) accepted: Accepted,
    pub(crate) media_type: String,
    /// Empty until the request has been allowed.
    pub(crate) body: Bytes,
    pub(crate) caller: Caller,
    pub(crate) user_agent: String,
}

impl Call {
    /// Reads all but the body.
    pub(crate) fn read(head: &Parts, caller: Caller) -> Result<Self, Failure> {
        let agent = head.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            query: Query::parse(head.uri.query().unwrap_or_default()),
            path: head.uri.path().to_owned(),
            accepted: media::accepted(&head.headers).ok_or(Failure::NotAcceptable)?,
            media_type: media::content_type(&head.headers),
            user_agent: agent.unwrap_or_default().to_owned(),
            // The body of an answer to HEAD is left out where it is sent.
            method: if head.method == Method::HEAD { Method::GET } else { head.method.clone() },
            body: Bytes::new(),
            caller,
        })
    }

    /// The object in the body.
    pub(crate) fn object(&self) -> Result<Value, Failure> {
        body::object(&self.media_type, &self.body)
    }

    pub(crate) fn dry_run(&self) -> Result<bool, Failure> {
        let mut asked = self.query.all("dryRun").filter(|text| !text.is_empty());
        match asked.find(|text| *text != "All") {
            Some(text) => Err(Failure::parameter("dryRun", text, "must be All")),
            None => Ok(self.query.text("dryRun").is_some()),
        }
    }

    pub(crate) fn validation(&self) -> Result<Validation, Failure> {
        match self.query.text("fieldValidation") {
            None | Some("Warn") => Ok(Validation::Warn),
            Some("Ignore") => Ok(Validation::Ignore),
            Some("Strict") => Ok(Validation::Strict),
            Some(text) => {
                Err(Failure::parameter("fieldValidation", text, "must be Ignore, Warn or Strict"))
            }
        }
    }

    /// Who owns what this request writes: the field manager, or else the program that asks.
    pub(crate) fn manager(&self) -> String {
        let program = self.user_agent.split('/').next().unwrap_or_default();
        let name = self.query.text("fieldManager").unwrap_or(program);
        if name.is_empty() { "unknown".to_owned() } else { name.chars().take(128).collect() }
    }
}
