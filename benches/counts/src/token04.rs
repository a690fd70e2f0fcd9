//! Opens a Token04, or refuses it. The refusals are those of `spec/vectors/token04/of_one_length.json`: before anything is
//! proven they must cost the same, which `cargo xtask budget` compares.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use stagedoor_token04::{
    Accept, Candidate, Claims, Fault, Limits, Opened, Token04Secret, mint, open,
    open::open_with_an_early_return,
};

use crate::count::{Path, repeat_alone};

/// Token04's paths. `token04_unproven_*` cost the same, and so do `token04_gcm_*`, where CBC is not accepted;
/// `token04_planted_*` stop early on purpose, which the comparison must find.
pub(crate) const PATHS: &[Path] = &[
    ("token04_open", opens),
    ("token04_unproven_layout", || refuses("layout", open)),
    ("token04_unproven_tag", || refuses("tag", open)),
    ("token04_unproven_padding", || refuses("padding", open)),
    ("token04_unproven_utf8", || refuses("utf8", open)),
    ("token04_unproven_json", || refuses("json", open)),
    ("token04_unproven_fields", || refuses("fields", open)),
    ("token04_unproven_expire", || refuses("expire", open)),
    ("token04_unproven_app", || refuses("app", open)),
    ("token04_unproven_secret", || refuses("secret", open)),
    ("token04_unproven_payload", || refuses("payload", open)),
    ("token04_unproven_stream", || refuses("stream", open)),
    ("token04_unproven_denied", || refuses("denied", open)),
    ("token04_gcm_layout", || refuses("gcm_layout", open)),
    ("token04_gcm_cbc", || refuses("cbc", open)),
    ("token04_gcm_tag", || refuses("gcm_tag", open)),
    ("token04_planted_padding", || refuses("padding", open_with_an_early_return)),
];

type Open = fn(&str, &[Candidate<'_>], u64, &Limits) -> Result<Opened, Fault>;

/// The cases, as far as they matter here.
#[derive(Deserialize)]
struct File {
    app: u32,
    ttl_s_max: u64,
    secrets: Vec<Secret>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Secret {
    secret: String,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    code: String,
    accept: String,
    now: u64,
    token: String,
}

const CASES: &str = include_str!("../../../spec/vectors/token04/of_one_length.json");

fn refuses(name: &str, open: Open) -> Result<()> {
    let file: File = serde_json::from_str(CASES)?;
    let case = file.cases.iter().find(|case| case.name == name).context("no such case")?;
    let secret: Token04Secret = file.secrets.first().context("no secret")?.secret.parse()?;
    let accept = if case.accept == "legacy" { Accept::Legacy } else { Accept::Gcm };
    let (app, ttl_s_max) = (file.app, file.ttl_s_max);
    let candidates = [Candidate { app, secret: &secret, accept, basic: false, ttl_s_max }];
    let run = || open(black_box(&case.token), &candidates, case.now, &Limits::DEFAULT);
    ensure!(run().err().map(Fault::code) == Some(&case.code), "{name} is not refused so");
    repeat_alone(run);
    Ok(())
}

fn opens() -> Result<()> {
    let secret: Token04Secret = "fa94dd0f974cf2e293728a526b028271".parse()?;
    let claims = Claims {
        app: 1_204_117,
        user: "u-8f14e45fceea167a".into(),
        room: Some("webinar-2026-q4-keynote".into()),
        may_publish: true,
        streams: Some(vec!["cam-8f14e45f".into()]),
        ctime: 1_700_000_000,
        expire: 1_700_003_600,
    };
    let token = mint(&claims, &secret, &Limits::DEFAULT)?;
    let candidate = Candidate {
        app: claims.app,
        secret: &secret,
        accept: Accept::Gcm,
        basic: false,
        ttl_s_max: 86_400,
    };
    let run = || open(black_box(&token), &[candidate], 1_700_000_001, &Limits::DEFAULT);
    ensure!(run().is_ok_and(|opened| opened.claims == claims), "our own token does not open");
    repeat_alone(run);
    Ok(())
}
