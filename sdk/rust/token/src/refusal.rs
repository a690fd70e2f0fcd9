//! Every code that a token may be refused with (`spec/token.md` §Refusals). The order of the table is the
//! order of the checks.

use std::fmt;

use stagedoor_grants::RoleNameError;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $public:literal, $field:literal, $words:literal;)*) => {
        /// Why a token was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// Every refusal, in the order of the checks.
            pub const ALL: &[Refusal] = &[$(Refusal::$name,)*];

            /// The exact code, for those who hold the key: logs, audit, the `verify` endpoint.
            pub fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code,)* }
            }

            /// The code that whoever presented the token is told: nothing exact before the signature
            /// has proven where the token comes from.
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
    /// Longer than `token_bytes_max`.
    TokenTooLarge = "token_too_large", false, "", "the token is longer than `token_bytes_max`";
    /// Not three parts of canonical base64url.
    TokenMalformed = "token_malformed", false, "", "the token is not three parts of canonical base64url without padding";
    /// Not the header of a room token.
    HeaderInvalid = "header_invalid", false, "", "the header is not an object of `alg`, `typ` and `kid` alone";
    /// An algorithm that the key does not have.
    AlgUnsupported = "alg_unsupported", false, "", "the header's `alg` is not HS256, the key's own";
    /// A `crit` header.
    CritUnsupported = "crit_unsupported", false, "", "the header has `crit`, and no extension is understood";
    /// No such key.
    KeyUnknown = "key_unknown", false, "", "no key has the header's `kid`";
    /// A retired key.
    KeyRetired = "key_retired", false, "", "the key is retired; sign with the current one";
    /// Another signature.
    SignatureInvalid = "signature_invalid", false, "", "the signature is not the key's; is it the secret of this `kid`, and decoded from base64url before it signs?";
    /// Claims that are no object, or of wrong types, or given twice.
    ClaimsMalformed = "claims_malformed", true, "", "the claims are not one JSON object";
    /// A required claim is not there.
    ClaimMissing = "claim_missing", true, "", "one of `app room sub role iat nbf exp jti` is missing";
    /// A claim that has no meaning here.
    ClaimUnknown = "claim_unknown", true, "", "a claim has no meaning here; a mistyped one would otherwise be ignored";
    /// The key of another app.
    AppMismatch = "app_mismatch", true, "app", "is not the app of the key that signed";
    /// No room, or not a name of one.
    RoomInvalid = "room_invalid", true, "room", "must be 1 to `room_bytes_max` bytes without control characters, and neither `.` nor `..`";
    /// No user, or not a name of one.
    UserInvalid = "user_invalid", true, "sub", "must be 1 to `user_bytes_max` bytes without control characters, and neither `.` nor `..`";
    /// Not the name of a role.
    RoleInvalid = "role_invalid", true, "role", "must be 1 to 32 bytes of [a-z0-9_-]";
    /// No id.
    JtiInvalid = "jti_invalid", true, "jti", "must be 1 to `jti_bytes_max` visible ASCII characters";
    /// Too long a name.
    NameInvalid = "name_invalid", true, "name", "must be at most `name_bytes_max` bytes without control characters";
    /// Too long a meta.
    MetaInvalid = "meta_invalid", true, "meta", "must be at most `meta_bytes_max` bytes";
    /// Grants that are not of the form.
    GrantsInvalid = "grants_invalid", true, "grants", "must be of the form of a role's grants";
    /// Not what an end may do.
    AtExpInvalid = "at_exp_invalid", true, "at_exp", "must be `close`, {\"demote\":role} or {\"grace\":seconds}";
    /// No length of a stay.
    MaxStayInvalid = "max_stay_invalid", true, "max_stay", "must be 1 to 4294967295 seconds";
    /// Ends of privileges that are not of the form, or after the token's.
    UntilInvalid = "until_invalid", true, "until", "must be an object of ends, each 1 to `exp`";
    /// No thumbprint of a key.
    CnfInvalid = "cnf_invalid", true, "cnf", "must be one `jkt` of 43 characters of canonical base64url";
    /// An end that is not after the beginning.
    TimesInvalid = "times_invalid", true, "exp", "must be after `iat` and `nbf`";
    /// Too long a life.
    LifetimeTooLong = "lifetime_too_long", true, "exp", "is more than `ttl_s_max` after `iat`; are both in seconds?";
    /// Over.
    TokenExpired = "token_expired", true, "exp", "has passed: the token has expired";
    /// Not begun.
    TokenNotYetValid = "token_not_yet_valid", true, "nbf", "lies more than `leeway_s` in the future; are both clocks right, and is it in seconds?";
    /// Not a role of the app.
    RoleUnknown = "role_unknown", true, "role", "names no role of the app";
    /// Grants beyond the role.
    GrantsTooWide = "grants_too_wide", true, "grants", "goes beyond the role; a token may only narrow it";
}
