//! The audit trail on the command line: an app's for its backend, all of it for the operator.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;
use stagedoor_tests::member::PATIENCE;

use super::Dev;

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
