//! Mints tokens (`spec/token04.md` §Minting), in AES-256-GCM alone. Refuses what `open` would refuse.

use crate::{
    cipher::seal_gcm,
    claims::Claims,
    envelope::{Envelope, NONCE_BYTES},
    limits::Limits,
    open::{Accept, Candidate, open},
    refusal::{Fault, Refusal},
    secret::Token04Secret,
};

/// Bits of a random `nonce` that are left out, so that readers whose numbers are floating ones read it exactly.
const NONCE_BITS_SPARED: u32 = 11;

/// Why no token was minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The format cannot say this.
    #[error("a Token04 cannot say this: {0}")]
    Cannot(&'static str),
    /// `open` would refuse the token.
    #[error(transparent)]
    Refused(#[from] Fault),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
}

impl MintError {
    /// The code of the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cannot(_) => "token04_cannot",
            Self::Refused(fault) => fault.code(),
            Self::Random(_) => "internal",
        }
    }
}

/// Mints a token. `open` accepts it from `ctime` until `expire`, with the same secret, where the app's longest life allows
/// that and, for one without a room, basic tokens are accepted.
///
/// # Errors
///
/// [`MintError::Cannot`] for an empty list of streams, which would read as none, and for privileges without a room;
/// [`MintError::Refused`] where `open` would refuse the token.
pub fn mint(claims: &Claims, secret: &Token04Secret, limits: &Limits) -> Result<String, MintError> {
    if claims.streams.as_ref().is_some_and(Vec::is_empty) {
        return Err(MintError::Cannot("an empty list of streams bounds nothing"));
    }
    if claims.room.is_none() && (claims.may_publish || claims.streams.is_some()) {
        return Err(MintError::Cannot("privileges need a room"));
    }
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce)?;
    let number = (getrandom::u64()? >> NONCE_BITS_SPARED) as i64;
    let expire = i64::try_from(claims.expire).map_err(|_| refused(Refusal::TimesInvalid))?;
    let mut plain = claims.write(number).ok_or_else(|| refused(Refusal::FieldsInvalid))?;
    seal_gcm(secret, nonce, &mut plain).ok_or_else(|| refused(Refusal::TokenTooLarge))?;
    let token =
        Envelope::gcm_text(expire, nonce, &plain).ok_or_else(|| refused(Refusal::TokenTooLarge))?;
    let candidate = Candidate {
        app: claims.app,
        secret,
        accept: Accept::Gcm,
        basic: claims.room.is_none(),
        ttl_s_max: u64::MAX,
    };
    let opened = open(&token, &[candidate], claims.ctime, limits)?;
    debug_assert_eq!(&opened.claims, claims);
    Ok(token)
}

fn refused(refusal: Refusal) -> Fault {
    Fault::unproven(refusal)
}
