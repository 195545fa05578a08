//! `[metrics] address`: `/metrics` for Prometheus, `/healthz` and `/readyz`
//! for whoever starts, stops and routes to the process.
//!
//! It answers until the process ends, so that a drain is seen from outside.
//! Invariant: nothing here changes anything.

use std::future::{Future, IntoFuture as _};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::prometheus_text;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::registry::{Registry, Sample};
/// What the server said is believed for so long: probes of several routers
/// must not become logins.
const BELIEVED: Duration = Duration::from_secs(2);

/// The server was reached, or why not.
pub type Reach<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// What the running proxy tells of itself.
pub trait Probe: Send + Sync {
    fn sample(&self) -> Sample;
    /// Why statements can't run now, by what is known here; empty: they can.
    fn obstacles(&self) -> Vec<String>;
    /// Can the server be reached? Asks it.
    fn reach(&self) -> Reach<'_>;
}

/// A listener, bound before the proxy starts.
pub struct Door {
    listener: TcpListener,
}

struct Shared {
    probe: Arc<dyn Probe>,
    registry: Registry,
    reached: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Door {
    /// # Errors
    /// The address can't be listened on.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// Answers until `shutdown` completes.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn serve(
        self,
        registry: Registry,
        probe: Arc<dyn Probe>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let shared = Arc::new(Shared { probe, registry, reached: Mutex::new(None) });
        let app = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .with_state(shared);
        let served = axum::serve(self.listener, app);
        // Open connections of scrapers do not keep the process.
        tokio::select! {
            served = served.into_future() => served,
            () = shutdown => Ok(()),
        }
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match shared.registry.text(&shared.probe.sample()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let mut obstacles = shared.probe.obstacles();
    if let Err(why) = shared.reached().await {
        obstacles.push(format!("the server can't be reached: {why}"));
    }
    if obstacles.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, obstacles.join("\n") + "\n").into_response()
}

impl Shared {
    async fn reached(&self) -> Result<(), String> {
        let mut reached = self.reached.lock().await;
        match &*reached {
            Some((at, known)) if at.elapsed() < BELIEVED => known.clone(),
            _ => {
                let answer = self.probe.reach().await;
                *reached = Some((Instant::now(), answer.clone()));
                answer
            }
        }
    }
}
