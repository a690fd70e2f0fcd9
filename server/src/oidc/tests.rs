use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{config::OutboundConfig, oidc::id_token::tests::Signer};

const NOW_S: u64 = 1_800_000_000;
const SHORT: Patience =
    Patience { retry: Duration::from_secs(30), outage: Duration::from_secs(86_400) };

/// An issuer on this machine.
struct Provider {
    name: String,
    /// What it has, and whether it answers.
    keys: Mutex<Value>,
    is_up: AtomicBool,
    documents: AtomicUsize,
    fetches: AtomicUsize,
}

impl Provider {
    async fn start(keys: Value) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let name = format!("http://{}", listener.local_addr().expect("an address"));
        let provider = Arc::new(Self {
            name,
            keys: Mutex::new(keys),
            is_up: true.into(),
            documents: 0.into(),
            fetches: 0.into(),
        });
        let served = provider.clone();
        tokio::spawn(async move {
            loop {
                let (mut tcp, _) = listener.accept().await.expect("a connection");
                let mut heard = [0; 2_048];
                let many = tcp.read(&mut heard).await.unwrap_or_default();
                let body = served.answer(&String::from_utf8_lossy(&heard[..many]));
                let (status, body) = body.map_or((500, json!({})), |body| (200, body));
                let body = body.to_string();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = tcp.write_all((head + &body).as_bytes()).await;
            }
        });
        provider
    }

    fn answer(&self, request: &str) -> Option<Value> {
        if !self.is_up.load(Ordering::SeqCst) {
            return None;
        }
        if request.starts_with("GET /.well-known/openid-configuration ") {
            self.documents.fetch_add(1, Ordering::SeqCst);
            return Some(json!({"issuer": self.name, "jwks_uri": format!("{}/jwks", self.name)}));
        }
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let keys = self.keys.lock().expect("keys").clone();
        request.starts_with("GET /jwks ").then(|| json!({ "keys": keys }))
    }

    fn asked(&self) -> (usize, usize) {
        (self.documents.load(Ordering::SeqCst), self.fetches.load(Ordering::SeqCst))
    }
}

fn oidc(patience: Patience) -> Oidc {
    let allow = vec!["127.0.0.0/8".parse().expect("a network")];
    let outbound = Outbound::new(&OutboundConfig { allow, ca_file: None });
    Oidc::new(Arc::new(outbound), patience)
}

async fn told(
    oidc: &Oidc,
    provider: &Provider,
    signer: &Signer,
    kid: &str,
) -> Result<IdToken, NotVerified> {
    let header = json!({"alg": signer.alg(), "kid": kid});
    let claims =
        json!({"iss": provider.name, "aud": "us", "sub": "anna", "iat": NOW_S, "exp": NOW_S + 9});
    let text = signer.sign(&header, &claims);
    let expected = Expected {
        issuer: &provider.name,
        client_ids: &["us".into()],
        algs: &Alg::ALL,
        nonce: None,
        age_s_max: None,
    };
    oidc.verify(Unproven::parse(&text)?, &expected, NOW_S).await
}

const SIGNATURE: Result<(), NotVerified> = Err(NotVerified::Fault(IdTokenFault::Signature));

#[tokio::test]
async fn keys_are_fetched_once_for_many_tokens() {
    let signer = Arc::new(Signer::ed25519());
    let provider = Provider::start(json!([signer.jwk("a")])).await;
    let oidc = Arc::new(oidc(SHORT));
    assert_eq!(provider.asked(), (0, 0), "nothing is asked at the start");
    let many: Vec<_> = (0..50)
        .map(|_| {
            let (oidc, provider, signer) = (oidc.clone(), provider.clone(), signer.clone());
            tokio::spawn(async move { told(&oidc, &provider, &signer, "a").await.map(drop) })
        })
        .collect();
    for one in many {
        assert_eq!(one.await.expect("no panic"), Ok(()));
    }
    assert_eq!(provider.asked(), (1, 1));
}

