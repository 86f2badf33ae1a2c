//! Gives every Service its address, in the transaction that stores it.

use crate::LoopbackRange;
use async_trait::async_trait;
use quorate_resources::{
    Admission, Claims, Error, FieldError, FieldReason, Object, Objects, Operation,
};
use quorate_store::{Compare, Op, RangeRequest};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::net::Ipv4Addr;

const CLAIMS: &str = "/quorate/network/services/";

/// Admission plugin that assigns `spec.clusterIP` from the cluster's loopback range and frees it with
/// the Service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAddresses {
    range: LoopbackRange,
}

impl ServiceAddresses {
    /// Assigns from this range.
    #[must_use]
    pub fn new(range: LoopbackRange) -> Self {
        Self { range }
    }

    async fn assign(&self, objects: &Objects, service: &mut Object) -> Result<Claims, Error> {
        let wanted = field(service, "clusterIP").unwrap_or_default();
        if wanted == "None" || field(service, "type").as_deref() == Some("ExternalName") {
            return Ok(Claims::default());
        }
        let taken = taken(objects).await?;
        let address = if wanted.is_empty() {
            let seed = seed(&service.key().to_string());
            self.range.service_addresses(seed).find(|address| !taken.contains(address))
        } else {
            Some(self.checked(service, &wanted)?)
        };
        let address = address.ok_or_else(|| {
            invalid(service, "every service address of the cluster is in use".to_owned())
        })?;
        if let Some(Value::Object(spec)) = service.body.get_mut("spec") {
            spec.insert("clusterIP".to_owned(), json!(address.to_string()));
            spec.insert("clusterIPs".to_owned(), json!([address.to_string()]));
        }
        let key = claim_key(address);
        Ok(Claims {
            compares: vec![Compare::absent(key.clone())],
            ops: vec![Op::put(key, service.key().to_string())],
        })
    }

    fn checked(&self, service: &Object, wanted: &str) -> Result<Ipv4Addr, Error> {
        let address = wanted.parse().ok().filter(|address| self.range.is_service_address(*address));
        address.ok_or_else(|| {
            let example = self.range.service_addresses(0).next();
            let example = example.map(|address| address.to_string()).unwrap_or_default();
            invalid(
                service,
                format!("{wanted:?} is not a service address of this cluster (such as {example}); leave it out to get one"),
            )
        })
    }
}

#[async_trait]
impl Admission for ServiceAddresses {
    fn name(&self) -> &'static str {
        "ServiceAddresses"
    }

    async fn admit(
        &self,
        objects: &Objects,
        operation: Operation,
        object: &mut Object,
        _old: Option<&Object>,
    ) -> Result<Claims, Error> {
        if object.kind != "Service" || object.api_version != "v1" {
            return Ok(Claims::default());
        }
        match operation {
            Operation::Create => self.assign(objects, object).await,
            Operation::Delete => Ok(release(object)),
            _ => Ok(Claims::default()),
        }
    }
}

fn release(service: &Object) -> Claims {
    let address = field(service, "clusterIP").and_then(|text| text.parse().ok());
    let ops = address.map(|address| Op::delete(claim_key(address))).into_iter().collect();
    Claims { compares: Vec::new(), ops }
}

async fn taken(objects: &Objects) -> Result<BTreeSet<Ipv4Addr>, Error> {
    let found = objects.store().range(RangeRequest::prefix(CLAIMS)).await?;
    let address = |key: &[u8]| std::str::from_utf8(key.get(CLAIMS.len()..)?).ok()?.parse().ok();
    Ok(found.kvs.iter().filter_map(|kv| address(&kv.key)).collect())
}

fn claim_key(address: Ipv4Addr) -> String {
    format!("{CLAIMS}{address}")
}

fn field(service: &Object, name: &str) -> Option<String> {
    Some(service.body.get("spec")?.get(name)?.as_str()?.to_owned())
}

fn invalid(service: &Object, message: String) -> Error {
    Error::Invalid {
        kind: service.group_kind(),
        key: service.key(),
        causes: vec![FieldError {
            path: "spec.clusterIP".to_owned(),
            reason: FieldReason::Invalid,
            message,
        }],
    }
}

/// FNV-1a: the same name gives the same seed on every machine.
fn seed(text: &str) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(text.as_bytes());
    hasher.finish()
}
