//! `audit export`.

use std::{
    fs::OpenOptions,
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;

use super::super::{
    failure::Done,
    http::{Api, segment},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  stagedoor audit export --out trail.jsonl && stagedoor audit verify --export trail.jsonl"
)]
pub(super) struct Export {
    /// Only the records of this AppID, as a signed excerpt.
    #[arg(long)]
    app: Option<String>,
    /// The file to write, which must not exist; by default standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(&self, api: &Api) -> Done {
        let path = match &self.app {
            Some(app) => format!("/v1/apps/{}/audit/export", segment(app)),
            None => "/v1/audit/export".into(),
        };
        let mut out: Box<dyn Write> = match &self.out {
            Some(file) => {
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
                Box::new(BufWriter::new(made.with_context(|| file.display().to_string())?))
            }
            None => Box::new(std::io::stdout().lock()),
        };
        let done = api.download(&path, &mut *out);
        // What is not a whole export does not stay under its name.
        if let (Err(_), Some(file)) = (&done, &self.out) {
            let _ = std::fs::remove_file(file);
        }
        done
    }
}
