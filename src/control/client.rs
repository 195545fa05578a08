//! The other end of the control API, for the command line: the socket, or
//! HTTPS with a certificate.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::problem::{ErrorBody, ErrorView};
use crate::config::Places;
use crate::net::mutual;
use crate::net::tls::TlsFault;

/// Of an answer: lists of a busy proxy fit, a mad server does not eat memory.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("cannot reach bauta at {place}: {cause}; is `bauta serve` running? ({hint})")]
    Unreachable { place: String, cause: std::io::Error, hint: &'static str },
    #[error("the connection to {place} broke: {cause}")]
    Broken { place: String, cause: String },
    #[error("{place} does not answer as bauta does: {cause}")]
    Strange { place: String, cause: String },
    #[error("{}{}", .0.message, .0.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())]
    Refused(ErrorView),
}

/// One place; a connection a call.
#[derive(Clone)]
pub struct Client {
    place: Place,
}

#[derive(Clone)]
enum Place {
    Socket(PathBuf),
    Remote { url: String, host: String, port: u16, tls: TlsConnector },
}

/// How a proxy elsewhere is called.
#[derive(Debug, Clone)]
pub struct Remote {
    /// `https://host:port`
    pub url: String,
    pub cert: PathBuf,
    pub key: PathBuf,
    /// None: what this system trusts.
    pub ca: Option<PathBuf>,
}

/// Why a proxy elsewhere can't be called at all.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("\"{0}\" is no address of a proxy: https://host:port")]
    Url(String),
    #[error(transparent)]
    Tls(#[from] TlsFault),
}

/// What a call goes over.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

impl Place {
    async fn connect(&self) -> std::io::Result<Box<dyn Wire>> {
        match self {
            Self::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Remote { host, port, tls, .. } => {
                let name = ServerName::try_from(host.clone()).map_err(std::io::Error::other)?;
                let socket = TcpStream::connect((host.as_str(), *port)).await?;
                Ok(Box::new(tls.connect(name, socket).await?))
            }
        }
    }
    fn name(&self) -> String {
        match self {
            Self::Socket(path) => path.display().to_string(),
            Self::Remote { url, .. } => url.clone(),
        }
    }
    fn hint(&self) -> &'static str {
        match self {
            Self::Socket(_) => "--socket or BAUTA_SOCKET names its socket",
            Self::Remote { .. } => "--url or BAUTA_URL names its control.address",
        }
    }
}

impl Client {
    pub fn new(path: &Path) -> Self {
        Self { place: Place::Socket(path.to_owned()) }
    }

    /// # Errors
    /// The address can't be read, or a certificate not used.
    pub fn remote(remote: &Remote) -> Result<Self, RemoteError> {
        let wrong = || RemoteError::Url(remote.url.clone());
        let url: hyper::Uri = remote.url.parse().map_err(|_| wrong())?;
        let host = url.host().filter(|_| url.scheme_str() == Some("https")).ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_u16().ok_or_else(wrong)?;
        let tls = mutual::client(&remote.cert, &remote.key, remote.ca.as_deref())?;
        Ok(Self { place: Place::Remote { url: remote.url.clone(), host, port, tls } })
    }

    /// Calls and waits, in a runtime of its own: commands have none.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T, CallError> {
        let unreachable = |cause| self.unreachable(cause);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unreachable)?;
        runtime.block_on(self.exchange(method, path, body))
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call(Method::GET, path, &())
    }

    fn unreachable(&self, cause: std::io::Error) -> CallError {
        CallError::Unreachable { place: self.place.name(), cause, hint: self.place.hint() }
    }

    /// One request, one answer.
    pub async fn exchange<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T, CallError> {
        let unreachable = |cause| self.unreachable(cause);
        let broken =
            |cause: hyper::Error| CallError::Broken { place: self.place.name(), cause: cause.to_string() };
        let strange = |cause: String| CallError::Strange { place: self.place.name(), cause };
        let stream = self.place.connect().await.map_err(unreachable)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = tokio::spawn(connection);
        let bytes = if method == Method::GET {
            Vec::new()
        } else {
            serde_json::to_vec(body).map_err(|e| strange(e.to_string()))?
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "bauta")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|e| strange(e.to_string()))?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        driver.abort();
        let body = body.map_err(|e| strange(e.to_string()))?.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|e| strange(e.to_string()));
        }
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(refusal) => Err(CallError::Refused(refusal.error)),
            Err(_) => Err(strange(format!("status {status}"))),
        }
    }
}

/// The socket that a `proxy.toml` in `directory` names; without a file that
/// can be read, `bauta.sock` there: a fault in it must keep nobody from
/// revoking.
pub fn default_socket(directory: &Path) -> PathBuf {
    match Places::load(&directory.join("proxy.toml")) {
        Ok(places) => places.control_socket,
        Err(_) => directory.join("bauta.sock"),
    }
}
