//! The guards of all databases that sessions use, and the verifiers of the
//! roles that log in. One thread of its own reads catalogs, so that no
//! session's thread decodes ten thousand rows.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use super::bindings::BindingStore;
use super::finding::Finding;
use super::guard::Guard;
use super::keeper::{Database, Keeper, Visit};
use super::service::{Service, ServiceError};
use super::verifiers::VerifierReader;
use crate::auth::{Stored, VerifierFuture, VerifierUnavailable, Verifiers};
use crate::config::{Config, Defaults, ProtectRule};
use crate::error::{ClientError, sqlstate};
use crate::net::tls::TlsFault;
use crate::net::upstream::Target;
use crate::policy::rules::ANY;

/// Databases that [`Databases::meet`] reads: each costs a service connection.
const MET_UNASKED: usize = 8;
/// How long it waits for the server, twice.
const MEETING: Duration = Duration::from_secs(4);

/// Why a backend was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    #[error(transparent)]
    Connect(#[from] ServiceError),
    #[error("asking for it")]
    Ask(#[from] tokio_postgres::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("TLS towards the server")]
    Tls(#[from] TlsFault),
    #[error("starting the thread that reads catalogs")]
    Thread(#[source] std::io::Error),
}

/// What a reload replaces.
pub(super) struct Policy {
    /// Which file it is.
    pub(super) stamp: Arc<str>,
    pub(super) rules: Vec<ProtectRule>,
    pub(super) defaults: Defaults,
    pub(super) poll: Duration,
}

impl Policy {
    fn of(config: &Config) -> Self {
        Self {
            stamp: config.sha256.as_str().into(),
            rules: config.protect.clone(),
            defaults: config.defaults.clone(),
            poll: config.upstream.catalog_poll.max(Duration::from_millis(10)),
        }
    }
}

/// A new configuration's part, ready to be put in force.
pub struct Rebinding {
    service: Service,
    policy: Policy,
}

/// See [`Databases::before_use`].
pub type BeforeUse = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

enum Order {
    Keep(Keeper),
    Verifier { login: String, answer: oneshot::Sender<Result<Stored, VerifierUnavailable>> },
}

/// The registry. Cheap to share; everything in it is shared already.
pub struct Databases {
    service: Arc<ArcSwap<Service>>,
    policy: Arc<ArcSwap<Policy>>,
    bindings: Arc<dyn BindingStore>,
    databases: DashMap<Arc<str>, Arc<Database>>,
    orders: mpsc::UnboundedSender<Order>,
    renewed: Arc<Notify>,
    before_use: Arc<OnceLock<BeforeUse>>,
}

impl Databases {
    /// Starts the thread that reads catalogs. Nothing is read before a
    /// session asks.
    ///
    /// # Errors
    /// When the upstream's certificates can't be used or no thread starts.
    pub fn start(config: &Config, bindings: Arc<dyn BindingStore>) -> Result<Self, StartError> {
        let service = Arc::new(ArcSwap::from_pointee(Service::new(config)?));
        let (orders, received) = mpsc::unbounded_channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let reader = Arc::new(VerifierReader::new(Arc::clone(&service)));
        std::thread::Builder::new()
            .name("catalog".to_owned())
            .spawn(move || runtime.block_on(work(received, reader)))
            .map_err(StartError::Thread)?;
        let policy = Arc::new(ArcSwap::from_pointee(Policy::of(config)));
        let (databases, renewed, before_use) = (DashMap::new(), Arc::default(), Arc::default());
        Ok(Self { service, policy, bindings, databases, orders, renewed, before_use })
    }

    /// What every guard waits for before a session gets it; [`Self::guards`] has
    /// it by then. Counts once.
    pub fn before_use(&self, work: BeforeUse) {
        drop(self.before_use.set(work));
    }

    /// The database's entry; the first call starts its keeper.
    pub fn database(&self, name: &str) -> Arc<Database> {
        if let Some(known) = self.databases.get(name) {
            return Arc::clone(&known);
        }
        let entry = self.databases.entry(name.into()).or_insert_with(|| {
            let database = Arc::new(Database::new(name.into()));
            let keeper = Keeper {
                database: Arc::clone(&database),
                service: Arc::clone(&self.service),
                policy: Arc::clone(&self.policy),
                bindings: Arc::clone(&self.bindings),
                renewed: Arc::clone(&self.renewed),
                before_use: Arc::clone(&self.before_use),
            };
            // The thread lives as long as we do.
            drop(self.orders.send(Order::Keep(keeper)));
            database
        });
        Arc::clone(&entry)
    }

    /// Waits for the next guard of any database.
    pub async fn renewed(&self) {
        self.renewed.notified().await;
    }

    /// Has the server `target` end the backend `pid` of a session of `login`, if the
    /// service role may do that (`pg_signal_backend`).
    ///
    /// # Errors
    /// It may not, or the server can't be reached.
    pub async fn end_backend(
        &self,
        target: &Target,
        database: &str,
        login: &str,
        pid: i32,
    ) -> Result<(), EndError> {
        let service = self.service.load_full();
        let connection = service.connect_to(target, database).await?;
        // A process id is given anew when its backend is gone.
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE pid = $1 AND usename = $2 AND datname = $3";
        connection.client.query(sql, &[&pid, &login, &database]).await?;
        Ok(())
    }

    /// A session begins in the database; it ends when the visit is dropped.
    pub fn visit(&self, name: &str) -> Visit {
        self.database(name).visit()
    }

    /// The guard, if it is true as far as is known; else ask [`Self::guard`].
    pub fn current(&self, database: &str) -> Option<Arc<Guard>> {
        self.databases.get(database)?.current(0)
    }

    /// A true guard. The first call for a database loads it; concurrent
    /// callers wait for one load. Cancel-safe.
    ///
    /// # Errors
    /// When the catalog can't be read for many seconds: nothing of the
    /// database may be shown.
    pub async fn guard(&self, database: &str) -> Result<Arc<Guard>, ClientError> {
        self.guard_since(database, 0).await
    }

    /// [`Self::guard`], not older than a session's own DDL of temporary tables
    /// ([`Database::mark_stale_for_one`]).
    ///
    /// # Errors
    /// As [`Self::guard`].
    pub async fn guard_since(&self, database: &str, since: u64) -> Result<Arc<Guard>, ClientError> {
        self.database(database).fresh(since).await.map_err(|reason| unreadable(database, &reason))
    }

    /// A guard made or confirmed by a look at the catalog that begins now.
    ///
    /// # Errors
    /// As [`Self::guard`].
    pub async fn guard_from_now(&self, database: &str) -> Result<Arc<Guard>, ClientError> {
        self.database(database).looked_at_from_now().await.map_err(|reason| unreadable(database, &reason))
    }

    /// DDL went through, or is about to: the next analysis waits for a fresh
    /// snapshot.
    pub fn mark_stale(&self, database: &str) {
        if let Some(known) = self.databases.get(database) {
            known.mark_stale();
        }
    }

    /// [`Self::mark_stale`], then [`Self::guard`].
    ///
    /// # Errors
    /// As [`Self::guard`].
    pub async fn refresh(&self, database: &str) -> Result<Arc<Guard>, ClientError> {
        self.mark_stale(database);
        self.guard(database).await
    }

    /// What [`Self::adopt`] needs of a new configuration.
    ///
    /// # Errors
    /// When the upstream's certificates can't be used.
    pub fn prepare(&self, config: &Config) -> Result<Rebinding, StartError> {
        Ok(Rebinding { service: Service::new(config)?, policy: Policy::of(config) })
    }

    /// A new configuration: every guard is made anew before it is used again.
    pub fn adopt(&self, Rebinding { service, policy }: Rebinding) {
        self.service.store(Arc::new(service));
        self.policy.store(Arc::new(policy));
        for database in &self.databases {
            database.mark_stale();
        }
    }

    /// Waits until the databases in use have guards of the present policy, or
    /// can't have them for now.
    pub async fn settle(&self) {
        let known: Vec<Arc<Database>> = self.databases.iter().map(|d| Arc::clone(&d)).collect();
        let all = async {
            for database in known.iter().filter(|d| d.last().is_some()) {
                if let Err(reason) = database.fresh(0).await {
                    tracing::warn!(database = %database.name, %reason, "no guard");
                }
            }
        };
        if timeout(MEETING, all).await.is_err() {
            tracing::warn!("some catalogs take longer to read");
        }
    }

    /// What is wrong with the fit of the policy, in every database in use.
    pub fn findings(&self) -> Vec<Finding> {
        let mut databases: Vec<Arc<Database>> = self.databases.iter().map(|d| Arc::clone(&d)).collect();
        databases.sort_by(|a, b| a.name.cmp(&b.name));
        databases.iter().flat_map(|d| d.findings().as_ref().clone()).collect()
    }

    /// Reads the catalogs of databases that the rules are meant for and no
    /// session has used yet, at most [`MET_UNASKED`]: whoever names a protected
    /// column right after the start means one of these. Errors are in the log.
    pub async fn meet(&self) {
        let service = self.service.load_full();
        let names = match timeout(MEETING, super::check::databases(&service)).await {
            Ok(Ok(Ok(names))) => names,
            Ok(Ok(Err(_)) | Err(_)) | Err(_) => {
                return tracing::warn!("the server's databases can't be listed");
            }
        };
        // They may be no more.
        for unlisted in self.databases.iter().filter(|d| !names.iter().any(|name| **name == *d.name)) {
            unlisted.mark_stale();
        }
        let policy = self.policy.load_full();
        let mut meant: Vec<&String> = names
            .iter()
            .filter(|name| policy.rules.iter().any(|r| r.database == ANY || r.database == **name))
            .collect();
        // Those that a rule names come first.
        meant.sort_by_key(|name| !policy.rules.iter().any(|r| r.database == **name));
        meant.truncate(MET_UNASKED);
        // All are read at once; then wait for each.
        let entries: Vec<_> = meant.into_iter().map(|name| self.database(name)).collect();
        let all = async {
            for entry in &entries {
                if let Err(reason) = entry.fresh(0).await {
                    tracing::warn!(database = %entry.name, %reason, "no guard");
                }
            }
        };
        if timeout(MEETING, all).await.is_err() {
            tracing::warn!("some catalogs take longer to read");
        }
    }

    /// Can the service role log in? Without it nobody else can.
    ///
    /// # Errors
    /// The server can't be reached, or refuses the role.
    pub async fn reach(&self) -> Result<(), ServiceError> {
        match self.service.load_full().connect("postgres").await {
            // It answered: the role's functions are in another database then.
            Err(ServiceError::Login { source, .. })
                if source.code() == Some(&SqlState::INVALID_CATALOG_NAME) =>
            {
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Databases in use whose catalog can't be read, and why.
    pub fn unreadable(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let failure = |d: &Arc<Database>| d.failure().map(|why| (Arc::clone(&d.name), why));
        self.databases.iter().filter_map(|entry| failure(&entry)).collect()
    }

    /// The newest guard of every database in use, or about to be used.
    pub fn guards(&self) -> Vec<Arc<Guard>> {
        self.databases.iter().filter_map(|d| d.known()).map(|(guard, _)| guard).collect()
    }

    /// The guard of the database that was looked at last. What it says of the
    /// server as a whole is as new as can be: another's may be of its last session.
    pub fn newest(&self) -> Option<Arc<Guard>> {
        let known = self.databases.iter().filter_map(|d| d.known());
        known.max_by_key(|(_, looked)| *looked).map(|(guard, _)| guard)
    }
}

fn unreadable(database: &str, reason: &str) -> ClientError {
    tracing::error!(database, %reason, "no guard");
    ClientError::new(
        sqlstate::CANNOT_CONNECT_NOW,
        format!("the proxy could not read the catalog of database \"{database}\""),
    )
    .with_hint("See the proxy's log.")
}

impl Verifiers for Databases {
    fn verifier<'a>(&'a self, login: &'a str) -> VerifierFuture<'a> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let order = Order::Verifier { login: login.to_owned(), answer };
            let gone = || VerifierUnavailable("the thread that reads catalogs has ended".to_owned());
            self.orders.send(order).map_err(|_| gone())?;
            answered.await.map_err(|_| gone())?
        })
    }
}

/// The thread: every keeper, every question for a verifier, is a task of it.
async fn work(mut orders: mpsc::UnboundedReceiver<Order>, reader: Arc<VerifierReader>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Keep(keeper) => drop(tokio::spawn(keeper.run())),
            Order::Verifier { login, answer } => {
                let reader = Arc::clone(&reader);
                tokio::spawn(async move {
                    // A client that went away needs no answer.
                    drop(answer.send(reader.read(&login).await));
                });
            }
        }
    }
}
