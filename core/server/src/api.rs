//! The API as a function from requests to answers.

use crate::call::Call;
use crate::failure::Failure;
use crate::health::health;
use crate::media::Form;
use crate::reply::{self, Reply, ResponseBody};
use crate::route::{Route, route};
use crate::served::Served;
use crate::{PodLogs, discovery, logs, older, verbs};
use bytes::Bytes;
use hyper::body::Body;
use hyper::{Method, Request, Response};
use quorate_resources::Objects;
use serde_json::json;
use std::sync::{Arc, PoisonError, RwLock};

/// The version of Kubernetes whose API this is.
const MINOR: &str = "32";

/// The API over some objects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    objects: Objects,
    served: RwLock<Served>,
    logs: Option<Arc<dyn PodLogs>>,
}

impl Api {
    /// The API of all kinds that the objects' registry has, and of those that are defined at run time
    /// if the kind of definitions is among them.
    #[must_use]
    pub fn new(objects: Objects) -> Self {
        let served = RwLock::new(Served::new(&objects));
        Self { shared: Arc::new(Shared { objects, served, logs: None }) }
    }

    /// Also answers for what pods have printed.
    #[must_use]
    pub fn with_logs(self, logs: Arc<dyn PodLogs>) -> Self {
        let (objects, served) = (self.shared.objects.clone(), RwLock::new(self.served()));
        Self { shared: Arc::new(Shared { objects, served, logs: Some(logs) }) }
    }

    /// Answers a request. The body of a watch ends when the watch does.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let reply = match Call::read(request).await {
            Ok(call) => self.answer(&call).await,
            Err(failure) => Err(failure),
        };
        reply.unwrap_or_else(|failure| {
            tracing::debug!(%failure, "request is refused");
            reply::failure(&failure, self.served().registry())
        })
    }

    async fn answer(&self, call: &Call) -> Result<Reply, Failure> {
        let served = self.current().await?;
        if let Some(upgraded) = older::upgraded(call)? {
            let Route::Objects(target) = route(&upgraded.path, served.registry()) else {
                return Err(Failure::NoSuchPath);
            };
            let reply = verbs::objects(&served, &upgraded, &target).await?;
            return Ok(older::downgraded(reply).await);
        }
        match route(&call.path, served.registry()) {
            Route::Objects(target) if target.is_pod_log() => {
                logs::log(self.shared.logs.clone(), &served, call, &target).await
            }
            Route::Objects(target) => verbs::objects(&served, call, &target).await,
            Route::Review(group, plural) => verbs::review(call, &group, &plural),
            Route::Nothing => Err(Failure::NoSuchPath),
            _ if call.method != Method::GET => Err(Failure::NoSuchVerb),
            Route::Health(path, check) => health(&served, call, path, check.as_deref()).await,
            other => document(&served, call, other),
        }
    }

    fn served(&self) -> Served {
        self.shared.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is served now: kinds may have been defined since the last request.
    async fn current(&self) -> Result<Served, Failure> {
        let served = self.served();
        let Some(renewed) = served.renewed(&self.shared.objects).await? else { return Ok(served) };
        let mut place = self.shared.served.write().unwrap_or_else(PoisonError::into_inner);
        place.clone_from(&renewed);
        Ok(renewed)
    }
}

/// What is the same for everybody.
fn document(served: &Served, call: &Call, route: Route<'_>) -> Result<Reply, Failure> {
    let registry = served.registry();
    let value = |value| Ok(reply::value(200, &value, call.accepted.encoding));
    match (route, call.accepted.form) {
        (Route::Version, _) => value(version()),
        (Route::Core, Form::Groups(version)) => Ok(discovery::aggregated(registry, true, version)),
        (Route::Groups, Form::Groups(version)) => {
            Ok(discovery::aggregated(registry, false, version))
        }
        (Route::Core, _) => value(discovery::core()),
        (Route::Groups, _) => value(discovery::groups(registry)),
        (Route::Group(group), _) => {
            discovery::group(registry, &group).ok_or(Failure::NoSuchPath).and_then(value)
        }
        (Route::GroupVersion(group, version), _) => {
            let found = discovery::resources(registry, &group, &version);
            found.ok_or(Failure::NoSuchPath).and_then(value)
        }
        (Route::OpenApiIndex, _) => value(served.documents().index()),
        (Route::OpenApi(group, version), _) => {
            let found = served.documents().of(&group, &version).ok_or(Failure::NoSuchPath)?;
            Ok(reply::bytes("application/json", found))
        }
        _ => Err(Failure::NoSuchPath),
    }
}

fn version() -> serde_json::Value {
    json!({
        "major": "1", "minor": MINOR,
        "gitVersion": format!("v1.{MINOR}.0+quorate-{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}
