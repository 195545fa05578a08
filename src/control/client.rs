//! The other end of the control socket, for the command line.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::problem::{ErrorBody, ErrorView};
use crate::config::Places;

/// Of an answer: lists of a busy proxy fit, a mad server does not eat memory.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error(
        "cannot reach bauta at {path}: {cause}; is `bauta serve` running? (--socket or BAUTA_SOCKET names its socket)"
    )]
    Unreachable { path: PathBuf, cause: std::io::Error },
    #[error("the connection to {path} broke: {cause}")]
    Broken { path: PathBuf, cause: String },
    #[error("{path} does not answer as bauta does: {cause}")]
    Strange { path: PathBuf, cause: String },
    #[error("{}{}", .0.message, .0.hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())]
    Refused(ErrorView),
}

/// One socket; a connection a call.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
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
        let unreachable = |cause| CallError::Unreachable { path: self.path.clone(), cause };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unreachable)?;
        runtime.block_on(self.exchange(method, path, body))
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        self.call(Method::GET, path, &())
    }

    /// One request, one answer.
    pub async fn exchange<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T, CallError> {
        let unreachable = |cause| CallError::Unreachable { path: self.path.clone(), cause };
        let broken =
            |cause: hyper::Error| CallError::Broken { path: self.path.clone(), cause: cause.to_string() };
        let strange = |cause: String| CallError::Strange { path: self.path.clone(), cause };
        let stream = UnixStream::connect(&self.path).await.map_err(unreachable)?;
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
