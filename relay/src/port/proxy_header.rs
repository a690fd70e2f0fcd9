//! The header of a proxy in front of a connection, by the PROXY protocol, version 2. Pure, except for reading it.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::net::addresses::Peer;

/// The most bytes behind a header's first 16.
const REST_BYTES_MAX: usize = 4_096;
const FIRST_BYTES: usize = 16;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Why a header is invalid.
#[derive(Debug, Error)]
pub(crate) enum ProxyHeaderError {
    /// It does not start like one, or has another version.
    #[error("the connection does not start with a PROXY header of version 2")]
    Missing,
    /// It is too long, or too short for its addresses.
    #[error("the PROXY header's length is wrong")]
    Length,
    /// The connection ended.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Reads the header and not a byte more; returns the connection's client, or `proxy` if the proxy speaks for itself, as
/// in health checks, or names no address.
pub(crate) async fn read(
    io: &mut (impl AsyncRead + Unpin),
    proxy: Peer,
) -> Result<Peer, ProxyHeaderError> {
    let mut first = [0; FIRST_BYTES];
    io.read_exact(&mut first).await?;
    let [.., command, family, high, low] = first;
    if first[..12] != *SIGNATURE || command >> 4 != 2 {
        return Err(ProxyHeaderError::Missing);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > REST_BYTES_MAX {
        return Err(ProxyHeaderError::Length);
    }
    let mut rest = vec![0; length];
    io.read_exact(&mut rest).await?;
    match (command & 0xf, family) {
        // From the proxy itself.
        (0, _) => Ok(proxy),
        (1, 0x11) => source::<4>(&rest),
        (1, 0x21) => source::<16>(&rest),
        // Not over TCP.
        (1, _) => Ok(proxy),
        _ => Err(ProxyHeaderError::Missing),
    }
}

/// The source of a pair of addresses of `N` bytes: source, destination, port of each.
fn source<const N: usize>(rest: &[u8]) -> Result<Peer, ProxyHeaderError>
where
    IpAddr: From<[u8; N]>,
{
    let (Some(address), Some(port), true) = (
        rest.first_chunk::<N>(),
        rest.get(2 * N..).and_then(<[u8]>::first_chunk::<2>),
        rest.len() >= 2 * N + 4,
    ) else {
        return Err(ProxyHeaderError::Length);
    };
    Ok(SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes(*port)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, rest].concat()
    }

    async fn said(bytes: &[u8]) -> Result<String, String> {
        let proxy = Peer::from(SocketAddr::from(([10, 0, 0, 1], 80)));
        let behind = [bytes, b"GET /"].concat();
        let mut io = behind.as_slice();
        let peer = read(&mut io, proxy).await.map_err(|error| error.to_string())?;
        assert_eq!(io, b"GET /", "not a byte more");
        Ok(peer.to_string())
    }

    #[tokio::test]
    async fn a_header_names_its_source_with_or_without_more() {
        let v4 = [198, 51, 100, 7, 10, 0, 0, 2, 0x12, 0x67, 0, 80];
        let v6 = [[0x20; 16], [1; 16]].concat();
        let v6 = [v6.as_slice(), &[0x12, 0x67, 0, 80]].concat();
        let more = [v4.as_slice(), &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (bytes, peer) in [
            (header(0x21, 0x11, &v4), "198.51.100.7:4711"),
            (header(0x21, 0x11, &more), "198.51.100.7:4711"),
            (header(0x21, 0x21, &v6), "[2020:2020:2020:2020:2020:2020:2020:2020]:4711"),
            (header(0x20, 0x00, &[]), "10.0.0.1:80"),
            (header(0x20, 0x11, &v4), "10.0.0.1:80"),
            (header(0x21, 0x31, &[0; 216]), "10.0.0.1:80"),
            (header(0x21, 0x00, &[1]), "10.0.0.1:80"),
        ] {
            assert_eq!(said(&bytes).await.as_deref(), Ok(peer));
        }
    }

    #[tokio::test]
    async fn an_invalid_or_oversized_header_is_refused() {
        let long = u16::try_from(REST_BYTES_MAX + 1).expect("short").to_be_bytes();
        let long = [SIGNATURE.as_slice(), &[0x21, 0x11], &long].concat();
        for bytes in [
            b"GET /v1/connect HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 198.51.100.7 10.0.0.2 1 2\r\n".to_vec(),
            header(0x11, 0x11, &[0; 12]),
            header(0x22, 0x11, &[0; 12]),
            header(0x21, 0x11, &[0; 11]),
            header(0x21, 0x21, &[0; 35]),
            long,
        ] {
            assert!(said(&bytes).await.is_err(), "{bytes:?}");
        }
        assert!(read(&mut &header(0x21, 0x11, &[0; 12])[..20], Peer::LOCAL).await.is_err());
    }
}
