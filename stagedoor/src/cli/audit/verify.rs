//! `audit verify`.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;
use stagedoor_trail::{Checkpoint, Export, PublicKeys, Report, line::LINE_BYTES_MAX};

use super::super::failure::{Done, Failure, usage};
use crate::config::Config;

/// Size of a file with checkpoints or keys, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1_048_576;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: whole. 1: not whole, and each fault is named, with the ids that it is about.\n\n\
    Example:\n  stagedoor audit verify --data /var/lib/stagedoor --checkpoint kept.json --public-key audit-jwks.json"
)]
pub(super) struct Verify {
    /// The data folder; a server may be using it.
    #[arg(long, value_name = "FOLDER", conflicts_with = "export")]
    data: Option<PathBuf>,
    /// An export instead of a data folder; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// A file with checkpoints that were kept elsewhere, one JSON object for each line. The trail must agree with them.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// A file with the audit key, as a JWK or a set of them, that was kept elsewhere; by default the keys in the trail
    /// itself are believed.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(self, config: impl FnOnce() -> Result<Config, Failure>, json: bool) -> Done {
        let trusted = self.public_key.as_deref().map(keys).transpose()?;
        let is_trusted = trusted.is_some();
        let mut known = Vec::new();
        for file in &self.checkpoint {
            known.extend(checkpoints(file)?);
        }
        let report = match &self.export {
            Some(file) => of_export(file, trusted, &known)?,
            None => {
                let data = match self.data {
                    Some(data) => data,
                    None => config()?.server.data_dir,
                };
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let verified = stagedoor_server::verify_trail(&data, trusted, &known);
                runtime.block_on(verified).map_err(anyhow::Error::from)?
            }
        };
        show(&report, is_trusted, json)
    }
}

fn text(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let opened = File::open(file).with_context(|| file.display().to_string())?;
    let read = opened.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.with_context(|| file.display().to_string())?;
    Ok(text)
}

fn keys(file: &Path) -> Result<PublicKeys, Failure> {
    PublicKeys::of_json(&text(file)?).ok_or_else(|| {
        usage(&format!("{}: neither an Ed25519 JWK nor a set with one", file.display()))
    })
}

fn checkpoints(file: &Path) -> Result<Vec<Checkpoint>, Failure> {
    let text = text(file)?;
    let all = serde_json::Deserializer::from_str(&text).into_iter().collect();
    let all: Result<Vec<Checkpoint>, _> = all;
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(usage(&format!("{}: has no checkpoint", file.display()))),
        Err(error) => Err(usage(&format!("{}: {error}", file.display()))),
    }
}

fn of_export(
    file: &Path,
    trusted: Option<PublicKeys>,
    known: &[Checkpoint],
) -> Result<Report, Failure> {
    let mut input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = File::open(file).with_context(|| file.display().to_string())?;
        Box::new(BufReader::with_capacity(1 << 20, opened))
    };
    let mut line = Vec::new();
    next_line(&mut *input, &mut line)?;
    let first = std::str::from_utf8(&line).unwrap_or_default();
    let begun = Export::begin(first.trim_end(), trusted, known);
    let mut export = begun.with_context(|| file.display().to_string())?;
    if export.is_excerpt() && !known.is_empty() {
        return Err(usage("--checkpoint needs a whole trail, and this is the excerpt of an app"));
    }
    while next_line(&mut *input, &mut line)? {
        let line = std::str::from_utf8(&line).unwrap_or_default();
        export.line(line.trim_end_matches('\n'));
    }
    Ok(export.finish())
}

/// Reads a line; `false` at the end. Of one that is too long only the beginning is kept, which is no line.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool, Failure> {
    line.clear();
    let mut is_there = false;
    loop {
        let part = input.fill_buf()?;
        if part.is_empty() {
            return Ok(is_there);
        }
        is_there = true;
        let end = part.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(part.len(), |end| end + 1);
        let kept = length.min((LINE_BYTES_MAX + 2).saturating_sub(line.len()));
        line.extend_from_slice(&part[..kept]);
        input.consume(length);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn show(report: &Report, is_trusted: bool, json: bool) -> Done {
    let mut out = std::io::stdout();
    let Report { records, unchained, links, checkpoints, first, last, .. } = report;
    if json {
        let mut shown = serde_json::to_value(report)?;
        shown["whole"] = json!(report.is_whole());
        shown["keys_given"] = json!(is_trusted);
        writeln!(out, "{shown}")?;
    } else {
        for fault in &report.faults {
            writeln!(out, "{fault}")?;
        }
        let whole = if report.is_whole() { "whole" } else { "not whole" };
        write!(out, "{whole}: {records} records, {first} to {last}")?;
        if *links > 0 {
            write!(out, ", in {links} links; {checkpoints} checkpoints agree")?;
        }
        if *unchained > 0 {
            write!(
                out,
                "; {unchained} records are from before the chain, and nothing proves them"
            )?;
        }
        writeln!(out)?;
        for last in &report.not_in_trail {
            writeln!(
                out,
                "The kept checkpoint after record {last} is not in the trail itself: it is from the last line of an \
                 export, or it was deleted from the trail, or the trail is a copy from before it."
            )?;
        }
        if !is_trusted {
            writeln!(
                out,
                "The keys in the trail itself were believed; with a key that was kept elsewhere, pass --public-key."
            )?;
        }
    }
    let faults = report.faults.len() as u64 + report.further_faults;
    if faults == 0 { Ok(()) } else { Err(anyhow!("the audit trail has {faults} faults").into()) }
}
