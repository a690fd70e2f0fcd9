//! What `token mint` may say of the stay in the seat, of `cli`: words of the command line become claims.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;
use stagedoor_token::{AtExp, Claims, Confirmation, Thumbprint, Until};

use super::{Failure, usage};

#[derive(Debug, Args)]
pub(super) struct Stay {
    /// It logs in once.
    #[arg(long)]
    once: bool,
    /// What its end does to a live seat: `close`, `demote:<role>` or `grace:<seconds>`.
    #[arg(long, value_name = "END", default_value = "close")]
    at_exp: End,
    /// The longest stay in a seat, in seconds.
    #[arg(long, value_name = "SECONDS")]
    max_stay: Option<u32>,
    /// Ends a privilege so many seconds from now: `publish`, `subscribe`, `send`, `set` or `moderate`; may come
    /// several times.
    #[arg(long, value_name = "PRIVILEGE=SECONDS")]
    until: Vec<Privilege>,
    /// The thumbprint (RFC 7638) of the key that whoever logs in must prove to hold.
    #[arg(long, value_name = "THUMBPRINT")]
    jkt: Option<Thumbprint>,
}

#[derive(Clone, Debug)]
struct End(AtExp);

impl FromStr for End {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(match text.split_once(':') {
            None if text == "close" => AtExp::Close,
            Some(("demote", role)) => AtExp::Demote(role.parse()?),
            Some(("grace", s)) => AtExp::Grace { s: s.parse().context("seconds of the grace")? },
            _ => bail!("an end is `close`, `demote:<role>` or `grace:<seconds>`"),
        }))
    }
}

#[derive(Clone, Debug)]
struct Privilege {
    name: String,
    left_s: u64,
}

impl FromStr for Privilege {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, left_s) = text.split_once('=').context("a privilege, `=`, and seconds")?;
        let left_s = left_s.parse().context("seconds from now")?;
        Ok(Self { name: name.into(), left_s })
    }
}

impl Stay {
    /// The claims with what is said of the stay.
    pub(super) fn of(self, claims: Claims, now_s: u64) -> Result<Claims, Failure> {
        let mut until = Until::default();
        for Privilege { name, left_s } in &self.until {
            let end = match name.as_str() {
                "publish" => &mut until.publish,
                "subscribe" => &mut until.subscribe,
                "send" => &mut until.send,
                "set" => &mut until.set,
                "moderate" => &mut until.moderate,
                _ => return Err(usage(&format!("--until: no privilege is called `{name}`"))),
            };
            if end.replace(now_s.saturating_add(*left_s)).is_some() {
                return Err(usage(&format!("--until: `{name}` twice")));
            }
        }
        Ok(Claims {
            once: self.once,
            at_exp: self.at_exp.0,
            max_stay: self.max_stay,
            until,
            cnf: self.jkt.map(|jkt| Confirmation { jkt }),
            ..claims
        })
    }
}
