//! The cost of a million revocations: the memory of this process before and after, and how much slower verifying a
//! token with a look-up is. Rounds are interleaved, and each ratio is taken within its round. Thousands of tokens are
//! looked up in turn, so that no entry stays in the caches between two visits. `--check` exits with 1 if a budget is
//! missed.

use std::{
    hint::black_box,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Parser;
use stagedoor_bus::{Bearer, Revocation, Revocations, Target};
use stagedoor_load::process::Process;
use stagedoor_token::{AppId, Claims, Key, KeySet, KeyState, mint, verify_with_key};

/// Benchmark of the list of revocations.
#[derive(Parser)]
struct Args {
    /// Exit with 1 if a budget is missed.
    #[arg(long)]
    check: bool,
    /// Rounds to take the median of; at most 1,000.
    #[arg(long, default_value_t = 61, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: u16,
}

const APP: AppId = AppId(1_204_117);
const NOW_S: u64 = 1_700_000_000;
const ENTRIES: u32 = 1_000_000;
/// Tokens verified in turn.
const TOKENS: u32 = 4_096;
/// The maximum size of the list.
const BYTES_MAX: u64 = 100_000_000;
/// The maximum that a look-up may add to verifying.
const RATIO_MAX: f64 = 1.10;
/// How long one operation runs in one round.
const SLICE: Duration = Duration::from_millis(8);

fn entry(target: Target) -> Revocation {
    Revocation {
        app: APP,
        target,
        generation: 1,
        at_s: NOW_S,
        ends_s: None,
        ban: false,
        reason: None,
    }
}

/// The nth target, with token ids only.
fn of_a_token(n: u32) -> Target {
    Target::Jti(format!("t-{n:016x}"))
}

/// The nth target, of every kind: an app may have only a limited number of keys and roles, so most targets are tokens,
/// users and rooms.
fn of_every_kind(n: u32) -> Target {
    let (room, user) = (format!("webinar-2026-q4-{n}"), format!("u-{n:016x}"));
    match n {
        0..8 => Target::Key(format!("k-{n}")),
        8..72 => Target::Role(format!("r-{n}")),
        _ => match n % 5 {
            0 => of_a_token(n),
            1 => Target::User(user),
            2 => Target::RoomUser { room, user },
            3 => Target::Room(room),
            _ => Target::RoomRole { room, role: format!("r-{}", n % 64) },
        },
    }
}

/// A list of a million targets, and how much memory it added to this process: finally, and at most.
fn filled(target: impl Fn(u32) -> Target) -> Result<(Revocations, u64)> {
    let own = Process(std::process::id());
    let list = Revocations::default();
    let before = own.resident_bytes()?;
    let mut most = 0;
    for n in 0..ENTRIES {
        list.add(&entry(target(n)));
        if n % 1_000 == 0 || n + 1 == ENTRIES {
            most = most.max(own.resident_bytes()?.saturating_sub(before));
        }
    }
    ensure!(list.len() == ENTRIES as usize, "{} entries", list.len());
    Ok((list, most))
}

/// Tokens of as many users, none revoked.
fn tokens(key: &Key) -> Result<Vec<String>> {
    let token = |n: u32| {
        let (user, id) = (format!("u-free-{n:08x}"), format!("t-free-{n:08x}"));
        let (room, role) = (format!("webinar-2026-q4-keynote-{n}"), "speaker".parse()?);
        let mut claims = Claims::builder(APP, role)
            .room(&room)
            .user(&user)
            .jti(&id)
            .lifetime(NOW_S, 3_600)
            .build();
        claims.name = Some("Anna Example".into());
        claims.generation = Some(0);
        Ok(mint(&claims, key)?)
    };
    (0..TOKENS).map(token).collect()
}

/// A measurement over all tokens in turn.
struct Op<'a> {
    name: &'static str,
    /// The maximum cost, as a multiple of verifying alone.
    budget: Option<f64>,
    run: Box<dyn FnMut(&str) + 'a>,
    next: usize,
    rounds_ns: Vec<f64>,
}

impl<'a> Op<'a> {
    fn new(name: &'static str, budget: Option<f64>, run: impl FnMut(&str) + 'a) -> Self {
        Self { name, budget, run: Box::new(run), next: 0, rounds_ns: Vec::new() }
    }

