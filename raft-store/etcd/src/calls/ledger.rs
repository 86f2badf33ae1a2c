//! What is counted of calls, by method.

use crate::descriptors::{Descriptors, Kind};
use crate::metrics::Histogram;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The codes of gRPC by number, as Go prints them.
pub(crate) const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// Versions of clients that are told apart; clients choose what they call themselves.
const CLIENT_VERSIONS: usize = 64;

/// One method's counts.
#[derive(Debug)]
pub(crate) struct MethodCounts {
    pub(crate) service: String,
    pub(crate) method: String,
    pub(crate) kind: Kind,
    pub(crate) started: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    /// Calls that ended, by code.
    pub(crate) handled: [AtomicU64; CODES.len()],
    /// How long calls took, of those methods whose duration is told.
    pub(crate) took: Option<Histogram>,
}

impl MethodCounts {
    /// Calls that have begun and not ended.
    pub(crate) fn under_way(&self) -> u64 {
        let ended: u64 = self.handled.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        self.started.load(Ordering::Relaxed).saturating_sub(ended)
    }

    /// Calls that ended with a code.
    pub(crate) fn ended_with(&self, code: tonic::Code) -> u64 {
        let at = usize::try_from(i32::from(code)).unwrap_or_default();
        self.handled.get(at).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// The counts of all methods.
#[derive(Debug)]
pub(crate) struct Ledger {
    methods: Vec<MethodCounts>,
    by_path: HashMap<String, usize>,
    /// Bytes of messages from and to clients.
    pub(crate) received_bytes: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    clients: Mutex<BTreeMap<(bool, String), u64>>,
    clock: quorate_seams::SharedClock,
}

impl Ledger {
    /// Nothing counted yet, of every method that is described.
    pub(crate) fn new(descriptors: &Descriptors, clock: quorate_seams::SharedClock) -> Self {
        let methods: Vec<_> = descriptors
            .methods()
            .map(|(service, method, kind)| MethodCounts {
                took: is_timed(&method).then(Histogram::seconds),
                service,
                method,
                kind,
                started: AtomicU64::default(),
                received: AtomicU64::default(),
                sent: AtomicU64::default(),
                handled: Default::default(),
            })
            .collect();
        let path = |counts: &MethodCounts| format!("/{}/{}", counts.service, counts.method);
        let by_path = methods.iter().enumerate().map(|(at, counts)| (path(counts), at)).collect();
        Self {
            methods,
            by_path,
            received_bytes: AtomicU64::default(),
            sent_bytes: AtomicU64::default(),
            clients: Mutex::default(),
            clock,
        }
    }

    /// The method at a path.
    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// A method's counts. Only numbers from [`Ledger::find`] are asked for.
    pub(crate) fn method(&self, at: usize) -> &MethodCounts {
        &self.methods[at]
    }

    /// All methods.
    pub(crate) fn methods(&self) -> &[MethodCounts] {
        &self.methods
    }

    /// The counts of a method of etcd's own services, by name.
    pub(crate) fn named(&self, service: &str, method: &str) -> Option<&MethodCounts> {
        self.find(&format!("/etcdserverpb.{service}/{method}")).map(|at| self.method(at))
    }

    /// A call by a client of a version.
    pub(crate) fn client(&self, streams: bool, version: &str) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked up without a copy in all but the first call of a version.
        let known =
            clients.iter_mut().find(|((kind, name), _)| *kind == streams && name == version);
        if let Some((_, count)) = known {
            *count += 1;
        } else {
            let room = clients.len() < CLIENT_VERSIONS;
            let version = if room { version } else { "unknown" };
            *clients.entry((streams, version.to_owned())).or_default() += 1;
        }
    }

    /// Calls by whether they are streams and the client's version.
    pub(crate) fn clients(&self) -> BTreeMap<(bool, String), u64> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When a call of a method begins, if its duration is told.
    pub(super) fn begin(&self, at: usize) -> Option<quorate_seams::Monotonic> {
        self.methods[at].took.is_some().then(|| self.clock.now())
    }

    pub(super) fn took(&self, at: usize, begun: Option<quorate_seams::Monotonic>) {
        if let (Some(took), Some(begun)) = (&self.methods[at].took, begun) {
            let now = self.clock.now();
            took.observe(if now > begun { now - begun } else { Duration::ZERO });
        }
    }
}

/// Methods behind whose names etcd tells durations.
fn is_timed(method: &str) -> bool {
    ["Range", "HashKV", "Hash", "Defragment", "Snapshot"].contains(&method)
}
