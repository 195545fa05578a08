//! What all sessions share: the running proxy, put together from a
//! configuration, and replaced in part by a reload.
//!
//! Invariant: a reload takes effect whole, or not at all.

mod head;
mod nodes;
mod probe;
mod state;
mod tokens;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::audit::record::PolicyLoaded;
use crate::audit::sink::{SinkError, Sinks};
use crate::audit::{self, Event, LogSettings, Record, Who};
use crate::catalog::databases::Databases;
use crate::catalog::finding::Severity;
use crate::catalog::guard::Guard;
use crate::catalog::service::chain;
use crate::clock::SharedClock;
use crate::config::{Config, Mode};
use crate::control::api::{DatabaseHealth, ExplainBody, Health, NodeView, SinkHealth, TokenBody, TokenView};
use crate::control::problem::Problem;
use crate::control::remote::RemoteTls;
use crate::control::{Control, Host};
use crate::grants::engine::{Engine, Parts};
use crate::grants::event::Answer;
use crate::grants::model::{Actor, END_USER};
use crate::grants::{Directory, Roles, SessionPermits};
use crate::mask::KeyRing;
use crate::mask::keys::KeyFault;
use crate::net::tls::TlsFault;
use crate::net::{Drain, Front};
use crate::notify::Notifier;
use crate::policy::{ProtectedColumn, explain};
use crate::session::Registry;
use crate::session::handshake::Door;
use crate::session::tokens::Keys;
use crate::sql::Statement;
use crate::sql::analyser::{Analyser, Verdict};
use crate::sql::classify::changed_by_owner;
use crate::sql::remembered::Sharing;
use crate::state::nodes::Nodes;
use crate::telemetry::metric::Timing;
use crate::wire::startup::CancelKey;
use head::Heads;
use state::State;

/// Analyses that are remembered, in bytes.
const ANALYSES: u64 = 64 << 20;

/// Threads that analyse. New texts are rare; two keep one long analysis from
/// holding up the rest.
const ANALYSER_THREADS: usize = 2;

