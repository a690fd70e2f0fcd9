//! Whenever a client hangs up or the process ends, store, doors and audit trail agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use stagedoor_tests::{Caller, Stage, member::PATIENCE};
use tokio::{task::JoinSet, time::Instant};

use super::{
    Dice,
    child::Served,
    operation::{Case, Leaves, OPERATIONS},
    rounds, within,
};

/// Cases that wait for their last look: not for long, since their members answer no pings.
const AT_A_TIME: usize = 8;

/// The first AppID of the operation at this place; each has a million.
fn first_id(place: usize) -> u32 {
    (place as u32 + 1) * 1_000_000
}

/// Operations of no app, which have tests of their own: `a_rotation_and_a_leak_survive_a_kill`, those of the chain, and
/// of `oauth`.
const OF_NO_APP: [&str; 5] = [
    "POST /v1/audit/keys/rotate",
    "POST /v1/leaks",
    "POST /oauth/introspect",
    "POST /oauth/revoke",
    "POST /oauth/token",
];

/// Operations about operators and issuers, which are not broken off here: `field/team`, `http/issuers` and `cli/operators`
/// try them whole.
const OF_PEOPLE: [&str; 16] = [
    "DELETE /v1/apps/{app}/issuers/{id}",
    "DELETE /v1/apps/{app}/team/{operator}",
    "DELETE /v1/me/sessions/{session}",
    "DELETE /v1/me/tokens/{token}",
    "DELETE /v1/operators/{operator}",
    "DELETE /v1/operators/{operator}/sessions/{session}",
    "DELETE /v1/operators/{operator}/tokens/{token}",
    "PATCH /v1/operators/{operator}",
    "POST /v1/apps/{app}/issuers/{id}/try",
    "POST /v1/me/tokens",
    "POST /v1/operators",
    "POST /v1/operators/{operator}/links",
    "POST /v1/operators/{operator}/tokens",
    "POST /v1/session",
    "PUT /v1/apps/{app}/issuers/{id}",
    "PUT /v1/apps/{app}/team/{operator}",
];

#[test]
fn every_mutating_operation_in_the_document_is_tested() -> Result<()> {
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let paths = document["paths"].as_object().context("paths")?;
    let mutating: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flat_map(|item| item.keys());
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .filter(|operation| !operation.starts_with("GET "))
        .collect();
    let tried = OPERATIONS.iter().map(|(name, ..)| *name).chain(OF_NO_APP).chain(OF_PEOPLE);
    assert_eq!(mutating, tried.map(str::to_owned).collect());
    Ok(())
}

/// What disagrees, asked in an order in which matching facts cannot seem to disagree.
async fn disagreement(case: &mut Case) -> Result<Option<&'static str>> {
    if case.leaves == Leaves::Record {
        return Ok(None);
    }
    if case.leaves == Leaves::InRoom {
        let recorded = case.is_recorded().await?;
        let done = case.is_enforced().await?;
        return Ok((recorded && !done).then_some("recorded, not done"));
    }
    let stored = case.is_stored().await?;
    let enforced = case.is_enforced().await?;
    let stored_then = case.is_stored().await?;
    let recorded = case.is_recorded().await?;
    let stored_last = case.is_stored().await?;
    Ok(match () {
        () if stored && !enforced => Some("stored, not enforced"),
        () if enforced && !stored_then => Some("enforced, not stored"),
        () if stored_then && !recorded => Some("stored, not recorded"),
        () if recorded && !stored_last => Some("recorded, not stored"),
        () => None,
    })
}

/// What disagrees in the end.
async fn lasting_disagreement(case: &mut Case) -> Result<Option<&'static str>> {
    let patience = Instant::now() + PATIENCE;
    while case.leaves == Leaves::InRoom && case.is_enforced().await? {
        if case.is_recorded().await? {
            break;
        }
        if Instant::now() >= patience {
            return Ok(Some("done, not recorded"));
        }
        // There is no signal when a record arrives.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    disagreement(case).await
}

