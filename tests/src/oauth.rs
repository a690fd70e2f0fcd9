//! A client of OAuth, which sends forms.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{answer::Answer, http::Caller};

/// Percent-encodes everything but letters and digits.
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(plain).collect()
}

/// A form.
pub fn form(parameters: &[(&str, &str)]) -> String {
    let pairs =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// `Authorization: Basic`, as RFC 6749 §2.3.1 has it, with its CRLF.
pub fn basic(id: &str, secret: &str) -> String {
    let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
    format!("Authorization: Basic {pair}\r\n")
}

impl Caller {
    /// Sends a form with these header fields (each ends with CRLF), and without this caller's credential.
    ///
    /// # Errors
    ///
    /// No answer, or one that the document does not list.
    pub async fn post_form(&self, path: &str, fields: &str, body: &str) -> Result<Answer> {
        let stranger = Self { to: self.to, credential: String::new() };
        let fields = format!("Content-Type: application/x-www-form-urlencoded\r\n{fields}");
        stranger.ask_with("POST", path, &fields, Some(body)).await
    }

    /// Sends a form as an OAuth client whose secret is this caller's credential, by Basic.
    ///
    /// # Errors
    ///
    /// No answer, or one that the document does not list.
    pub async fn as_client(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
        self.post_form(path, &basic(self.id()?, &self.credential), &form(parameters)).await
    }

    /// Asks for an access token with these scopes, or all; returns the caller that it makes, and the answer.
    ///
    /// # Errors
    ///
    /// The server refuses.
    pub async fn access_token(&self, scope: Option<&str>) -> Result<(Self, Value)> {
        let mut parameters = vec![("grant_type", "client_credentials")];
        parameters.extend(scope.map(|scope| ("scope", scope)));
        let answer = self.as_client("/oauth/token", &parameters).await?;
        ensure!(answer.status == 200, "{} {}", answer.head, answer.body);
        let credential = answer.body["access_token"].as_str().context("a token")?.into();
        Ok((Self { to: self.to, credential }, answer.body))
    }
}
