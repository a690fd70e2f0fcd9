use std::time::Instant;
use tokio::task::JoinHandle;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::outbound::exchange::{BYTES_MAX, max_age_s};

/// A client that may reach this machine.
fn local() -> Outbound {
    let allow = vec!["127.0.0.0/8".parse().expect("a network")];
    Outbound::new(&OutboundConfig { allow, ca_file: None })
}

/// Answers the first request with these pieces, `pause` apart; the URL, and what was received.
async fn serving(pieces: Vec<Vec<u8>>, pause: Duration) -> (Url, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        let mut heard = vec![0; 4_096];
        let many = tcp.read(&mut heard).await.expect("a request");
        for piece in pieces {
            // The client may have hung up.
            if tcp.write_all(&piece).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        String::from_utf8_lossy(&heard[..many]).into_owned()
    });
    (format!("http://{address}/a/b?c=d").parse().expect("a URL"), served)
}

async fn told(answer: &str) -> Result<Answer, OutboundError> {
    let (url, _served) = serving(vec![answer.into()], Duration::ZERO).await;
    local().get(&url).await
}

#[tokio::test]
async fn a_document_is_fetched_with_its_age() {
    let answer = "HTTP/1.1 200 OK\r\ncache-control: public, max-age=77\r\n\
                  content-length: 7\r\n\r\n{\"a\":1}";
    let (url, served) = serving(vec![answer.into()], Duration::ZERO).await;
    let (value, age_s) = local().get_json::<serde_json::Value>(&url).await.expect("an answer");
    assert_eq!((value, age_s), (serde_json::json!({"a": 1}), Some(77)));
    let heard = served.await.expect("heard");
    assert!(heard.starts_with("GET /a/b?c=d HTTP/1.1\r\nhost: 127.0.0.1:"), "{heard}");
}

#[tokio::test]
async fn a_form_is_posted_encoded_with_basic_credentials() {
    let answer = "HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\n{}";
    let (url, served) = serving(vec![answer.into()], Duration::ZERO).await;
    let form = [("code", "a b&c=d"), ("ü", "")];
    let answer = local().post_form(&url, &form, Some(("me", "p:w"))).await.expect("an answer");
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json::<serde_json::Value>().err(),
        Some(OutboundError::Status("127.0.0.1".into(), 400))
    );
    let heard = served.await.expect("heard");
    assert!(heard.starts_with("POST /a/b?c=d HTTP/1.1\r\n"), "{heard}");
    // `me:p%3Aw`
    assert!(heard.contains("authorization: Basic bWU6cCUzQXc=\r\n"), "{heard}");
    assert!(heard.contains("content-type: application/x-www-form-urlencoded\r\n"), "{heard}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
        );
        let error = told(&answer).await.expect_err("no answer");
        assert_eq!(error, OutboundError::Status("127.0.0.1".into(), status));
    }
}

#[tokio::test]
async fn an_answer_above_256_kib_is_refused() {
    let whole = |bytes: usize| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
        head + &"a".repeat(bytes)
    };
    let answer = told(&whole(BYTES_MAX)).await.expect("an answer");
    assert_eq!(answer.body.len(), BYTES_MAX);
    let too_large = Err(OutboundError::TooLarge("127.0.0.1".into()));
    assert_eq!(told(&whole(BYTES_MAX + 1)).await.map(|_| ()), too_large);
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(BYTES_MAX + 1));
    assert_eq!(told(&endless).await.map(|_| ()), too_large);
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(100_000));
    let error = told(&head).await.expect_err("no answer");
    assert!(matches!(error, OutboundError::Unreachable(..)), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_drips_ends_after_5_s() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec();
    let drip = std::iter::once(head).chain((0..100).map(|_| b"a".to_vec())).collect();
    let (url, _served) = serving(drip, Duration::from_millis(200)).await;
    let begun = Instant::now();
    let error = local().get(&url).await.expect_err("no answer");
    assert_eq!(error, OutboundError::Slow("127.0.0.1".into()));
    let took = begun.elapsed();
    assert!(took >= TIMEOUT && took < TIMEOUT + Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn what_is_not_open_is_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let closed = Outbound::new(&OutboundConfig::default());
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "0.0.0.0", "2130706433"] {
        for scheme in ["http", "https"] {
            let Ok(url) = format!("{scheme}://{host}:{port}/").parse::<Url>() else { continue };
            let error = closed.get(&url).await.expect_err("no answer");
            let is_refused =
                matches!(error, OutboundError::Refused(_) | OutboundError::Unresolved(_));
            assert!(is_refused, "{host}: {error:?}");
        }
    }
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(accepted.is_err(), "nobody connected");
}

