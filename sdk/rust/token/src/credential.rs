//! Credentials of the HTTP API: their one form, with check digits (`spec/credentials.md`). The check is no security:
//! it lets a scanner tell a credential from chance, and a server refuse a mistyped one without looking it up.

use std::fmt;

use thiserror::Error;

use crate::base62::{SECRET_CHARS, check_of, checked, encode_32, is_base62};

/// Characters of a credential's id.
pub const CREDENTIAL_ID_CHARS: usize = 16;

/// What a credential is.
///
/// Not `#[non_exhaustive]`: code that revokes must fail to compile when there is another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// The operator's: every right in every app.
    Root,
    /// An API key: a backend's, in one app.
    ApiKey,
    /// A person's own.
    Personal,
    /// A short-lived access token.
    AccessToken,
    /// A login link.
    Link,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Root, Self::ApiKey, Self::Personal, Self::AccessToken, Self::Link];

    /// What a credential of this kind begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Root => "sdroot_",
            Self::ApiKey => "sdkey_",
            Self::Personal => "sdpat_",
            Self::AccessToken => "sdoat_",
            Self::Link => "sdlnk_",
        }
    }
}

/// A well-formed credential. Whether it is known, only its server can say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a> {
    kind: CredentialKind,
    id: &'a str,
    text: &'a str,
}

/// Why a text is no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// It does not have the form.
    #[error("not a credential")]
    Form,
    /// It has the form, and another check than its own: it was mistyped or cut.
    #[error("the credential's check digits are wrong")]
    Check,
}

impl<'a> Credential<'a> {
    /// Reads a credential.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] where the text is not one, or its check is wrong.
    ///
    /// ```
    /// use stagedoor_token::{Credential, CredentialKind};
    ///
    /// let text = Credential::make(CredentialKind::ApiKey, "7jq82dacgi687q88", &[7; 32])?;
    /// let credential = Credential::parse(&text)?;
    /// assert_eq!((credential.kind(), credential.id()), (CredentialKind::ApiKey, "7jq82dacgi687q88"));
    /// # Ok::<(), stagedoor_token::CredentialError>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, CredentialError> {
        const REST_CHARS: usize = CREDENTIAL_ID_CHARS + SECRET_CHARS + crate::base62::CHECK_CHARS;
        let (kind, rest) = CredentialKind::ALL
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))
            .ok_or(CredentialError::Form)?;
        if rest.len() != REST_CHARS || !is_base62(rest) {
            return Err(CredentialError::Form);
        }
        checked(text).ok_or(CredentialError::Check)?;
        let id = rest.get(..CREDENTIAL_ID_CHARS).ok_or(CredentialError::Form)?;
        Ok(Self { kind, id, text })
    }

    /// Writes a credential of an id, 16 characters of base62, and a secret of 256 random bits.
    ///
    /// # Errors
    ///
    /// [`CredentialError::Form`] where the id is not one.
    pub fn make(
        kind: CredentialKind,
        id: &str,
        secret: &[u8; 32],
    ) -> Result<String, CredentialError> {
        if id.len() != CREDENTIAL_ID_CHARS || !is_base62(id) {
            return Err(CredentialError::Form);
        }
        let text = format!("{}{id}{}", kind.prefix(), encode_32(secret));
        let check = check_of(&text);
        Ok(text + &check)
    }

    /// What it is.
    pub fn kind(&self) -> CredentialKind {
        self.kind
    }

    /// Its id, which is not secret.
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// The whole credential, a secret.
    pub fn expose(&self) -> &'a str {
        self.text
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    const ID: &str = "7jq82dacgi687q88";

    fn kinds() -> impl Strategy<Value = CredentialKind> {
        select(&CredentialKind::ALL[..])
    }

    #[test]
    fn a_credential_does_not_show_its_secret() {
        let text = Credential::make(CredentialKind::Root, ID, &[0x41; 32]).expect("made");
        let shown = format!("{:?}", Credential::parse(&text).expect("read"));
        assert_eq!(shown, r#"Credential { kind: Root, id: "7jq82dacgi687q88", .. }"#);
    }

    #[test]
    fn an_id_of_another_form_is_refused() {
        for id in
            ["", "7jq82dacgi687q8", "7jq82dacgi687q888", "7jq82dacgi687q8_", "7jq82dacgi687qé"]
        {
            let made = Credential::make(CredentialKind::ApiKey, id, &[1; 32]);
            assert_eq!(made, Err(CredentialError::Form), "{id}");
        }
    }

    #[test]
    fn what_is_longer_shorter_or_of_another_kind_is_none() {
        let text = Credential::make(CredentialKind::Link, ID, &[9; 32]).expect("made");
        let cut = &text[..text.len() - 1];
        let long = format!("{text}0");
        let other = text.replace("sdlnk_", "sdxxx_");
        let upper = text.replace("sdlnk_", "SDLNK_");
        for wrong in ["", "sdkey_", cut, &long, &other, &upper] {
            assert_eq!(Credential::parse(wrong), Err(CredentialError::Form), "{wrong}");
        }
        let swapped = text.replace("sdlnk_", "sdpat_");
        assert_eq!(Credential::parse(&swapped), Err(CredentialError::Check));
    }

    proptest! {
        #[test]
        fn what_is_made_reads_as_what_it_is(
            kind in kinds(), id in "[0-9A-Za-z]{16}", secret in any::<[u8; 32]>(),
        ) {
            let text = Credential::make(kind, &id, &secret).expect("made");
            let read = Credential::parse(&text).expect("read");
            prop_assert_eq!((read.kind(), read.id(), read.expose()), (kind, &*id, &*text));
            prop_assert_eq!(text.len(), kind.prefix().len() + 65);
        }

        #[test]
        fn no_other_character_at_one_place_reads(
            kind in kinds(), secret in any::<[u8; 32]>(), place in 0_usize..72, other in "[0-9A-Za-z_]",
        ) {
            let text = Credential::make(kind, ID, &secret).expect("made");
            let place = place % text.len();
            prop_assume!(text[place..=place] != other);
            let altered = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            prop_assert!(Credential::parse(&altered).is_err());
        }

        #[test]
        fn any_text_reads_only_if_its_check_is_right(text in "(sd(root|key|pat|oat|lnk)_)?[0-9A-Za-z]{63,67}|.{0,80}") {
            if Credential::parse(&text).is_ok() {
                prop_assert_eq!(check_of(&text[..text.len() - 6]), &text[text.len() - 6..]);
            }
        }
    }
}
