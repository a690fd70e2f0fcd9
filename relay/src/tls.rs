//! Certificates, and their renewal while running. After `encode`, before `io`. A pair of files that does
//! not load leaves the old pair in use.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Where certificate and key lie, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate and what chains it to its root.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why certificate files were not taken.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("{file}: {source}", file = file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not belong together, or are of no use.
    #[error("the certificate and its key are not usable: {0}")]
    Pair(#[from] rustls::Error),
}

/// By what is in the files: their times and sizes may be the old ones.
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

fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let at = |file: &PathBuf| {
        let file = file.clone();
        move |source| TlsError::File { file, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(at(&files.cert))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(at(&files.key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
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

    /// Loads the pair anew.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) = stamp(&self.files);
        let config = load(&self.files)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Whether the files changed since they were last loaded.
    pub(crate) fn is_stale(&self) -> bool {
        *self.stamp.lock().unwrap_or_else(PoisonError::into_inner) != stamp(&self.files)
    }
}