/// Interrupts one operation `count` times; returns what disagreed, and how often.
async fn break_off(root: Caller, place: usize, count: usize) -> Result<BTreeMap<String, usize>> {
    let mut dice = Dice(place as u64);
    let mut faults = BTreeMap::new();
    let mut cases = Vec::new();
    for n in 1..=count {
        let mut case = Case::prepare(&root, OPERATIONS[place], first_id(place) + n as u32).await?;
        let (method, path) = (case.method, case.path.clone());
        root.break_off(method, &path, "", case.body.as_ref(), dice.moment()).await?;
        let fault = disagreement(&mut case).await.context(case.operation)?;
        if let Some(fault) = fault {
            *faults.entry(format!("{}: at once: {fault}", case.operation)).or_default() += 1;
        }
        cases.push(case);
        if n % AT_A_TIME != 0 && n < count {
            continue;
        }
        for mut case in cases.drain(..) {
            if let Some(fault) = lasting_disagreement(&mut case).await.context(case.operation)? {
                *faults.entry(format!("{}: at last: {fault}", case.operation)).or_default() += 1;
            }
        }
    }
    Ok(faults)
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_are_atomic_if_their_client_hangs_up() -> Result<()> {
    within(120, async {
        let stage = Stage::configured(|config| {
            config.server.rate_per_s = 1_000_000;
            config.server.rate_burst = 1_000_000;
            config.server.refusals_per_s = 1_000_000;
            config.server.refusals_burst = 1_000_000;
        })
        .await?;
        let mut tasks = JoinSet::new();
        for place in 0..OPERATIONS.len() {
            tasks.spawn(break_off(stage.operator(), place, rounds(8)));
        }
        let mut faults = BTreeMap::new();
        while let Some(found) = tasks.join_next().await {
            faults.extend(found??);
        }
        assert!(faults.is_empty(), "of {} each: {faults:#?}", rounds(8));
        Ok(())
    })
    .await
}

/// Starts every operation at about the same time, kills the process meanwhile, and compares what the next one shows.
async fn end_meanwhile(
    count: usize,
    end: impl AsyncFn(Served) -> Result<()>,
) -> Result<BTreeMap<String, usize>> {
    let folder = tempfile::tempdir()?;
    let mut dice = Dice(3);
    let mut faults = BTreeMap::new();
    for round in 0..count {
        let served = Served::start(folder.path()).await?;
        let root = served.operator()?;
        let mut asked = JoinSet::new();
        for (place, operation) in OPERATIONS.into_iter().enumerate() {
            let case = Case::prepare(&root, operation, first_id(place) + round as u32).await?;
            let (root, moment) = (root.clone(), dice.moment() * 6);
            asked.spawn(async move {
                let (method, path) = (case.method, case.path.clone());
                let status = root.break_off(method, &path, "", case.body.as_ref(), moment).await;
                // If the process ended before it listened, nothing was sent.
                (case, status.ok().flatten())
            });
        }
        tokio::time::sleep(dice.moment() * 4).await;
        end(served).await?;
        let served = Served::start(folder.path()).await?;
        while let Some(done) = asked.join_next().await {
            let (mut case, status) = done?;
            case.root = served.operator()?;
            let acknowledged = status.is_some_and(|status| status < 300);
            if let Some(fault) = fault_of_end(&mut case, acknowledged).await? {
                *faults.entry(format!("{}: {fault}", case.operation)).or_default() += 1;
            }
        }
        served.kill().await?;
    }
    Ok(faults)
}

/// What disagrees in the process after the killed one.
async fn fault_of_end(case: &mut Case, acknowledged: bool) -> Result<Option<&'static str>> {
    if acknowledged && !case.is_recorded().await? {
        return Ok(Some("acknowledged, not recorded"));
    }
    if case.leaves != Leaves::Change {
        return Ok(None);
    }
    if acknowledged && !case.is_stored().await? {
        return Ok(Some("acknowledged, not stored"));
    }
    disagreement(case).await
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_are_atomic_if_their_process_is_killed() -> Result<()> {
    within(120, async {
        let faults = end_meanwhile(rounds(3), Served::kill).await?;
        assert!(faults.is_empty(), "in {} rounds: {faults:#?}", rounds(3));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_in_progress_at_a_stop_are_completed() -> Result<()> {
    within(120, async {
        let faults = end_meanwhile(rounds(2), Served::terminate).await?;
        assert!(faults.is_empty(), "in {} rounds: {faults:#?}", rounds(2));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_leaves_the_audit_key_whole() -> Result<()> {
    within(60, async {
        let stage = Stage::start().await?;
        let (root, mut dice) = (stage.operator(), Dice(5));
        let path = "/v1/audit/keys/rotate";
        for _ in 0..rounds(20) {
            root.break_off("POST", path, "", None, dice.moment()).await?;
        }
        // After those that were begun: acts go one after another.
        let last = root.get(200, "POST", path, None).await?;
        let set = root.get(200, "GET", "/v1/audit/jwks.json", None).await?;
        let kids: BTreeSet<&str> = set["keys"]
            .as_array()
            .context("keys")?
            .iter()
            .filter_map(|key| key["kid"].as_str())
            .collect();
        let records = root.records("/v1/audit?kind=audit.key_rotate", 1).await?;
        assert_eq!(kids.len(), records.len() + 1, "one key for each record, and the first");
        for record in &records {
            let detail = record["detail"].as_str().context("a detail")?;
            let named = kids.iter().filter(|kid| detail.contains(**kid)).count();
            assert_eq!(named, 2, "the old one and the new one: {detail}");
        }
        let checkpoint = root.get(200, "GET", "/v1/audit/checkpoint", None).await?;
        assert!(kids.contains(checkpoint["kid"].as_str().context("a key")?), "{checkpoint}");
        assert!(kids.iter().any(|kid| last.to_string().contains(kid)), "{last}");
        Ok(())
    })
    .await
}
