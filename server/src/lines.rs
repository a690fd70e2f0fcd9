//! Decides how the keys of a line follow each other (`spec/token.md` §Lines). Pure: keys, limits and time are arguments.

use stagedoor_bus::token04::SECRETS_PER_APP_MAX;
use stagedoor_token::{Algorithm, KeyState, Limits};

use crate::{
    error::ApiError,
    key_alg::KeyAlg,
    store::{apps::AppRow, keys::KeyRow},
};

/// The line with which the server mints.
pub(crate) const MAIN: &str = "main";
/// The line of Token04 keys, which no other key is in.
pub(crate) const TOKEN04: &str = "token04";
/// The longest name of a line, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 32;

/// How many keys and lines an app may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineLimits {
    /// Keys that are not retired, of all lines.
    pub(crate) keys_max: u32,
    /// Lines with such a key.
    pub(crate) lines_max: u32,
}

/// What a rotation does.
#[derive(Clone, Copy)]
pub(crate) struct Succession<'a> {
    /// The key that is current until then.
    pub(crate) old: &'a KeyRow,
    pub(crate) new: Successor<'a>,
}

/// The key that becomes current.
#[derive(Clone, Copy)]
pub(crate) enum Successor<'a> {
    /// The line's next key.
    Next(&'a KeyRow),
    /// One that is to be made.
    Made(KeyAlg),
}

/// Whether a text can name a line.
pub(crate) fn check_line(line: &str) -> Result<(), ApiError> {
    let clean =
        line.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    if clean && (1..=LINE_BYTES_MAX).contains(&line.len()) {
        return Ok(());
    }
    let detail = "`line` must be 1 to 32 bytes of [a-z0-9_-]".into();
    Err(ApiError::Invalid { code: "line_invalid", detail }.at("line"))
}

/// The key of this state in a line.
pub(crate) fn of_state<'a>(keys: &'a [KeyRow], line: &str, state: KeyState) -> Option<&'a KeyRow> {
    keys.iter().find(|key| key.line == line && key.state == state)
}

/// A key of the line that is not retired.
pub(crate) fn live<'a>(keys: &'a [KeyRow], line: &str) -> Option<&'a KeyRow> {
    keys.iter().find(|key| key.line == line && key.state != KeyState::Retired)
}

/// The state of a key that is added to a line: current if it is the first, as nobody waits for another.
pub(crate) fn state_of_added(
    keys: &[KeyRow],
    line: &str,
    limits: LineLimits,
) -> Result<KeyState, ApiError> {
    if of_state(keys, line, KeyState::Next).is_some() {
        return Err(ApiError::Conflict {
            code: "next_key_exists",
            detail: "the line already has a next key; rotate first",
        });
    }
    check_room(keys, line, limits.keys_max)?;
    if of_state(keys, line, KeyState::Current).is_some() {
        return Ok(KeyState::Next);
    }
    let mut lines: Vec<&str> = not_retired(keys).map(|key| &*key.line).collect();
    lines.sort_unstable();
    lines.dedup();
    if !lines.contains(&line) && lines.len() >= limits.lines_max as usize {
        return Err(ApiError::Conflict {
            code: "keys_exceeded",
            detail: "the app already has `lines_per_app_max` lines; end one first",
        });
    }
    Ok(KeyState::Current)
}

/// What the rotation of a line does. `alg` is that of the new key; by default that of the next or else of the current.
pub(crate) fn succession<'a>(
    keys: &'a [KeyRow],
    line: &str,
    alg: Option<KeyAlg>,
    compromised: bool,
    limits: LineLimits,
) -> Result<Succession<'a>, ApiError> {
    let old = of_state(keys, line, KeyState::Current);
    let old = old.ok_or(ApiError::NotFound {
        code: "key_unknown",
        detail: "the line has no key; create its first",
    })?;
    if let Some(next) = of_state(keys, line, KeyState::Next) {
        if alg.is_some_and(|alg| alg != next.alg) {
            return Err(ApiError::Conflict {
                code: "next_key_exists",
                detail: "the line's next key has another algorithm; rotate without `alg`, or retire the next key first",
            });
        }
        return Ok(Succession { old, new: Successor::Next(next) });
    }
    if alg.is_none() && old.secret.is_none() {
        return Err(private_absent(
            "the line's key was made elsewhere: register the next one first, or say with `alg` which to make",
        ));
    }
    let alg = alg.unwrap_or(old.alg);
    check_made(alg)?;
    check_kind(line, alg)?;
    // Where the old one is retired at once, there is room: a leak can always be ended.
    if !compromised {
        check_room(keys, line, limits.keys_max)?;
    }
    Ok(Succession { old, new: Successor::Made(alg) })
}

/// Whether keys of this algorithm are made here.
pub(crate) fn check_made(alg: KeyAlg) -> Result<(), ApiError> {
    match alg {
        KeyAlg::Token04 | KeyAlg::Signature(Algorithm::HS256 | Algorithm::EdDSA) => Ok(()),
        KeyAlg::Signature(Algorithm::ES256) => {
            let detail =
                "keys of ES256 are made elsewhere; register the public one with `jwk`".into();
            Err(ApiError::Invalid { code: "alg_unsupported", detail }.at("alg"))
        }
    }
}

/// Whether a line takes keys of this kind: Token04 keys have one to themselves.
pub(crate) fn check_kind(line: &str, alg: KeyAlg) -> Result<(), ApiError> {
    if (line == TOKEN04) == (alg == KeyAlg::Token04) {
        return Ok(());
    }
    let detail = "keys of `token04` are in the line `token04`, and no others are".into();
    Err(ApiError::Invalid { code: "line_invalid", detail }.at("line"))
}

/// Nothing here can sign with the key.
pub(crate) fn private_absent(detail: &'static str) -> ApiError {
    ApiError::Conflict { code: "key_private_absent", detail }
}

/// When a key retires that is rotated now, Unix seconds: when no token that it signed can be alive.
pub(crate) fn retires_s(app: &AppRow, now_s: u64) -> u64 {
    let last_end_s = now_s.saturating_add(app.ttl_s_max);
    last_end_s.max(app.tokens_until_ms.div_ceil(1_000)).saturating_add(Limits::DEFAULT.leeway_s)
}

fn not_retired(keys: &[KeyRow]) -> impl Iterator<Item = &KeyRow> {
    keys.iter().filter(|key| key.state != KeyState::Retired)
}

fn check_room(keys: &[KeyRow], line: &str, keys_max: u32) -> Result<(), ApiError> {
    if line == TOKEN04
        && not_retired(keys).filter(|key| key.line == TOKEN04).count() >= SECRETS_PER_APP_MAX
    {
        return Err(ApiError::Conflict {
            code: "keys_exceeded",
            detail: "the app already has 4 keys of `token04` that are not retired, each of which is tried; retire one first",
        });
    }
    if not_retired(keys).count() < keys_max as usize {
        return Ok(());
    }
    Err(ApiError::Conflict {
        code: "keys_exceeded",
        detail: "the app already has `keys_per_app_max` keys that are not retired; retire one first",
    })
}

#[cfg(test)]
mod tests;
