//! Messages in JSON, both ways, whatever message it is. Pure.

use bytes::{Buf, Bytes, BytesMut};
use prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::de::IgnoredAny;
use tonic::Status;

/// Names as in the .proto files, 64-bit numbers as text, nothing that is its default: as etcd writes.
const WRITTEN: SerializeOptions = SerializeOptions::new().use_proto_field_name(true);
/// Fields that nobody knows are passed over.
const READ: DeserializeOptions = DeserializeOptions::new().deny_unknown_fields(false);

/// The message that a JSON value stands for, in protobuf; no value at all is the empty message.
pub(super) fn read(message: &MessageDescriptor, json: &[u8]) -> Result<Vec<u8>, Status> {
    if json.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let mut json = serde_json::Deserializer::from_slice(json);
    let read = DynamicMessage::deserialize_with_options(message.clone(), &mut json, &READ);
    // What follows the value is passed over, as it is in etcd.
    Ok(read.map_err(|error| Status::invalid_argument(error.to_string()))?.encode_to_vec())
}

/// A protobuf message as a JSON value.
pub(super) fn write(message: &MessageDescriptor, protobuf: Bytes) -> Result<Vec<u8>, Status> {
    let internal = |error: &dyn std::error::Error| Status::internal(error.to_string());
    let message =
        DynamicMessage::decode(message.clone(), protobuf).map_err(|error| internal(&error))?;
    let mut json = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut json, &WRITTEN).map_err(|error| internal(&error))?;
    Ok(json.into_inner())
}

/// Cuts a stream of bytes into JSON values.
#[derive(Debug, Default)]
pub(super) struct Values {
    bytes: BytesMut,
}

impl Values {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Bytes that no value has been made of.
    pub(super) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing but space is left.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.trim_ascii().is_empty()
    }

    /// The next whole value, if it has arrived.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let mut values =
            serde_json::Deserializer::from_slice(&self.bytes).into_iter::<IgnoredAny>();
        match values.next() {
            None => Ok(None),
            Some(Ok(_)) => {
                let end = values.byte_offset();
                let value = self.bytes.split_to(end).freeze();
                Ok(Some(value))
            }
            Some(Err(error)) if error.is_eof() => Ok(None),
            Some(Err(error)) => {
                self.bytes.advance(self.bytes.len());
                Err(Status::invalid_argument(error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptors::Descriptors;
    use crate::proto::etcdserverpb as pb;

    fn message(name: &str) -> MessageDescriptor {
        Descriptors::load().method(name).unwrap().input()
    }

    #[test]
    fn names_numbers_and_unknown_fields_are_read_as_etcd_reads_them() {
        let range = message("etcdserverpb.KV/Range");
        let json = br#"{"key":"Zm9v","limit":"7","revision":9,"sort_order":"DESCEND",
            "sortTarget":3,"keysOnly":true,"nobody_knows":[1]} trailing"#;
        let read = pb::RangeRequest::decode(&*read(&range, json).unwrap()).unwrap();
        let expected = pb::RangeRequest {
            key: "foo".into(),
            limit: 7,
            revision: 9,
            sort_order: 2,
            sort_target: 3,
            keys_only: true,
            ..Default::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn nothing_is_the_empty_message_and_nonsense_is_refused() {
        let put = message("etcdserverpb.KV/Put");
        assert_eq!(read(&put, b" \n").unwrap(), Vec::<u8>::new());
        for json in ["garbage", "[]", r#"{"key":5}"#, r#"{"key":"*"}"#, r#"{"lease":1.5}"#, "{"] {
            let refused = read(&put, json.as_bytes()).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{json}");
        }
    }

    #[test]
    fn defaults_are_left_out_and_large_numbers_are_text() {
        let descriptors = Descriptors::load();
        let status = descriptors.method("etcdserverpb.KV/Txn").unwrap().output();
        let header =
            pb::ResponseHeader { revision: i64::MAX, cluster_id: u64::MAX, ..Default::default() };
        let put = pb::PutResponse { header: Some(pb::ResponseHeader::default()), prev_kv: None };
        let response = pb::response_op::Response::ResponsePut(put);
        let txn = pb::TxnResponse {
            header: Some(header),
            succeeded: true,
            responses: vec![pb::ResponseOp { response: Some(response) }],
        };
        let json = write(&status, txn.encode_to_vec().into()).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "{\"header\":{\"cluster_id\":\"18446744073709551615\",\
             \"revision\":\"9223372036854775807\"},\"succeeded\":true,\
             \"responses\":[{\"response_put\":{\"header\":{}}}]}"
        );
    }

    #[test]
    fn values_are_cut_wherever_they_arrive_in_pieces() {
        let stream = br#"{"a":"}"}  {"b":[1,{"c":2}]}{}"#;
        for cut in 1..=stream.len() {
            let mut values = Values::default();
            let mut found = Vec::new();
            for piece in stream.chunks(cut) {
                values.push(piece);
                while let Some(value) = values.next().unwrap() {
                    found.push(String::from_utf8(value.to_vec()).unwrap().trim().to_owned());
                }
            }
            assert_eq!(found, [r#"{"a":"}"}"#, r#"{"b":[1,{"c":2}]}"#, "{}"], "cut {cut}");
            assert!(values.is_empty());
        }
        let mut values = Values::default();
        values.push(b"{} x");
        assert!(values.next().unwrap().is_some());
        assert!(values.next().is_err() && values.held() == 0);
    }
}
