//! What the fuzz target of the reader runs, and the ordinary tests on the committed corpus, on changed
//! files and on random bytes.
//!
//! Place: behind the feature `fuzzing`, for the package `fuzz/`. Takes any bytes and panics only if
//! a promise is broken.

use crate::format::{HEADER, META, fnv1a};
use crate::{Bucket, Database, Error, Item, Source};

/// Items after which a walk is long enough; a small file may name one tree many times.
const MOST_ITEMS: usize = 20_000;
/// Buckets inside buckets that a walk follows.
const MOST_NESTED: usize = 5;

/// Reads a foreign file as it is, and with the checksums of its meta pages right, which a fuzzer
/// would hardly ever guess.
pub fn file(data: &[u8]) {
    let _ = walk(data);
    let mut sealed = data.to_vec();
    for page_size in [0, 512, 1024, 4096] {
        seal(&mut sealed, page_size);
    }
    let _ = walk(&sealed);
}

/// Visits everything in a file, up to a bound; how many items there were.
///
/// # Errors
/// What is wrong with the file.
pub fn walk(data: &[u8]) -> Result<usize, Error> {
    let database = Database::open(data)?;
    let mut items = 0;
    let nested = visit(&database, &database.root(), MOST_NESTED, &mut items);
    nested.map(|()| items)
}

fn visit<S: Source>(
    database: &Database<S>,
    bucket: &Bucket,
    deep: usize,
    items: &mut usize,
) -> Result<(), Error> {
    let mut scan = database.scan(bucket)?;
    let mut last = Vec::new();
    while *items < MOST_ITEMS
        && let Some(item) = scan.next_item()?
    {
        *items += 1;
        let (Item::Value(key, _) | Item::Bucket(key, _)) = &item;
        assert!(*key > last.as_slice(), "keys ascend, and none is empty");
        last = key.to_vec();
        if let Item::Bucket(_, inner) = item
            && deep > 0
        {
            visit(database, &inner, deep - 1, items)?;
        }
    }
    Ok(())
}

fn seal(data: &mut [u8], page: usize) {
    let Some(meta) = data.get_mut(page + HEADER..page + HEADER + META) else { return };
    let (fields, checksum) = meta.split_at_mut(META - 8);
    checksum.copy_from_slice(&fnv1a(fields).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::{file, walk};
    use crate::{Error, Layout, WriteError, Writer};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::io::Write;

    type Bucket = BTreeMap<Vec<u8>, Vec<u8>>;

    fn fill<W: Write>(
        mut writer: Writer<W>,
        buckets: &BTreeMap<Vec<u8>, Bucket>,
    ) -> Result<Layout, WriteError> {
        for (name, pairs) in buckets {
            writer.bucket(name)?;
            for (key, value) in pairs {
                writer.pair(key, value)?;
            }
        }
        writer.finish()
    }

    fn written(page_size: u32, buckets: &BTreeMap<Vec<u8>, Bucket>) -> Vec<u8> {
        let layout = fill(Writer::measuring(page_size), buckets).unwrap();
        let mut out = Vec::new();
        fill(Writer::new(&mut out, layout).unwrap(), buckets).unwrap();
        assert_eq!(out.len() as u64, layout.bytes());
        out
    }

    /// A file with a tree of three levels and a large value.
    fn sample() -> Vec<u8> {
        let key = |n: u16| n.to_be_bytes().to_vec();
        let many = (0..700).map(|n| (key(n), vec![7; usize::from(n % 5)])).collect();
        let large = Bucket::from([(b"large".to_vec(), vec![9; 3000])]);
        let buckets = [("empty", Bucket::new()), ("large", large), ("many", many)];
        let buckets = buckets.map(|(name, pairs)| (name.as_bytes().to_vec(), pairs));
        written(512, &buckets.into())
    }

    #[test]
    fn the_corpus_breaks_no_promise() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/bolt");
        let files: Vec<_> = std::fs::read_dir(dir).unwrap().collect();
        assert!(!files.is_empty());
        for found in files {
            file(&std::fs::read(found.unwrap().path()).unwrap());
        }
    }

    #[test]
    fn a_whole_file_is_read_whole() {
        assert_eq!(walk(&sample()).unwrap(), 3 + 1 + 700);
    }

    #[test]
    fn a_file_cut_short_anywhere_is_refused() {
        let whole = sample();
        for length in (0..whole.len()).step_by(97) {
            let error = walk(&whole[..length]).unwrap_err();
            let told = matches!(error, Error::Truncated { .. } | Error::NotBolt { .. });
            assert!(told, "{length} bytes: {error}");
        }
    }

    fn buckets() -> impl Strategy<Value = BTreeMap<Vec<u8>, Bucket>> {
        let key = || vec(any::<u8>(), 1..40);
        let value = prop_oneof![
            9 => vec(any::<u8>(), 0..60),
            1 => (0..5000usize).prop_map(|length| std::vec::from_elem(3, length)),
        ];
        btree_map(key(), btree_map(key(), value, 0..120), 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(buckets in buckets(), bits in 9u32..=13) {
            let bytes = written(1 << bits, &buckets);
            let database = crate::Database::open(&bytes[..]).unwrap();
            let mut read = BTreeMap::new();
            let mut names = database.scan(&database.root()).unwrap();
            while let Some(item) = names.next_item().unwrap() {
                let crate::Item::Bucket(name, bucket) = item else { panic!("a value") };
                let mut pairs = Bucket::new();
                let mut scan = database.scan(&bucket).unwrap();
                while let Some(item) = scan.next_item().unwrap() {
                    let crate::Item::Value(key, value) = item else { panic!("a bucket") };
                    pairs.insert(key.to_vec(), value.to_vec());
                }
                read.insert(name.to_vec(), pairs);
            }
            prop_assert_eq!(read, buckets);
        }

        #[test]
        fn changed_files_break_no_promise(
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
            from in any::<prop::sample::Index>(),
            to in any::<prop::sample::Index>(),
        ) {
            let mut bytes = sample();
            // One page in the place of another makes circles and double ways.
            let pages = bytes.len() / 512;
            let (from, to) = (from.index(pages) * 512, to.index(pages) * 512);
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            file(&bytes);
            bytes.copy_within(from..from + 512, to);
            if to >= 1024 {
                bytes[to..to + 8].copy_from_slice(&(to as u64 / 512).to_le_bytes());
            }
            file(&bytes);
        }

        #[test]
        fn random_bytes_break_no_promise(data in vec(any::<u8>(), 0..3000)) {
            file(&data);
        }
    }
}
