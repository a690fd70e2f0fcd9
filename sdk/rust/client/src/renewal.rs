//! A new token on the open connection: when the source is asked, and who waits for the answer. After
//! `connection`, before `memory`. Never speaks itself.

use std::{future::Future, pin::Pin};

use serde_json::Value;
use stagedoor_wire::event::Event;
use tokio::sync::oneshot;

use crate::{error::AskError, token::Token};

/// An answer's way back.
pub(crate) type Answered = oneshot::Sender<Result<Value, AskError>>;

type Asking = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// The renewal of one connection.
pub(crate) struct Renewal {
    source: Token,
    asking: Option<Asking>,
    waiting: Vec<Answered>,
    /// The end of life for which a notice was obeyed. A source that gives the same token again, or
    /// another that ends with it, would otherwise be asked at every third of what is left.
    obeyed_exp: Option<u64>,
}

impl Renewal {
    pub(crate) fn new(source: Token) -> Self {
        Self { source, asking: None, waiting: Vec::new(), obeyed_exp: None }
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

    /// Asks the source, if it is not being asked already.
    pub(crate) fn begin(&mut self, answered: Option<Answered>) {
        self.waiting.extend(answered);
        let source = &self.source;
        self.asking.get_or_insert_with(|| {
            let source = source.clone();
            Box::pin(async move { source.get().await })
        });
    }

    /// What the source gave; waits for ever while it is not asked.
    pub(crate) async fn given(&mut self) -> Result<String, String> {
        let Some(asking) = &mut self.asking else { return std::future::pending().await };
        let given = asking.await;
        self.asking = None;
        given
    }

    /// Takes out who waits for the answer.
    pub(crate) fn take_waiting(&mut self) -> Vec<Answered> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_of_one_end_is_obeyed_once_and_that_of_a_later_end_again() {
        let mut renewal = Renewal::new(Token::fixed("a"));
        for (exp, asks) in [(100, true), (100, false), (99, false), (160, true)] {
            renewal.event(&Event::TokenExpiring { exp, now: 0 });
            assert_eq!(renewal.asking.take().is_some(), asks, "{exp}");
        }
        renewal.event(&Event::TokenRevoked { until: 1, now: 0 });
        assert!(renewal.asking.is_some());
    }
}
