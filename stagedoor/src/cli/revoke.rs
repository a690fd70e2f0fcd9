//! `revoke list|add|lift`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    failure::{Done, Failure, usage},
    http::{Api, Paging},
    print::print,
    sure::Sure,
    time::{Span, When, now_s},
};

#[derive(Debug, Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: RevokeCommand,
}

#[derive(Debug, Subcommand)]
enum RevokeCommand {
    /// List an app's revocations, newest first.
    List {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        paging: Paging,
    },
    /// Revoke tokens, or ban. `--app` asks for confirmation, because it closes every seat of the app.
    Add {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        how: How,
        #[command(flatten)]
        sure: Sure,
    },
    /// Lift a revocation, given its number: its tokens are valid again.
    Lift {
        /// The AppID.
        app: u32,
        /// Its number.
        generation: u64,
    },
}

/// The tokens to revoke. `--room` can be combined with `--user` or `--role`; the others stand alone.
#[derive(Debug, Args)]
struct Target {
    /// The token with this id.
    #[arg(long, value_name = "JTI", conflicts_with_all = ["user", "room", "role", "key", "whole"])]
    jti: Option<String>,
    /// This user's tokens.
    #[arg(long, conflicts_with_all = ["role", "key", "whole"])]
    user: Option<String>,
    /// Only in this room; alone, the tokens of everybody in it.
    #[arg(long, conflicts_with_all = ["key", "whole"])]
    room: Option<String>,
    /// The tokens of this role.
    #[arg(long, conflicts_with_all = ["key", "whole"])]
    role: Option<String>,
    /// The tokens signed by the key with this id.
    #[arg(long, value_name = "KID", conflicts_with = "whole")]
    key: Option<String>,
    /// Every token of the app.
    #[arg(long = "app", id = "whole")]
    whole: bool,
}

impl Target {
    fn json(&self) -> Result<Value, Failure> {
        let Self { jti, user, room, role, key, whole } = self;
        Ok(match (jti, user, room, role, key) {
            (Some(jti), ..) => json!({"jti": jti}),
            (_, Some(user), Some(room), ..) => json!({"room_user": {"room": room, "user": user}}),
            (_, Some(user), ..) => json!({"user": user}),
            (_, _, Some(room), Some(role), _) => json!({"room_role": {"room": room, "role": role}}),
            (_, _, Some(room), ..) => json!({"room": room}),
            (_, _, _, Some(role), _) => json!({"role": role}),
            (.., Some(key)) => json!({"key": key}),
            _ if *whole => json!("app"),
            _ => {
                return Err(usage(
                    "say which tokens: --jti, --user, --room, --role, --key or --app",
                ));
            }
        })
    }
}

/// What happens to them.
#[derive(Debug, Args)]
struct How {
    /// Refuse every token of the target, and mint none.
    #[arg(long)]
    ban: bool,
    /// When the ban ends: 1h from now, or 2027-01-31T18:00:00Z; by default never.
    #[arg(long, value_name = "TIME", requires = "ban")]
    until: Option<When>,
    /// How long members may present another token first.
    #[arg(long, value_name = "DURATION", conflicts_with = "ban")]
    margin: Option<Span>,
    /// The role with which live seats continue; by default they are closed.
    #[arg(long, value_name = "ROLE", conflicts_with = "ban")]
    demote: Option<String>,
    /// The reason, for people and the audit trail.
    #[arg(long)]
    reason: Option<String>,
}

/// Runs a command.
pub(super) fn run(revoke: &Revoke, json: bool) -> Done {
    let path = |app: u32| format!("/v1/apps/{app}/revocations");
    let (method, path, body) = match &revoke.command {
        RevokeCommand::List { app, paging } => (Method::GET, path(*app) + &paging.query(), None),
        RevokeCommand::Add { app, target, how, sure } => {
            if target.whole {
                sure.confirm(&format!(
                    "this revokes every token of app {app} and closes all its seats"
                ))?;
            }
            let How { ban, until, margin, demote, reason } = how;
            let then = demote.as_ref().map(|role| json!({"demote": role}));
            let body = json!({
                "target": target.json()?,
                "ban": ban,
                "ends_at": until.map(|until| until.unix_s(now_s())),
                "margin_s": margin.map(|margin| margin.s),
                "then": then,
                "reason": reason,
            });
            (Method::POST, path(*app), Some(body))
        }
        RevokeCommand::Lift { app, generation } => {
            (Method::DELETE, format!("{}/{generation}", path(*app)), None)
        }
    };
    let answer = revoke.api.ask(&method, &path, body.as_ref())?;
    print(&answer, json)
}
