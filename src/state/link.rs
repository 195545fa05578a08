//! One connection to the shared database, kept up in the background.
//!
//! Callers block, for a bounded time: while the connection is lost a call
//! fails at once, and a server that does not answer is taken for lost.
//! A runtime of its own drives the connection, so callers may be anywhere.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::Address;
use crate::catalog::service::chain;
use crate::config::{SessionAttrs, TlsVersion, Upstream};
use crate::net::tls::TlsFault;
use crate::net::upstream::{Attempt, ConnectError, Connector, Target};

/// One call may take this long in all, waiting for others' locks included.
const PATIENCE: Duration = Duration::from_secs(2);
/// Connecting and logging in may take this long.
const LOGIN: Duration = Duration::from_secs(5);
/// Between attempts to connect.
const PAUSE: Duration = Duration::from_millis(250);
/// A start waits this long for a server that is not there yet.
const START: Duration = Duration::from_secs(10);

/// Guards against peers that stop in the middle of a transaction. What is not
/// PostgreSQL may lack some.
const SETTINGS: &[&str] = &[
    "SET search_path = pg_catalog",
    "SET lock_timeout = '1s'",
    "SET statement_timeout = '2s'",
    "SET idle_in_transaction_session_timeout = '2s'",
];

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Sql(#[from] tokio_postgres::Error),
    /// Another node was faster.
    #[error("other nodes have changed it meanwhile")]
    Behind,
    /// The caller's own, in words.
    #[error("{0}")]
    Other(String),
}

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("{0}")]
    Lost(String),
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("TLS for the state store")]
    Tls(#[from] TlsFault),
    #[error("starting the thread of the state store's connection")]
    Thread(#[source] std::io::Error),
}

#[derive(Debug, thiserror::Error)]
enum ConnectFault {
    #[error("connecting")]
    Connect(#[from] ConnectError),
    #[error("logging in")]
    Login(#[from] tokio_postgres::Error),
    #[error("this server takes no writes now")]
    ReadOnly,
}

/// What a call does with the connection.
pub type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// See the module.
pub struct Link {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    address: Address,
    connector: Connector,
    client: Mutex<Option<Arc<tokio::sync::Mutex<Client>>>>,
    /// Why there is no connection.
    why: Mutex<String>,
    /// The server answered and said no: waiting will not help.
    refused: AtomicBool,
    /// Told when other nodes may have changed something.
    news: Mutex<Option<Arc<Notify>>>,
    notifies: AtomicBool,
    broken: Notify,
}

impl Link {
    /// Connects; blocks until it has, or it is clear that it can't.
    ///
    /// # Errors
    /// The server can't be reached or refuses the login.
    pub fn open(address: Address) -> Result<Arc<Self>, LinkError> {
        let upstream = Upstream {
            addresses: address.hosts.clone(),
            wanted: SessionAttrs::ReadWrite,
            tls: address.tls,
            ca: address.ca.clone(),
            tls_min_version: TlsVersion::V1_2,
            service_user: String::new(),
            service_password: None,
            catalog_poll: Duration::ZERO,
        };
        let connector = Connector::new(&upstream, LOGIN)?;
        let shared = Arc::new(Shared {
            address,
            connector,
            client: Mutex::default(),
            why: Mutex::new("no connection yet".to_owned()),
            refused: AtomicBool::new(false),
            news: Mutex::default(),
            notifies: AtomicBool::new(false),
            broken: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("state")
            .enable_all()
            .build()
            .map_err(LinkError::Thread)?;
        runtime.spawn(shared.clone().keep());
        let link = Arc::new(Self { shared, runtime: Some(runtime) });
        let started = Instant::now();
        while link.shared.client.lock().is_none() {
            if link.shared.refused.load(Ordering::Acquire) || started.elapsed() > START {
                return Err(LinkError::Lost(link.shared.why.lock().clone()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(link)
    }

    pub fn address(&self) -> &Address {
        &self.shared.address
    }

    /// Tells `news` whenever the server notifies, or can be reached again.
    pub fn watch(&self, news: Arc<Notify>) {
        *self.shared.news.lock() = Some(news);
    }

    /// Does the server know NOTIFY?
    pub fn notifies(&self) -> bool {
        self.shared.notifies.load(Ordering::Acquire)
    }

    /// Runs a step on the connection; blocks for a bounded time.
    ///
    /// # Errors
    /// No connection, no answer in time, or what the step said.
    pub fn run<T: Send + 'static>(
        &self,
        step: impl for<'a> FnOnce(&'a mut Client) -> Step<'a, T> + Send + 'static,
    ) -> Result<T, LinkError> {
        let lost = || LinkError::Lost(self.shared.why.lock().clone());
        let client = self.shared.client.lock().clone().ok_or_else(lost)?;
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let shared = self.shared.clone();
        let Some(runtime) = &self.runtime else { return Err(lost()) };
        runtime.spawn(async move {
            let outcome = timeout(PATIENCE, async { step(&mut *client.lock().await).await }).await;
            let outcome = match outcome {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(Failure::Sql(error))) if error.is_closed() || error.as_db_error().is_none() => {
                    Err(shared.lose(chain(&error)))
                }
                Ok(Err(Failure::Sql(error))) if is_conflict(&error) => Err(Failure::Behind.into()),
                Ok(Err(failure)) => Err(failure.into()),
                Err(_elapsed) => Err(shared.lose(format!("no answer within {PATIENCE:?}"))),
            };
            // The caller waits for it.
            drop(answer.send(outcome));
        });
        answered.recv().unwrap_or_else(|_| Err(lost()))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Waiting for its tasks is not allowed everywhere.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Two transactions were in each other's way: one of them counts.
fn is_conflict(error: &tokio_postgres::Error) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::UNIQUE_VIOLATION,
    ]
    .iter()
    .any(|state| error.code() == Some(state))
}

impl Shared {
    /// Gives the connection up. What was sent may be carried out or not.
    fn lose(&self, why: String) -> LinkError {
        *self.why.lock() = why.clone();
        *self.client.lock() = None;
        self.broken.notify_one();
        LinkError::Lost(why)
    }

    /// Connects, and connects again, for as long as the runtime lives.
    async fn keep(self: Arc<Self>) {
        loop {
            let connected = timeout(LOGIN + self.connector.patience(), self.connect()).await;
            match connected {
                Ok(Ok((client, mut driver))) => {
                    *self.client.lock() = Some(Arc::new(tokio::sync::Mutex::new(client)));
                    self.tell();
                    tokio::select! {
                        _ = &mut driver => *self.why.lock() = "the connection has ended".to_owned(),
                        () = self.broken.notified() => driver.abort(),
                    }
                    *self.client.lock() = None;
                    self.tell();
                }
                Ok(Err(fault)) => {
                    let said_no =
                        matches!(&fault, ConnectFault::Login(error) if error.as_db_error().is_some());
                    *self.why.lock() = chain(&fault);
                    self.refused.store(said_no, Ordering::Release);
                }
                Err(_elapsed) => *self.why.lock() = "no answer to the login".to_owned(),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn tell(&self) {
        if let Some(news) = &*self.news.lock() {
            news.notify_one();
        }
    }

    /// The first host that takes writes.
    async fn connect(self: &Arc<Self>) -> Result<(Client, tokio::task::JoinHandle<()>), ConnectFault> {
        let attempt =
            |target: Arc<Target>, _| async move { self.log_in(&target).await.map_err(Attempt::Next) };
        self.connector.first(attempt).await
    }

    async fn log_in(
        self: &Arc<Self>,
        target: &Target,
    ) -> Result<(Client, tokio::task::JoinHandle<()>), ConnectFault> {
        let stream = target.connect().await?;
        let mut login = self.address.login.clone();
        login.application_name("bauta state");
        let (client, mut connection) = login.connect_raw(stream, NoTls).await?;
        let heard = self.clone();
        let driver = tokio::spawn(async move {
            loop {
                match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notification(_))) => heard.tell(),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(error = chain(&error), "the state store's connection ended");
                        return;
                    }
                    None => return,
                }
            }
        });
        match self.set_up(&client).await {
            Ok(()) => Ok((client, driver)),
            Err(fault) => {
                driver.abort();
                Err(fault)
            }
        }
    }

    async fn set_up(&self, client: &Client) -> Result<(), ConnectFault> {
        for setting in SETTINGS {
            if let Err(fault) = client.batch_execute(setting).await {
                tracing::debug!(error = chain(&fault), setting, "the state store lacks a setting");
            }
        }
        // What was acknowledged must survive the server's crash.
        let durable = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') = 'off'";
        if let Err(fault) = client.batch_execute(durable).await {
            tracing::debug!(error = chain(&fault), "the state store has no synchronous_commit");
        }
        let read_only = client.query_one("SHOW transaction_read_only", &[]).await;
        if read_only.is_ok_and(|row| row.try_get::<_, &str>(0).is_ok_and(|value| value == "on")) {
            return Err(ConnectFault::ReadOnly);
        }
        let listening = client.batch_execute(&format!("LISTEN {}", quoted(&self.address.schema))).await;
        if let Err(fault) = &listening {
            tracing::debug!(error = chain(fault), "the state store does not notify: it is polled");
        }
        self.notifies.store(listening.is_ok(), Ordering::Release);
        Ok(())
    }
}

/// A name as an identifier of SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
