//! Faults of a data folder's trail, made by hand in its database: each is found and named.

use std::time::{Duration, Instant};

use stagedoor_bus::{Actor, AppLife, Text};
use stagedoor_token::AppId;
use stagedoor_trail::{Checkpoint, Fault, Hash, Link};

use super::*;
use crate::{
    folder::DataFolder,
    record::Record,
    store::{Store, tests::opened},
};

/// A record that uses every column.
fn full(n: i64) -> Record {
    let text = |name: &str| format!("{name} {n}");
    let record = Record { at_ms: n, ..Record::now(&text("kind"), "ok") };
    let record = record.of_app(AppLife { id: AppId(7), since_ms: 5 });
    let record = record.room(&text("room")).user(&text("user")).role(&text("role"));
    let record = record.jti(&text("jti")).detail(&text("detail"));
    let (peer, request_id) = (Text::peer("192.0.2.1:9"), Text::id(text("request")));
    let actor = Some(Actor::ApiKey(text("key").into()));
    Record { peer, request_id, actor, count: 3, ..record }
}

/// A trail of four transactions with the records 1 to 3, 4 to 6, 7 to 9 and 10 to 12, and a checkpoint after the third.
async fn trail(store: &Store) -> Checkpoint {
    let mut trail = store.trail();
    let mut checkpoint = None;
    for first in [1, 4, 7, 10] {
        trail.add(vec![(first..first + 3).map(full).collect()]).await.expect("kept");
        if first == 7 {
            checkpoint = store.checkpoint().await.expect("signed");
        }
    }
    checkpoint.expect("something was new")
}

async fn faults(folder: &tempfile::TempDir, known: &[Checkpoint]) -> Vec<String> {
    let report = verify_trail(folder.path(), None, known).await.expect("verified");
    report.faults.iter().map(Fault::to_string).collect()
}

#[tokio::test]
async fn an_untouched_trail_is_whole() {
    let (store, folder) = opened().await;
    assert_eq!(faults(&folder, &[]).await, [""; 0], "before any record");
    let checkpoint = trail(&store).await;
    let report = verify_trail(folder.path(), None, &[checkpoint]).await.expect("verified");
    assert_eq!(report.faults, []);
    assert_eq!((report.records, report.links, report.checkpoints), (12, 5, 2));
    assert_eq!((report.first, report.last, report.unchained), (1, 12, 0));
}

#[tokio::test]
async fn an_altered_field_of_each_column_is_found() {
    let (store, folder) = opened().await;
    trail(&store).await;
    for column in [
        "at_ms",
        "app",
        "app_since",
        "kind",
        "code",
        "count",
        "actor",
        "actor_kind",
        "room",
        "user_id",
        "role",
        "jti",
        "peer",
        "request_id",
        "detail",
    ] {
        for value in ["'x'", "NULL", "'1'"] {
            if value == "NULL" && ["at_ms", "kind", "code"].contains(&column) {
                continue;
            }
            let keep = "CREATE TABLE kept AS SELECT * FROM audit";
            store
                .tamper(&format!("{keep}; UPDATE audit SET {column} = {value} WHERE id = 5"))
                .await;
            assert_eq!(faults(&folder, &[]).await, ["altered: records 4 to 6"], "{column} {value}");
            let back = format!(
                "UPDATE audit SET {column} = (SELECT {column} FROM kept WHERE id = 5) WHERE id = 5"
            );
            store.tamper(&format!("{back}; DROP TABLE kept")).await;
            assert_eq!(faults(&folder, &[]).await, [""; 0], "{column} is as it was");
        }
    }
}

