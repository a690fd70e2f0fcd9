//! `app create|change|list|delete|audit|keys|api-keys`, of `cli`.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Done,
    audit::{self, Which},
    http::{Api, Paging, segment},
    print,
};

#[derive(Debug, Args)]
pub(super) struct App {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: AppCommand,
}

#[derive(Debug, Subcommand)]
enum AppCommand {
    /// Make an app with its first key (root credential).
    Create {
        /// For people.
        name: String,
        /// The AppID; random unless given.
        #[arg(long)]
        id: Option<u32>,
        /// What happens when a user who has a seat in a room logs in again: `reject`, `replace`, or how many
        /// seats it may have.
        #[arg(long, value_name = "POLICY", value_parser = second_login)]
        second_login: Option<Value>,
    },
    /// Change an app; what is not given stays.
    Change {
        /// The AppID.
        app: u32,
        /// For people.
        #[arg(long)]
        name: Option<String>,
        /// Tokens live so long unless asked otherwise, in seconds.
        #[arg(long)]
        ttl_default: Option<u64>,
        /// Tokens live at most so long, in seconds.
        #[arg(long)]
        ttl_max: Option<u64>,
        /// As of `create`.
        #[arg(long, value_name = "POLICY", value_parser = second_login)]
        second_login: Option<Value>,
    },
    /// List apps.
    List(Paging),
    /// Delete an app and its keys (root credential).
    Delete {
        /// The AppID.
        app: u32,
    },
    /// List the app's audit trail, newest first.
    Audit {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        paging: Paging,
    },
    /// An app's keys.
    #[command(subcommand)]
    Keys(Keys),
    /// An app's API keys.
    #[command(subcommand)]
    ApiKeys(ApiKeys),
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// List keys.
    List {
        /// The AppID.
        app: u32,
    },
    /// Make the next key.
    Create {
        /// The AppID.
        app: u32,
    },
    /// The next key becomes current, the current one retires.
    Rotate {
        /// The AppID.
        app: u32,
    },
    /// A key's tokens open nothing any more.
    Retire {
        /// The AppID.
        app: u32,
        /// The key id.
        kid: String,
    },
}

#[derive(Debug, Subcommand)]
enum ApiKeys {
    /// List API keys.
    List {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        paging: Paging,
    },
    /// Make an API key.
    Create {
        /// The AppID.
        app: u32,
        /// For people.
        #[arg(long)]
        name: String,
        /// `tokens:mint`, `tokens:revoke`, `rooms:read`, `rooms:moderate`, `apps:admin`; may be given more
        /// than once.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// For how long, in seconds; for ever unless given.
        #[arg(long)]
        expires_in: Option<u64>,
    },
    /// Give an API key another secret.
    Rotate {
        /// The AppID.
        app: u32,
        /// Its id.
        id: String,
    },
    /// Delete an API key.
    Delete {
        /// The AppID.
        app: u32,
        /// Its id.
        id: String,
    },
}

/// A policy as the API reads it; whether it is one, the API says.
fn second_login(text: &str) -> Result<Value, std::convert::Infallible> {
    Ok(match text.parse::<u32>() {
        Ok(seats) => json!({"allow": seats}),
        Err(_) => json!(text),
    })
}

/// Runs one.
pub(super) fn run(app: App, json: bool) -> Done {
    let (method, path, body) = match app.command {
        AppCommand::Create { name, id, second_login } => {
            let body = json!({"name": name, "id": id, "second_login": second_login});
            (Method::POST, "/v1/apps".into(), Some(body))
        }
        AppCommand::Change { app, name, ttl_default, ttl_max, second_login } => {
            let body = json!({
                "name": name, "ttl_s_default": ttl_default, "ttl_s_max": ttl_max,
                "second_login": second_login,
            });
            (Method::PATCH, format!("/v1/apps/{app}"), Some(body))
        }
        AppCommand::List(paging) => (Method::GET, format!("/v1/apps{}", paging.query()), None),
        AppCommand::Delete { app } => (Method::DELETE, format!("/v1/apps/{app}"), None),
        AppCommand::Audit { app, which, paging } => {
            let path = audit::path(&format!("/v1/apps/{app}/audit"), &which, &paging);
            (Method::GET, path, None)
        }
        AppCommand::Keys(Keys::List { app }) => (Method::GET, format!("/v1/apps/{app}/keys"), None),
        AppCommand::Keys(Keys::Create { app }) => {
            (Method::POST, format!("/v1/apps/{app}/keys"), None)
        }
        AppCommand::Keys(Keys::Rotate { app }) => {
            (Method::POST, format!("/v1/apps/{app}/keys/rotate"), None)
        }
        AppCommand::Keys(Keys::Retire { app, kid }) => {
            (Method::POST, format!("/v1/apps/{app}/keys/{}/retire", segment(&kid)), None)
        }
        AppCommand::ApiKeys(ApiKeys::List { app, paging }) => {
            (Method::GET, format!("/v1/apps/{app}/api-keys{}", paging.query()), None)
        }
        AppCommand::ApiKeys(ApiKeys::Create { app, name, scopes, expires_in }) => {
            let body = json!({"name": name, "scopes": scopes, "expires_in_s": expires_in});
            (Method::POST, format!("/v1/apps/{app}/api-keys"), Some(body))
        }
        AppCommand::ApiKeys(ApiKeys::Rotate { app, id }) => {
            (Method::POST, format!("/v1/apps/{app}/api-keys/{}/rotate", segment(&id)), None)
        }
        AppCommand::ApiKeys(ApiKeys::Delete { app, id }) => {
            (Method::DELETE, format!("/v1/apps/{app}/api-keys/{}", segment(&id)), None)
        }
    };
    let answer = app.api.ask(&method, &path, body.as_ref())?;
    print(&answer, json)
}
