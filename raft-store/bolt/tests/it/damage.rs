//! Damaged files: every error names the page and the field.

use quorate_bolt::{Database, Error, Item, Writer};

const PAGE: usize = 512;

/// One bucket whose tree has a branch: pages 3 to 6 are leaves, 7 the branch, 8 the outermost root.
fn file() -> Vec<u8> {
    let fill = |mut writer: Writer<&mut Vec<u8>>| {
        writer.bucket(b"b")?;
        for key in 0..20u8 {
            writer.pair(&[b'k', key], &[key; 60])?;
        }
        writer.finish()
    };
    let mut measuring = Writer::measuring(512);
    measuring.bucket(b"b").unwrap();
    for key in 0..20u8 {
        measuring.pair(&[b'k', key], &[key; 60]).unwrap();
    }
    let mut out = Vec::new();
    fill(Writer::new(&mut out, measuring.finish().unwrap()).unwrap()).unwrap();
    assert_eq!(out.len(), 9 * PAGE);
    out
}

fn read(bytes: &[u8]) -> Result<usize, Error> {
    let database = Database::open(bytes)?;
    let Some(bucket) = database.bucket(b"b")? else { return Ok(0) };
    let mut scan = database.scan(&bucket)?;
    let mut count = 0;
    while let Some(item) = scan.next_item()? {
        assert!(matches!(item, Item::Value(..)));
        count += 1;
    }
    assert!(scan.next_item()?.is_none(), "an ended scan stays ended");
    Ok(count)
}

/// Writes bytes into a page, and tells which page and field the error names.
fn named(page: usize, offset: usize, bytes: &[u8]) -> (u64, &'static str) {
    let mut file = file();
    let at = page * PAGE + offset;
    file[at..at + bytes.len()].copy_from_slice(bytes);
    match read(&file).unwrap_err() {
        Error::Damaged { page, field, .. } => (page, field),
        other => panic!("{other}"),
    }
}

#[test]
fn a_whole_file_is_read() {
    assert_eq!(read(&file()).unwrap(), 20);
}

#[test]
fn damage_is_named() {
    /// Page, offset, bytes; the page and the field that the error names.
    type Case = (usize, usize, &'static [u8], (u64, &'static str));
    let cases: [Case; 14] = [
        // The number of a page, its kind, its count, what follows it.
        (4, 0, &[9], (4, "id")),
        (4, 8, &[0x10, 0], (4, "flags")),
        (4, 10, &[0xff, 0xff], (4, "count")),
        (4, 10, &[0, 0], (4, "count")),
        (4, 12, &[0xff, 0xff, 0xff, 0xff], (4, "overflow")),
        // Position and lengths of a leaf's element.
        (4, 20, &[0xff, 0xff], (4, "pos")),
        (4, 24, &[0xff, 0xff], (4, "ksize")),
        (4, 24, &[0, 0], (4, "ksize")),
        (4, 28, &[0xff, 0xff], (4, "vsize")),
        // A branch: a key's length, a child beyond the file, itself as a child, a child twice.
        (7, 20, &[0xff, 0xff], (7, "ksize")),
        (7, 24, &[200], (200, "id")),
        (7, 24, &[7], (7, "pgid")),
        (7, 24 + 16, &[3], (3, "key")),
        // A bucket without a header.
        (8, 28, &[3], (8, "vsize")),
    ];
    for (page, offset, bytes, expected) in cases {
        assert_eq!(named(page, offset, bytes), expected, "page {page}, byte {offset}");
    }
}

#[test]
fn the_other_meta_page_serves_when_one_is_damaged() {
    for page in [0, 1] {
        let mut file = file();
        file[page * PAGE + 20] ^= 1;
        assert_eq!(read(&file).unwrap(), 20, "meta page {page} is damaged");
    }
}

#[test]
fn two_damaged_meta_pages_are_named() {
    for (offset, field) in [(16, "magic"), (20, "version"), (32, "checksum"), (24, "checksum")] {
        let mut file = file();
        file[offset] ^= 0x40;
        file[PAGE + offset] ^= 0x40;
        match Database::open(&file[..]).unwrap_err() {
            Error::NotBolt { page: 0, field: found, .. } => assert_eq!(found, field),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_page_longer_than_the_limit_is_refused() {
    let mut measuring = Writer::measuring(512);
    measuring.bucket(b"b").unwrap();
    measuring.pair(b"k", &[0; 9000]).unwrap();
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, measuring.finish().unwrap()).unwrap();
    writer.bucket(b"b").unwrap();
    writer.pair(b"k", &[0; 9000]).unwrap();
    writer.finish().unwrap();
    let mut limits = quorate_bolt::Limits::default();
    limits.page_bytes = 8000;
    let database = Database::open_with(&out[..], limits).unwrap();
    let bucket = database.bucket(b"b").unwrap().unwrap();
    let error = database.scan(&bucket).map(drop).unwrap_err();
    assert!(matches!(error, Error::TooLarge { page: 3, limit: 8000, .. }), "{error}");
}
