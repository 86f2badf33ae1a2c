//! A set of keys as disjoint intervals, for one question: is all of a range in it?

use bytes::Bytes;
use quorate_store::KeyRange;

/// Keys, as sorted intervals of which no two touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    intervals: Vec<Interval>,
}

/// From `start` included to `end` excluded; to the last key if there is no end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interval {
    start: Bytes,
    end: Option<Bytes>,
}

impl Interval {
    fn of(range: &KeyRange) -> Self {
        match range {
            KeyRange::Key(key) => {
                let mut next = Vec::with_capacity(key.len() + 1);
                next.extend_from_slice(key);
                next.push(0);
                Self { start: key.clone(), end: Some(next.into()) }
            }
            KeyRange::Span(start, end) => Self { start: start.clone(), end: Some(end.clone()) },
            KeyRange::From(start) => Self { start: start.clone(), end: None },
        }
    }

    fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    fn reaches(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| end.as_ref() >= key)
    }
}

impl<'a> FromIterator<&'a KeyRange> for Ranges {
    fn from_iter<I: IntoIterator<Item = &'a KeyRange>>(ranges: I) -> Self {
        let mut all: Vec<Interval> =
            ranges.into_iter().map(Interval::of).filter(|one| !one.is_empty()).collect();
        all.sort_by(|a, b| a.start.cmp(&b.start));
        let mut intervals: Vec<Interval> = Vec::with_capacity(all.len());
        for next in all {
            match intervals.last_mut().filter(|last| last.reaches(&next.start)) {
                Some(last) => {
                    let further = match (&last.end, &next.end) {
                        (None, _) => false,
                        (Some(_), None) => true,
                        (Some(end), Some(other)) => other > end,
                    };
                    if further {
                        last.end = next.end;
                    }
                }
                None => intervals.push(next),
            }
        }
        Self { intervals }
    }
}

impl Ranges {
    /// Whether every key of a range is in the set. Of a range without any key, its first one must be
    /// (etcd's rule).
    #[must_use]
    pub fn contains(&self, range: &KeyRange) -> bool {
        let asked = Interval::of(range);
        let after = self.intervals.partition_point(|own| own.start <= asked.start);
        let Some(own) = after.checked_sub(1).and_then(|at| self.intervals.get(at)) else {
            return false;
        };
        match (&own.end, &asked.end) {
            (None, _) => true,
            (Some(own), Some(end)) => *own > asked.start && own >= end,
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Bytes> {
        proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(2), Just(0xff)], 0..4)
            .prop_map(Bytes::from)
    }

    fn range() -> impl Strategy<Value = KeyRange> {
        prop_oneof![
            key().prop_map(KeyRange::Key),
            (key(), key()).prop_map(|(start, end)| KeyRange::Span(start, end)),
            key().prop_map(KeyRange::From),
        ]
    }

    fn holds(range: &KeyRange, key: &Bytes) -> bool {
        match range {
            KeyRange::Key(own) => own == key,
            KeyRange::Span(start, end) => start <= key && key < end,
            KeyRange::From(start) => start <= key,
        }
    }

    /// Every key of up to five bytes over the letters that the ranges are made of: enough that two
    /// ranges which differ, differ in one of them.
    fn keys() -> Vec<Bytes> {
        let mut all: Vec<Vec<u8>> = vec![Vec::new()];
        let mut last = all.clone();
        for _ in 0..5 {
            last = last
                .iter()
                .flat_map(|key| [0u8, 1, 2, 0xff].map(|byte| [key.as_slice(), &[byte]].concat()))
                .collect();
            all.extend(last.clone());
        }
        all.into_iter().map(Bytes::from).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
        #[test]
        fn a_range_is_contained_if_each_of_its_keys_is(
            own in proptest::collection::vec(range(), 0..5), asked in range()
        ) {
            let set: Ranges = own.iter().collect();
            let mut wanted: Vec<Bytes> =
                keys().into_iter().filter(|key| holds(&asked, key)).collect();
            if wanted.is_empty() {
                wanted.push(asked.start().clone());
            }
            let expected = wanted.iter().all(|key| own.iter().any(|range| holds(range, key)));
            // Between the keys that are looked at and the end of an open range there are more.
            let open = matches!(asked, KeyRange::From(_));
            let covered = own.iter().any(|range| matches!(range, KeyRange::From(_)));
            prop_assert_eq!(set.contains(&asked), expected && (!open || covered));
        }
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let span =
            |start: &'static str, end: &'static str| KeyRange::Span(start.into(), end.into());
        let set: Ranges =
            [span("a", "b"), span("b", "c"), KeyRange::Key("c".into())].iter().collect();
        assert!(set.contains(&span("a", "c")));
        assert!(set.contains(&span("a", "c\0")));
        assert!(!set.contains(&span("a", "d")));
        assert!(!set.contains(&KeyRange::From("a".into())));
    }

    #[test]
    fn one_key_never_opens_what_comes_after_it() {
        let set: Ranges = [KeyRange::Key("a".into())].iter().collect();
        assert!(set.contains(&KeyRange::Key("a".into())));
        assert!(!set.contains(&KeyRange::From("a".into())));
        assert!(!set.contains(&KeyRange::Span("a".into(), "a\0\0".into())));
        assert!(!set.contains(&KeyRange::Key("a\0".into())));
    }
}
