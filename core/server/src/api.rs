//! The API as a function from requests to answers.

use crate::call::Call;
use crate::dry_run::DryRun;
use crate::failure::Failure;
use crate::media::Form;
use crate::openapi::Documents;
use crate::reply::{self, Reply, ResponseBody};
use crate::route::{Route, route};
use crate::{discovery, verbs};
use bytes::Bytes;
use hyper::body::Body;
use hyper::{Method, Request, Response};
use quorate_resources::schema::Schemas;
use quorate_resources::{Objects, Registry};
use serde_json::json;
use std::sync::{Arc, OnceLock};

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
    dry: Objects,
    schemas: OnceLock<Schemas>,
    documents: OnceLock<Documents>,
}

impl Api {
    /// The API of all kinds that the objects' registry has.
    #[must_use]
    pub fn new(objects: Objects) -> Self {
        let dry = objects.over(Arc::new(DryRun(objects.store().clone())));
        let (schemas, documents) = (OnceLock::new(), OnceLock::new());
        Self { shared: Arc::new(Shared { objects, dry, schemas, documents }) }
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
            reply::failure(&failure, self.registry())
        })
    }

    async fn answer(&self, call: &Call) -> Result<Reply, Failure> {
        match route(&call.path, self.registry()) {
            Route::Objects(target) => verbs::objects(self, call, &target).await,
            Route::Review(group, plural) => verbs::review(call, &group, &plural),
            Route::Nothing => Err(Failure::NoSuchPath),
            _ if call.method != Method::GET && call.method != Method::HEAD => {
                Err(Failure::NoSuchVerb)
            }
            other => self.document(call, other),
        }
    }

    /// What is the same for everybody.
    fn document(&self, call: &Call, route: Route<'_>) -> Result<Reply, Failure> {
        let registry = self.registry();
        let value = |value| Ok(reply::value(200, &value, call.accepted.encoding));
        match (route, call.accepted.form) {
            (Route::Version, _) => value(version()),
            (Route::Health(name, check), _) => health(call, name, check.as_deref()),
            (Route::Core, Form::Groups(version)) => {
                Ok(discovery::aggregated(registry, true, version))
            }
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
            (Route::OpenApiIndex, _) => value(self.documents().index()),
            (Route::OpenApi(group, version), _) => {
                let found = self.documents().of(&group, &version).ok_or(Failure::NoSuchPath)?;
                Ok(reply::bytes("application/json", found))
            }
            _ => Err(Failure::NoSuchPath),
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.shared.objects.registry()
    }

    /// The objects, or their likeness that writes nothing.
    pub(crate) fn objects(&self, dry_run: bool) -> &Objects {
        if dry_run { &self.shared.dry } else { &self.shared.objects }
    }

    pub(crate) fn schemas(&self) -> &Schemas {
        self.shared.schemas.get_or_init(quorate_kinds::schemas)
    }

    fn documents(&self) -> &Documents {
        self.shared.documents.get_or_init(|| Documents::new(self.registry(), self.schemas()))
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

fn health(call: &Call, name: &str, check: Option<&str>) -> Result<Reply, Failure> {
    const CHECKS: &[&str] = &["ping", "store"];
    if let Some(check) = check {
        let known = CHECKS.contains(&check);
        return if known { Ok(reply::text(200, "ok")) } else { Err(Failure::NoSuchPath) };
    }
    if !call.path.contains('?') && call.query.all("verbose").next().is_none() {
        return Ok(reply::text(200, "ok"));
    }
    let lines: String = CHECKS.iter().map(|check| format!("[+]{check} ok\n")).collect();
    Ok(reply::text(200, format!("{lines}{name} check passed\n")))
}
