//! Opens tokens (`spec/token04.md` §Order of the checks). How much work a failure takes before anything is proven depends
//! on the length of the text and on the candidates alone. Where CBC is accepted, nothing is left out once something has
//! failed: the ciphertext is opened both ways, with every secret, and what comes out is judged as a whole, even where it is
//! known not to count. There is no decoy and nothing to fill up: there is only one way, and every token goes all of it.
//! Where GCM alone is accepted, nothing is judged that its tag does not prove, so a stranger's token costs little.

pub use crate::envelope::Mode;

use crate::{
    cipher::{open_cbc, open_gcm},
    claims::Claims,
    envelope::{Envelope, PREFIX, TAG_BYTES},
    judge::{Desk, Rules},
    limits::Limits,
    refusal::{Fault, Refusal},
    secret::Token04Secret,
};

/// Which tokens an app takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// AES-256-GCM only.
    Gcm,
    /// AES-256-CBC too, **which its holder can change**: into another user, for one (`spec/token04.md` §What CBC costs).
    Legacy,
}

/// A secret that may have made a token, and what its app says about such tokens.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// The AppID of the app that has the secret; the token must name it.
    pub app: u32,
    /// The secret.
    pub secret: &'a Token04Secret,
    /// Which tokens the app takes.
    pub accept: Accept,
    /// Whether it takes tokens without a room and privileges.
    pub basic: bool,
    /// The longest life of a token, in seconds.
    pub ttl_s_max: u64,
}

/// A token that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it says.
    pub claims: Claims,
    /// Its id, in the place of a `jti`: 43 characters of base64url.
    pub id: String,
    /// Which of the candidates opened it.
    pub candidate: usize,
    /// How it was encrypted. Only [`Mode::Gcm`] proves what it says.
    pub mode: Mode,
}

/// Whether a text must be a Token04 if it is a token at all. No JWT begins so.
pub fn is_token04(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Opens a token at `now_s` (Unix seconds). Tries every candidate, always.
///
/// # Errors
///
/// A [`Fault`] with the code of the first check that fails; of several candidates, that of the one that came furthest.
/// Clients that presented the token should see only [`Fault::public_code`].
pub fn open(
    text: &str,
    candidates: &[Candidate<'_>],
    now_s: u64,
    limits: &Limits,
) -> Result<Opened, Fault> {
    open_or_stop::<false>(text, candidates, now_s, limits)
}

/// What the count of instructions must find: opening that stops once something has failed.
///
/// # Errors
///
/// As [`open`].
#[cfg(feature = "bench")]
#[doc(hidden)]
pub fn open_with_an_early_return(
    text: &str,
    candidates: &[Candidate<'_>],
    now_s: u64,
    limits: &Limits,
) -> Result<Opened, Fault> {
    open_or_stop::<true>(text, candidates, now_s, limits)
}

fn open_or_stop<const EARLY: bool>(
    text: &str,
    candidates: &[Candidate<'_>],
    now_s: u64,
    limits: &Limits,
) -> Result<Opened, Fault> {
    let envelope = Envelope::parse(text, limits.token_bytes_max).map_err(Fault::unproven)?;
    let (mode, expire) = (envelope.mode(), envelope.expire());
    let mut desk = Desk::new(envelope.plain_bytes_max());
    let mut plain = Plain::of(&envelope);
    let (mut opened, mut furthest) = (None, None);
    for (at, candidate) in candidates.iter().enumerate() {
        let mut failed = plain.decrypt(&envelope, mode, candidate);
        let &Candidate { app, basic, ttl_s_max, .. } = candidate;
        let rules = Rules { app, expire, basic, ttl_s_max, now_s, limits };
        let judged = failed == 0 || (candidate.accept == Accept::Legacy && !EARLY);
        if judged {
            failed |= desk.judge(&plain.text, rules);
        }
        match (Refusal::first_of(failed), mode) {
            (None, Some(mode)) if opened.is_none() => {
                let (claims, id) = Claims::read(&plain.text)
                    .ok_or_else(|| Fault::new(Refusal::JsonInvalid, mode == Mode::Gcm))?;
                opened = Some(Opened { claims, id, candidate: at, mode });
            }
            (refusal, _) => furthest = furthest.max(refusal),
        }
    }
    let refusal = furthest.unwrap_or(Refusal::KeyUnknown);
    opened.ok_or_else(|| Fault::new(refusal, mode == Some(Mode::Gcm)))
}

/// What a token says, whatever rules refuse it: for a token that [`open`] opened, or of which it said more than
/// `token_invalid`. `None` where no secret opens it. It stops early, so never call it before that answer.
pub fn reveal(text: &str, candidates: &[Candidate<'_>]) -> Option<Opened> {
    let envelope = Envelope::parse(text, Limits::DEFAULT.token_bytes_max).ok()?;
    let mode = envelope.mode()?;
    let mut plain = Plain::of(&envelope);
    candidates.iter().enumerate().find_map(|(at, candidate)| {
        if plain.decrypt(&envelope, Some(mode), candidate) != 0 {
            return None;
        }
        let (claims, id) = Claims::read(&plain.text)?;
        (claims.app == candidate.app).then_some(Opened { claims, id, candidate: at, mode })
    })
}

/// What comes out of a ciphertext, both ways, and the one that counts.
struct Plain {
    gcm: Vec<u8>,
    cbc: Vec<u8>,
    /// With spaces up to what any plaintext of this token has.
    text: Vec<u8>,
}

impl Plain {
    fn of(envelope: &Envelope) -> Self {
        Self {
            gcm: envelope.gcm().1.to_vec(),
            cbc: envelope.cbc().1.to_vec(),
            text: vec![b' '; envelope.plain_bytes_max()],
        }
    }

    /// Decrypts, and returns the set of refusals.
    fn decrypt(&mut self, envelope: &Envelope, mode: Option<Mode>, with: &Candidate<'_>) -> u32 {
        let (nonce, sealed) = envelope.gcm();
        self.gcm.copy_from_slice(sealed);
        let proven = open_gcm(with.secret, nonce, &mut self.gcm);
        let legacy = with.accept == Accept::Legacy;
        let mut padded = false;
        if legacy {
            let (iv, blocks) = envelope.cbc();
            self.cbc.copy_from_slice(blocks);
            padded = open_cbc(with.secret, iv, &mut self.cbc);
        }
        let gcm = &self.gcm[..self.gcm.len() - TAG_BYTES];
        let (from, failed) = match mode {
            Some(Mode::Gcm) if proven => (gcm, 0),
            Some(Mode::Gcm) => (gcm, Refusal::TagInvalid.bit()),
            Some(Mode::Cbc) if !legacy => (gcm, Refusal::CbcRefused.bit()),
            Some(Mode::Cbc) if padded => (&*self.cbc, 0),
            Some(Mode::Cbc) => (&*self.cbc, Refusal::PaddingInvalid.bit()),
            None => (gcm, Refusal::LayoutInvalid.bit()),
        };
        self.text.fill(b' ');
        self.text[..from.len()].copy_from_slice(from);
        failed
    }
}
