//! Chance, from a seed alone.

use super::law::Texts;

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }

    pub(crate) fn percent(&mut self, n: usize) -> bool {
        self.below(100) < n
    }

    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub(crate) fn text(&mut self, all: &[&str]) -> String {
        (*self.of(all)).into()
    }

    pub(crate) fn some(&mut self, all: &[&str], percent: usize) -> Texts {
        all.iter().filter(|_| self.percent(percent)).map(|text| (*text).into()).collect()
    }

    /// Patterns over some names: none, all, or a few.
    pub(crate) fn patterns(&mut self, names: &[&str]) -> Texts {
        match self.below(10) {
            0 => Texts::new(),
            1..=5 => ["*".to_owned()].into(),
            _ => (0..=self.below(3)).map(|_| self.pattern(names)).collect(),
        }
    }

    pub(crate) fn pattern(&mut self, names: &[&str]) -> String {
        let name = self.text(names);
        let keep = self.below(name.len() + 1);
        match self.below(3) {
            0 => format!("{}*", &name[..keep]),
            _ => name,
        }
    }
}
