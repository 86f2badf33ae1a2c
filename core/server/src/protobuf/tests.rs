use super::*;

/// A field that holds bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[number << 3 | 2, length], content].concat()
}

fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let types = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), field(1, &types), field(2, raw)].concat()
}

#[test]
fn a_message_becomes_the_json_that_it_stands_for() {
    let entry = [field(1, b"a"), field(2, b"1")].concat();
    let metadata = [field(1, b"settings"), field(3, b""), field(8, b"")].concat();
    let map = [field(1, &metadata), field(2, &entry)].concat();
    let read = object(&envelope("v1", "ConfigMap", &map)).unwrap();
    assert_eq!(
        read,
        json!({ "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "settings" }, "data": { "a": "1" } })
    );
    let port = [number(3, 80), field(4, &[number(1, 1), field(3, b"web")].concat()), number(5, 0)]
        .concat();
    let service = field(2, &field(1, &port));
    let read = object(&envelope("v1", "Service", &service)).unwrap();
    assert_eq!(read["spec"], json!({ "ports": [{ "port": 80, "targetPort": "web" }] }));
    let scaled = field(2, &number(1, 0));
    let read = object(&envelope("apps/v1", "Deployment", &scaled)).unwrap();
    assert_eq!(read["spec"], json!({ "replicas": 0 }), "here zero is an answer");
}

#[test]
fn bad_bytes_are_refused_by_name() {
    assert_eq!(object(b"{}"), Err(ProtobufError::Prefix));
    let unknown = object(&envelope("example.com/v1", "Site", b"")).unwrap_err();
    assert!(unknown.to_string().contains("Site"), "{unknown}");
    let short = object(&envelope("v1", "ConfigMap", &[10, 50, 1])).unwrap_err();
    assert_eq!(short, ProtobufError::Truncated { message: "core.v1.ConfigMap".into() });
    let mistyped = object(&envelope("v1", "ConfigMap", &number(1, 5))).unwrap_err();
    assert!(mistyped.to_string().contains("metadata"), "{mistyped}");
    let whole = envelope("v1", "ConfigMap", &field(1, &field(1, b"settings")));
    for end in 0..whole.len() {
        let _ = object(&whole[..end]);
    }
}
