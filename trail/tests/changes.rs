//! No change of an export passes: whatever record or link is altered, removed, doubled or moved, a fault is named.

// Helpers may panic, like tests.
#![allow(clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use stagedoor_trail::{
    AuditKey, ChainId, Checkpoint, Export, Hash, Line, Link, Record,
    line::{TrailEnd, TrailHead},
};

const CHAIN: ChainId = ChainId([7; 16]);

fn line(line: &Line<'_>) -> String {
    let mut out = Vec::new();
    line.write(&mut out).expect("it serializes");
    String::from_utf8(out).expect("UTF-8").trim_end().to_owned()
}

/// A trail of transactions with so many records each.
fn trail(sizes: &[i64]) -> Vec<String> {
    let key = AuditKey::of_seed(&[9; 32]);
    let keys = vec![key.public()];
    let head = TrailHead { version: 1, chain: CHAIN, start: 0, keys };
    let mut link = Link::first(CHAIN, 0, 5);
    let mut lines = vec![line(&Line::Trail(head)), line(&Line::Link(link))];
    for size in sizes {
        let first = link.last + 1;
        let record = |id: i64| Record {
            id,
            at_ms: 1_000 + id,
            kind: "door".into(),
            code: "ok".into(),
            user: Some(format!("user {id}").into()),
            ..Record::default()
        };
        let records: Vec<Record<'_>> = (first..first + size).map(record).collect();
        let mut forms = Vec::new();
        records.iter().for_each(|record| record.canonical(&mut forms));
        link = Link::new(link.link, (first, link.last + size), 7, &forms);
        lines.push(line(&Line::Link(link)));
        lines.extend(records.into_iter().map(|record| line(&Line::Record(record))));
    }
    let checkpoint = Checkpoint::sign(&key, CHAIN, link.last, link.link, 9);
    lines.push(line(&Line::End(TrailEnd { records: link.last.cast_unsigned(), checkpoint })));
    lines
}

fn is_whole(lines: &[String]) -> bool {
    let mut export = Export::begin(&lines[0], None, &[]).expect("an export");
    lines[1..].iter().for_each(|line| export.line(line));
    export.finish().is_whole()
}

/// `cargo test --release -p stagedoor-trail --test changes million -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, for a release build"]
fn a_million_records_of_an_export_are_verified_within_10_s() {
    let lines = trail(&[4_000; 250]);
    let begun = std::time::Instant::now();
    assert!(is_whole(&lines));
    let verified = begun.elapsed();
    let records: Vec<_> = lines.iter().filter_map(|line| Line::read(line)).collect();
    let begun = std::time::Instant::now();
    let mut forms = Vec::new();
    for line in &records {
        if let Line::Record(record) = line {
            record.canonical(&mut forms);
        }
    }
    let link = Link::new(Hash([0; 32]), (1, 1), 0, &forms);
    let (chained, bytes) = (begun.elapsed(), forms.len());
    eprintln!("verified in {verified:?}; {bytes} bytes hashed in {chained:?}: {}", link.link);
    assert!(verified.as_secs() < 10, "{verified:?}");
}

proptest! {
    // Signatures are slow in tests.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_change_of_a_line_is_found(
        sizes in prop::collection::vec(1..9i64, 1..6),
        (at, to) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        digit in 0..10u8,
        change in 0..5,
    ) {
        let lines = trail(&sizes);
        prop_assert!(is_whole(&lines));
        let mut changed = lines.clone();
        // Neither the head, without which nothing is verified, nor the last line, whose absence is another test.
        let places = lines.len() - 2;
        let (at, to) = (1 + at.index(places), 1 + to.index(places));
        match change {
            0 => drop(changed.remove(at)),
            1 => changed.insert(to, lines[at].clone()),
            2 => changed.swap(at, to),
            3 => {
                let line = changed.remove(at);
                changed.insert(to.min(changed.len() - 1), line);
            }
            _ => {
                // Another digit in a number, a text or a hash.
                let digits: Vec<usize> =
                    lines[at].bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(n, _)| n).collect();
                let place = digits[to % digits.len()];
                changed[at].replace_range(place..=place, &digit.to_string());
            }
        }
        prop_assert_eq!(is_whole(&changed), changed == lines);
    }

    #[test]
    fn any_lines_are_judged(lines in prop::collection::vec(".{0,40}|\\{\"type\":\"link\",\"version\":1,\"first\":-?[0-9]{1,19},\"last\":-?[0-9]{1,19},\"at_ms\":0,\"previous\":\"0{64}\",\"link\":\"0{64}\"\\}|\\{\"type\":\"record\",\"id\":-?[0-9]{1,19},\"at_ms\":0,\"kind\":\"k\",\"code\":\"ok\"\\}", 0..12)) {
        let mut all = vec![trail(&[1])[0].clone()];
        all.extend(lines);
        prop_assert!(!is_whole(&all), "it has no last line");
    }
}
