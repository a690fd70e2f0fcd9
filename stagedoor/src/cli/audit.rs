//! `audit`: the whole trail, for the operator; and the filters that `app audit` shares.

mod export;
mod verify;

use clap::{Args, Subcommand};
use hyper::Method;

use super::{
    failure::{Done, Failure},
    http::{Api, Paging, segment},
    print::print,
    sure::Sure,
    time::{Past, now_s},
};
use crate::config::Config;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List records, newest first; the same as `audit` alone.
    List(Box<List>),
    /// Export the whole trail with its chain, or an app's records, signed, as JSON lines.
    Export(export::Export),
    /// Print the newest checkpoint. Keep it elsewhere, with `--json`: `verify` compares the trail with it.
    Checkpoint,
    /// Verify the trail of a data folder, or an export, without a server.
    Verify(verify::Verify),
    /// Manage the key that signs checkpoints.
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Replace the key. The old one signs a last checkpoint, and its public key stays in the set.
    Rotate {
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only records of this AppID, including earlier apps that had it; `none`: records that belong to no app.
    #[arg(long)]
    app: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    paging: Paging,
}

/// Filters for records.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// `newest` or `oldest`: which records come first.
    #[arg(long)]
    order: Option<String>,
    /// Only records of this kind; with a `*` at its end, of kinds that begin so.
    #[arg(long)]
    kind: Option<String>,
    /// Only records with this code.
    #[arg(long)]
    code: Option<String>,
    /// Only records about this room.
    #[arg(long)]
    room: Option<String>,
    /// Only records about this user.
    #[arg(long)]
    user: Option<String>,
    /// Only records about the token with this id.
    #[arg(long)]
    jti: Option<String>,
    /// Only the record of the refused attempt with this number, such as a_7Kq3TzWn.
    #[arg(long)]
    attempt: Option<String>,
    /// Only records with this address; the port may be left out.
    #[arg(long)]
    peer: Option<String>,
    /// Only records of this actor's acts.
    #[arg(long)]
    actor: Option<String>,
    /// Only records of acts by this kind of actor: `root`, `api_key`, `user`, `relay` or `system`.
    #[arg(long)]
    actor_kind: Option<String>,
    /// Only records from this time on: 5m for five minutes ago, or 2027-01-31T18:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<Past>,
    /// Only records from before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Past>,
}

impl Which {
    /// As the end of a query string: each part begins with `&`.
    pub(super) fn query(&self) -> String {
        let now_s = now_s();
        let time = |past: Option<Past>| past.map(|past| past.unix_ms(now_s).to_string());
        let texts = [
            ("order", self.order.clone()),
            ("kind", self.kind.clone()),
            ("code", self.code.clone()),
            ("room", self.room.clone()),
            ("user", self.user.clone()),
            ("jti", self.jti.clone()),
            ("attempt", self.attempt.clone()),
            ("peer", self.peer.clone()),
            ("actor", self.actor.clone()),
            ("actor_kind", self.actor_kind.clone()),
            ("from_ms", time(self.from)),
            ("to_ms", time(self.to)),
        ];
        parts(texts)
    }
}

/// The parts of the query string that are given.
fn parts<const N: usize>(texts: [(&str, Option<String>); N]) -> String {
    let given = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
    given.map(|(name, text)| format!("&{name}={}", segment(&text))).collect()
}

/// A path with its query string.
pub(super) fn path(path: &str, which: &Which, paging: &Paging) -> String {
    with_query(path, &(which.query() + &paging.query().replace('?', "&")))
}

fn with_query(path: &str, parts: &str) -> String {
    match parts.strip_prefix('&') {
        Some(parts) => format!("{path}?{parts}"),
        None => path.to_owned(),
    }
}

/// Runs the command.
pub(super) fn run(
    audit: Audit,
    config: impl FnOnce() -> Result<Config, Failure>,
    json: bool,
) -> Done {
    let Audit { command, api, list } = audit;
    match command {
        None => show(&api, &list, json),
        Some(AuditCommand::List(list)) => show(&api, &list, json),
        Some(AuditCommand::Export(export)) => export.run(&api),
        Some(AuditCommand::Checkpoint) => {
            print(&api.ask(&Method::GET, "/v1/audit/checkpoint", None)?, json)
        }
        Some(AuditCommand::Verify(verify)) => verify.run(config, json),
        Some(AuditCommand::Key(KeyCommand::Rotate { sure })) => {
            sure.confirm("this deletes the present audit key's secret")?;
            print(&api.ask(&Method::POST, "/v1/audit/keys/rotate", None)?, json)
        }
    }
}

fn show(api: &Api, list: &List, json: bool) -> Done {
    let app = parts([("app", list.app.clone())]);
    let query = app + &list.which.query() + &list.paging.query().replace('?', "&");
    let answer = api.ask(&Method::GET, &with_query("/v1/audit", &query), None)?;
    print(&answer, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_contains_only_the_given_filters() {
        let room = Some("a b&c".to_owned());
        assert_eq!(parts([("room", room), ("user", None)]), "&room=a%20b%26c");
        assert_eq!(with_query("/v1/audit", "&a=1&b=2"), "/v1/audit?a=1&b=2");
        assert_eq!(with_query("/v1/audit", ""), "/v1/audit");
    }
}
