//! OpenID Connect, as far as an issuer's ID tokens are verified: its document and its keys, fetched when they are first
//! needed and kept for each issuer, never by the id of a key alone.

pub(crate) mod discovery;
mod held;
pub(crate) mod id_token;
pub(crate) mod keys;
mod provider;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jsonwebtoken::DecodingKey;
use serde_json::Value;
use tokio::sync::Mutex as Turn;

use crate::{
    config::Config,
    outbound::{Outbound, OutboundError},
};
use discovery::{Discovery, DiscoveryFault, document_of};
use held::{Held, Patience, Step, fresh_for};
use id_token::{Expected, IdToken, IdTokenFault, Unproven};
use keys::{Alg, IssuerKeys};

/// Issuers whose keys are kept; beyond them the one used longest ago is forgotten.
const KEPT_MAX: usize = 1_024;
/// How long an issuer's document is used before it is asked for again.
const DISCOVERY_LIFE: Duration = Duration::from_secs(86_400);

/// Why an ID token is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotVerified {
    /// It is refused.
    Fault(IdTokenFault),
    /// It is of another issuer.
    Issuer,
    /// Its issuer's keys cannot be had.
    Unreachable,
}

impl From<IdTokenFault> for NotVerified {
    fn from(fault: IdTokenFault) -> Self {
        Self::Fault(fault)
    }
}

/// Why an issuer did not answer as it must.
#[derive(Debug, thiserror::Error)]
enum NotFetched {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error(transparent)]
    Discovery(#[from] DiscoveryFault),
    #[error("its keys are not a JWKS")]
    Jwks,
}

/// One issuer.
#[derive(Debug)]
struct Issuer {
    name: Box<str>,
    held: Mutex<Held>,
    /// Held while it is asked, so that others wait for the same answer.
    turn: Turn<()>,
}

impl Issuer {
    fn held<T>(&self, look: impl FnOnce(&mut Held) -> T) -> T {
        look(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn discovery(&self, outbound: &Outbound) -> Result<Arc<Discovery>, NotFetched> {
        let kept = self.held(|held| held.discovery.clone());
        if let Some((discovery, at)) = kept
            && at.elapsed() < DISCOVERY_LIFE
        {
            return Ok(discovery);
        }
        let answer = outbound.get(&document_of(&self.name).parse()?).await?;
        let body: Box<serde_json::value::RawValue> = answer.json()?;
        let discovery = Arc::new(Discovery::read(body.get().as_bytes(), &self.name)?);
        self.held(|held| held.discovery = Some((discovery.clone(), Instant::now())));
        Ok(discovery)
    }

    async fn fetch(&self, outbound: &Outbound) -> Result<(IssuerKeys, Duration), NotFetched> {
        let discovery = self.discovery(outbound).await?;
        let (jwks, max_age_s) = outbound.get_json::<Value>(&discovery.jwks).await?;
        Ok((IssuerKeys::of_jwks(&jwks).ok_or(NotFetched::Jwks)?, fresh_for(max_age_s)))
    }

    /// The keys, of which `has` says whether the wanted one is among them.
    async fn keys(
        &self,
        outbound: &Outbound,
        patience: Patience,
        has: impl Fn(&IssuerKeys) -> bool,
    ) -> Result<Arc<IssuerKeys>, NotVerified> {
        let decided = |step| match step {
            Step::Use(keys) => Some(Ok(keys)),
            Step::Missing => Some(Err(IdTokenFault::Signature.into())),
            Step::Unreachable => Some(Err(NotVerified::Unreachable)),
            Step::Ask => None,
        };
        let step = || self.held(|held| held.step(&has, Instant::now(), patience));
        if let Some(decided) = decided(step()) {
            return decided;
        }
        let _turn = self.turn.lock().await;
        // Somebody may have asked meanwhile.
        if let Some(decided) = decided(step()) {
            return decided;
        }
        self.held(|held| held.begin(&has, Instant::now()));
        let fetched = self.fetch(outbound).await;
        let now = Instant::now();
        self.held(|held| match fetched {
            Ok((keys, fresh)) => {
                held.keep(keys, &has, now, fresh);
                held.lasting(&has, now, patience).ok_or(IdTokenFault::Signature.into())
            }
            Err(error) => {
                tracing::warn!(issuer = &*self.name, %error, "cannot fetch the keys of an issuer");
                held.fail(now);
                held.lasting(&has, now, patience).ok_or(NotVerified::Unreachable)
            }
        })
    }
}

/// Issuers by name, each with its last use.
type Kept = HashMap<Box<str>, (Arc<Issuer>, Instant)>;

/// The issuers that are in use.
#[derive(Debug)]
pub(crate) struct Oidc {
    outbound: Arc<Outbound>,
    patience: Patience,
    kept: Mutex<Kept>,
}

impl Oidc {
    /// With the limits and the connections of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        let patience = Patience {
            retry: Duration::from_secs(config.issuer_retry_s),
            outage: Duration::from_secs(config.issuer_outage_s),
        };
        Self::new(Arc::new(Outbound::new(&config.outbound)), patience)
    }

