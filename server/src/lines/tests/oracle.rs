//! Random acts on the lines of an app, decided here and by a model that was written only from `spec/token.md` §Lines.
//! `STAGEDOOR_ORACLE_OPERATIONS` and `STAGEDOOR_ORACLE_SEED` say how many, and where chance begins.

use std::collections::BTreeMap;

use super::*;

const OPERATIONS: u64 = 100_000;
const LIMITS: LineLimits = LineLimits { keys_max: 6, lines_max: 3 };
const NAMES: [&str; 4] = ["main", "a", "b-1", "c"];
const ES256: KeyAlg = KeyAlg::Signature(Algorithm::ES256);
const ALGS: [KeyAlg; 3] = [KeyAlg::HS256, KeyAlg::Signature(Algorithm::EdDSA), ES256];

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A line that has a current key: algorithms, and whether something here can sign with the current one.
#[derive(Clone, Copy)]
struct Line {
    current: KeyAlg,
    is_ours: bool,
    next: Option<(KeyAlg, bool)>,
    retiring: usize,
}

/// What the model expects, and what was decided.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Added(&'static str),
    Next,
    Made(KeyAlg),
    Refused(&'static str),
}

#[derive(Default)]
struct Model(BTreeMap<&'static str, Line>);

impl Model {
    fn live(&self) -> usize {
        self.0.values().map(|line| 1 + usize::from(line.next.is_some()) + line.retiring).sum()
    }

    fn is_full(&self) -> bool {
        self.live() >= LIMITS.keys_max as usize
    }

    fn add(&mut self, name: &'static str, alg: KeyAlg, is_ours: bool) -> Outcome {
        let (is_full, lines) = (self.is_full(), self.0.len());
        match self.0.get_mut(name) {
            Some(Line { next: Some(_), .. }) => Outcome::Refused("next_key_exists"),
            _ if is_full => Outcome::Refused("keys_exceeded"),
            Some(line) => {
                line.next = Some((alg, is_ours));
                Outcome::Added("next")
            }
            None if lines >= LIMITS.lines_max as usize => Outcome::Refused("keys_exceeded"),
            None => {
                self.0.insert(name, Line { current: alg, is_ours, next: None, retiring: 0 });
                Outcome::Added("current")
            }
        }
    }

    fn rotate(&mut self, name: &str, alg: Option<KeyAlg>, compromised: bool) -> Outcome {
        let is_full = self.is_full();
        let Some(line) = self.0.get_mut(name) else { return Outcome::Refused("key_unknown") };
        let outcome = match (line.next, alg) {
            (Some((next, _)), Some(alg)) if next != alg => {
                return Outcome::Refused("next_key_exists");
            }
            (Some(_), _) => Outcome::Next,
            (None, None) if !line.is_ours => return Outcome::Refused("key_private_absent"),
            (None, Some(ES256)) => return Outcome::Refused("alg_unsupported"),
            (None, _) if is_full && !compromised => return Outcome::Refused("keys_exceeded"),
            (None, alg) => Outcome::Made(alg.unwrap_or(line.current)),
        };
        (line.current, line.is_ours) = line.next.take().unwrap_or(match outcome {
            Outcome::Made(alg) => (alg, true),
            _ => (line.current, line.is_ours),
        });
        line.retiring += usize::from(!compromised);
        outcome
    }
}

/// The rows, changed as a request changes them.
struct Rows {
    keys: Vec<KeyRow>,
    made: usize,
}

impl Rows {
    fn make(&mut self, line: &str, state: KeyState, alg: KeyAlg, is_ours: bool) {
        let mut row = keys(&[(line, state)]).remove(0);
        row.kid = format!("k{}", self.made);
        row.alg = alg;
        row.secret = row.secret.filter(|_| is_ours);
        self.made += 1;
        self.keys.push(row);
    }

    fn add(&mut self, line: &str, alg: KeyAlg, is_ours: bool) -> Outcome {
        match state_of_added(&self.keys, line, LIMITS) {
            Err(error) => Outcome::Refused(error.code()),
            Ok(state) => {
                self.make(line, state, alg, is_ours);
                Outcome::Added(if state == Next { "next" } else { "current" })
            }
        }
    }

    fn rotate(&mut self, line: &str, alg: Option<KeyAlg>, compromised: bool) -> Outcome {
        let (old, new) = match succession(&self.keys, line, alg, compromised, LIMITS) {
            Err(error) => return Outcome::Refused(error.code()),
            Ok(Succession { old, new: Successor::Next(next) }) => {
                (old.kid.clone(), Ok(next.kid.clone()))
            }
            Ok(Succession { old, new: Successor::Made(alg) }) => (old.kid.clone(), Err(alg)),
        };
        self.put(&old, if compromised { Retired } else { Retiring });
        match new {
            Ok(next) => {
                self.put(&next, Current);
                Outcome::Next
            }
            Err(alg) => {
                self.make(line, Current, alg, true);
                Outcome::Made(alg)
            }
        }
    }

    fn put(&mut self, kid: &str, state: KeyState) {
        let key = self.keys.iter_mut().find(|key| key.kid == kid);
        key.expect("a key").state = state;
    }

    fn retire(&mut self, line: &str, states: &[KeyState]) {
        let those = self.keys.iter_mut().filter(|key| key.line == line);
        those.filter(|key| states.contains(&key.state)).for_each(|key| key.retire(1));
        // Some stay, as in the store.
        let retired = |key: &&KeyRow| key.state == Retired;
        while self.keys.iter().filter(retired).count() > 4 {
            let oldest = self.keys.iter().position(|key| key.state == Retired);
            self.keys.remove(oldest.expect("a retired key"));
        }
    }

    fn count(&self, line: &str, state: KeyState) -> usize {
        self.keys.iter().filter(|key| key.line == line && key.state == state).count()
    }
}

/// One random act on both.
fn act(dice: &mut Dice, model: &mut Model, rows: &mut Rows) -> (Outcome, Outcome) {
    let name = dice.of(&NAMES);
    match dice.below(10) {
        0..=3 => {
            let alg = dice.of(&ALGS);
            let is_ours = alg != ES256 && dice.below(3) > 0;
            (model.add(name, alg, is_ours), rows.add(name, alg, is_ours))
        }
        4..=7 => {
            let alg = (dice.below(2) == 0).then(|| dice.of(&ALGS));
            let compromised = dice.below(3) == 0;
            (model.rotate(name, alg, compromised), rows.rotate(name, alg, compromised))
        }
        8 => {
            // A timer, or a request, retires what is not current.
            if let Some(line) = model.0.get_mut(name) {
                (line.next, line.retiring) = (None, 0);
            }
            rows.retire(name, &[Next, Retiring]);
            (Outcome::Next, Outcome::Next)
        }
        _ => {
            // The line ends.
            if name != MAIN {
                model.0.remove(name);
                rows.retire(name, &[Next, Current, Retiring]);
            }
            (Outcome::Next, Outcome::Next)
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn lines_follow_the_model_over_random_acts() {
    let operations = number("STAGEDOOR_ORACLE_OPERATIONS").unwrap_or(OPERATIONS);
    let seed = number("STAGEDOOR_ORACLE_SEED").unwrap_or(0x6c69_6e65);
    let (mut dice, mut model) = (Dice(seed), Model::default());
    let mut rows = Rows { keys: Vec::new(), made: 0 };
    let mut seen = BTreeMap::<String, u64>::new();
    for nth in 0..operations {
        let (expected, found) = act(&mut dice, &mut model, &mut rows);
        assert_eq!(found, expected, "STAGEDOOR_ORACLE_SEED={seed}, operation {nth}");
        *seen.entry(format!("{found:?}")).or_default() += 1;
        for name in NAMES {
            let line = model.0.get(name);
            let has = (line.is_some().into(), line.is_some_and(|line| line.next.is_some()).into());
            let is = (rows.count(name, Current), rows.count(name, Next));
            assert_eq!(is, has, "{name}: STAGEDOOR_ORACLE_SEED={seed}, operation {nth}");
        }
        assert!(not_retired(&rows.keys).count() <= LIMITS.keys_max as usize);
    }
    let all = ["next_key_exists", "keys_exceeded", "key_unknown", "key_private_absent"];
    for code in all.iter().chain(&["alg_unsupported", "Next", "Made", "current"]) {
        let count: u64 = seen.iter().filter(|(name, _)| name.contains(code)).map(|at| at.1).sum();
        assert!(count >= operations / 1_000, "too rare: {code} of {seen:?}");
    }
}
