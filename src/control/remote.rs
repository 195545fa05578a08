//! The control API over HTTPS, for approvers elsewhere: the same endpoints,
//! behind client certificates.
//!
//! Invariant: who shows no certificate of the configured authority has no
//! connection, so nothing of HTTP is read from them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::peer::Peer;
use super::{Control, routes};
use crate::config::RemoteControl;
use crate::net::mutual;
use crate::net::tls::TlsFault;

/// A handshake may take so long.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at once; more wait in the listener's queue.
const HANDSHAKES: usize = 64;
/// After the listener failed to accept: out of descriptors, mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// The address can't be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct RemoteError {
    address: String,
    source: io::Error,
}

/// What `[control.tls]` names, loaded. A reload replaces it for connections to
/// come.
pub struct RemoteTls(ArcSwap<TlsAcceptor>);

impl RemoteTls {
    /// # Errors
    /// A file that can't be used.
    pub fn open(settings: &RemoteControl) -> Result<Arc<Self>, TlsFault> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(Self::prepare(settings)?))))
    }

    /// Reads the files anew.
    ///
    /// # Errors
    /// A file that can't be used.
    pub fn prepare(settings: &RemoteControl) -> Result<TlsAcceptor, TlsFault> {
        mutual::server(&settings.cert, &settings.key, &settings.client_ca)
    }

    /// Puts in force what was prepared.
    pub fn adopt(&self, acceptor: TlsAcceptor) {
        self.0.store(Arc::new(acceptor));
    }
}

/// An address that listens.
pub struct RemoteDoor {
    listener: TcpListener,
    tls: Arc<RemoteTls>,
}

impl RemoteDoor {
    /// # Errors
    /// The address is taken.
    pub async fn open(settings: &RemoteControl, tls: Arc<RemoteTls>) -> Result<Self, RemoteError> {
        let failed = |source| RemoteError { address: settings.address.clone(), source };
        Ok(Self { listener: TcpListener::bind(&settings.address).await.map_err(failed)?, tls })
    }

    /// Answers until `shutdown` completes; requests under way are finished.
    pub async fn serve(
        self,
        control: Control,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let app = routes::router(control).into_make_service_with_connect_info::<Peer>();
        axum::serve(Guests::admit(self)?, app).with_graceful_shutdown(shutdown).await
    }
}

/// Those who have shown a certificate.
struct Guests {
    admitted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
    gate: JoinHandle<()>,
}

impl Drop for Guests {
    fn drop(&mut self) {
        self.gate.abort();
    }
}

impl Guests {
    fn admit(door: RemoteDoor) -> io::Result<Self> {
        let address = door.listener.local_addr()?;
        let (sender, admitted) = mpsc::channel(1);
        Ok(Self { admitted, address, gate: tokio::spawn(gate(door, sender)) })
    }
}

/// Handshakes side by side: a slow one keeps nobody out.
async fn gate(door: RemoteDoor, admitted: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let (socket, from) = match door.listener.accept().await {
            Ok(accepted) => accepted,
            Err(fault) => {
                tracing::warn!(%fault, "control.address does not accept");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (acceptor, admitted) = (door.tls.0.load_full(), admitted.clone());
        tokio::spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await;
            drop(place);
            match shaken {
                // Nobody takes it any more when the proxy ends.
                Ok(Ok(stream)) => drop(admitted.send((stream, from)).await),
                Ok(Err(fault)) => tracing::info!(%fault, %from, "control.address: no connection"),
                Err(_) => tracing::info!(%from, "control.address: the handshake took too long"),
            }
        });
    }
}

impl Listener for Guests {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.admitted.recv().await {
            Some(guest) => guest,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, Guests>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Guests>) -> Self {
        let shown = stream.io().get_ref().1.peer_certificates();
        Self::of_certificate(shown.and_then(<[_]>::first).map_or(&[], |leaf| leaf.as_ref()))
    }
}
