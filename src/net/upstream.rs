//! Connections to the server: TCP or Unix socket, TLS as configured.
//!
//! Invariant: a [`Stream`] that comes out of [`Connector::connect`] has the
//! encryption that the configuration demands, and nothing that the server
//! sent in plaintext is in it (CVE-2021-23222).

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, TlsStream};

use super::listen::keep_alive;
use super::stream::{FrameError, Stream};
use super::tls::TlsFault;
use super::trust;
use crate::auth::binding;
use crate::config::{SessionAttrs, Upstream, UpstreamAddress, UpstreamTls};
use crate::error::{ClientError, sqlstate};
use crate::wire::frame::{AUTH_LIMIT, backend};
use crate::wire::reader::Malformed;
use crate::wire::startup::{Negotiate, StartupMessage, Version, put_ssl_request};

/// Why the server couldn't be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no server is configured")]
    NoServer,
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("connecting: {0}")]
    Connect(#[source] io::Error),
    #[error("asking for TLS: {0}")]
    Ask(#[source] io::Error),
    #[error("the server closed the connection when asked for TLS")]
    Closed,
    #[error("the server does not offer TLS, and the configuration demands it")]
    NoTls,
    #[error("the server's answer to the request for TLS is not one")]
    Answer,
    #[error("the server sent unencrypted data after its answer to the request for TLS")]
    Injected,
    #[error("TLS handshake: {0}")]
    Handshake(#[source] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl From<&ConnectError> for ClientError {
    /// Without the server's address, which is not the client's business.
    fn from(fault: &ConnectError) -> Self {
        let report =
            ClientError::new(sqlstate::CANNOT_CONNECT, "could not connect to the server behind this proxy");
        match fault {
            ConnectError::Timeout(limit) => report.with_detail(format!("No answer within {limit:?}.")),
            ConnectError::Connect(source) => report
                .with_detail(match source.kind() {
                    io::ErrorKind::ConnectionRefused => "Connection refused.",
                    io::ErrorKind::NotFound => "There is no such socket.",
                    _ => "Connecting failed.",
                })
                .with_hint("Is the server running? See the proxy's log."),
            ConnectError::NoTls | ConnectError::Handshake(_) => {
                report.with_detail("TLS failed.").with_hint("See the proxy's log.")
            }
            ConnectError::NoServer
            | ConnectError::Ask(_)
            | ConnectError::Closed
            | ConnectError::Answer
            | ConnectError::Injected
            | ConnectError::Malformed(_) => report,
        }
    }
}

/// Version code for "not asked yet".
const UNKNOWN: u32 = 0;

/// One of the configured servers.
pub struct Target {
    address: UpstreamAddress,
    required: bool,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    patience: Duration,
}

/// Makes connections to the configured servers, which hold the same data: a
/// primary and its standbys.
pub struct Connector {
    /// In the order in which they are tried; at least one.
    targets: Vec<Arc<Target>>,
    wanted: SessionAttrs,
    /// Newest protocol version that the servers have shown to speak.
    newest: AtomicU32,
}

/// Why an attempt at one server brought nothing.
pub enum Attempt<E> {
    /// Another server may do.
    Next(E),
    /// Another would say the same.
    Stop(E),
}

/// What a session may do on the server that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub in_recovery: bool,
    pub read_only: bool,
}

impl SessionAttrs {
    /// Does such a session do? As libpq decides.
    pub fn accept(self, standing: Standing) -> bool {
        match self {
            SessionAttrs::Any | SessionAttrs::PreferStandby => true,
            SessionAttrs::ReadWrite => !standing.read_only && !standing.in_recovery,
            SessionAttrs::ReadOnly => standing.read_only || standing.in_recovery,
            SessionAttrs::Primary => !standing.in_recovery,
            SessionAttrs::Standby => standing.in_recovery,
        }
    }

    /// What to look for; `prefer-standby` goes through the list twice.
    fn passes(self) -> impl Iterator<Item = SessionAttrs> {
        let passes = match self {
            SessionAttrs::PreferStandby => [Some(SessionAttrs::Standby), Some(SessionAttrs::Any)],
            wanted => [Some(wanted), None],
        };
        passes.into_iter().flatten()
    }

    pub fn name(self) -> &'static str {
        match self {
            SessionAttrs::Any => "any",
            SessionAttrs::ReadWrite => "read-write",
            SessionAttrs::ReadOnly => "read-only",
            SessionAttrs::Primary => "primary",
            SessionAttrs::Standby => "standby",
            SessionAttrs::PreferStandby => "prefer-standby",
        }
    }
}

impl Connector {
    /// `patience` bounds connecting and the TLS handshake together, for each
    /// server.
    pub fn new(upstream: &Upstream, patience: Duration) -> Result<Self, TlsFault> {
        let config = trust::client_config(upstream)?;
        let required = !matches!(upstream.tls, UpstreamTls::Disable | UpstreamTls::Prefer);
        let target = |address: &UpstreamAddress| -> Result<Arc<Target>, TlsFault> {
            let tls = match address {
                // libpq does no TLS over Unix sockets, nor does the server.
                UpstreamAddress::Unix { .. } => None,
                UpstreamAddress::Tcp { host, .. } => {
                    config.clone().map(|config| with_name(config, host)).transpose()?
                }
            };
            Ok(Arc::new(Target { address: address.clone(), required, tls, patience }))
        };
        let targets = upstream.addresses.iter().map(target).collect::<Result<_, _>>()?;
        Ok(Self { targets, wanted: upstream.wanted, newest: UNKNOWN.into() })
    }

