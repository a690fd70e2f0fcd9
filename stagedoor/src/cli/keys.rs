//! `app keys list|create|rotate|bound|retire|end|jwks`.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use clap::{Subcommand, builder::PossibleValuesParser};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::{
    failure::{Done, Failure},
    http::{Api, segment},
    key_file::KeyFile,
    print::{self, print},
    secret::secret,
    sure::Sure,
    time::{Span, now_s},
};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List keys: their lines, states, and what is to be done about them.
    List {
        /// The AppID.
        app: u32,
    },
    /// Create the next key of a line, or its first, which is current at once.
    Create {
        /// The AppID.
        app: u32,
        /// The line; `main` by default.
        #[arg(long)]
        line: Option<String>,
        /// The algorithm of a key that is made here.
        #[arg(long, value_parser = algorithms())]
        alg: Option<String>,
        /// The file with the public key of a key that is made elsewhere: a JWK or PEM, `-` for standard input.
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        /// The file with the secret of a `token04` key that exists elsewhere, 32 characters, `-` for standard input.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// The bounds of a new line, such as `{"rooms":["team-a-*"]}`.
        #[arg(long, value_name = "JSON", value_parser = object)]
        bounds: Option<Value>,
    },
    /// Make the next key of a line current; the current one retires when its last token has ended.
    Rotate {
        /// The AppID.
        app: u32,
        /// The line; `main` by default.
        #[arg(long)]
        line: Option<String>,
        /// The algorithm of the key that is made if there is no next one.
        #[arg(long, value_parser = algorithms())]
        alg: Option<String>,
        /// The current key is known to others: end its tokens and their seats at once.
        #[arg(long)]
        compromised: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// Change the bounds of a line, for all its keys.
    Bound {
        /// The AppID.
        app: u32,
        /// The line.
        line: String,
        /// The bounds, such as `{"rooms":["team-a-*"]}`; `{}` bounds nothing.
        #[arg(long, value_name = "JSON", value_parser = object)]
        bounds: Value,
    },
    /// Retire a key, so that its tokens are refused; prints how many live seats they hold, which continue.
    Retire {
        /// The AppID.
        app: u32,
        /// The key id.
        kid: String,
        /// Also close those seats.
        #[arg(long)]
        close: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// End a line: retire all its keys.
    End {
        /// The AppID.
        app: u32,
        /// The line.
        line: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Print the public keys as a JWK set, as everybody gets them.
    Jwks {
        /// The AppID.
        app: u32,
    },
}

/// The algorithms of keys that are made here.
fn algorithms() -> PossibleValuesParser {
    ["HS256", "EdDSA", "token04"].into()
}

/// A JSON object.
fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("not a JSON object".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// The fields that are given.
fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Retires a key, and then, when its tokens are refused, closes their seats by a revocation.
fn retire(api: &Api, app: u32, kid: &str, close: bool, json: bool) -> Done {
    let path = format!("/v1/apps/{app}");
    let retire = format!("{path}/keys/{}/retire", segment(kid));
    let mut answer = api.ask(&Method::POST, &retire, None)?;
    if close {
        let revocation = json!({"target": {"key": kid}, "reason": "the key is retired"});
        let revoked = api.ask(&Method::POST, &format!("{path}/revocations"), Some(&revocation))?;
        answer["closed"] = revoked["seats"].clone();
    }
    print(&answer, json)?;
    let seats = answer["seats"].as_u64().unwrap_or(0);
    if seats > 0 && !close && !json {
        let hint = "live seats continue until their tokens expire; use --close to close them";
        writeln!(std::io::stderr(), "{seats} {hint}")?;
    }
    Ok(())
}

/// The body of a new key.
fn new_key(
    line: Option<String>,
    alg: Option<String>,
    public_key: Option<PathBuf>,
    secret_file: Option<PathBuf>,
    bounds: Option<Value>,
) -> Result<Value, Failure> {
    let jwk = public_key.map(|file| KeyFile::read(&file)?.public()).transpose()?;
    let jwk = jwk.map(serde_json::to_value).transpose().context("a JWK").map_err(Failure::Usage)?;
    let secret = secret_file.map(|file| secret(Some(&file), "", "the secret")).transpose()?;
    Ok(given([
        ("secret", secret.map(Value::from)),
        ("line", line.map(Value::from)),
        ("alg", alg.map(Value::from)),
        ("jwk", jwk),
        ("bounds", bounds),
    ]))
}

/// How long something is, or was, in its largest unit.
fn about(s: u64) -> String {
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| s >= *unit).unwrap_or(1);
    Span { s: s - s % unit }.to_string()
}

/// What is to be said about a key, for people.
fn words(key: &Value, now_s: u64) -> String {
    let ms = |name: &str| key[name].as_u64().map(|at_ms| at_ms / 1_000);
    let ago = |at_s: u64| format!("{} ago", about(now_s.saturating_sub(at_s)));
    let used = match ms("last_used_ms") {
        Some(at_s) => format!("last used {}", ago(at_s)),
        None => "not used yet".into(),
    };
    let state = match (key["state"].as_str().unwrap_or_default(), key["retires_at"].as_u64()) {
        ("next", _) => "distribute it, then rotate".to_owned(),
        ("retiring", Some(at_s)) => {
            format!("retires in {}", about(at_s.saturating_sub(now_s)))
        }
        ("retired", Some(at_s)) => return format!("retired {}", ago(at_s)),
        ("current", _) if key["signs_here"] == false => "signs elsewhere".to_owned(),
        (state, _) => state.to_owned(),
    };
    match ms("retiring_used_ms") {
        Some(at_s) => format!(
            "{state}; STILL SIGNS (found {}): a backend has not changed over; {used}",
            ago(at_s)
        ),
        None => format!("{state}; {used}"),
    }
}

/// Prints the list of keys: as JSON, or what matters of it in words.
fn list(answer: &Value, json: bool) -> Done {
    if json {
        return print(answer, json);
    }
    let now_s = now_s();
    let rows = answer["items"].as_array().into_iter().flatten().map(|key| {
        json!({
            "kid": key["kid"], "line": key["line"], "alg": key["alg"], "state": key["state"],
            "bounds": key["bounds"], "about": words(key, now_s),
        })
    });
    print::print(&json!({"items": rows.collect::<Vec<_>>()}), false)
}

/// Runs a command.
pub(super) fn run(api: &Api, keys: Keys, json: bool) -> Done {
    let path = |app: u32, rest: &str| format!("/v1/apps/{app}/keys{rest}");
    let answer = match keys {
        Keys::List { app } => return list(&api.ask(&Method::GET, &path(app, ""), None)?, json),
        Keys::Create { app, line, alg, public_key, secret_file, bounds } => {
            let body = new_key(line, alg, public_key, secret_file, bounds)?;
            api.ask(&Method::POST, &path(app, ""), Some(&body))?
        }
        Keys::Rotate { app, line, alg, compromised, sure } => {
            if compromised {
                let of = line.as_deref().unwrap_or("main");
                sure.confirm(&format!(
                    "this ends all tokens of the current key of {of}, and closes their live seats"
                ))?;
            }
            let body = given([
                ("line", line.map(Value::from)),
                ("alg", alg.map(Value::from)),
                ("compromised", compromised.then_some(Value::Bool(true))),
            ]);
            api.ask(&Method::POST, &path(app, "/rotate"), Some(&body))?
        }
        Keys::Bound { app, line, bounds } => {
            let path = path(app, &format!("/lines/{}", segment(&line)));
            api.ask(&Method::PATCH, &path, Some(&json!({ "bounds": bounds })))?
        }
        Keys::Retire { app, kid, close, sure } => {
            let and = if close { ", and closes their live seats" } else { "" };
            sure.confirm(&format!("this ends the use of all tokens that key {kid} signed{and}"))?;
            return retire(api, app, &kid, close, json);
        }
        Keys::End { app, line, sure } => {
            sure.confirm(&format!("this ends the use of all tokens of the line {line}"))?;
            api.ask(&Method::DELETE, &path(app, &format!("/lines/{}", segment(&line))), None)?
        }
        Keys::Jwks { app } => {
            let set = api.ask_openly(&format!("/v1/apps/{app}/jwks.json"))?;
            return print(&set, true);
        }
    };
    print(&answer, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_described_in_words() {
        let now_s = 1_000_000;
        let of = |more: Value| {
            let mut key = json!({"state": "current", "signs_here": true});
            key.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
            words(&key, now_s)
        };
        let ms = |ago_s: u64| (now_s - ago_s) * 1_000;
        assert_eq!(of(json!({})), "current; not used yet");
        assert_eq!(of(json!({"last_used_ms": ms(90)})), "current; last used 1m ago");
        assert_eq!(of(json!({"state": "next"})), "distribute it, then rotate; not used yet");
        assert_eq!(of(json!({"signs_here": false})), "signs elsewhere; not used yet");
        let retiring =
            json!({"state": "retiring", "retires_at": now_s + 86_410, "last_used_ms": ms(5)});
        assert_eq!(of(retiring.clone()), "retires in 1d; last used 5s ago");
        let mut signs = retiring;
        signs["retiring_used_ms"] = ms(7_300).into();
        assert_eq!(
            of(signs),
            "retires in 1d; STILL SIGNS (found 2h ago): a backend has not changed over; last used 5s ago"
        );
        let retired = json!({"state": "retired", "retires_at": now_s - 3_600});
        assert_eq!(of(retired), "retired 1h ago");
    }
}
