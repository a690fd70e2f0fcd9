//! The codes with which a token may be refused (`spec/token04.md` §Refusals), in the order of the checks.

use std::fmt;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal;)*) => {
        /// Why a token was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// Every refusal, in the order of the checks.
            pub const ALL: &[Refusal] = &[$(Refusal::$name,)*];

            /// The exact code, for holders of the secret: logs, the audit trail, the API.
            pub fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code,)* }
            }

            fn words(self) -> &'static str {
                match self { $(Refusal::$name => $words,)* }
            }
        }
    };
}

refusals! {
    /// The text is longer than `token_bytes_max`.
    TokenTooLarge = "token_too_large", "the token is longer than `token_bytes_max`";
    /// The text does not begin with `04`, is not strict base64, or is too short.
    TokenMalformed = "token_malformed", "the token is not `04` and standard base64 with padding";
    /// There is no secret to try.
    KeyUnknown = "key_unknown", "no secret can have made the token";
    /// The lengths and the mode do not fit.
    LayoutInvalid = "token04_layout_invalid", "the lengths and the mode in the token do not fit";
    /// The token is in CBC, which is not accepted.
    CbcRefused = "token04_cbc_refused", "the token is in CBC; mint it in GCM, or set `legacy`";
    /// No secret opens it.
    TagInvalid = "token04_tag_invalid", "no secret opens the token; is it the app's, 32 characters as they stand?";
    /// The padding of CBC is wrong.
    PaddingInvalid = "token04_padding_invalid", "no secret opens the token: its padding is wrong";
    /// The plaintext is not UTF-8.
    Utf8Invalid = "token04_utf8_invalid", "the plaintext is not UTF-8";
    /// The plaintext is not JSON of the form that the format needs.
    JsonInvalid = "token04_json_invalid", "the plaintext is not one flat JSON object of texts, integers and null";
    /// A field is missing, unknown, given twice, of the wrong type or out of its range.
    FieldsInvalid = "token04_fields_invalid", "a field is missing, unknown, given twice, of another type or out of its range";
    /// `expire` in clear is not the encrypted one.
    ExpireMismatch = "token04_expire_mismatch", "`expire` in clear is not the one inside";
    /// `app_id` is not the secret's app.
    AppMismatch = "app_mismatch", "`app_id` is not the app of the secret";
    /// `user_id` is no user id.
    UserInvalid = "user_invalid", "`user_id` is empty, too long, `.`, `..`, or has control characters";
    /// `payload` does not have its form.
    PayloadInvalid = "token04_payload_invalid", "`payload` is neither empty nor a JSON object of `room_id`, `privilege` and `stream_id_list`";
    /// `room_id` is no name of a room.
    RoomInvalid = "room_invalid", "`room_id` is empty, too long, `.`, `..`, or has control characters";
    /// `stream_id_list` has a name that no stream has, or too many.
    StreamInvalid = "token04_stream_invalid", "`stream_id_list` has more than 64 names, or one that is not 1 to 256 bytes of [0-9A-Za-z_.:-]";
    /// `expire` is not after `ctime`, or `ctime` is negative.
    TimesInvalid = "times_invalid", "`expire` must be after `ctime`";
    /// The token lives longer than the app allows.
    LifetimeTooLong = "lifetime_too_long", "`expire` is more than `ttl_s_max` after `ctime`; are both in seconds?";
    /// The token has ended.
    TokenExpired = "token_expired", "`expire` has passed: the token has expired";
    /// The token is of the future.
    TokenNotYetValid = "token_not_yet_valid", "`ctime` lies more than `leeway_s` in the future; are both clocks right?";
    /// A basic token, which the app does not take.
    BasicRefused = "token04_basic_refused", "the token names no room; the app takes no basic tokens";
    /// Privilege 1 is not granted.
    LoginDenied = "token04_login_denied", "privilege 1 (login) is not granted";
}

impl Refusal {
    /// Its bit in a set of refusals: the lowest one set is the first check that failed.
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The first of a set.
    pub(crate) fn first_of(set: u32) -> Option<Self> {
        // Not a search: that would take longer the later the first one comes.
        Self::ALL.get(set.trailing_zeros() as usize).copied()
    }
}

/// A refusal, and whether the plaintext was proven when it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    refusal: Refusal,
    proven: bool,
}

impl Fault {
    /// A refusal of something that nothing proves.
    pub(crate) fn unproven(refusal: Refusal) -> Self {
        Self { refusal, proven: false }
    }

    /// A refusal of what the tag of GCM may prove.
    pub(crate) fn new(refusal: Refusal, gcm: bool) -> Self {
        Self { refusal, proven: gcm && refusal > Refusal::TagInvalid }
    }

    /// What failed first.
    pub fn refusal(self) -> Refusal {
        self.refusal
    }

    /// The exact code, for holders of the secret.
    pub fn code(self) -> &'static str {
        self.refusal.code()
    }

    /// The code for the client: `token_invalid` unless the tag of GCM has proven the plaintext.
    pub fn public_code(self) -> &'static str {
        if self.proven { self.code() } else { "token_invalid" }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.refusal.words())
    }
}
