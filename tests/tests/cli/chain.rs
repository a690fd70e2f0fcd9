//! The audit trail's proof on the command line: exports, checkpoints, and the faults that `audit verify` names.

use std::{
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Dev, Ran, run_with};

/// Runs the second verifier, in Python, on an export.
fn python(arguments: &[&str]) -> Result<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/audit_verify.py");
    Ok(Command::new("python3").arg("-B").arg(script).args(arguments).output()?)
}

fn verify(arguments: &[&str]) -> Result<Ran> {
    run_with(&[&["audit", "verify"], arguments].concat(), &[], "")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("UTF-8")
}

/// A file with a checkpoint over everything so far.
fn witness(dev: &Dev, file: &Path) -> Result<Value> {
    dev.ok("root", &["audit", "key", "rotate", "--yes"])?;
    let checkpoint = dev.ok("root", &["audit", "checkpoint"])?;
    std::fs::write(file, checkpoint.to_string())?;
    Ok(checkpoint)
}

#[test]
fn an_export_is_verified_by_both_verifiers() -> Result<()> {
    let (dev, folder) = (Dev::start()?, tempfile::tempdir()?);
    let (out, kept) = (folder.path().join("trail.jsonl"), folder.path().join("kept.json"));
    let (out, kept) = (text(&out)?, text(&kept)?);
    witness(&dev, Path::new(kept))?;
    let exported = dev.run_as(dev.text("root"), &["audit", "export", "--out", out])?;
    assert_eq!(exported.code, 0, "{}", exported.err);
    let whole = verify(&["--export", out, "--checkpoint", kept, "--json"])?;
    assert_eq!((whole.code, &whole.json()?["whole"]), (0, &Value::Bool(true)), "{}", whole.err);
    let said = python(&[out, kept])?;
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    let lines = std::fs::read_to_string(out)?;
    let altered = lines.replacen("\"app.create\"", "\"app.delete\"", 1);
    ensure!(altered != lines);
    std::fs::write(out, altered)?;
    let found = verify(&["--export", out])?;
    assert_eq!(found.code, 1);
    assert!(found.out.contains("altered: records "), "{}", found.out);
    assert_eq!(python(&[out])?.status.code(), Some(1));
    let all = dev.ok("root", &["audit", "list", "--kind", "audit.*", "--order", "oldest"])?;
    let kinds = all["items"].as_array().context("records")?.iter().map(|record| &record["kind"]);
    assert_eq!(kinds.collect::<Vec<_>>(), ["audit.key_rotate", "audit.export"]);
    Ok(())
}

#[test]
fn an_apps_excerpt_is_signed() -> Result<()> {
    let (dev, folder) = (Dev::start()?, tempfile::tempdir()?);
    let (out, app) = (folder.path().join("app.jsonl"), dev.app());
    let exported =
        dev.run_as(dev.text("api_key"), &["audit", "export", "--app", &app, "--out", text(&out)?])?;
    assert_eq!(exported.code, 0, "{}", exported.err);
    let whole = verify(&["--export", text(&out)?])?;
    assert_eq!(whole.code, 0, "{}", whole.out);
    assert!(python(&[text(&out)?])?.status.success());
    let lines = std::fs::read_to_string(&out)?;
    ensure!(lines.lines().all(|line| !line.contains("root.create")), "others' records");
    std::fs::write(&out, lines.replacen("app.create", "app.change", 1))?;
    assert_eq!(verify(&["--export", text(&out)?])?.code, 1);
    let refused = dev.run_as(dev.text("api_key"), &["audit", "export"])?;
    assert!(refused.code == 1 && refused.err.contains("scope_missing"), "{}", refused.err);
    Ok(())
}

#[test]
fn a_fork_after_a_restore_is_found_by_a_kept_checkpoint() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [data, other] = ["data", "other"].map(|name| folder.path().join(name));
    let (backup, kept) = (folder.path().join("backup.sqlite"), folder.path().join("kept.json"));
    let dev = Dev::start_in(&data, &[])?;
    let made = run_with(&["backup", text(&backup)?, "--data", text(&data)?], &[], "")?;
    assert_eq!(made.code, 0, "{}", made.err);
    dev.ok("root", &["app", "create", "after the backup"])?;
    witness(&dev, &kept)?;
    let root = dev.text("root").to_owned();
    let known = ["--data", text(&data)?, "--checkpoint", text(&kept)?];
    let running = verify(&known)?;
    assert_eq!(running.code, 0, "while it runs: {}{}", running.out, running.err);
    dev.stop()?;
    let ended = verify(&known)?;
    assert_eq!(ended.code, 0, "after it ended");
    assert!(!ended.out.contains("not in the trail itself"), "{}", ended.out);

    let restored = run_with(&["restore", text(&backup)?, "--data", text(&other)?], &[], "")?;
    assert_eq!(restored.code, 0, "{}", restored.err);
    assert_eq!(verify(&["--data", text(&other)?])?.code, 0, "whole in itself");
    let cut = verify(&["--data", text(&other)?, "--checkpoint", text(&kept)?])?;
    assert_eq!(cut.code, 1);
    assert!(cut.out.contains("not in the trail itself"), "{}", cut.out);
    assert!(cut.out.contains("cut: records") || cut.out.contains("forked: "), "{}", cut.out);
    std::fs::copy(data.join("master.key"), other.join("master.key"))?;
    let dev = Dev::start_in(&other, &[])?;
    for name in ["another", "and another", "and one more"] {
        let made = dev.run_as(&root, &["app", "create", name])?;
        assert_eq!(made.code, 0, "{}", made.err);
    }
    dev.stop()?;
    let forked = verify(&["--data", text(&other)?, "--checkpoint", text(&kept)?])?;
    assert_eq!(forked.code, 1);
    assert!(forked.out.contains("forked: the link of records"), "{}", forked.out);
    Ok(())
}

#[test]
fn what_cannot_be_verified_is_told_apart_from_what_is_not_whole() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    std::fs::write(&file, "nothing\n")?;
    let data = text(folder.path())?;
    for (arguments, code, said) in [
        (&["--data", data][..], 1, "contains no database"),
        (&["--export", text(&file)?], 1, "not the head of an audit export"),
        (&["--export", "/nowhere"], 1, "/nowhere"),
        (&["--data", data, "--checkpoint", text(&file)?], 2, "expected"),
        (&["--data", data, "--public-key", text(&file)?], 2, "neither an Ed25519 JWK"),
        (&["--data", data, "--export", data], 2, "cannot be used with"),
    ] {
        let ran = verify(arguments)?;
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
    Ok(())
}
