//! Binds listening sockets: an address and a port, a host name and a port, or a unix socket.

use std::{
    fmt,
    fs::{self, Permissions},
    io,
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, bail};
use socket2::{Domain, SockAddr, Socket, Type};
use stagedoor_relay::Listening;
use tokio::net::{TcpListener, UnixListener};

/// The prefix of a unix socket's path.
const UNIX: &str = "unix:";
/// The longest path of a unix socket, in bytes: `sun_path` with its final 0.
pub(crate) const UNIX_PATH_BYTES_MAX: usize = 107;
/// Connections that the system queues until they are accepted.
const BACKLOG: i32 = 1_024;

/// What to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A host, by name or address, and a port.
    Host(String),
    /// A unix socket's file.
    Unix(PathBuf),
}

/// A text that is not an address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address; write a host and a port, such as 127.0.0.1:7880, or unix: and a path")]
pub(crate) struct AddressError;

impl Address {
    /// The port; `None` for a file and for port 0, which the system replaces.
    pub(crate) fn port(&self) -> Option<u16> {
        let Self::Host(host) = self else { return None };
        host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).filter(|port| *port > 0)
    }

    /// Whether two sockets exclude each other: the same file, or the same port with overlapping addresses.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(one), Self::Unix(other)) => one == other,
            (Self::Host(one), Self::Host(two)) => {
                let addresses = (one.parse::<SocketAddr>(), two.parse::<SocketAddr>());
                let is_apart = matches!(addresses, (Ok(one), Ok(other)) if one.ip() != other.ip()
                    && !one.ip().is_unspecified() && !other.ip().is_unspecified());
                self.port().is_some() && self.port() == other.port() && !is_apart
            }
            _ => false,
        }
    }
}

/// Whether a host and a port are reachable only from this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    match host.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => host.rsplit_once(':').is_some_and(|(host, _)| host == "localhost"),
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix(UNIX) {
            let is_path = path.len() > 1 && path.starts_with('/');
            return if is_path { Ok(Self::Unix(path.into())) } else { Err(AddressError) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let is_name = |host: &str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !host.is_empty() && host.bytes().all(letter)
        };
        let is_host = text.parse::<SocketAddr>().is_ok() || is_name(host);
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        if is_host && is_port { Ok(Self::Host(text.into())) } else { Err(AddressError) }
    }
}

/// The mode of a unix socket's file, from octal digits. Write permission is required: without it nobody could connect.
pub(crate) fn mode(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && *mode & 0o222 != 0)
}

/// The bound address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A file.
    Unix(PathBuf),
}

impl At {
    /// The address and the port; `0.0.0.0:0` for a file.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Tcp(address) => *address,
            Self::Unix(_) => SocketAddr::from(([0; 4], 0)),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// A bound socket; a unix socket's file is removed with it.
pub(crate) struct Bound {
    pub(crate) listening: Listening,
    pub(crate) at: At,
    pub(crate) file: Option<SocketFile>,
}

/// A unix socket's file, removed when dropped.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.0);
    }
}

/// Binds and listens. Of a host's addresses, the first that can be bound is used. `mode` says who may connect to a unix
/// socket; `setting` and `flag` say where to change the address, for error texts.
pub(crate) async fn bind(
    address: &str,
    mode: u32,
    (setting, flag): (&str, &str),
) -> anyhow::Result<Bound> {
    let cannot = || format!("cannot listen on {address} (`{setting}`)");
    let busy = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "another program listens there, perhaps another Stagedoor; stop it, or give another address with {flag} or \
             `{setting}`"
        ),
        io::ErrorKind::PermissionDenied => anyhow::anyhow!(
            "this user lacks the permission; give a port above 1023 with {flag} or `{setting}`, or grant CAP_NET_BIND_SERVICE"
        ),
        _ => error.into(),
    };
    match address.parse().with_context(cannot)? {
        Address::Host(host) => {
            let tcp = TcpListener::bind(&host).await.map_err(busy).with_context(cannot)?;
            let at = At::Tcp(tcp.local_addr()?);
            Ok(Bound { listening: Listening::Tcp(tcp), at, file: None })
        }
        Address::Unix(path) => {
            let unix = listen_on_file(&path, mode).with_context(cannot)?;
            let file = Some(SocketFile(path.clone()));
            Ok(Bound { listening: Listening::Unix(unix), at: At::Unix(path), file })
        }
    }
}

/// The file gets its mode before anybody can connect. A file left by an earlier process is replaced; a file that is not
/// a socket, or on which somebody listens, is not.
fn listen_on_file(path: &Path, mode: u32) -> anyhow::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
        Ok(meta) if !meta.file_type().is_socket() => bail!("the file exists and is not a socket"),
        Ok(_) if UnixStream::connect(path).is_ok() => {
            bail!("another process already listens there")
        }
        Ok(_) => fs::remove_file(path)?,
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let std: std::os::unix::net::UnixListener = std::os::fd::OwnedFd::from(socket).into();
    Ok(UnixListener::from_std(std)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_a_path() {
        for good in ["127.0.0.1:7880", "[::1]:0", "localhost:80", "relay.example:443", "0.0.0.0:1"]
        {
            assert_eq!(good.parse(), Ok(Address::Host(good.into())), "{good}");
        }
        assert_eq!("unix:/run/s.sock".parse(), Ok(Address::Unix("/run/s.sock".into())));
        for bad in
            ["", "here", "here:", ":80", "::1:80", "a b:80", "x:65536", "x:+1", "unix:", "unix:a"]
        {
            assert_eq!(bad.parse::<Address>(), Err(AddressError), "{bad}");
        }
        assert_eq!(
            [mode("0660"), mode("600"), mode("1777"), mode("rw"), mode("0444"), mode("0")],
            [Some(0o660), Some(0o600), None, None, None, None]
        );
    }

    const PLACE: (&str, &str) = ("listen.address", "--listen");

    #[tokio::test]
    async fn a_unix_socket_has_its_mode_and_is_removed_on_drop() {
        let folder = std::env::temp_dir().join(format!("stagedoor-socket-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("s.sock");
        let address = format!("unix:{}", path.display());
        let bound = bind(&address, 0o600, PLACE).await.expect("it listens");
        let mode = fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(bound.at.to_string(), address);
        let taken = bind(&address, 0o600, PLACE).await.err().expect("taken");
        assert!(format!("{taken:#}").contains("already listens there"), "{taken:#}");
        // Left by a process that was killed.
        let Bound { listening, file, .. } = bound;
        drop(listening);
        std::mem::forget(file);
        assert!(path.exists());
        drop(bind(&address, 0o600, PLACE).await.expect("the old file is replaced"));
        assert!(!path.exists());
        fs::write(&path, "mine").expect("a file");
        assert!(bind(&address, 0o600, PLACE).await.is_err());
        assert_eq!(fs::read_to_string(&path).expect("the file"), "mine");
        fs::remove_dir_all(&folder).expect("it was there");
    }
}
