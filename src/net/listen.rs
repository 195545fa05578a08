//! Listening sockets: bound, or taken over, before anything runs, accepted from without ever
//! spinning.

use std::io;
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use listenfd::ListenFd;
use nix::errno::Errno;
use socket2::{SockRef, TcpKeepalive};

use super::Drain;
use crate::config::ListenAddress;

/// Pause after an error that another accept would meet at once (no file
/// descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Keepalive: a peer that vanished without a word is noticed after about two
/// minutes.
const KEEP_IDLE: Duration = Duration::from_secs(60);
const KEEP_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_COUNT: u32 = 6;

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("resolving {address}: {source}")]
    Resolve { address: String, source: io::Error },
    #[error("listening on {address}: {source}")]
    Bind { address: String, source: io::Error },
    #[error("{} is not a socket, so it is not replaced", .0.display())]
    NotASocket(PathBuf),
    #[error("another process is listening on {}", .0.display())]
    InUse(PathBuf),
    #[error("socket {number} of those that the service manager passed: {source}")]
    Inherit { number: usize, source: io::Error },
}

/// An accepted connection, not yet known to any runtime.
#[derive(Debug)]
pub enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One listening socket. Dropping a Unix one that was bound here removes its
/// file.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
    /// The service manager's own, which outlives this process.
    Inherited(UnixListener),
}

/// The sockets that a service manager passes (sd_listen_fds(3)), which then
/// take the place of the configured addresses: it keeps them open while one
/// process ends and the next begins, so that clients wait and none is refused.
/// `None`: there are none. To be called once.
pub fn inherited() -> Result<Option<Vec<Listener>>, ListenError> {
    let mut passed = ListenFd::from_env();
    let listeners: Vec<Listener> = (0..passed.len())
        .map(|number| inherit(&mut passed, number).map_err(|source| ListenError::Inherit { number, source }))
        .collect::<Result<_, _>>()?;
    Ok((!listeners.is_empty()).then_some(listeners))
}

fn inherit(passed: &mut ListenFd, number: usize) -> io::Result<Listener> {
    let taken = || io::Error::other("it was taken already");
    if let Ok(tcp) = passed.take_tcp_listener(number) {
        let tcp = tcp.ok_or_else(taken)?;
        tcp.set_nonblocking(true)?;
        return Ok(Listener::Tcp(tcp));
    }
    let unix = passed.take_unix_listener(number)?.ok_or_else(taken)?;
    unix.set_nonblocking(true)?;
    Ok(Listener::Inherited(unix))
}

/// Binds every address; all or none.
pub fn bind(addresses: &[ListenAddress]) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    for address in addresses {
        match address {
            ListenAddress::Tcp(address) => bind_tcp(address, &mut listeners)?,
            ListenAddress::Unix(path) => listeners.push(bind_unix(path)?),
        }
    }
    Ok(listeners)
}

/// Every address that the name resolves to, as PostgreSQL does.
fn bind_tcp(address: &str, listeners: &mut Vec<Listener>) -> Result<(), ListenError> {
    let resolved = address
        .to_socket_addrs()
        .map_err(|source| ListenError::Resolve { address: address.to_owned(), source })?;
    let mut last = None;
    let before = listeners.len();
    for one in resolved {
        match TcpListener::bind(one).and_then(|l| l.set_nonblocking(true).map(|()| l)) {
            Ok(listener) => listeners.push(Listener::Tcp(listener)),
            Err(source) => last = Some(source),
        }
    }
    match last {
        // A host without IPv6 still resolves "localhost" to ::1.
        Some(source) if listeners.len() == before => {
            Err(ListenError::Bind { address: address.to_owned(), source })
        }
        Some(source) => {
            tracing::warn!(address, %source, "could not listen on one of the addresses of this name");
            Ok(())
        }
        None => Ok(()),
    }
}

