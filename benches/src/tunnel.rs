//! Adds TLS to a generator without it: accepts plain connections, opens encrypted ones to the server, and counts the
//! server's records on the way. Runs on the generator's core and is never part of the measurement.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context as Poked, Poll, ready},
};

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsConnector;

/// A record's header: its type, version and length.
const HEAD_BYTES: usize = 5;
/// The type of records that carry data.
const DATA: u8 = 23;
const COPY_BYTES: usize = 32_768;

/// A certificate for this machine.
pub struct Certificate {
    /// In the server's form.
    pub pem: String,
    /// In the client's form.
    pub der: CertificateDer<'static>,
}

/// A new certificate and its key.
pub fn certificate() -> Result<(Certificate, String)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let der = made.cert.der().clone();
    Ok((Certificate { pem: made.cert.pem(), der }, made.signing_key.serialize_pem()))
}

/// Counts the data records of a stream of bytes, however it is split.
#[derive(Debug, Default)]
struct Records {
    head: Vec<u8>,
    skip: usize,
    data: u64,
}

impl Records {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let n = self.skip.min(bytes.len());
            self.skip -= n;
            bytes = &bytes[n..];
            let n = (HEAD_BYTES - self.head.len()).min(bytes.len());
            if self.skip > 0 || n == 0 {
                continue;
            }
            self.head.extend_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            if let [kind, _, _, high, low] = self.head[..] {
                self.data += u64::from(kind == DATA);
                self.skip = usize::from(u16::from_be_bytes([high, low]));
                self.head.clear();
            }
        }
    }
}

/// A connection whose incoming records are counted.
struct Counted {
    tcp: TcpStream,
    records: Records,
    all: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        poked: &mut Poked<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let begin = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(poked, buffer))?;
        let before = self.records.data;
        self.records.take(&buffer.filled()[begin..]);
        self.all.fetch_add(self.records.data - before, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        poked: &mut Poked<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(poked, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, poked: &mut Poked<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(poked)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, poked: &mut Poked<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(poked)
    }
}

/// The tunnel; dropping it closes all its connections.
pub struct Tunnel {
    address: SocketAddr,
    records: Arc<AtomicU64>,
    _runtime: Runtime,
}

impl Tunnel {
    /// Opens a tunnel to a server with this certificate.
    pub fn dig(server: SocketAddr, certificate: CertificateDer<'static>) -> Result<Self> {
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let (address, records) = (listener.local_addr()?, Arc::new(AtomicU64::new(0)));
        let all = records.clone();
        runtime.spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                let (connector, all) = (connector.clone(), all.clone());
                tokio::spawn(async move {
                    // The generator notices that its connection ended, whatever the reason.
                    let _ = pass(inner, server, &connector, all).await;
                });
            }
        });
        Ok(Self { address, records, _runtime: runtime })
    }

    /// Its local address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Data records that the server has sent so far.
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }
}

async fn pass(
    mut inner: TcpStream,
    server: SocketAddr,
    connector: &TlsConnector,
    all: Arc<AtomicU64>,
) -> Result<()> {
    inner.set_nodelay(true)?;
    let tcp = TcpStream::connect(server).await?;
    tcp.set_nodelay(true)?;
    let counted = Counted { tcp, records: Records::default(), all };
    let name = ServerName::try_from("localhost").context("a name")?;
    let mut outer = connector.connect(name, counted).await?;
    copy_bidirectional_with_sizes(&mut inner, &mut outer, COPY_BYTES, COPY_BYTES).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_records_are_counted_however_they_are_split() {
        let mut bytes = Vec::new();
        for (kind, len) in
            [(22_u8, 700_u16), (20, 1), (DATA, 0), (DATA, 16_401), (21, 2), (DATA, 5)]
        {
            bytes.extend([kind, 3, 3]);
            bytes.extend(len.to_be_bytes());
            bytes.resize(bytes.len() + usize::from(len), DATA);
        }
        for cut in [1, 2, 3, 7, 1_000, bytes.len()] {
            let mut records = Records::default();
            bytes.chunks(cut).for_each(|piece| records.take(piece));
            assert_eq!((records.data, records.skip), (3, 0), "{cut}");
        }
    }
}
