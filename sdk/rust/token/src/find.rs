//! Finds what may be a credential in any text (`spec/credentials.md`). Pure.

use crate::{base64url, credential::Credential, secret_text};

/// Characters of 32 bytes as base64url.
const RAW_SECRET_CHARS: usize = 43;

/// Texts in `text` that may be secrets of Stagedoor: credentials and secrets whose check is right, and, because they
/// have no check, whatever has the form of a room token, of a credential from before check digits, or of a raw secret
/// of a signing key. In order, and as often as they occur.
///
/// ```
/// use stagedoor_token::{checked_secret, find_credentials};
///
/// let secret = checked_secret(&[7; 32]);
/// let log = format!("level=debug secret={secret}, done");
/// assert_eq!(find_credentials(&log).collect::<Vec<_>>(), [&secret]);
/// ```
pub fn find_credentials(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.'))
        .flat_map(in_word)
}

/// What is in one run of letters, digits, `_`, `-` and `.`.
fn in_word(word: &str) -> Vec<&str> {
    let checked: Vec<&str> = word.split(['-', '.']).filter(|run| is_checked(run)).collect();
    if !checked.is_empty() {
        return checked;
    }
    let word = word.trim_matches('.');
    if is_token(word) {
        return vec![word];
    }
    word.split('.').filter(|part| is_unchecked(part)).collect()
}

/// Whether the check of a text is right.
fn is_checked(run: &str) -> bool {
    Credential::parse(run).is_ok() || secret_text::is_checked(run)
}

/// Whether a text has the form of a room token.
fn is_token(word: &str) -> bool {
    let mut parts = word.split('.');
    let begins = parts.next().is_some_and(|header| header.starts_with("eyJ"));
    begins && parts.clone().count() == 2 && parts.all(|part| !part.is_empty())
}

/// Whether a text has the form of something without a check.
fn is_unchecked(part: &str) -> bool {
    let secret = match part.strip_prefix("sdroot_") {
        Some(secret) => secret,
        None => match part.strip_prefix("sd_").and_then(|rest| rest.split_once('_')) {
            Some((_id, secret)) => secret,
            None => part,
        },
    };
    secret.len() == RAW_SECRET_CHARS && base64url::is_canonical(secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{CredentialKind, checked_secret};

    fn found(text: &str) -> Vec<&str> {
        find_credentials(text).collect()
    }

    #[test]
    fn credentials_are_found_wherever_they_stand() {
        let key =
            Credential::make(CredentialKind::ApiKey, "7jq82dacgi687q88", &[3; 32]).expect("made");
        let secret = checked_secret(&[5; 32]);
        for text in [
            key.clone(),
            format!("KEY={key}\nSECRET=\n"),
            format!("{{\"key\":\"{key}\"}}"),
            format!("https://example.com/?key={key}&x=1"),
            format!("The key is {key}."),
            format!("see-{key}-there"),
        ] {
            assert_eq!(found(&text), [&key], "{text}");
        }
        assert_eq!(found(&format!("{key} {secret},{key}")), [&key, &secret, &key]);
        for part_of_a_word in [format!("x{key}"), format!("{key}_"), key[1..].to_owned()] {
            assert!(found(&part_of_a_word).is_empty(), "{part_of_a_word}");
        }
    }

    #[test]
    fn what_has_no_check_is_found_by_its_form() {
        let raw = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        let old = format!("sd_7jq82dacgi687q88_{raw}");
        let root = format!("sdroot_{raw}");
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJhcHAiOjd9.c2lnbmF0dXJl";
        let text = format!("a {raw}; b='{old}' {root}\n{token}. End");
        assert_eq!(found(&text), [raw, &old, &root, token]);
        assert!(found(&raw[1..]).is_empty() && found("eyJhbGciOiJIUzI1NiJ9.e30").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in ".{0,300}", secret in any::<[u8; 32]>()) {
            let secret = checked_secret(&secret);
            let text = format!("{text} {secret}");
            prop_assert_eq!(find_credentials(&text).last(), Some(&*secret));
        }
    }
}
