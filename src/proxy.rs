//! What all sessions share: the running proxy.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::audit;
use crate::audit::Who;
use crate::catalog::Databases;
use crate::catalog::guard::Guard;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::grants::{self, SessionPermits};
use crate::mask::KeyRing;
use crate::net::{Drain, Front};
use crate::session::Registry;
use crate::sql::analyser::Analyser;
use crate::wire::startup::CancelKey;

/// See the module. Everything in it is cheap to share.
pub struct Proxy {
    pub config: ArcSwap<Config>,
    pub keys: Arc<KeyRing>,
    pub databases: Arc<Databases>,
    pub grants: Arc<grants::Engine>,
    pub audit: audit::Log,
    pub analyser: Analyser,
    pub sessions: Registry,
    pub front: Arc<Front>,
    pub drain: Drain,
    pub clock: SharedClock,
}

impl Proxy {
    /// What a session may see at this moment.
    pub fn permits(&self, who: &Who, guard: &Guard) -> Arc<SessionPermits> {
        let roles = guard.snapshot.memberships.get(&who.user).map_or(&[][..], Vec::as_slice);
        self.grants.permits(&who.user, who.session, roles)
    }

    /// Has the server cancel what a session runs; returns when it was told.
    pub async fn cancel(&self, key: &CancelKey) {
        let settings = self.front.settings();
        if let Err(fault) = self.front.cancels.cancel(key, &settings.connector).await {
            tracing::warn!(%fault, "a statement could not be cancelled");
        }
    }
}
