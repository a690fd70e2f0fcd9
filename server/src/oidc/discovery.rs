//! What an issuer says about itself (OpenID Connect Discovery). Pure.

use serde::Deserialize;

use crate::outbound::Url;

/// The issuer's document, as far as it is used.
#[derive(Clone, Debug, Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// An issuer's endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Discovery {
    pub(crate) jwks: Url,
    /// Where browsers are sent to log in; not asked by this process.
    pub(crate) authorization_endpoint: Option<String>,
    /// Where codes are exchanged.
    pub(crate) token_endpoint: Option<Url>,
    /// Whether its answers name it (RFC 9207).
    pub(crate) names_itself: bool,
    /// Whether `client_secret_basic` is accepted at the token endpoint.
    pub(crate) accepts_basic: bool,
}

/// The issuer's document cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscoveryFault {
    /// It is no discovery document.
    #[error("its discovery document is not one")]
    Form,
    /// It is the document of another issuer.
    #[error("its discovery document names another issuer")]
    Issuer,
    /// A URL in it cannot be used: none, or less protected than the issuer's own.
    #[error("its discovery document has a URL that cannot be used")]
    Url,
}

/// Where the document of an issuer is.
pub(crate) fn document_of(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Discovery {
    /// Reads the document of this issuer, whose name must be the same, byte by byte.
    pub(crate) fn read(body: &[u8], issuer: &str) -> Result<Self, DiscoveryFault> {
        let document: Document = serde_json::from_slice(body).map_err(|_| DiscoveryFault::Form)?;
        if document.issuer != issuer {
            return Err(DiscoveryFault::Issuer);
        }
        let is_secure = issuer.starts_with("https://");
        let url = |text: &str| match text.parse::<Url>() {
            Ok(url) if url.is_secure() || !is_secure => Ok(url),
            _ => Err(DiscoveryFault::Url),
        };
        let methods = document.token_endpoint_auth_methods_supported;
        Ok(Self {
            jwks: url(&document.jwks_uri)?,
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint.as_deref().map(url).transpose()?,
            names_itself: document.authorization_response_iss_parameter_supported,
            accepts_basic: methods
                .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_that_of_its_issuer() {
        let read = |issuer: &str, jwks: &str, own: &str| {
            let body = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks}","more":[1]}}"#);
            Discovery::read(body.as_bytes(), own).map(|discovery| discovery.jwks.host().to_owned())
        };
        let own = "https://id.example";
        assert_eq!(read(own, "https://keys.example/jwks", own), Ok("keys.example".into()));
        for other in ["https://id.example/", "https://ID.example", "http://id.example"] {
            assert_eq!(read(other, "https://id.example/jwks", own), Err(DiscoveryFault::Issuer));
        }
        for jwks in ["http://id.example/jwks", "ftp://id.example", "", "https://a@id.example"] {
            assert_eq!(read(own, jwks, own), Err(DiscoveryFault::Url), "{jwks}");
        }
        let local = "http://127.0.0.1:7";
        assert!(read(local, "http://127.0.0.1:7/jwks", local).is_ok());
        assert_eq!(Discovery::read(b"[]", own), Err(DiscoveryFault::Form));
        assert_eq!(Discovery::read(b"{}", own), Err(DiscoveryFault::Form));
    }

    #[test]
    fn the_document_lies_below_the_issuer() {
        let of = document_of("https://id.example/tenant/");
        assert_eq!(of, "https://id.example/tenant/.well-known/openid-configuration");
    }
}
