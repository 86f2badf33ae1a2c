//! What the .proto files describe: services, methods and messages, as data.

use crate::proto::DESCRIPTORS;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use std::sync::Arc;

/// Whether a method's sides send one message or a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    ClientStream,
    ServerStream,
    BothStream,
}

impl Kind {
    fn of(method: &MethodDescriptor) -> Self {
        match (method.is_client_streaming(), method.is_server_streaming()) {
            (false, false) => Self::Unary,
            (true, false) => Self::ClientStream,
            (false, true) => Self::ServerStream,
            (true, true) => Self::BothStream,
        }
    }

    /// As metrics call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BothStream => "bidi_stream",
        }
    }
}

/// The described services. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Descriptors {
    pool: Arc<DescriptorPool>,
}

impl Descriptors {
    /// Reads what this crate was built with.
    pub(crate) fn load() -> Self {
        // Written by the same build; a test reads it.
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap_or_default();
        Self { pool: Arc::new(pool) }
    }

    /// Service, method and kind of everything that can be called.
    pub(crate) fn methods(&self) -> impl Iterator<Item = (String, String, Kind)> {
        let services = self.pool.services();
        services.flat_map(|service| {
            let methods: Vec<_> = service.methods().collect();
            let name = service.full_name().to_owned();
            methods
                .into_iter()
                .map(move |method| (name.clone(), method.name().to_owned(), Kind::of(&method)))
        })
    }

    /// A method by its path, `package.Service/Method`.
    pub(crate) fn method(&self, path: &str) -> Option<MethodDescriptor> {
        let (service, method) = path.split_once('/')?;
        let service = self.pool.get_service_by_name(service)?;
        service.methods().find(|known| known.name() == method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_described_as_etcd_names_them() {
        let descriptors = Descriptors::load();
        let watch = descriptors.method("etcdserverpb.Watch/Watch").unwrap();
        assert_eq!(Kind::of(&watch), Kind::BothStream);
        let stream = descriptors.method("etcdserverpb.KV/RangeStream").unwrap();
        assert_eq!(Kind::of(&stream), Kind::ServerStream);
        assert_eq!(
            descriptors.methods().filter(|(service, ..)| service == "v3lockpb.Lock").count(),
            2
        );
        assert!(descriptors.method("etcdserverpb.KV/Nothing").is_none());
    }
}