/// Why the proxy can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("keys.file")]
    Keys(#[from] KeyFault),
    #[error("audit.file")]
    Audit(#[from] audit::OpenError),
    #[error("state.url")]
    State(#[from] crate::grants::store::StoreError),
    #[error("state.url")]
    Bindings(#[from] crate::catalog::bindings::BindingError),
    #[error("state.url: {path}")]
    Link { path: String, source: crate::state::LinkError },
    #[error("state.url")]
    Head(#[from] crate::audit::anchor::AnchorError),
    #[error("the server's catalog")]
    Catalog(#[from] crate::catalog::databases::StartError),
    #[error("TLS")]
    Tls(#[from] TlsFault),
    #[error("control.tls")]
    RemoteTls(#[source] TlsFault),
    #[error("starting the analysis threads")]
    Threads(#[source] std::io::Error),
    #[error(transparent)]
    Sinks(#[from] SinkError),
    #[error("starting the threads that send webhooks")]
    Notifier(#[source] std::io::Error),
    #[error("the audit log takes no record")]
    Unwritable(#[from] audit::AuditError),
}

/// Why a new configuration is not in force: every fault of the file, or what
/// it names that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReloadError(String);

/// See the module. Everything in it is cheap to share.
pub struct Proxy {
    pub config: ArcSwap<Config>,
    pub keys: ArcSwap<KeyRing>,
    pub databases: Arc<Databases>,
    pub grants: Arc<Engine>,
    pub audit: audit::Log,
    pub analyser: Analyser,
    pub sessions: Registry,
    pub front: Arc<Front>,
    /// Of `control.address`.
    pub remote_tls: Option<Arc<RemoteTls>>,
    pub notifier: Arc<Notifier>,
    pub sinks: Arc<Sinks>,
    pub drain: Drain,
    /// How long the server takes to begin an answer.
    pub server_times: Timing,
    pub clock: SharedClock,
    heads: Heads,
    nodes: Option<Arc<Nodes>>,
    started_at: Timestamp,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
}

impl Proxy {
    /// Opens everything that the configuration names and starts the threads.
    ///
    /// # Errors
    /// What could not be opened, naming the key of the file.
    pub async fn start(config: Config, clock: SharedClock) -> Result<Arc<Self>, StartError> {
        let keys = KeyRing::open(&config.keys_file)?;
        let audit = audit::Log::open(LogSettings::new(&config.audit), &keys.audit_key(), clock.clone())?;
        let State { store, anchors, bindings, numbers, nodes } = State::open(&config)?;
        let heads = Heads::check(anchors, &audit, &config.audit.file)?;
        let databases = Arc::new(Databases::start(&config, bindings)?);
        let sessions = Registry::numbered(&numbers);
        let notifier =
            Notifier::start(&config.notify, audit.clone(), clock.clone()).map_err(StartError::Notifier)?;
        let sinks = Sinks::start(&config.audit.sinks, audit.clone(), config.audit.file.clone())?;
        let grants = Engine::start(Parts {
            store,
            journal: Arc::new(audit.clone()),
            directory: Arc::new(Columns(databases.clone())),
            listeners: vec![Arc::new(sessions.clone()), notifier.clone()],
            clock: clock.clone(),
            roles: Roles::new(&config),
            sessions: numbers,
            max_staleness: config.max_staleness,
        })?;
        let analyser = Analyser::start(ANALYSER_THREADS, ANALYSES, config.limits.depth, Sharing::ByOutline)
            .map_err(StartError::Threads)?;
        let front = Arc::new(Front::open(&config)?);
        let remote = config.control.remote.as_ref();
        let remote_tls = remote.map(RemoteTls::open).transpose().map_err(StartError::RemoteTls)?;
        let proxy = Arc::new(Self {
            started_at: clock.now().wall,
            reloading: tokio::sync::Mutex::default(),
            config: ArcSwap::from_pointee(config),
            keys: ArcSwap::from_pointee(keys),
            databases,
            grants,
            audit,
            analyser,
            sessions,
            front,
            remote_tls,
            notifier,
            sinks,
            drain: Drain::new(),
            server_times: Timing::default(),
            heads,
            nodes,
            clock,
        });
        // The engine holds the databases.
        let engine = Arc::downgrade(&proxy.grants);
        proxy.databases.before_use(Box::new(move || {
            let engine = engine.upgrade();
            Box::pin(async move {
                if let Some(engine) = engine {
                    engine.end_unallowed().await;
                }
            })
        }));
        tokio::spawn(tell_sessions(proxy.drain.clone(), proxy.sessions.clone()));
        tokio::spawn(tell_of_guards(proxy.databases.clone(), proxy.sessions.clone()));
        proxy.record_lost_head().await?;
        proxy.end_what_ended().await;
        proxy.tell_policy().await;
        let config = proxy.config.load_full();
        proxy.record_policy(&config, "start").await?;
        proxy.warn_of_mode();
        // From here on the log holds something to lose.
        proxy.keep_head()?;
        Ok(proxy)
    }

    /// Puts a new configuration in force: policy, roles, limits, certificates,
    /// the way upstream, webhooks, sinks, keys that were added. Grants and requests
    /// that its roles no longer allow end. Addresses, state and audit file stay as they are.
    ///
    /// All that can fail comes first, the record in the audit log last of it.
    ///
    /// # Errors
    /// The old one stays, whole.
    pub async fn reload(&self, because: &str) -> Result<String, ReloadError> {
        let _alone = self.reloading.lock().await;
        let path = self.config.load().path.clone();
        let config = Config::load(&path).map_err(|faults| ReloadError(faults.to_string()))?;
        let failed = |what: &dyn std::fmt::Display| ReloadError(what.to_string());
        let keys = self.grown_keys(&config).map_err(|fault| failed(&format!("keys.file: {fault}")))?;
        let settings = self.front.prepare(&config).map_err(|fault| failed(&format!("TLS: {fault}")))?;
        let remote = config.control.remote.as_ref().filter(|_| self.remote_tls.is_some());
        let remote_tls = remote.map(RemoteTls::prepare).transpose();
        let remote_tls = remote_tls.map_err(|fault| failed(&format!("control.tls: {fault}")))?;
        let rebinding = self.databases.prepare(&config).map_err(|fault| failed(&fault))?;
        let targets = self.notifier.prepare(&config.notify).map_err(|fault| failed(&fault))?;
        let sinks = self.sinks.prepare(&config.audit.sinks).map_err(|fault| failed(&chain(&fault)))?;
        self.record_policy(&config, because).await.map_err(|fault| failed(&fault))?;
        // Nothing from here on fails. A statement in between finds guard and
        // roles of different policies, and waits.
        self.databases.adopt(rebinding);
        self.front.adopt(settings);
        if let (Some(tls), Some(anew)) = (&self.remote_tls, remote_tls) {
            tls.adopt(anew);
        }
        self.notifier.adopt(targets);
        self.sinks.adopt(sinks);
        let roles = Roles::new(&config);
        let mut summary = format!("{} protect rules, {} roles", config.protect.len(), config.roles.len());
        if self.keys.load().newest_id() != keys.newest_id() {
            summary.push_str(&format!(", new tokens of key {}", keys.newest_id()));
        }
        self.keys.store(Arc::new(keys));
        self.config.store(Arc::new(config));
        // Last: with it, sessions ask anew who they are.
        self.grants.set_roles(roles);
        self.grants.end_unallowed().await;
        self.tell_policy().await;
        self.databases.settle().await;
        self.grants.flush().await;
        tracing::info!(because, "configuration reloaded: {summary}");
        self.warn_of_mode();
        Ok(summary)
    }

    fn warn_of_mode(&self) {
        if let Some(warning) = self.config.load().defaults.mode.warning() {
            tracing::warn!("{warning}");
        }
    }

    fn grown_keys(&self, config: &Config) -> Result<KeyRing, KeyFault> {
        let keys = KeyRing::open(&config.keys_file)?;
        keys.check_grown_from(&self.keys.load())?;
        Ok(keys)
    }

    async fn record_policy(&self, config: &Config, because: &str) -> Result<(), audit::AuditError> {
        let event = Event::PolicyLoaded(PolicyLoaded {
            sha256: config.sha256.clone(),
            mode: config.defaults.mode.name(),
            rules: config.protect.len(),
            roles: config.roles.len(),
            because: because.to_owned(),
        });
        let ticket = self.audit.submit(Record { who: Arc::new(Who::default()), event }).await?;
        self.audit.durable(ticket).await
    }

    /// What the handshake needs.
    pub fn door(&self) -> Arc<Door> {
        Arc::new(Door {
            front: self.front.clone(),
            verifiers: self.databases.clone(),
            registry: self.sessions.clone(),
            mock_key: self.keys.load().made_up_salt_key(),
            clock: self.clock.clone(),
        })
    }

    /// What the control socket's endpoints work on.
    pub fn control(self: &Arc<Self>) -> Control {
        Control { engine: self.grants.clone(), sessions: self.sessions.clone(), host: self.clone() }
    }

    /// What a session may see at this moment.
    pub fn permits(&self, who: &Who, guard: &Guard) -> Arc<SessionPermits> {
        let subject = self.subject(who);
        let roles = guard.snapshot.memberships.get(&subject).map_or(&[][..], Vec::as_slice);
        self.grants.permits(&subject, who.session, roles)
    }

    /// Whose access counts: the person's that a shared login named, and nothing
    /// of the login's own. Empty, nobody's: a login that must name somebody has
    /// not, or may no longer.
    pub fn subject(&self, who: &Who) -> Arc<str> {
        let config = self.config.load();
        let shared = config.end_users.iter().find(|shared| *shared.login == *who.user);
        match (&who.end_user, shared) {
            (Some(person), Some(_)) => format!("{END_USER}{person}").into(),
            (None, Some(shared)) if shared.required => "".into(),
            (Some(_), None) => "".into(),
            (None, _) => who.user.clone(),
        }
    }

    /// Has the server cancel what a session runs; returns when it was told.
    pub async fn cancel(&self, key: &CancelKey) {
        if let Err(fault) = self.front.cancels.cancel(key).await {
            tracing::warn!(%fault, "a statement could not be cancelled");
        }
    }

    /// As [`cancel`](Self::cancel), for what the server runs alone.
    pub async fn cancel_running(&self, key: &CancelKey) {
        if let Err(fault) = self.front.cancels.cancel_running(key).await {
            tracing::warn!(%fault, "a statement that ran too long could not be cancelled");
        }
    }

    /// Has the server end a session's backend, which goes on after a cancel.
    pub async fn end_backend(&self, key: &CancelKey, who: &Who) {
        let Some(target) = self.front.cancels.target(key) else { return };
        if let Err(fault) = self.databases.end_backend(&target, &who.database, &who.user, key.pid).await {
            tracing::warn!(
                session = who.session,
                fault = chain(&fault),
                "a backend whose statement has come to mean something else could not be ended"
            );
        }
    }
}

/// Sessions that wait for their clients don't look whether the proxy drains.
async fn tell_sessions(drain: Drain, sessions: Registry) {
    drain.begun().await;
    sessions.call_all();
}

/// What runs may mean something else by a new guard.
async fn tell_of_guards(databases: Arc<Databases>, sessions: Registry) {
    loop {
        databases.renewed().await;
        sessions.call_all();
    }
}

/// The protected columns and roles of all databases that sessions use.
struct Columns(Arc<Databases>);

impl Directory for Columns {
    fn protected_columns(&self) -> Vec<Arc<ProtectedColumn>> {
        columns(&self.0.guards())
    }

    fn meet(&self) -> Answer<'_, ()> {
        Box::pin(self.0.meet())
    }

    fn columns_of(&self, policy: &str) -> Vec<Arc<ProtectedColumn>> {
        let mut guards = self.0.guards();
        guards.retain(|guard| *guard.policy == *policy);
        columns(&guards)
    }

    fn pg_roles(&self, login: &str) -> Vec<Arc<str>> {
        let newest = self.0.newest();
        newest.and_then(|guard| guard.snapshot.memberships.get(login).cloned()).unwrap_or_default()
    }
}

fn columns(guards: &[Arc<Guard>]) -> Vec<Arc<ProtectedColumn>> {
    guards.iter().flat_map(|guard| guard.protected.values().cloned()).collect()
}

impl Host for Proxy {
    fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    fn health(&self) -> Health {
        let mut databases: Vec<DatabaseHealth> = self
            .databases
            .guards()
            .iter()
            .map(|guard| DatabaseHealth {
                name: guard.snapshot.database.to_string(),
                protected_columns: guard.protected.len(),
                problems: Vec::new(),
            })
            .collect();
        let config = self.config.load();
        let mode = config.defaults.mode;
        let mut problems: Vec<String> = mode.warning().map(str::to_owned).into_iter().collect();
        problems.extend(self.audit.standing().1.map(|fault| format!("statements are refused: {fault}")));
        problems.extend(self.heads.problem());
        let sinks: Vec<SinkHealth> = self.sinks.standing().into_iter().map(SinkHealth::from).collect();
        problems.extend(sinks.iter().filter_map(SinkHealth::trouble));
        for finding in self.databases.findings() {
            if finding.severity != Severity::Error {
                continue;
            }
            match databases.iter_mut().find(|known| known.name == finding.database) {
                Some(known) => known.problems.push(finding.to_string()),
                None => problems.push(finding.to_string()),
            }
        }
        Health {
            config: config.path.display().to_string(),
            mode: mode.name().to_owned(),
            started_at: self.started_at,
            databases,
            sinks,
            problems,
        }
    }

    fn nodes(&self) -> Answer<'_, Vec<NodeView>> {
        Box::pin(self.all_nodes())
    }

    fn reload(&self) -> Answer<'_, Result<String, Problem>> {
        Box::pin(async move {
            Proxy::reload(self, "reload").await.map_err(|fault| Problem::invalid(fault.to_string()))
        })
    }

    fn token(&self, ask: TokenBody, by: Actor) -> Answer<'_, Result<TokenView, Problem>> {
        Box::pin(Proxy::token(self, ask, by))
    }

    fn explain(&self, ask: ExplainBody) -> Answer<'_, Result<serde_json::Value, Problem>> {
        Box::pin(async move {
            let guard = self.databases.guard(&ask.database).await;
            let guard = guard.map_err(|error| Problem::unavailable(error.to_string()))?;
            let text = bytes::Bytes::from(ask.sql);
            let mut items = match self.analyser.look_up(&guard, &text) {
                Verdict::Harmless => vec![explain::passes(&String::from_utf8_lossy(&text))],
                Verdict::Known(_) | Verdict::Unknown => {
                    let longest = self.config.load().limits.statement_bytes;
                    let analysis = self.analyser.analyse(&guard, &text, longest).await;
                    let who = Who { user: ask.user.as_str().into(), ..Who::default() };
                    let permits = self.permits(&who, &guard);
                    let text = String::from_utf8_lossy(&text);
                    let now = self.clock.now();
                    let keys = self.keys.load_full();
                    let tokens = Keys::of_text(&keys);
                    let refused = |statement: &Statement, has_originals| {
                        changed_by_owner(statement, &guard.snapshot, &who.user, has_originals)
                    };
                    let statements = &analysis.statements;
                    explain::explain(&text, statements, &*permits, permits.exempt(), now, &tokens, refused)
                }
            };
            let observed = self.config.load().defaults.mode == Mode::Observe;
            items.iter_mut().for_each(|item| item.observed = observed);
            Ok(serde_json::json!({ "items": items }))
        })
    }
}
