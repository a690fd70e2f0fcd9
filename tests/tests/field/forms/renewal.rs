//! A renewed certificate is recognised by the content of its file, not by the file's time.

use std::{
    fs::{self, File},
    path::Path,
    time::SystemTime,
};

use anyhow::{Context, Result, ensure};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use stagedoor_relay::TlsFiles;
use stagedoor_tests::{Stage, trusting};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::within;

/// Writes a file so that only its content changes.
fn write(path: &Path, text: &str, modified: SystemTime) -> Result<()> {
    let mut new = path.to_owned();
    new.set_extension("new");
    fs::write(&new, text)?;
    File::options().write(true).open(&new)?.set_modified(modified)?;
    // Over the old file, as tools that renew certificates do.
    fs::rename(&new, path)?;
    Ok(())
}

/// Writes a pair; returns a client's configuration that trusts only it.
fn pair(folder: &Path, modified: SystemTime) -> Result<(TlsFiles, TlsConnector)> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    write(&files.cert, &cert.pem(), modified)?;
    write(&files.key, &signing_key.serialize_pem(), modified)?;
    Ok((files, TlsConnector::from(trusting(cert.der().clone())?)))
}

async fn is_trusted(stage: &Stage, by: &TlsConnector) -> Result<bool> {
    let tcp = TcpStream::connect(stage.running.http).await?;
    Ok(by.connect("localhost".try_into()?, tcp).await.is_ok())
}

#[tokio::test]
async fn a_renewed_certificate_with_the_old_time_is_used() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let modified = SystemTime::UNIX_EPOCH;
        let (files, old) = pair(folder.path(), modified)?;
        let times = |files: &TlsFiles| -> Result<_> {
            Ok((fs::metadata(&files.cert)?.modified()?, fs::metadata(&files.key)?.modified()?))
        };
        let before = times(&files)?;
        let stage = Stage::configured(|config| config.relay.tls = Some(files.clone())).await?;
        ensure!(is_trusted(&stage, &old).await?, "the first pair");
        let (files, new) = pair(folder.path(), modified)?;
        assert_eq!(times(&files)?, before);
        // The relay checks every ten seconds.
        let seen = async {
            while !is_trusted(&stage, &new).await? {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(std::time::Duration::from_secs(25), seen)
            .await
            .context("the renewed pair is not seen")??;
        assert!(!is_trusted(&stage, &old).await?);
        Ok(())
    })
    .await
}
