//! `operator add|list|show|change|link|disable|enable|remove|tokens|sessions`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, builder::PossibleValuesParser};
use hyper::Method;
use serde_json::{Value, json};
use stagedoor_server::{Scope, Server, level::Level};

use super::{
    failure::Done,
    http::{Api, Paging, segment},
    local::{on_folder, show_once},
    print::print,
    sure::Sure,
    time::Span,
};
use crate::config::Config;

/// A person or a service account.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A person, who logs in.
    Person,
    /// A program, which never logs in.
    Service,
}

#[derive(Debug, Args)]
pub(super) struct Operator {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: OperatorCommand,
}

#[derive(Debug, Subcommand)]
enum OperatorCommand {
    /// Add a person or a service account.
    Add {
        /// Its name, which no other operator has.
        name: String,
        /// A person, or a service account.
        #[arg(long, value_enum, default_value_t = Kind::Person)]
        kind: Kind,
        /// Its level in every app; by default none.
        #[arg(long, value_parser = levels(true))]
        level: Option<String>,
    },
    /// List operators with their levels.
    List(Paging),
    /// Show an operator.
    Show {
        /// Its name or id.
        operator: String,
    },
    /// Change an operator's name or its level in every app.
    Change {
        /// Its name or id.
        operator: String,
        /// Another name.
        #[arg(long)]
        name: Option<String>,
        /// Another level, or `none`.
        #[arg(long, value_parser = levels(true))]
        level: Option<String>,
    },
    /// Make a link that logs a person in once.
    Link {
        /// The operator's name or id.
        operator: String,
        /// On the data folder itself, on the server's machine while no server uses it.
        #[arg(long)]
        local: bool,
        /// The data folder, with --local.
        #[arg(long, value_name = "FOLDER", requires = "local")]
        data: Option<PathBuf>,
    },
    /// Disable an operator: its sessions, links and tokens end at once.
    Disable {
        /// Its name or id.
        operator: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Enable an operator again.
    Enable {
        /// Its name or id.
        operator: String,
    },
    /// Remove an operator; the last owner stays.
    Remove {
        /// Its name or id.
        operator: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Manage an operator's personal tokens.
    #[command(subcommand)]
    Tokens(Tokens),
    /// List or end an operator's sessions.
    #[command(subcommand)]
    Sessions(Sessions),
}

#[derive(Debug, Subcommand)]
enum Tokens {
    /// List an operator's personal tokens.
    List {
        /// The operator's name or id.
        operator: String,
    },
    /// Make a personal token of a service account.
    Create {
        /// The operator's name or id.
        operator: String,
        #[command(flatten)]
        new: NewToken,
    },
    /// End a personal token.
    End {
        /// The operator's name or id.
        operator: String,
        /// The token's id.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Subcommand)]
enum Sessions {
    /// List an operator's sessions.
    List {
        /// The operator's name or id.
        operator: String,
    },
    /// End a session.
    End {
        /// The operator's name or id.
        operator: String,
        /// The session's id.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// A new personal token.
#[derive(Debug, Args)]
pub(super) struct NewToken {
    /// A name for people.
    #[arg(long)]
    name: String,
    /// A scope; repeat for more.
    #[arg(long = "scope", required = true, value_parser = scopes())]
    scopes: Vec<String>,
    /// How far they reach, as JSON in the form of spec/bounds.md.
    #[arg(long, value_name = "JSON", value_parser = bounds)]
    bounds: Option<Value>,
    /// Its lifetime. By default the server's `personal_token_ttl_s_default`.
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<Span>,
}

impl NewToken {
    /// The body of the request.
    pub(super) fn body(self) -> Value {
        let Self { name, scopes, bounds, expires_in } = self;
        let ttl_s = expires_in.map(|span| span.s);
        json!({"name": name, "scopes": scopes, "bounds": bounds, "ttl_s": ttl_s})
    }
}

/// Bounds in the API's form; the API checks them.
fn bounds(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

fn scopes() -> PossibleValuesParser {
    Scope::EVERY.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().into()
}

/// Levels: of an app, or in every app, where there is `none` too.
pub(super) fn levels(is_everywhere: bool) -> PossibleValuesParser {
    let named = Level::ALL.iter().filter(|level| is_everywhere || **level != Level::Owner);
    let none = is_everywhere.then_some("none");
    named.map(|level| level.as_str()).chain(none).collect::<Vec<_>>().into()
}

/// Runs a command.
pub(super) fn run(
    operator: Operator,
    config: impl FnOnce() -> anyhow::Result<Config>,
    json: bool,
) -> Done {
    let of = |operator: &str| format!("/v1/operators/{}", segment(operator));
    let (method, path, body) = match operator.command {
        OperatorCommand::Add { name, kind, level } => {
            let kind = match kind {
                Kind::Person => "person",
                Kind::Service => "service",
            };
            let body = json!({"name": name, "kind": kind, "level": level});
            (Method::POST, "/v1/operators".into(), Some(body))
        }
        OperatorCommand::List(paging) => {
            (Method::GET, format!("/v1/operators{}", paging.query()), None)
        }
        OperatorCommand::Show { operator } => (Method::GET, of(&operator), None),
        OperatorCommand::Change { operator, name, level } => {
            let mut body = json!({"name": name, "level": level});
            // Options left out are not sent, because `null` would be refused.
            let fields = body.as_object_mut().into_iter();
            fields.for_each(|body| body.retain(|_, value| !value.is_null()));
            (Method::PATCH, of(&operator), Some(body))
        }
        OperatorCommand::Link { operator, local: true, data } => {
            return link(&operator, data, &config()?, json);
        }
        OperatorCommand::Link { operator, .. } => {
            (Method::POST, format!("{}/links", of(&operator)), None)
        }
        OperatorCommand::Disable { operator, sure } => {
            sure.confirm(&format!("this ends the sessions, links and tokens of {operator}"))?;
            (Method::PATCH, of(&operator), Some(json!({"disabled": true})))
        }
        OperatorCommand::Enable { operator } => {
            (Method::PATCH, of(&operator), Some(json!({"disabled": false})))
        }
        OperatorCommand::Remove { operator, sure } => {
            sure.confirm(&format!("this removes {operator} with its levels, sessions and tokens"))?;
            (Method::DELETE, of(&operator), None)
        }
        OperatorCommand::Tokens(Tokens::List { operator }) => {
            (Method::GET, format!("{}/tokens", of(&operator)), None)
        }
        OperatorCommand::Tokens(Tokens::Create { operator, new }) => {
            (Method::POST, format!("{}/tokens", of(&operator)), Some(new.body()))
        }
        OperatorCommand::Tokens(Tokens::End { operator, id, sure }) => {
            sure.confirm(&format!("this makes the personal token {id} useless"))?;
            (Method::DELETE, format!("{}/tokens/{}", of(&operator), segment(&id)), None)
        }
        OperatorCommand::Sessions(Sessions::List { operator }) => {
            (Method::GET, format!("{}/sessions", of(&operator)), None)
        }
        OperatorCommand::Sessions(Sessions::End { operator, id, sure }) => {
            sure.confirm(&format!("this ends the session {id}"))?;
            (Method::DELETE, format!("{}/sessions/{}", of(&operator), segment(&id)), None)
        }
    };
    print(&operator.api.ask(&method, &path, body.as_ref())?, json)
}

/// Makes a link on a data folder that no server uses.
fn link(operator: &str, data: Option<PathBuf>, config: &Config, json: bool) -> Done {
    let data = data.unwrap_or_else(|| config.server.data_dir.clone());
    let base = config.server.public_url.as_ref().map_or("", |url| url.as_str());
    let show = |path: &str| show_once("url", &format!("{base}{path}"), json);
    on_folder(&data, async |folder| Server::link(folder, &config.server, operator, show).await)
}
