//! What the writer refuses.

use quorate_bolt::{Layout, WriteError, Writer};

fn measured(pairs: &[(&str, &str)]) -> Result<Layout, WriteError> {
    let mut writer = Writer::measuring(4096);
    writer.bucket(b"b")?;
    for (key, value) in pairs {
        writer.pair(key.as_bytes(), value.as_bytes())?;
    }
    writer.finish()
}

#[test]
fn keys_out_of_order_twice_or_empty_are_refused() {
    for pairs in [[("b", ""), ("a", "")], [("a", ""), ("a", "")], [("", ""), ("a", "")]] {
        let error = measured(&pairs).unwrap_err();
        assert!(matches!(error, WriteError::Order { .. }), "{error}");
    }
}

#[test]
fn buckets_out_of_order_are_refused() {
    let mut writer = Writer::measuring(4096);
    writer.bucket(b"b").unwrap();
    let error = writer.bucket(b"a").unwrap_err();
    assert!(matches!(error, WriteError::Order { .. }), "{error}");
}

#[test]
fn a_pair_without_a_bucket_is_refused() {
    let error = Writer::measuring(4096).pair(b"a", b"1").unwrap_err();
    assert!(matches!(error, WriteError::NoBucket { .. }), "{error}");
}

#[test]
fn a_page_size_that_bbolt_does_not_have_is_refused() {
    for bytes in [0, 100, 4095, 1 << 20] {
        let error = Writer::measuring(bytes).finish().unwrap_err();
        assert!(matches!(error, WriteError::PageSize { .. }), "{error}");
    }
}

#[test]
fn an_input_other_than_the_measured_one_is_noticed() {
    let layout = measured(&[("a", "1")]).unwrap();
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, layout).unwrap();
    writer.bucket(b"b").unwrap();
    writer.pair(b"a", &[0; 5000]).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, WriteError::Changed { .. }), "{error}");
}