#[tokio::test]
async fn a_thousand_random_kids_ask_once() {
    let signer = Arc::new(Signer::ed25519());
    let provider = Provider::start(json!([signer.jwk("a")])).await;
    let oidc = Arc::new(oidc(SHORT));
    assert_eq!(told(&oidc, &provider, &signer, "a").await.map(drop), Ok(()));
    let many: Vec<_> = (0..1_000)
        .map(|n| {
            let (oidc, provider, signer) = (oidc.clone(), provider.clone(), signer.clone());
            tokio::spawn(async move { told(&oidc, &provider, &signer, &format!("k{n}")).await })
        })
        .collect();
    for one in many {
        assert_eq!(one.await.expect("no panic").map(drop), SIGNATURE);
    }
    assert_eq!(provider.asked(), (1, 2));
    assert_eq!(told(&oidc, &provider, &signer, "a").await.map(drop), Ok(()));
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once() {
    let (old, new) = (Signer::ed25519(), Signer::es256());
    let provider = Provider::start(json!([old.jwk("a")])).await;
    let oidc = oidc(SHORT);
    assert_eq!(told(&oidc, &provider, &old, "a").await.map(drop), Ok(()));
    *provider.keys.lock().expect("keys") = json!([new.jwk("b")]);
    assert_eq!(told(&oidc, &provider, &new, "b").await.map(drop), Ok(()));
    assert_eq!(told(&oidc, &provider, &old, "a").await.map(drop), SIGNATURE, "it is gone");
    assert_eq!(provider.asked(), (1, 2));
}

#[tokio::test]
async fn keys_of_one_issuer_verify_no_token_of_another() {
    let (ours, theirs) = (Signer::ed25519(), Signer::ed25519());
    let our = Provider::start(json!([ours.jwk("a")])).await;
    let their = Provider::start(json!([theirs.jwk("a")])).await;
    let oidc = oidc(SHORT);
    assert_eq!(told(&oidc, &our, &ours, "a").await.map(drop), Ok(()));
    assert_eq!(told(&oidc, &their, &theirs, "a").await.map(drop), Ok(()));
    assert_eq!(told(&oidc, &our, &theirs, "a").await.map(drop), SIGNATURE);
    assert_eq!(told(&oidc, &their, &ours, "a").await.map(drop), SIGNATURE);
}

#[tokio::test]
async fn known_keys_go_on_while_the_issuer_is_away() {
    let signer = Signer::ed25519();
    let provider = Provider::start(json!([signer.jwk("a")])).await;
    let known = oidc(SHORT);
    assert_eq!(told(&known, &provider, &signer, "a").await.map(drop), Ok(()));
    provider.is_up.store(false, Ordering::SeqCst);
    assert_eq!(
        told(&known, &provider, &signer, "b").await.map(drop),
        Err(NotVerified::Unreachable)
    );
    assert_eq!(told(&known, &provider, &signer, "a").await.map(drop), Ok(()));
    let new = oidc(Patience { retry: Duration::ZERO, ..SHORT });
    assert_eq!(told(&new, &provider, &signer, "a").await.map(drop), Err(NotVerified::Unreachable));
    provider.is_up.store(true, Ordering::SeqCst);
    assert_eq!(told(&new, &provider, &signer, "a").await.map(drop), Ok(()));
}

#[tokio::test]
async fn another_issuers_document_is_not_used() {
    let signer = Signer::ed25519();
    let provider = Provider::start(json!([signer.jwk("a")])).await;
    let oidc = oidc(SHORT);
    let asked = oidc.key(&format!("{}/", provider.name), Some("a"), Alg::EdDSA).await;
    assert_eq!(asked.map(drop), Err(NotVerified::Unreachable));
    assert_eq!(provider.asked(), (1, 0), "its keys are not even asked for");
}

#[tokio::test]
async fn a_request_goes_on_when_the_client_hangs_up() {
    let signer = Signer::ed25519();
    let provider = Provider::start(json!([signer.jwk("a")])).await;
    let oidc = oidc(SHORT);
    for _ in 0..20 {
        // Polled once, and dropped.
        let asked = oidc.key(&provider.name, Some("a"), Alg::EdDSA);
        let _ = tokio::time::timeout(Duration::ZERO, asked).await;
    }
    assert_eq!(told(&oidc, &provider, &signer, "a").await.map(drop), Ok(()));
    assert_eq!(provider.asked(), (1, 1));
}

#[test]
fn the_issuer_used_longest_ago_is_forgotten() {
    let oidc = oidc(SHORT);
    for n in 0..KEPT_MAX + 10 {
        oidc.issuer(&n.to_string());
        oidc.issuer("0");
    }
    let kept = oidc.kept.lock().expect("kept");
    assert_eq!(kept.len(), KEPT_MAX);
    assert!(kept.contains_key("0") && !kept.contains_key("1"));
}