    fn round(&mut self, tokens: &[String]) {
        let (mut calls, begin) = (0_u32, Instant::now());
        while begin.elapsed() < SLICE {
            for _ in 0..64 {
                (self.run)(&tokens[self.next]);
                self.next = (self.next + 1) % tokens.len();
            }
            calls += 64;
        }
        self.rounds_ns.push(begin.elapsed().as_nanos() as f64 / f64::from(calls));
    }

    fn ratio_to(&self, other: &Self) -> f64 {
        median(self.rounds_ns.iter().zip(&other.rounds_ns).map(|(ours, theirs)| ours / theirs))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Verifies and looks up like the door. Returns whether the token is revoked.
fn verify_and_find(token: &str, keys: &KeySet, list: Option<&Revocations>) -> Result<bool> {
    let (claims, key) = verify_with_key(token, keys, NOW_S)?;
    let bearer = Bearer {
        app: claims.app,
        room: &claims.room,
        user: &claims.user,
        role: &claims.role,
        kid: key.kid(),
        jti: &claims.jti,
        iat: claims.iat,
        generation: claims.generation,
    };
    let hit = list.and_then(|list| list.find(black_box(&bearer), NOW_S));
    Ok(hit.is_some())
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let key = Key::hs256(APP, "k_2026_11", &[0x5d; 32], KeyState::Current)?;
    let (tokens, keys) = (tokens(&key)?, KeySet::from_iter([key]));
    let empty = Revocations::default();
    let (by_id, by_id_bytes) = filled(of_a_token)?;
    let (mixed, mixed_bytes) = filled(of_every_kind)?;
    mixed.add(&Revocation { generation: 0, at_s: 1, ..entry(Target::App) });

    // Sanity check: none of these tokens is revoked, and each list does revoke others.
    for list in [&empty, &by_id, &mixed] {
        for token in &tokens {
            ensure!(!verify_and_find(token, &keys, Some(list))?, "a token is hit");
        }
    }
    let of = |list: &Revocations, target| {
        let free = entry(target);
        list.add(&free);
        let hit = verify_and_find(&tokens[0], &keys, Some(list));
        list.lift(APP, &free.target, &[]);
        hit
    };
    for list in [&by_id, &mixed] {
        ensure!(of(list, Target::Jti("t-free-00000000".into()))?, "no token is hit");
    }

    let mut ops = vec![
        Op::new("verify", None, |token| {
            black_box(verify_and_find(token, &keys, None)).ok();
        }),
        Op::new("verify and look up, nothing revoked", Some(RATIO_MAX), |token| {
            black_box(verify_and_find(token, &keys, Some(&empty))).ok();
        }),
        Op::new("verify and look up, a million ids", Some(RATIO_MAX), |token| {
            black_box(verify_and_find(token, &keys, Some(&by_id))).ok();
        }),
        Op::new("verify and look up, a million of all kinds", None, |token| {
            black_box(verify_and_find(token, &keys, Some(&mixed))).ok();
        }),
    ];
    for _ in 0..args.rounds {
        for op in &mut ops {
            op.round(&tokens);
        }
    }
    let met = report(&mut io::stdout().lock(), &ops, [by_id_bytes, mixed_bytes], args.rounds)?;
    Ok(if args.check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints both tables. Returns whether every budget is met.
fn report(out: &mut impl Write, ops: &[Op<'_>], bytes: [u64; 2], rounds: u16) -> Result<bool> {
    let mut met = true;
    writeln!(out, "{ENTRIES} entries; growth of this process' resident memory, at most\n")?;
    for (name, bytes) in ["ids of tokens", "all kinds"].into_iter().zip(bytes) {
        let verdict = verdict(bytes <= BYTES_MAX, &mut met);
        writeln!(out, "{name:<44} {:>7.1} MB (at most 100) {verdict}", bytes as f64 / 1e6)?;
    }
    writeln!(out, "\n{TOKENS} tokens in turn; medians of {rounds} interleaved rounds, one core\n")?;
    writeln!(out, "{:<44} {:>9} {:>10} {:>8}", "operation", "ns", "x verify", "budget")?;
    for op in ops {
        let (ns, ratio) = (median(op.rounds_ns.iter().copied()), op.ratio_to(&ops[0]));
        write!(out, "{:<44} {ns:>9.0} {ratio:>10.3}", op.name)?;
        match op.budget {
            Some(budget) => writeln!(out, " {budget:>8.2} {}", verdict(ratio <= budget, &mut met))?,
            None => writeln!(out)?,
        }
    }
    Ok(met)
}

fn verdict(good: bool, met: &mut bool) -> &'static str {
    *met &= good;
    if good { "ok" } else { "MISSED" }
}
