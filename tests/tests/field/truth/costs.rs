//! What it costs to store an act before it is answered: figures, for people.
//! `cargo test -p stagedoor-tests --test field costs -- --ignored --nocapture`

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use stagedoor_tests::{Member, Stage};
use stagedoor_token::mint;

/// Acts at a time.
const AT_ONCE: [usize; 3] = [1, 16, 128];

fn figures(what: &str, at_once: usize, all: Duration, mut each: Vec<Duration>) -> String {
    each.sort_unstable();
    let (half, most) = (each[each.len() / 2], each[each.len() * 99 / 100]);
    let count = each.len();
    format!(
        "{what}, {at_once} at once: {count} in {all:.2?}, half within {half:.2?}, 99 % within {most:.2?}"
    )
}

async fn seats(stage: &Stage, tokens: &[String]) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    for token in tokens {
        let mut member = stage.connect().await?;
        member.log_in(token).await?;
        members.push(member);
    }
    Ok(members)
}

async fn logins(stage: &Stage, what: &str, once: bool) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for at_once in AT_ONCE {
        let mut each = Vec::new();
        let mut all = Duration::ZERO;
        for round in 0..256_usize.div_ceil(at_once).min(64) {
            let mut members = Vec::new();
            for n in 0..at_once {
                let mut claims = stage.claims("lobby", &format!("u{n}"), "audience")?;
                (claims.once, claims.jti) = (once, format!("{once}-{at_once}-{round}-{n}"));
                members.push((stage.connect().await?, mint(&claims, &stage.key)?));
            }
            let round_began = Instant::now();
            let logging_in = members.iter_mut().map(|(member, token)| async move {
                let began = Instant::now();
                member.log_in(token).await?;
                anyhow::Ok(began.elapsed())
            });
            each.extend(futures_util::future::try_join_all(logging_in).await?);
            all += round_began.elapsed();
        }
        lines.push(figures(what, at_once, all, each));
    }
    Ok(lines)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures"]
async fn what_stored_answers_cost() -> Result<()> {
    let stage = Stage::with(|limits| {
        (limits.requests_per_s, limits.requests_burst) = (1_000_000, 1_000_000);
    })
    .await?;
    let mut lines = logins(&stage, "logins without once", false).await?;
    lines.extend(logins(&stage, "logins with once", true).await?);
    let mut hosts = Vec::new();
    for n in 0..128 {
        hosts.push(stage.join("lobby", &format!("host{n}"), "host").await?);
    }
    for at_once in AT_ONCE {
        let (mut each, mut all) = (Vec::new(), Duration::ZERO);
        for round in 0..128_usize.div_ceil(at_once).min(64) {
            let mut tokens = Vec::new();
            for n in 0..at_once {
                let mut claims = stage.claims("lobby", &format!("k{n}"), "speaker")?;
                claims.jti = format!("kick-{at_once}-{round}-{n}");
                tokens.push(mint(&claims, &stage.key)?);
            }
            let _seats = seats(&stage, &tokens).await?;
            let began = Instant::now();
            let kicking = hosts.iter_mut().take(at_once).enumerate().map(|(n, host)| async move {
                let began = Instant::now();
                let kick = json!({"op": "moderate", "verb": "kick", "user": format!("k{n}")});
                host.ok(kick).await?;
                anyhow::Ok(began.elapsed())
            });
            each.extend(futures_util::future::try_join_all(kicking).await?);
            all += began.elapsed();
        }
        lines.push(figures("kicks", at_once, all, each));
    }
    println!("{}", lines.join("\n"));
    Ok(())
}
