//! Certificates, and their renewal at run time. If new files cannot be loaded, the old pair stays in use.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The paths of certificate and key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why certificate files were rejected. Each text says what to write instead.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate's file.
    #[error("{0}")]
    Cert(String),
    /// The key's file.
    #[error("{0}")]
    Key(String),
    /// A failure of the TLS library.
    #[error("TLS cannot be set up: {0}")]
    SetUp(#[from] rustls::Error),
}

impl TlsFiles {
    /// Checks that the files exist, are valid, and belong together.
    pub fn check(&self) -> Result<(), TlsError> {
        load(self).map(drop)
    }
}

/// The files' contents: their times and sizes may be unchanged.
type Stamp = [Option<[u8; 32]>; 2];

/// The pair in use.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    stamp: Mutex<Stamp>,
    config: RwLock<Arc<ServerConfig>>,
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.cert, &files.key]
        .map(|file| std::fs::read(file).ok().map(|bytes| Sha256::digest(bytes).into()))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error| {
        format!("`{}` cannot be read: {error}; write the path of a PEM file", file.display())
    };
    std::fs::read(file).map_err(cannot)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// The certificate with its chain.
fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(file)?;
    let file = file.display();
    let chain = certificates(&text).map_err(|error| format!("`{file}` is not PEM: {error}"))?;
    match (chain.is_empty(), PrivateKeyDer::from_pem_slice(&text).is_ok()) {
        (false, _) => Ok(chain),
        (true, true) => Err(format!(
            "`{file}` has no certificate but a private key; exchange `cert` and `key` if the other file has the \
             certificate"
        )),
        (true, false) => Err(format!("`{file}` has no certificate; write the path of one in PEM")),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read(file)?;
    let file = file.display();
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => {
            Err(format!("`{file}` has no private key; write the path of one in PEM"))
        }
        Err(error) => Err(format!("`{file}` is not PEM: {error}")),
    }
}

fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = chain(&files.cert).map_err(TlsError::Cert)?;
    let key = private_key(&files.key).map_err(TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Key(format!(
            "`{}` is not the key of the certificate in `{}`; use the key that belongs to it",
            files.key.display(),
            files.cert.display()
        )),
        rustls::Error::InvalidCertificate(_) => {
            TlsError::Cert(format!("`{}` has no valid certificate: {error}", files.cert.display()))
        }
        error => TlsError::Key(format!("`{}` cannot be used: {error}", files.key.display())),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Tls {
    /// Loads the pair.
    pub(crate) fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let stamp = Mutex::new(stamp(&files));
        let config = RwLock::new(load(&files)?);
        Ok(Self { files, stamp, config })
    }

    /// What new connections use.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reloads the pair.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp(&self.files);
        let config = load(&self.files)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Whether the files have changed since they were last loaded.
    pub(crate) fn is_stale(&self) -> bool {
        *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) != stamp(&self.files)
    }
}
