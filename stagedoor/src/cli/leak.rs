//! `leak report`.

use std::{io::Read, path::PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};
use stagedoor_token::find_credentials;

use super::{
    failure::{Done, Failure, usage},
    http::Api,
    print::print,
};

/// Texts of one request.
const TEXTS_MAX: usize = 100;
/// Bytes of the texts of one request, so that its body stays below `body_bytes_max`.
const BYTES_MAX: usize = 49_152;

#[derive(Debug, Args)]
pub(super) struct Leak {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: LeakCommand,
}

#[derive(Debug, Subcommand)]
enum LeakCommand {
    /// Find credentials in any text, and revoke those that are ours (root credential).
    #[command(
        after_help = "Example:\n  stagedoor leak report --found-at https://example.com/paste/1 < paste.txt"
    )]
    Report {
        /// The text's file; by default standard input.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Where it was found, for the audit trail.
        #[arg(long, value_name = "URL")]
        found_at: Option<String>,
    },
}

/// Runs a command.
pub(super) fn run(leak: &Leak, json: bool) -> Done {
    let LeakCommand::Report { file, found_at } = &leak.command;
    let text = text_of(file.as_ref())?;
    let mut found: Vec<&str> = find_credentials(&text).filter(|text| text.len() <= 8_192).collect();
    // The root credential last: with it the next request would be refused.
    found.sort_unstable_by_key(|text| (text.starts_with("sdroot_"), *text));
    found.dedup();
    if found.is_empty() {
        return Err(usage("there is nothing in the text that looks like a credential"));
    }
    let mut items = Vec::new();
    for part in parts(&found) {
        let body = json!({"credentials": part, "found_at": found_at});
        let mut answer = leak.api.ask(&Method::POST, "/v1/leaks", Some(&body))?;
        items.extend(answer["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
    }
    let unknown = items.iter().filter(|item| item["kind"] == "unknown").count();
    items.retain(|item| item["kind"] != "unknown");
    print(&json!({"items": Value::Array(items), "unknown": unknown}), json)
}

fn text_of(file: Option<&PathBuf>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    match file {
        Some(file) => {
            let named = || file.display().to_string();
            bytes = std::fs::read(file).with_context(named).map_err(Failure::Usage)?;
        }
        None => drop(std::io::stdin().read_to_end(&mut bytes)?),
    }
    // A credential is ASCII: what stands around it does not matter.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The texts, as many in one part as one request takes.
fn parts<'a>(found: &'a [&'a str]) -> Vec<Vec<&'a str>> {
    let mut parts: Vec<Vec<&str>> = Vec::new();
    let mut bytes = 0;
    for text in found {
        let fits = bytes + text.len() <= BYTES_MAX;
        match parts.last_mut().filter(|part| fits && part.len() < TEXTS_MAX) {
            Some(part) => part.push(text),
            None => {
                bytes = 0;
                parts.push(vec![text]);
            }
        }
        bytes += text.len();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_sent_in_hundreds_and_below_the_size_of_a_body() {
        let (short, long) = ("x".repeat(43), "y".repeat(8_192));
        for (text, count, sizes) in [
            (&short, 0, vec![]),
            (&short, 100, vec![100]),
            (&short, 250, vec![100, 100, 50]),
            (&long, 14, vec![6, 6, 2]),
        ] {
            let texts = vec![text.as_str(); count];
            let found: Vec<usize> = parts(&texts).iter().map(Vec::len).collect();
            assert_eq!(found, sizes, "{count}");
        }
    }
}
