//! The API as a function from requests to answers.

use crate::access::{self, Access, Caller, Credentials, User};
use crate::body;
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
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use quorate_resources::Objects;
use quorate_seams::SharedClock;
use serde_json::json;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The version of Kubernetes whose API this is.
const MINOR: &str = "32";

/// How long the body of a request may take to arrive.
const BODY: Duration = Duration::from_secs(60);

/// The API over some objects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    shared: Arc<Shared>,
    /// Who asks, whatever the requests show.
    user: Option<Arc<User>>,
}

#[derive(Debug)]
struct Shared {
    objects: Objects,
    served: RwLock<Served>,
    logs: Option<Arc<dyn PodLogs>>,
    access: Arc<Access>,
}

impl Api {
    /// The API of all kinds that the objects' registry has, and of those that are defined at run time
    /// if the kind of definitions is among them. Everybody may do everything, until
    /// [`Api::with_access`] says otherwise.
    #[must_use]
    pub fn new(objects: Objects) -> Self {
        let served = Served::new(&objects);
        Self::of(objects, served, None, Arc::new(Access::open()), None)
    }

    fn of(
        objects: Objects,
        served: Served,
        logs: Option<Arc<dyn PodLogs>>,
        access: Arc<Access>,
        user: Option<Arc<User>>,
    ) -> Self {
        let served = RwLock::new(served);
        Self { shared: Arc::new(Shared { objects, served, logs, access }), user }
    }

    /// The same API, for those whom this knows and as far as it allows.
    #[must_use]
    pub fn with_access(self, access: Access) -> Self {
        let Shared { objects, logs, .. } = &*self.shared;
        Self::of(objects.clone(), self.served(), logs.clone(), Arc::new(access), self.user)
    }

    /// The same API, on which every request is this user's, whatever it shows: for clients in the same
    /// process, which need no credentials. What the user may do is judged as ever.
    #[must_use]
    pub fn on_behalf(&self, user: User) -> Self {
        Self { shared: Arc::clone(&self.shared), user: Some(Arc::new(user)) }
    }

    pub(crate) fn clock(&self) -> SharedClock {
        Arc::clone(&self.shared.objects.seams().clock)
    }

    /// Also answers for what pods have printed.
    #[must_use]
    pub fn with_logs(self, logs: Arc<dyn PodLogs>) -> Self {
        let Shared { objects, access, .. } = &*self.shared;
        Self::of(objects.clone(), self.served(), Some(logs), Arc::clone(access), self.user)
    }

    /// Answers a request. The body of a watch ends when the watch does.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.reply(request).await.unwrap_or_else(|failure| {
            tracing::debug!(%failure, "request is refused");
            reply::failure(&failure, self.served().registry())
        })
    }

    /// Who asks, may they, and only then what else they sent.
    async fn reply<B>(&self, request: Request<B>) -> Result<Reply, Failure>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let caller = self.caller(&head).await?;
        let mut call = Call::read(&head, caller)?;
        let served = self.current().await?;
        let path = older::newer(&call.path);
        let route = route(&path, served.registry());
        call.caller.may(&access::action(&call, &route)).await?;
        let read = quorate_seams::timeout(&*self.clock(), BODY, body::read(body)).await;
        call.body = read.ok_or_else(|| Failure::bad("the body did not arrive in time"))??;
        self.answer(&served, &call, route).await
    }

    async fn caller(&self, head: &Parts) -> Result<Caller, Failure> {
        let access = Arc::clone(&self.shared.access);
        let user = match &self.user {
            Some(user) => User::clone(user),
            None => access.identify(&Credentials::of(head)).await?,
        };
        access::impersonated(Caller { user, access }, &head.headers).await
    }

    async fn answer(
        &self,
        served: &Served,
        call: &Call,
        route: Route<'_>,
    ) -> Result<Reply, Failure> {
        if let Some(upgraded) = older::upgraded(call)? {
            let Route::Objects(target) = route else { return Err(Failure::NoSuchPath) };
            let reply = verbs::objects(served, &upgraded, &target).await?;
            return Ok(older::downgraded(reply).await);
        }
        match route {
            Route::Objects(target) if target.is_pod_log() => {
                logs::log(self.shared.logs.clone(), served, call, &target).await
            }
            Route::Objects(target) => verbs::objects(served, call, &target).await,
            Route::Review(target) => verbs::review(call, &target).await,
            Route::Nothing => Err(Failure::NoSuchPath),
            _ if call.method != Method::GET => Err(Failure::NoSuchVerb),
            Route::Health(path, check) => health(served, call, path, check.as_deref()).await,
            other => document(served, call, other),
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
