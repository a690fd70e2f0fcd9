//! The directory as a file, for relays that reach no server (`spec/directory.md`): apps with their roles, public keys
//! and revocations. It never holds a secret.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_token::{AppId, Jwk, KeyState, Roles, SecondLogin, VerifyingKey};
use thiserror::Error;

use crate::{
    bounds::Bounds,
    directory::{App, AppKey},
    revocation::{Revocation, Target},
};

/// The version of the format.
pub const DIRECTORY_VERSION: u32 = 1;
/// The largest file that is read, in bytes.
pub const DIRECTORY_BYTES_MAX: u64 = 268_435_456;

/// A directory file, as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryFile {
    /// The version of the format.
    pub version: u32,
    /// When it was exported, Unix milliseconds.
    pub made_ms: u64,
    /// The apps.
    pub apps: Vec<FileApp>,
}

/// An app in a directory file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileApp {
    /// The AppID.
    pub app: AppId,
    /// When it was created, Unix milliseconds.
    pub since_ms: u64,
    /// What happens at second logins, if the role does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_login: Option<SecondLogin>,
    /// Its roles, in the form of `roles.md`; absent: the built-in ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Box<RawValue>>,
    /// Its newest generation of revocations.
    pub generation: u64,
    /// Its public keys.
    pub keys: Vec<FileKey>,
    /// What is revoked.
    pub revocations: Vec<FileRevocation>,
}

/// A public key in a directory file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileKey {
    /// What it may do.
    pub state: KeyState,
    /// The bounds of its line.
    #[serde(default, skip_serializing_if = "Bounds::is_empty")]
    pub bounds: Bounds,
    /// The key, with its `kid`.
    pub jwk: Jwk,
}

/// A revocation in a directory file, without its reason.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRevocation {
    /// The tokens that it covers.
    pub target: Target,
    /// The generation that it began.
    pub generation: u64,
    /// When it was made, Unix seconds.
    pub at_s: u64,
    /// Whether it is a ban.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ban: bool,
    /// When the ban ends, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_s: Option<u64>,
}

/// Why a directory file is not used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// It is not complete JSON of this form.
    #[error("it is not a directory file: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is of another version.
    #[error("it has version {0}; this program reads version {DIRECTORY_VERSION}")]
    Version(u32),
    /// An app occurs twice.
    #[error("the app {0} occurs twice")]
    AppTwice(AppId),
    /// The roles of an app are not valid.
    #[error("the roles of the app {0} are not valid: {1}")]
    Roles(AppId, serde_json::Error),
    /// A key has no `kid`, one that is not valid, or that of another key.
    #[error("a key of the app {0} has no `kid` of its own")]
    Kid(AppId),
}

/// A directory file that was checked.
#[derive(Debug)]
pub struct Loaded {
    /// When it was exported, Unix milliseconds.
    pub made_ms: u64,
    /// The apps, each with its newest generation.
    pub apps: Vec<(App, u64)>,
    /// What is revoked.
    pub revocations: Vec<Revocation>,
}

impl Loaded {
    /// Reads a directory file.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`]. Nothing of a file with one fault is used.
    pub fn parse(json: &[u8]) -> Result<Self, DirectoryError> {
        let file: DirectoryFile = serde_json::from_slice(json)?;
        if file.version != DIRECTORY_VERSION {
            return Err(DirectoryError::Version(file.version));
        }
        let (mut ids, mut kids) = (HashSet::new(), HashSet::new());
        let mut loaded = Self { made_ms: file.made_ms, apps: Vec::new(), revocations: Vec::new() };
        for app in file.apps {
            if !ids.insert(app.app) {
                return Err(DirectoryError::AppTwice(app.app));
            }
            loaded.revocations.extend(app.revocations.iter().map(|entry| entry.of(app.app)));
            loaded.apps.push((app.checked(&mut kids)?, app.generation));
        }
        Ok(loaded)
    }
}

