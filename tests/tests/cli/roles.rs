//! `role`: every command against the HTTP API, and files that go in and out.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Dev, run_with};

fn names(set: &Value) -> Vec<&str> {
    set["roles"].as_array().into_iter().flatten().filter_map(|r| r["role"].as_str()).collect()
}

#[test]
fn the_example_role_sets_can_be_imported() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    for (set, lowest) in
        [("webinar", "audience"), ("classroom", "student"), ("war-room", "observer")]
    {
        let file = format!("{}/../examples/roles/{set}.json", env!("CARGO_MANIFEST_DIR"));
        let imported = dev.ok("api_key", &["role", "import", &app, &file])?;
        assert!(names(&imported).contains(&lowest), "{imported}");
    }
    Ok(())
}

#[test]
fn roles_are_listed_set_deleted_imported_exported_and_restored() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let folder = tempfile::tempdir()?;
    let list = dev.ok("api_key", &["role", "list", &app])?;
    assert_eq!(list["version"], 0);
    let plain = dev.run_as(dev.text("api_key"), &["role", "list", &app])?;
    assert!(plain.out.contains("cohost") && plain.out.ends_with("version 0\n"), "{}", plain.out);

    let chef = folder.path().join("chef.json").display().to_string();
    std::fs::write(&chef, r#"{"role": "chef", "rank": 9}"#)?;
    let set = dev.ok("api_key", &["role", "set", &app, &chef, "--if-version", "0"])?;
    assert_eq!((&set["version"], names(&set).len()), (&json!(1), 6));
    let stale =
        dev.run_as(dev.text("api_key"), &["role", "set", &app, &chef, "--if-version", "0"])?;
    assert_eq!(stale.code, 1);
    assert!(stale.err.contains("version_conflict"), "{}", stale.err);
    let shown = dev.ok("api_key", &["role", "show", &app, "chef"])?;
    assert_eq!(shown["template"]["rank"], 9);

    let exported = dev.run_as(dev.text("api_key"), &["role", "export", &app])?;
    let file = folder.path().join("all.json").display().to_string();
    std::fs::write(&file, &exported.out)?;
    let fewer = dev.ok("api_key", &["role", "delete", &app, "chef"])?;
    assert_eq!((&fewer["version"], names(&fewer).len()), (&json!(2), 5));
    let imported = dev.ok("api_key", &["role", "import", &app, &file])?;
    assert_eq!((&imported["version"], &imported["roles"]), (&json!(3), &set["roles"]));
    let old = dev.run_as(dev.text("api_key"), &["role", "export", &app, "--of", "2"])?;
    assert_eq!(serde_json::from_str::<Value>(&old.out)?, fewer["roles"]);
    let restored = dev.ok("api_key", &["role", "restore", &app, "0", "--if-version", "3"])?;
    assert_eq!(restored["version"], 4);
    let versions = dev.ok("api_key", &["role", "versions", &app])?;
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(4));
    let plain = dev.run_as(dev.text("api_key"), &["role", "delete", &app, "observer"])?;
    assert!(plain.out.starts_with("version        5\n"), "{}", plain.out);
    Ok(())
}

#[test]
fn a_bad_roles_file_is_refused_where_its_fault_is_known() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let key = [("STAGEDOOR_URL", dev.text("url")), ("STAGEDOOR_API_KEY", dev.text("api_key"))];
    for (text, code, told) in [
        ("{", 2, "not JSON"),
        (r#"[{"role":"a","odd":1}]"#, 1, "role `a`: `odd` is not one of"),
        (r#"[{"role":"a","rank":1,"rank":2}]"#, 1, "role `a`: `rank` is given twice"),
    ] {
        let ran = run_with(&["role", "import", &app, "-"], &key, text)?;
        assert_eq!(ran.code, code, "{text}: {}", ran.err);
        assert!(ran.err.contains(told), "{text}: {}", ran.err);
    }
    let none = run_with(&["role", "import", &app, "no-such-file.json"], &key, "")?;
    assert_eq!(none.code, 2, "{}", none.err);
    let list = dev.ok("api_key", &["role", "list", &app])?;
    assert_eq!(list["version"].as_u64().context("a version")?, 0);
    Ok(())
}