#[tokio::test]
async fn each_fault_is_named_with_its_place() {
    let copied = "at_ms, app, app_since, kind, code, count, actor, actor_kind, room, user_id, role, jti, peer, request_id, detail";
    let double =
        format!("INSERT INTO audit (id, {copied}) SELECT 13, {copied} FROM audit WHERE id = 2");
    for (sql, expected) in [
        ("UPDATE audit SET id = 0 WHERE id = 5", vec!["missing: records 5"]),
        ("DELETE FROM audit WHERE id = 5", vec!["missing: records 5"]),
        ("DELETE FROM audit WHERE id IN (2, 3, 4)", vec!["missing: records 2 to 4"]),
        (&double, vec!["missing: the link of records 13"]),
        (
            "UPDATE audit SET id = 99 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = 6; UPDATE audit SET id = 6 WHERE id = 99",
            vec!["reordered: records 4 to 6"],
        ),
        (
            "UPDATE audit SET id = 99 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = 99",
            vec!["altered: records 1 to 3", "altered: records 4 to 6"],
        ),
        ("DELETE FROM audit_links WHERE last_id = 6", vec!["missing: the link of records 4 to 6"]),
        (
            "DELETE FROM audit_links WHERE last_id = 6; DELETE FROM audit WHERE id BETWEEN 4 AND 6",
            vec!["missing: the link of records 4 to 6"],
        ),
        ("DELETE FROM audit_links WHERE last_id = 0", vec!["missing: the link of records 0"]),
        (
            "DELETE FROM audit_links WHERE last_id <= 3; DELETE FROM audit WHERE id <= 3",
            vec!["missing: records 1 to 3"],
        ),
        ("UPDATE audit_links SET link = X'00' WHERE last_id = 6", vec!["altered: records 4 to 6"]),
        (
            "UPDATE audit_links SET previous = zeroblob(32) WHERE last_id = 6",
            vec!["altered: records 4 to 6"],
        ),
        ("UPDATE audit_links SET at_ms = 1 WHERE last_id = 6", vec!["altered: records 4 to 6"]),
        ("UPDATE audit_links SET version = 9 WHERE last_id = 6", vec!["altered: records 4 to 6"]),
        ("UPDATE audit_checkpoints SET at_ms = 1", vec!["altered: a checkpoint at 9"]),
        (
            "UPDATE audit_checkpoints SET link = (SELECT link FROM audit_links WHERE last_id = 6)",
            vec!["altered: a checkpoint at 9"],
        ),
        (
            "DELETE FROM audit WHERE id > 9; DELETE FROM audit_links WHERE last_id > 9",
            vec!["cut: records 10 to 12"],
        ),
        (
            "DELETE FROM audit WHERE id > 6; DELETE FROM audit_links WHERE last_id > 6; UPDATE sqlite_sequence SET seq = 6 WHERE name = 'audit'",
            vec!["cut: records 7 to 9"],
        ),
    ] {
        let (store, folder) = opened().await;
        trail(&store).await;
        store.tamper(sql).await;
        // A record under 0 is as one from before the chain.
        assert_eq!(faults(&folder, &[]).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_tail_cut_off_without_a_trace_is_found_by_a_kept_checkpoint() {
    let (store, folder) = opened().await;
    let kept = trail(&store).await;
    let cut = "DELETE FROM audit WHERE id > 6; DELETE FROM audit_links WHERE last_id > 6;
        DELETE FROM audit_checkpoints; UPDATE sqlite_sequence SET seq = 6 WHERE name = 'audit'";
    store.tamper(cut).await;
    assert_eq!(faults(&folder, &[]).await, [""; 0], "the chain alone cannot tell");
    assert_eq!(faults(&folder, &[kept]).await, ["cut: records 7 to 9"]);
}

#[tokio::test]
async fn a_deleted_checkpoint_is_noticed_by_a_kept_one() {
    let (store, folder) = opened().await;
    let kept = trail(&store).await;
    let newest = store.checkpoint().await.expect("signed").expect("something was new");
    let kept = [kept, newest];
    let report = verify_trail(folder.path(), None, &kept).await.expect("verified");
    assert_eq!(report.not_in_trail, [0; 0]);
    store.tamper("DELETE FROM audit_checkpoints WHERE last_id = 9").await;
    let report = verify_trail(folder.path(), None, &kept).await.expect("verified");
    assert_eq!((report.faults, report.not_in_trail), (Vec::new(), vec![9]), "no record is gone");
    assert_eq!(faults(&folder, &[]).await, [""; 0], "the trail alone cannot tell");
}

#[tokio::test]
async fn a_history_that_went_another_way_is_found_by_a_kept_checkpoint() {
    let (store, folder) = opened().await;
    let kept = trail(&store).await;
    // As after the restoration of a backup from before record 7.
    let back = "DELETE FROM audit WHERE id > 6; DELETE FROM audit_links WHERE last_id > 6;
        DELETE FROM audit_checkpoints; UPDATE sqlite_sequence SET seq = 6 WHERE name = 'audit'";
    store.tamper(back).await;
    let store = again(store, &folder).await;
    for others in [vec![20, 21, 22], vec![23]] {
        store.trail().add(vec![others.into_iter().map(full).collect()]).await.expect("kept");
    }
    store.checkpoint().await.expect("signed");
    assert_eq!(faults(&folder, &[]).await, [""; 0], "it is whole in itself");
    assert_eq!(faults(&folder, &[kept]).await, ["forked: the link of records 1 to 9"]);
}

/// The store, closed and opened again.
async fn again(store: Store, folder: &tempfile::TempDir) -> Store {
    store.close().await;
    drop(store);
    let data = DataFolder::open(folder.path()).expect("the folder");
    Store::open(data, Duration::from_secs(5), None).await.expect("opened")
}

#[tokio::test]
async fn a_pruned_trail_is_whole_and_its_pruning_is_bound_to_its_record() {
    let (store, folder) = opened().await;
    trail(&store).await;
    store.prune_oldest(3).await.expect("pruned");
    store.prune_oldest(3).await.expect("pruned");
    let report = verify_trail(folder.path(), None, &[]).await.expect("verified");
    assert_eq!(report.faults, []);
    assert_eq!((report.first, report.last), (7, 14));
    store
        .tamper("DELETE FROM audit WHERE id <= 9; DELETE FROM audit_links WHERE last_id <= 9")
        .await;
    assert_eq!(faults(&folder, &[]).await, ["missing: records 7 to 9"]);
}

#[tokio::test]
async fn a_chain_begins_after_the_records_that_are_there() {
    let (store, folder) = opened().await;
    trail(&store).await;
    // As an older version left it.
    store
        .tamper("DELETE FROM audit_chain; DELETE FROM audit_links; DELETE FROM audit_checkpoints")
        .await;
    let store = again(store, &folder).await;
    store.trail().add(vec![vec![full(13)]]).await.expect("kept");
    let report = verify_trail(folder.path(), None, &[]).await.expect("verified");
    assert_eq!(report.faults, []);
    assert_eq!((report.unchained, report.records, report.first), (12, 1, 13));
    assert_eq!(store.prune_oldest(5).await.expect("pruned"), 5);
    assert_eq!(store.prune_oldest(7).await.expect("pruned"), 7);
    assert_eq!(faults(&folder, &[]).await, [""; 0]);
}

#[tokio::test]
async fn a_key_that_was_replaced_still_proves_its_checkpoints() {
    let (store, folder) = opened().await;
    trail(&store).await;
    let mut tx = store.begin().await.expect("begun");
    tx.rotate_audit_key().await.expect("rotated");
    tx.add_record(full(13)).await.expect("added");
    drop(tx.commit().await.expect("committed"));
    store.checkpoint().await.expect("signed").expect("something was new");
    assert!(store.checkpoint().await.expect("looked").is_none(), "nothing is new");
    let report = verify_trail(folder.path(), None, &[]).await.expect("verified");
    assert_eq!((report.faults, report.checkpoints), (vec![], 3));
    let keys = store.audit_jwks().await.expect("the keys").keys;
    assert_eq!(keys.len(), 2);
    for (key, good) in keys.iter().zip([2, 1]) {
        let trusted = PublicKeys::of(std::slice::from_ref(key));
        let report = verify_trail(folder.path(), Some(trusted), &[]).await.expect("verified");
        assert_eq!((report.checkpoints, report.faults.len()), (good, 3 - good as usize));
    }
}

/// `cargo test --release -p stagedoor-server --lib a_million_records -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement, for a release build"]
async fn a_million_records_are_verified_within_10_s() {
    let (store, folder) = opened().await;
    let mut trail = store.trail();
    let begun = Instant::now();
    for transaction in 0..250 {
        let records = (0..4_000).map(|n| full(transaction * 4_000 + n)).collect();
        trail.add(vec![records]).await.expect("kept");
    }
    let written = begun.elapsed();
    let record = full(1);
    let begun = Instant::now();
    let mut forms = Vec::new();
    for _ in 0..1_000_000 {
        if forms.len() > 1_000_000 {
            std::hint::black_box(Link::new(Hash([0; 32]), (1, 4_000), 5, &forms));
            forms.clear();
        }
        crate::store::audit::chain::canonical(&record, &mut forms);
    }
    let chained = begun.elapsed();
    let begun = Instant::now();
    let report = verify_trail(folder.path(), None, &[]).await.expect("verified");
    let verified = begun.elapsed();
    assert_eq!((report.faults, report.records), (vec![], 1_000_000));
    eprintln!("written {written:?}, of it the chain {chained:?}; verified {verified:?}");
    assert!(verified < Duration::from_secs(10), "{verified:?}");
}