    /// Tries one server after the other until one gives a session that will
    /// do; the second argument of `attempt` says what will.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn first<T, E, F>(
        &self,
        mut attempt: impl FnMut(Arc<Target>, SessionAttrs) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, Attempt<E>>>,
        E: From<ConnectError>,
    {
        let mut last = None;
        for wanted in self.wanted.passes() {
            for target in &self.targets {
                match attempt(target.clone(), wanted).await {
                    Ok(session) => return Ok(session),
                    Err(Attempt::Stop(fault)) => return Err(fault),
                    Err(Attempt::Next(fault)) => last = Some(fault),
                }
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::NoServer.into()))
    }

    /// How long it may take to try all servers, beyond what one session takes.
    pub fn patience(&self) -> Duration {
        let once: Duration = self.targets.iter().map(|target| target.patience).sum();
        self.wanted.passes().map(|_| once).sum()
    }

    /// A new connection to the first server that can be reached, whatever it
    /// is, before its first startup message.
    pub async fn connect(&self) -> Result<Stream, ConnectError> {
        self.first(|target, _| async move { target.connect().await.map_err(Attempt::Next) }).await
    }

    /// The newest protocol version, up to 3.2, that the server speaks. Asked
    /// for once, on a connection of its own that ends before authentication.
    pub async fn newest_version(&self, user: &str) -> Result<Version, ConnectError> {
        let known = self.newest.load(Ordering::Relaxed);
        if known != UNKNOWN {
            return Ok(if known == 1 { Version::V3_0 } else { Version::V3_2 });
        }
        let probe = StartupMessage {
            version: Version::V3_2,
            parameters: vec![("user".into(), user.to_owned().into()), ("database".into(), "postgres".into())],
        };
        let mut stream = self.connect().await?;
        probe.put(stream.output())?;
        let asked = timeout(self.patience(), async {
            stream.flush().await.map_err(ConnectError::Ask)?;
            stream.frame(AUTH_LIMIT).await.map_err(|fault| match fault {
                FrameError::Closed => ConnectError::Closed,
                FrameError::Read(source) => ConnectError::Ask(source),
                FrameError::Malformed(fault) => ConnectError::Malformed(fault),
            })
        });
        let frame = asked.await.map_err(|_| ConnectError::Timeout(self.patience()))??;
        let version = match frame.tag() {
            backend::NEGOTIATE_PROTOCOL_VERSION => Negotiate::read(frame.body())?.newest.min(Version::V3_2),
            backend::AUTHENTICATION => Version::V3_2,
            // An error says nothing of versions; ask again next time.
            _ => return Ok(Version::V3_0),
        };
        self.learn(version);
        Ok(version)
    }

    /// What a login showed of the server's version: it may be upgraded while
    /// bauta runs.
    pub fn learn(&self, newest: Version) {
        self.newest.store(if newest < Version::V3_2 { 1 } else { 2 }, Ordering::Relaxed);
    }
}

impl Target {
    /// Of no server, for tests of what only keeps it.
    #[cfg(test)]
    pub fn nowhere() -> Self {
        let address = UpstreamAddress::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
        Self { address, required: false, tls: None, patience: Duration::ZERO }
    }

    /// A new connection, before its first startup message.
    pub async fn connect(&self) -> Result<Stream, ConnectError> {
        match timeout(self.patience, self.connect_unbounded()).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::Timeout(self.patience)),
        }
    }

    async fn connect_unbounded(&self) -> Result<Stream, ConnectError> {
        let stream = self.socket().await.map_err(ConnectError::Connect)?;
        match &self.tls {
            None => Ok(stream),
            Some((connector, name)) => self.encrypt(stream, connector, name).await,
        }
    }

    async fn socket(&self) -> io::Result<Stream> {
        match &self.address {
            UpstreamAddress::Tcp { host, port } => {
                let tcp = TcpStream::connect((host.as_str(), *port)).await?;
                keep_alive(&tcp);
                Stream::tcp(tcp)
            }
            UpstreamAddress::Unix { directory, port } => {
                let path = directory.join(format!(".s.PGSQL.{port}"));
                Ok(Stream::unix(UnixStream::connect(path).await?))
            }
        }
    }

    async fn encrypt(
        &self,
        mut stream: Stream,
        connector: &TlsConnector,
        name: &ServerName<'static>,
    ) -> Result<Stream, ConnectError> {
        put_ssl_request(stream.output())?;
        stream.flush().await.map_err(ConnectError::Ask)?;
        if stream.fill().await.map_err(ConnectError::Ask)? == 0 {
            return Err(ConnectError::Closed);
        }
        let answer = stream.input.split_to(1);
        if !stream.input.is_empty() {
            return Err(ConnectError::Injected);
        }
        match answer.as_ref() {
            b"S" => {
                let (socket, peer) = stream.into_socket().ok_or(ConnectError::Injected)?;
                let tls = connector.connect(name.clone(), socket).await.map_err(ConnectError::Handshake)?;
                Ok(Stream::tls(TlsStream::Client(tls), peer))
            }
            b"N" if self.required => Err(ConnectError::NoTls),
            b"N" => Ok(stream),
            _ => Err(ConnectError::Answer),
        }
    }
}

fn with_name(config: Arc<ClientConfig>, host: &str) -> Result<(TlsConnector, ServerName<'static>), TlsFault> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsFault::ServerName(host.to_owned()))?;
    Ok((TlsConnector::from(config), name))
}

/// Channel binding data of a connection that we opened: the hash of the
/// certificate that the server showed.
pub fn end_point(stream: &Stream) -> Option<Vec<u8>> {
    let (_, session) = stream.tls_session()?.get_ref();
    binding::end_point(session.peer_certificates()?.first()?)
}
