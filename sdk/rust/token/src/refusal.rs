//! The codes with which a token may be refused (`spec/token.md` §Refusals), in the order of the checks.

use std::fmt;

use stagedoor_grants::RoleNameError;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $public:literal, $field:literal, $words:literal;)*) => {
        /// Why a token was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// Every refusal, in the order of the checks.
            pub const ALL: &[Refusal] = &[$(Refusal::$name,)*];

            /// The exact code, for holders of the key: logs, the audit trail, the `verify` endpoint.
            pub fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code,)* }
            }

            /// The code for the client that presented the token: `token_invalid` for everything that is found before the
            /// signature is proven.
            pub fn public_code(self) -> &'static str {
                match self { $(Refusal::$name => if $public { $code } else { "token_invalid" },)* }
            }

            /// The claim that it is about, where it is always the same one.
            pub(crate) fn field(self) -> Option<&'static str> {
                Some(match self { $(Refusal::$name => $field,)* }).filter(|field| !field.is_empty())
            }

            /// What it says: of its claim, where it has one.
            pub(crate) fn words(self) -> &'static str {
                match self { $(Refusal::$name => $words,)* }
            }
        }
    };
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field() {
            Some(field) => write!(f, "`{field}` {}", self.words()),
            None => f.write_str(self.words()),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<RoleNameError> for Refusal {
    fn from(_: RoleNameError) -> Self {
        Self::RoleInvalid
    }
}

refusals! {
    /// The token is longer than `token_bytes_max`.
    TokenTooLarge = "token_too_large", false, "", "the token is longer than `token_bytes_max`";
    /// The token is not three parts of canonical base64url.
    TokenMalformed = "token_malformed", false, "", "the token is not three parts of canonical base64url without padding";
    /// The header is not that of a room token.
    HeaderInvalid = "header_invalid", false, "", "the header is not an object of `alg`, `typ` and `kid` alone";
    /// The header's `alg` is not the key's.
    AlgUnsupported = "alg_unsupported", false, "", "the header's `alg` is not the key's own";
    /// The header has `crit`.
    CritUnsupported = "crit_unsupported", false, "", "the header has `crit`, and no extension is understood";
    /// No key has the header's `kid`.
    KeyUnknown = "key_unknown", false, "", "no key has the header's `kid`";
    /// The key is retired.
    KeyRetired = "key_retired", false, "", "the key is retired; sign with the current one";
    /// The signature is not the key's.
    SignatureInvalid = "signature_invalid", false, "", "the signature is not the key's; is it the secret of this `kid`, decoded from base64url before it signs, or the private key of this `kid`?";
    /// The claims are not an object, or one has a wrong type or is given twice.
    ClaimsMalformed = "claims_malformed", true, "", "the claims are not one JSON object";
    /// A required claim is missing.
    ClaimMissing = "claim_missing", true, "", "one of `app room sub role iat nbf exp jti` is missing";
    /// A claim is unknown.
    ClaimUnknown = "claim_unknown", true, "", "a claim has no meaning here; a mistyped one would otherwise be ignored";
    /// The key belongs to another app.
    AppMismatch = "app_mismatch", true, "app", "is not the app of the key that signed";
    /// `room` is not the name of a room.
    RoomInvalid = "room_invalid", true, "room", "must be 1 to `room_bytes_max` bytes without control characters, and neither `.` nor `..`";
    /// `sub` is not the id of a user.
    UserInvalid = "user_invalid", true, "sub", "must be 1 to `user_bytes_max` bytes without control characters, and neither `.` nor `..`";
    /// `role` is not the name of a role.
    RoleInvalid = "role_invalid", true, "role", "must be 1 to 32 bytes of [a-z0-9_-]";
    /// `jti` is not the id of a token.
    JtiInvalid = "jti_invalid", true, "jti", "must be 1 to `jti_bytes_max` visible ASCII characters";
    /// `name` is too long or has control characters.
    NameInvalid = "name_invalid", true, "name", "must be at most `name_bytes_max` bytes without control characters";
    /// `meta` is too long.
    MetaInvalid = "meta_invalid", true, "meta", "must be at most `meta_bytes_max` bytes";
    /// `grants` does not have the form of a role's grants.
    GrantsInvalid = "grants_invalid", true, "grants", "must be of the form of a role's grants";
    /// `at_exp` is none of its forms.
    AtExpInvalid = "at_exp_invalid", true, "at_exp", "must be `close`, {\"demote\":role} or {\"grace\":seconds}";
    /// `max_stay` is not a number of seconds.
    MaxStayInvalid = "max_stay_invalid", true, "max_stay", "must be 1 to 4294967295 seconds";
    /// `until` does not have its form, or names an end after the token's.
    UntilInvalid = "until_invalid", true, "until", "must be an object of ends, each 1 to `exp`";
    /// `cnf` has no thumbprint of a key.
    CnfInvalid = "cnf_invalid", true, "cnf", "must be one `jkt` of 43 characters of canonical base64url";
    /// `exp` is not after `iat` and `nbf`.
    TimesInvalid = "times_invalid", true, "exp", "must be after `iat` and `nbf`";
    /// The token lives longer than `ttl_s_max`.
    LifetimeTooLong = "lifetime_too_long", true, "exp", "is more than `ttl_s_max` after `iat`; are both in seconds?";
    /// The token has ended.
    TokenExpired = "token_expired", true, "exp", "has passed: the token has expired";
    /// The token is not good yet.
    TokenNotYetValid = "token_not_yet_valid", true, "nbf", "lies more than `leeway_s` in the future; are both clocks right, and is it in seconds?";
    /// The app has no such role.
    RoleUnknown = "role_unknown", true, "role", "names no role of the app";
    /// `grants` goes beyond the role.
    GrantsTooWide = "grants_too_wide", true, "grants", "goes beyond the role; a token may only narrow it";
}
