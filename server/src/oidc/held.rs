//! Decides whether an issuer is asked for its keys, and which keys are used meanwhile. Pure: the time is an argument.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{discovery::Discovery, keys::IssuerKeys};

/// How long keys are used before they are asked for again, whatever the issuer says: at least, and at most.
const FRESH: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(86_400));

/// For how long an answer with this `max-age` counts.
pub(super) fn fresh_for(max_age_s: Option<u64>) -> Duration {
    Duration::from_secs(max_age_s.unwrap_or_default()).clamp(FRESH.0, FRESH.1)
}

/// How long to wait before an issuer is asked again, and how long keys last while it does not answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) retry: Duration,
    pub(crate) outage: Duration,
}

/// What is known of an issuer.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) discovery: Option<(Arc<Discovery>, Instant)>,
    keys: Option<(Arc<IssuerKeys>, Instant)>,
    /// When somebody last asked for a key that was not there.
    missed: Option<Instant>,
    failed: Option<Instant>,
}

/// What to do about a token.
#[derive(Debug)]
pub(super) enum Step {
    /// Verify it by these keys, which have its key.
    Use(Arc<IssuerKeys>),
    /// Ask the issuer.
    Ask,
    /// Refuse it: the issuer has no such key.
    Missing,
    /// It cannot be decided, because the issuer does not answer.
    Unreachable,
}

impl Held {
    /// Decides for a token; `has` says whether a set has its key.
    pub(super) fn step(
        &self,
        has: impl Fn(&IssuerKeys) -> bool,
        now: Instant,
        patience: Patience,
    ) -> Step {
        let within = |at: Option<Instant>| {
            at.is_some_and(|at| now.saturating_duration_since(at) < patience.retry)
        };
        let is_fresh = self.keys.as_ref().is_some_and(|(_, until)| now < *until);
        match self.lasting(has, now, patience) {
            Some(keys) if is_fresh || within(self.failed) => Step::Use(keys),
            _ if within(self.failed) => Step::Unreachable,
            None if self.keys.is_some() && within(self.missed) => Step::Missing,
            _ => Step::Ask,
        }
    }

    /// The keys, if the token's is among them and they last as long as the issuer does not answer.
    pub(super) fn lasting(
        &self,
        has: impl Fn(&IssuerKeys) -> bool,
        now: Instant,
        patience: Patience,
    ) -> Option<Arc<IssuerKeys>> {
        let (keys, until) = self.keys.as_ref()?;
        (now < *until + patience.outage && has(keys)).then(|| keys.clone())
    }

    /// Takes the turn, before the issuer is asked.
    pub(super) fn begin(&mut self, has: impl Fn(&IssuerKeys) -> bool, now: Instant) {
        if !self.keys.as_ref().is_some_and(|(keys, _)| has(keys)) {
            self.missed = Some(now);
        }
    }

    /// Keeps what the issuer answered, for this long.
    pub(super) fn keep(
        &mut self,
        keys: IssuerKeys,
        has: impl Fn(&IssuerKeys) -> bool,
        now: Instant,
        fresh: Duration,
    ) {
        // What was asked for because its time was over, and not because a key was missing, leaves the next missing key
        // its turn.
        let was_due = self.keys.as_ref().is_none_or(|(_, until)| now >= *until);
        if was_due && has(&keys) {
            self.missed = None;
        }
        self.failed = None;
        self.keys = Some((Arc::new(keys), now + fresh));
    }

    /// Notes that the issuer did not answer as it must. Its document may have changed.
    pub(super) fn fail(&mut self, now: Instant) {
        self.failed = Some(now);
        self.discovery = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { retry: Duration::from_secs(30), outage: Duration::from_secs(86_400) };

    fn keys(count: usize) -> IssuerKeys {
        let key = |n| serde_json::json!({"kty":"RSA","kid":format!("{n}"),"n":"AQAB","e":"AQAB"});
        let keys: Vec<_> = (0..count).map(key).collect();
        IssuerKeys::of_jwks(&serde_json::json!({ "keys": keys })).expect("a JWKS")
    }

    /// What happens to a token whose key the issuer has (`true`) or does not.
    fn told(held: &Held, has: bool, at: Instant) -> &'static str {
        match held.step(|_| has, at, PATIENCE) {
            Step::Use(_) => "use",
            Step::Ask => "ask",
            Step::Missing => "missing",
            Step::Unreachable => "unreachable",
        }
    }

    fn after(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_missing_key_asks_once_in_30_s() {
        let (mut held, t) = (Held::default(), Instant::now());
        assert_eq!(told(&held, true, t), "ask");
        held.begin(|_| false, t);
        held.keep(keys(1), |_| true, t, fresh_for(None));
        assert_eq!((told(&held, true, t), told(&held, false, t)), ("use", "ask"));
        held.begin(|_| false, t);
        held.keep(keys(1), |_| false, t, fresh_for(None));
        for s in [0, 1, 29] {
            assert_eq!(told(&held, false, t + after(s)), "missing", "{s}");
            assert_eq!(told(&held, true, t + after(s)), "use", "{s}");
        }
        assert_eq!(told(&held, false, t + after(30)), "ask");
    }

    #[test]
    fn a_first_request_for_a_missing_key_is_its_turn() {
        let (mut held, t) = (Held::default(), Instant::now());
        held.begin(|_| false, t);
        held.keep(keys(1), |_| false, t, fresh_for(None));
        assert_eq!(told(&held, false, t + after(29)), "missing");
    }

    #[test]
    fn a_key_found_by_asking_again_gives_no_further_turn() {
        let (mut held, t) = (Held::default(), Instant::now());
        held.keep(keys(1), |_| true, t, fresh_for(None));
        held.begin(|_| false, t);
        held.keep(keys(2), |_| true, t, fresh_for(None));
        assert_eq!(told(&held, false, t + after(1)), "missing");
    }

    #[test]
    fn known_keys_outlast_an_outage_of_24_hours() {
        let (mut held, t) = (Held::default(), Instant::now());
        held.keep(keys(1), |_| true, t, fresh_for(Some(600)));
        assert_eq!(told(&held, true, t + after(599)), "use");
        assert_eq!(told(&held, true, t + after(600)), "ask");
        held.begin(|_| true, t + after(600));
        held.fail(t + after(600));
        assert_eq!(told(&held, true, t + after(601)), "use");
        assert_eq!(told(&held, false, t + after(601)), "unreachable");
        assert_eq!(told(&held, true, t + after(630)), "ask");
        let last = t + after(600 + 86_399);
        held.fail(last);
        assert_eq!(told(&held, true, last), "use");
        assert_eq!(told(&held, true, last + after(1)), "unreachable");
        assert_eq!(told(&held, true, last + after(30)), "ask");
    }

    #[test]
    fn an_issuer_that_fails_at_once_is_not_asked_each_time() {
        let (mut held, t) = (Held::default(), Instant::now());
        held.begin(|_| false, t);
        held.fail(t);
        assert_eq!(told(&held, true, t + after(29)), "unreachable");
        assert_eq!(told(&held, true, t + after(30)), "ask");
    }

    #[test]
    fn keys_are_kept_between_5_minutes_and_24_hours() {
        for (max_age_s, kept_s) in
            [(None, 300), (Some(0), 300), (Some(3_600), 3_600), (Some(u64::MAX), 86_400)]
        {
            assert_eq!(fresh_for(max_age_s), after(kept_s));
        }
    }
}
