//! Other callers' failures never block a valid credential.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use stagedoor_relay::ClientAddress;
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Caller, Stage};

use super::within;

/// A stage where failures soon exceed their rate.
async fn stage(client_address: ClientAddress) -> Result<Stage> {
    let trusted = "127.0.0.1".parse()?;
    Stage::configured(|config| {
        config.server.refusals_per_s = 1;
        config.server.refusals_burst = 3;
        if client_address != ClientAddress::Peer {
            config.listen.trusted_proxies = vec![trusted];
            config.listen.client_address = client_address;
        }
    })
    .await
}

async fn mint(caller: &Caller, stage: &Stage, fields: &str) -> Result<Answer> {
    let body = json!({"room": "lobby", "user": "anna", "role": "audience"}).to_string();
    caller.ask_with("POST", &format!("/v1/apps/{}/tokens", stage.app), fields, Some(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_failures_never_block_a_valid_credential() -> Result<()> {
    within(async {
        let stage = stage(ClientAddress::Peer).await?;
        let backend = stage.backend(&[Scope::TokensMint]).await?;
        let to = stage.running.http;
        let flooding = tokio::spawn(async move {
            let mut codes = std::collections::BTreeMap::<String, usize>::new();
            for credential in ["", "nonsense", "sd_unknown_x", "sdroot_x"].iter().cycle().take(200)
            {
                let stranger = Caller { to, credential: (*credential).into() };
                let answer = stranger.ask("POST", "/v1/apps/1/tokens", None).await?;
                *codes.entry(format!("{:?}", answer.problem())).or_default() += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            anyhow::Ok(codes)
        });
        let mut minted = 0;
        while !flooding.is_finished() {
            let answer = mint(&backend, &stage, "").await?;
            assert_eq!(answer.status, 201, "after {minted}: {}", answer.body);
            minted += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let codes = flooding.await??;
        let limited = codes.get("(429, \"rate_limited\")").copied().unwrap_or_default();
        assert!(limited > 150, "{codes:?}");
        assert!(codes.keys().all(|code| code.contains("401") || code.contains("429")), "{codes:?}");
        assert!(minted > 20, "{minted}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn failures_are_limited_by_address_and_by_credential() -> Result<()> {
    within(async {
        let stage = stage(ClientAddress::XForwardedFor).await?;
        let backend = stage.backend(&[Scope::TokensMint]).await?;
        let id = backend.id()?;
        let from = |last: usize| format!("X-Forwarded-For: 198.51.100.{last}\r\n");
        let wrong = |credential: String| Caller { credential, ..backend.clone() };
        // One address with many credentials.
        let mut statuses = Vec::new();
        for n in 0..5 {
            let answer = mint(&wrong(format!("sd_unknown{n}_x")), &stage, &from(1)).await?;
            statuses.push(answer.status);
            if answer.status == 429 {
                assert!(answer.field("retry-after").is_some());
            }
        }
        assert_eq!(statuses, [401, 401, 401, 429, 429]);
        // Another address is not that one.
        assert_eq!(mint(&wrong("sd_other_x".into()), &stage, &from(2)).await?.status, 401);
        // One credential from many addresses.
        let mut statuses = Vec::new();
        for n in 10..15 {
            let guess = wrong(format!("sd_{id}_{}", "x".repeat(43)));
            statuses.push(mint(&guess, &stage, &from(n)).await?.status);
        }
        assert_eq!(statuses, [401, 401, 401, 429, 429]);
        // The holder is not refused, from any address.
        for n in [1, 10, 14, 20] {
            assert_eq!(mint(&backend, &stage, &from(n)).await?.status, 201);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn failures_of_many_names_take_bounded_memory() -> Result<()> {
    within(async {
        let trusted = "127.0.0.1".parse()?;
        let stage = Stage::configured(|config| {
            config.server.refusals_per_s = 1;
            config.server.refusals_burst = 2;
            config.server.rates_kept_max = 20;
            config.listen.trusted_proxies = vec![trusted];
            config.listen.client_address = ClientAddress::XForwardedFor;
        })
        .await?;
        let stranger = Caller { to: stage.running.http, credential: String::new() };
        let mut limited = 0;
        for n in 0..100 {
            let field = format!("X-Forwarded-For: 198.51.100.{n}\r\n");
            limited += usize::from(mint(&stranger, &stage, &field).await?.status == 429);
        }
        assert!((60..=80).contains(&limited), "{limited} of those above 20 share one place");
        let backend = stage.backend(&[Scope::TokensMint]).await?;
        let answer = mint(&backend, &stage, "X-Forwarded-For: 198.51.100.99\r\n").await?;
        assert_eq!(answer.status, 201);
        Ok(())
    })
    .await
}
