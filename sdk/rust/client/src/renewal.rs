//! Renewing the token on the open connection: when the source is asked, who waits for the answer, and the proof of the
//! key. Sends nothing itself.

use std::{future::Future, pin::Pin};

use serde_json::Value;
use stagedoor_wire::{event::Event, reply::Refusal};
use tokio::sync::oneshot;

use crate::{
    error::{Cause, KeyError, RequestError},
    proof::ProofKey,
    token::Token,
};

/// An answer's way back.
pub(crate) type Answered = oneshot::Sender<Result<Value, RequestError>>;

type Asking = Pin<Box<dyn Future<Output = Result<String, Cause>> + Send>>;

/// The renewal of one connection.
pub(crate) struct Renewal {
    source: Token,
    key: Option<ProofKey>,
    asking: Option<Asking>,
    /// The token with which the relay is being asked. One at a time: each nonce takes the place of the one
    /// before, so two that are under way would spoil each other's proofs.
    under_way: Option<String>,
    waiting: Vec<Answered>,
    /// The end of life for which a notice was obeyed. A source that gives the same token again, or
    /// another that ends with it, would otherwise be asked at every third of what is left.
    obeyed_exp: Option<u64>,
}

impl Renewal {
    pub(crate) fn new(source: Token, key: Option<ProofKey>) -> Self {
        Self { source, key, asking: None, under_way: None, waiting: Vec::new(), obeyed_exp: None }
    }

    /// An event came: those that say that the token is at its end begin a renewal.
    pub(crate) fn event(&mut self, event: &Event<Value>) {
        match event {
            Event::TokenExpiring { exp, .. } if self.obeyed_exp < Some(*exp) => {
                self.obeyed_exp = Some(*exp);
                self.begin(None);
            }
            Event::TokenExpired { .. } | Event::TokenRevoked { .. } => self.begin(None),
            _ => {}
        }
    }

    /// Asks the source, if no renewal is under way; else its answer is for this one, too.
    pub(crate) fn begin(&mut self, answered: Option<Answered>) {
        self.waiting.extend(answered);
        if self.under_way.is_some() {
            return;
        }
        let source = &self.source;
        self.asking.get_or_insert_with(|| {
            let source = source.clone();
            Box::pin(async move { source.get().await })
        });
    }

    /// The token that the source gave; pending while the source is not asked.
    pub(crate) async fn given(&mut self) -> Result<String, Cause> {
        let Some(asking) = &mut self.asking else { return std::future::pending().await };
        let given = asking.await;
        self.asking = None;
        self.under_way = given.as_ref().ok().cloned();
        given
    }

    /// The proof that a refusal asks for, of what was presented; none where it asks for nothing.
    pub(crate) fn proof(
        &self,
        presented: &str,
        refusal: &Refusal,
    ) -> Option<Result<String, KeyError>> {
        let nonce = refusal.nonce.as_deref().filter(|_| refusal.code == "proof_required")?;
        Some(match &self.key {
            Some(key) => key.prove(presented, nonce),
            None => Err(KeyError::Missing),
        })
    }

    /// The token under way, and the proof that the relay's refusal asks for; none where it asks for nothing.
    pub(crate) fn proof_again(
        &self,
        refusal: &Refusal,
    ) -> Option<Result<(String, String), KeyError>> {
        let token = self.under_way.clone()?;
        let proof = self.proof(&token, refusal)?;
        Some(proof.map(|proof| (token, proof)))
    }

    /// The renewal has ended. Returns who waits for the answer.
    pub(crate) fn end(&mut self) -> Vec<Answered> {
        self.under_way = None;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_of_one_end_is_obeyed_once_and_that_of_a_later_end_again() {
        let mut renewal = Renewal::new(Token::fixed("a"), None);
        for (exp, asks) in [(100, true), (100, false), (99, false), (160, true)] {
            renewal.event(&Event::TokenExpiring { exp, now: 0 });
            assert_eq!(renewal.asking.take().is_some(), asks, "{exp}");
        }
        renewal.event(&Event::TokenRevoked { until: 1, now: 0 });
        assert!(renewal.asking.is_some());
    }
}
