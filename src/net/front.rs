//! What every connection meets: limits, TLS, the way upstream, the keys to
//! cancel by. Made from the configuration; a reload replaces it whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;

use super::tls::{ServerTls, TlsFault};
use super::upstream::Connector;
use crate::config::{Auth, Config, Limits};
use crate::session::cancel::Cancels;
use crate::session::handshake::Stage;
use crate::telemetry::metric::{Counter, Labelled, Timing};
use crate::telemetry::names;
use crate::telemetry::registry::Registry;

/// The part that a reload replaces.
pub struct Settings {
    pub limits: Limits,
    /// Refused as a client's login: it could read every verifier.
    pub service_user: String,
    /// `None`: no TLS towards clients.
    pub tls: Option<ServerTls>,
    pub connector: Connector,
    pub auth: Auth,
}

impl Settings {
    fn load(config: &Config) -> Result<Self, TlsFault> {
        Ok(Self {
            limits: config.limits.clone(),
            service_user: config.upstream.service_user.clone(),
            tls: config.listen.tls.as_ref().map(ServerTls::load).transpose()?,
            connector: Connector::new(&config.upstream, config.limits.connect_timeout)?,
            auth: config.auth.clone(),
        })
    }
}

/// What is counted of connections on their way to a session.
pub struct Logins {
    /// Connecting and logging in to the server.
    pub time: Timing,
    refused: Labelled,
    opening: Counter,
    authentication: Counter,
    upstream: Counter,
}

impl Logins {
    fn new() -> Self {
        let refused = Labelled::new("stage");
        Self {
            time: Timing::default(),
            opening: refused.counter("opening"),
            authentication: refused.counter("authentication"),
            upstream: refused.counter("upstream"),
            refused,
        }
    }

    pub fn refused(&self, stage: Stage) {
        match stage {
            Stage::Opening => self.opening.inc(),
            Stage::Authentication => self.authentication.inc(),
            Stage::Upstream => self.upstream.inc(),
        };
    }

    /// Puts the counters under their names.
    pub fn register(&self, registry: &mut Registry) {
        registry.labelled(names::LOGINS_REFUSED, &self.refused);
        registry.timing(names::LOGIN_TIME, &self.time);
    }
}

pub struct Front {
    settings: ArcSwap<Settings>,
    pub cancels: Cancels,
    /// How connections became sessions, or did not.
    pub logins: Logins,
    /// Connections that have not sent a startup message yet.
    opening: AtomicUsize,
}

/// Room for connections that have not sent a startup message, beyond
/// `max_sessions`: cancel requests must get through when sessions are full.
const OPENING_SPARE: usize = 64;

/// A connection's place among those; dropping it gives it back.
pub struct OpeningPlace<'a>(&'a AtomicUsize);

impl Drop for OpeningPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Front {
    pub fn open(config: &Config) -> Result<Self, TlsFault> {
        Ok(Self {
            settings: ArcSwap::from_pointee(Settings::load(config)?),
            cancels: Cancels::default(),
            logins: Logins::new(),
            opening: AtomicUsize::new(0),
        })
    }

    /// Loads a new configuration, certificates and keys read anew, without
    /// putting it in force: a reload first finds out whether all of it can be.
    pub fn prepare(&self, config: &Config) -> Result<Settings, TlsFault> {
        Settings::load(config)
    }

    /// Puts it in force for new connections. Sessions that run keep what they have.
    pub fn adopt(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// A place for a new connection; `None` in a flood of silent ones.
    pub fn opening_place(&self) -> Option<OpeningPlace<'_>> {
        let limit = self.settings.load().limits.max_sessions.saturating_add(OPENING_SPARE);
        let place = (self.opening.fetch_add(1, Ordering::AcqRel), OpeningPlace(&self.opening));
        (place.0 < limit).then_some(place.1)
    }

    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }
}