impl FileApp {
    fn checked(&self, kids: &mut HashSet<String>) -> Result<App, DirectoryError> {
        let roles = match &self.roles {
            None => Roles::built_in(),
            Some(json) => Roles::from_json(json.get())
                .map_err(|error| DirectoryError::Roles(self.app, error))?
                .into(),
        };
        let keys =
            self.keys.iter().map(|key| key.checked(self.app, kids)).collect::<Result<_, _>>()?;
        let (id, since_ms, second_login) = (self.app, self.since_ms, self.second_login);
        Ok(App { id, since_ms, keys, roles, second_login, token04: None })
    }
}

impl FileKey {
    fn checked(&self, app: AppId, kids: &mut HashSet<String>) -> Result<AppKey, DirectoryError> {
        let kid = self.jwk.kid().filter(|kid| kids.insert((*kid).to_owned()));
        let key = kid.and_then(|kid| VerifyingKey::from_jwk(app, kid, self.state, &self.jwk).ok());
        let key = key.ok_or(DirectoryError::Kid(app))?;
        Ok(AppKey::new(key, self.bounds.clone().into()))
    }
}

impl FileRevocation {
    fn of(&self, app: AppId) -> Revocation {
        let Self { target, generation, at_s, ban, ends_s } = self;
        Revocation {
            app,
            target: target.clone(),
            generation: *generation,
            at_s: *at_s,
            ends_s: *ends_s,
            ban: *ban,
            reason: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn file(keys: &str, more: &str) -> String {
        format!(
            r#"{{"version":1,"made_ms":5,"apps":[{{"app":7,"since_ms":3,"generation":4,"keys":[{keys}],"revocations":[{{"target":{{"user":"eve"}},"generation":4,"at_s":9,"ban":true}}]{more}}}]}}"#
        )
    }

    fn key(more: &str) -> String {
        format!(
            r#"{{"state":"current","bounds":{{"rank_max":9}},"jwk":{{"kty":"OKP","crv":"Ed25519","x":"{X}"{more}}}}}"#
        )
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let json = file(&key(r#","kid":"k1""#), r#","second_login":"reject""#);
        let loaded = Loaded::parse(json.as_bytes()).expect("a directory");
        let (app, generation) = &loaded.apps[0];
        assert_eq!((app.id, app.since_ms, *generation), (AppId(7), 3, 4));
        assert_eq!(app.keys[0].key.kid(), "k1");
        assert_eq!(app.keys[0].bounds.rank_max, Some(9));
        assert!(app.keys[0].key.is_public() && app.roles.get("host").is_some());
        assert_eq!(loaded.revocations[0].target, Target::User("eve".into()));
        let written: DirectoryFile = serde_json::from_str(&json).expect("a file");
        let again = serde_json::to_string(&written).expect("json");
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).expect("json");
        let (mut theirs, ours) = (value(&json), value(&again));
        theirs["apps"][0]["keys"][0]["jwk"] = ours["apps"][0]["keys"][0]["jwk"].clone();
        assert_eq!(theirs, ours);
    }

    #[test]
    fn a_file_with_one_fault_is_not_used() {
        let good = file(&key(r#","kid":"k1""#), "");
        let twice = good.replacen(
            r#""apps":["#,
            r#""apps":[{"app":7,"since_ms":3,"generation":0,"keys":[],"revocations":[]},"#,
            1,
        );
        let private = file(&key(r#","kid":"k1","d":"AAAA""#), "");
        let double = file(&format!("{0},{0}", key(r#","kid":"k1""#)), "");
        for (json, why) in [
            (good[..good.len() - 1].to_owned(), "EOF"),
            (String::new(), "EOF"),
            (good.replace(r#""version":1"#, r#""version":2"#), "version 2"),
            (good.replace("since_ms", "since"), "unknown field"),
            (twice, "twice"),
            (private, "private"),
            (double, "`kid`"),
            (file(&key(""), ""), "`kid`"),
            (file(&key(r#","kid":"a b""#), ""), "`kid`"),
            (file("", r#","roles":[{}]"#), "roles"),
            (good.replace("rank_max", "rank"), "unknown field"),
        ] {
            let error = Loaded::parse(json.as_bytes()).expect_err(why).to_string();
            assert!(error.contains(why), "{why}: {error}");
        }
    }
}