fn bind_unix(path: &Path) -> Result<Listener, ListenError> {
    let fault = |source| ListenError::Bind { address: path.display().to_string(), source };
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    // Anyone on the machine may connect, as with PostgreSQL's default
    // unix_socket_permissions; who they are, the password says.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).map_err(fault)?;
    Ok(Listener::Unix(listener, path.to_owned()))
}

/// Removes the socket that a crashed process left, never one in use.
fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ListenError::NotASocket(path.to_owned()));
    }
    if UnixStream::connect(path).is_ok() {
        return Err(ListenError::InUse(path.to_owned()));
    }
    std::fs::remove_file(path)
        .map_err(|source| ListenError::Bind { address: path.display().to_string(), source })
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Listener {
    /// Where it listens, as text.
    pub fn address(&self) -> String {
        match self {
            Listener::Tcp(tcp) => tcp.local_addr().map(|a| a.to_string()).unwrap_or_default(),
            Listener::Unix(_, path) => path.display().to_string(),
            Listener::Inherited(unix) => {
                let address = unix.local_addr().ok();
                let path = address.as_ref().and_then(|a| a.as_pathname());
                path.map(|path| path.display().to_string()).unwrap_or_default()
            }
        }
    }

    /// Makes it known to the runtime that will accept.
    fn register(&self) -> io::Result<Registered> {
        Ok(match self {
            Listener::Tcp(tcp) => Registered::Tcp(tokio::net::TcpListener::from_std(tcp.try_clone()?)?),
            Listener::Unix(unix, _) | Listener::Inherited(unix) => {
                Registered::Unix(tokio::net::UnixListener::from_std(unix.try_clone()?)?)
            }
        })
    }
}

enum Registered {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Registered {
    /// Takes the connection off this runtime again: its worker has another.
    async fn accept(&self) -> io::Result<Accepted> {
        Ok(match self {
            Registered::Tcp(tcp) => Accepted::Tcp(tcp.accept().await?.0.into_std()?),
            Registered::Unix(unix) => Accepted::Unix(unix.accept().await?.0.into_std()?),
        })
    }
}

/// Accepts until the drain begins; the socket is closed on return.
pub(super) async fn accept_loop(listener: Listener, drain: Drain, take: impl Fn(Accepted)) -> io::Result<()> {
    let registered = listener.register()?;
    let begun = drain.begun();
    tokio::pin!(begun);
    loop {
        let accepted = tokio::select! {
            () = &mut begun => return Ok(()),
            accepted = registered.accept() => accepted,
        };
        match accepted {
            Ok(connection) => take(connection),
            Err(fault) if is_exhaustion(&fault) => {
                tracing::warn!(%fault, "cannot accept connections for now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            // The client went away before it was accepted, and the like.
            Err(fault) => tracing::debug!(%fault, "accept failed"),
        }
    }
}

fn is_exhaustion(fault: &io::Error) -> bool {
    fault.raw_os_error().is_some_and(|code| {
        matches!(Errno::from_raw(code), Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
    })
}

/// Turns keepalive on. A socket that refuses is served without.
pub(super) fn keep_alive(socket: &impl AsFd) {
    let probes =
        TcpKeepalive::new().with_time(KEEP_IDLE).with_interval(KEEP_INTERVAL).with_retries(KEEP_COUNT);
    let set = SockRef::from(socket).set_tcp_keepalive(&probes);
    if let Err(fault) = set {
        tracing::debug!(%fault, "keepalive");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".s.PGSQL.6432");
        let address = [ListenAddress::Unix(path.clone())];
        drop(UnixListener::bind(&path).unwrap());
        let live = bind(&address).unwrap();
        assert!(matches!(bind(&address), Err(ListenError::InUse(_))));
        drop(live);
        assert!(!path.exists(), "a listener removes its file");
        std::fs::write(&path, b"data").unwrap();
        assert!(matches!(bind(&address), Err(ListenError::NotASocket(_))));
    }
}