#[tokio::test]
async fn plain_http_goes_to_this_machine_alone() {
    let allow = vec!["203.0.113.0/24".parse().expect("a network")];
    let open = Outbound::new(&OutboundConfig { allow, ca_file: None });
    let url = "http://203.0.113.7/".parse().expect("a URL");
    let error = open.get(&url).await.expect_err("no answer");
    assert_eq!(error, OutboundError::Insecure("203.0.113.7".into()));
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_of_the_host() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, own.cert.pem()).expect("written");
    let key = own.signing_key.serialize_der().try_into().expect("a key");
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a configuration");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let serving = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.expect("a connection");
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut heard = [0; 4_096];
            let _ = tls.read(&mut heard).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            tls.write_all(answer).await.expect("written");
        }
    });
    let allow: Vec<IpNet> =
        ["127.0.0.0/8", "::1/128"].iter().map(|net| net.parse().expect("a network")).collect();
    let trusting = OutboundConfig { allow: allow.clone(), ca_file: Some(ca_file) };
    let trusting = Outbound::new(&trusting);
    let of_host = format!("https://localhost:{port}/").parse().expect("a URL");
    assert!(trusting.get(&of_host).await.is_ok());
    let of_address = format!("https://127.0.0.1:{port}/").parse().expect("a URL");
    let stranger = Outbound::new(&OutboundConfig { allow, ca_file: None });
    for (client, url) in [(&trusting, &of_address), (&stranger, &of_host)] {
        let error = client.get(url).await.expect_err("no answer");
        assert!(matches!(error, OutboundError::Unreachable(..)), "{error:?}");
    }
    serving.abort();
}

#[test]
fn a_url_has_no_user_no_fragment_and_a_known_scheme() {
    for bad in [
        "",
        "id.example",
        "ftp://id.example/",
        "https://",
        "https:///a",
        "https://a@id.example/",
        "https://a:b@id.example/",
        "https://id.example/#a",
        "https://id.example:99999/",
        "https://id.example:/",
        "https://id example/",
        "//id.example/",
        "file:///etc/passwd",
        &format!("https://id.example/{}", "a".repeat(1_024)),
    ] {
        assert!(bad.parse::<Url>().is_err(), "{bad}");
    }
    for (good, host, port) in [
        ("https://id.example", "id.example", 443),
        ("http://id.example:8080/a?b=c", "id.example", 8080),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443),
    ] {
        let url: Url = good.parse().expect(good);
        assert_eq!((url.host(), url.port), (host, port), "{good}");
    }
}

#[test]
fn the_age_of_an_answer_is_what_it_says() {
    let of = |value: &'static str| {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("cache-control", hyper::header::HeaderValue::from_static(value));
        max_age_s(&headers)
    };
    for (value, age_s) in [
        ("max-age=60", Some(60)),
        ("public, Max-Age=\"60\"", Some(60)),
        ("no-store, max-age=60", Some(0)),
        ("s-maxage=60", None),
        ("max-age=-1", None),
        ("", None),
    ] {
        assert_eq!(of(value), age_s, "{value}");
    }
}
