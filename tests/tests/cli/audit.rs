//! The audit trail on the command line: an app's for its backend, all of it for the operator.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;
use stagedoor_tests::member::PATIENCE;

use super::{Dev, run_with};

/// Records of a listing, once there are some.
fn listed(dev: &Dev, credential: &str, arguments: &[&str]) -> Result<Vec<Value>> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let page = dev.ok(credential, arguments)?;
        let records = page["items"].as_array().context("records")?;
        if !records.is_empty() || Instant::now() >= patience {
            return Ok(records.clone());
        }
    }
}

#[test]
fn operators_list_the_whole_trail_and_backends_their_own() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    assert_eq!(dev.run_as("sd_none", &["room", "list", &app])?.code, 1);
    let strangers = listed(&dev, "root", &["audit", "--app", "none", "--kind", "caller"])?;
    let code = strangers.first().map(|record| record["code"].clone());
    assert_eq!(code, Some("credential_invalid".into()));
    let refused = dev.run_as(dev.text("api_key"), &["audit"])?;
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("scope_missing"), "{}", refused.err);
    let denied = listed(&dev, "root", &["audit", "--code", "scope_missing"])?;
    assert_eq!((denied.len(), &denied[0]["app"]), (1, &Value::Null), "it is no app's");
    let made = ["app", "audit", &app, "--kind", "app.create", "--limit", "1"];
    let made = listed(&dev, "api_key", &made)?;
    assert_eq!((made.len(), &made[0]["actor_kind"]), (1, &"system".into()));
    Ok(())
}

#[test]
fn the_trail_is_searched_by_human_readable_times() -> Result<()> {
    let dev = Dev::start()?;
    let (app, key) = (dev.app(), dev.text("api_key").to_owned());
    let made = ["app", "audit", &app, "--kind", "app.create"];
    let from = |from: &str, to: &str| -> Result<usize> {
        let found = dev.ok("api_key", &[&made[..], &["--from", from, "--to", to]].concat())?;
        Ok(found["items"].as_array().context("records")?.len())
    };
    assert_eq!(from("5m", "2100-01-01T00:00:00Z")?, 1, "a duration is one ago");
    assert_eq!(from("2000-01-01T00:00:00Z", "5m")?, 0);
    assert_eq!(from("@1000000000", "2100-01-01T00:00:00+02:00")?, 1);
    let all = ["audit", "--kind", "app.create", "--from", "1h", "--app", &app];
    assert_eq!(listed(&dev, "root", &all)?.len(), 1);
    for wrong in [["--from", "yesterday"], ["--to", "1700000000"], ["--from-ms", "0"]] {
        let ran = dev.run_as(&key, &[&made[..], &wrong].concat())?;
        assert_eq!(ran.code, 2, "{wrong:?}: {}", ran.err);
    }
    let table = dev.run_as(&key, &made)?.out;
    let row = table.lines().nth(1).context("a row")?;
    let is_time = |cell: &str| {
        cell.len() == 20 && cell.ends_with('Z') && cell.as_bytes().get(10) == Some(&b'T')
    };
    assert!(row.split_whitespace().any(is_time), "{table}");
    assert!(!table.contains("_ms"), "{table}");
    Ok(())
}

#[test]
fn every_filter_of_the_trail_is_a_flag() -> Result<()> {
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    for (path, command) in [
        ("/v1/apps/{app}/audit", &["app", "audit", "--help"][..]),
        ("/v1/audit", &["audit", "--help"]),
    ] {
        let help = run_with(command, &[], "")?.out;
        let parameters = &document["paths"][path]["get"]["parameters"];
        for parameter in parameters.as_array().context("parameters")? {
            let name = parameter["name"].as_str().context("a name")?;
            if parameter["in"] == "query" {
                let flag = format!("--{} ", name.trim_end_matches("_ms").replace('_', "-"));
                assert!(help.contains(&flag), "{command:?} lacks {flag}");
            }
        }
    }
    Ok(())
}