    /// Knows nothing yet, and asks nobody until it must.
    fn new(outbound: Arc<Outbound>, patience: Patience) -> Self {
        Self { outbound, patience, kept: Mutex::default() }
    }

    fn issuer(&self, name: &str) -> Arc<Issuer> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((issuer, used)) = kept.get_mut(name) {
            *used = Instant::now();
            return issuer.clone();
        }
        if kept.len() >= KEPT_MAX {
            let oldest = kept.iter().min_by_key(|(_, (_, used))| *used);
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.and_then(|oldest| kept.remove(&oldest));
        }
        let issuer = Issuer { name: name.into(), held: Mutex::default(), turn: Turn::default() };
        let issuer = Arc::new(issuer);
        kept.insert(name.into(), (issuer.clone(), Instant::now()));
        issuer
    }

    /// The endpoints of an issuer.
    #[allow(dead_code, reason = "the login of operators needs it")]
    pub(crate) async fn discovery(&self, issuer: &str) -> Result<Arc<Discovery>, NotVerified> {
        let asked = self.issuer(issuer).discovery(&self.outbound).await;
        asked.map_err(|error| {
            tracing::warn!(issuer, %error, "cannot fetch the document of an issuer");
            NotVerified::Unreachable
        })
    }

    /// The key of an issuer by which a token of this `kid` and `alg` must verify. It is asked for in a task of its own,
    /// so that a client that hangs up ends no request that others wait for.
    pub(crate) async fn key(
        &self,
        issuer: &str,
        kid: Option<&str>,
        alg: Alg,
    ) -> Result<DecodingKey, NotVerified> {
        let (issuer, outbound, patience) =
            (self.issuer(issuer), self.outbound.clone(), self.patience);
        let kid = kid.map(ToOwned::to_owned);
        let asked = tokio::spawn(async move {
            let has = |keys: &IssuerKeys| keys.find(kid.as_deref(), alg).is_some();
            let keys = issuer.keys(&outbound, patience, has).await?;
            keys.find(kid.as_deref(), alg).cloned().ok_or(IdTokenFault::Signature.into())
        });
        asked.await.unwrap_or(Err(NotVerified::Unreachable))
    }

    /// Verifies an ID token. The issuer is asked for its keys if they are not known.
    pub(crate) async fn verify(
        &self,
        token: Unproven<'_>,
        expected: &Expected<'_>,
        now_s: u64,
    ) -> Result<IdToken, NotVerified> {
        if token.iss() != expected.issuer {
            return Err(NotVerified::Issuer);
        }
        let alg = token.alg(expected.algs)?;
        let key = self.key(expected.issuer, token.kid(), alg).await?;
        Ok(token.verify(&key, expected, now_s)?)
    }
}

#[cfg(test)]
mod tests;
