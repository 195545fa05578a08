//! The control API: HTTP/1.1 with JSON. `api` is the vocabulary of both ends,
//! `server` the socket, `remote` the same over HTTPS, `peer` who is at the
//! other end, `routes` what each endpoint does, `client` the other end, used by the command line.

pub mod api;
pub mod client;
mod peer;
mod powers;
pub mod problem;
pub mod remote;
mod routes;
pub mod server;

use std::sync::Arc;

use crate::config::Config;
use crate::grants::Engine;
use crate::grants::event::Answer;
use crate::grants::model::Actor;
use crate::session::Registry;
use problem::Problem;

/// What the running proxy does for the control socket.
pub trait Host: Send + Sync {
    /// The configuration in force.
    fn config(&self) -> Arc<Config>;
    /// How the proxy is, apart from sessions and grants.
    fn health(&self) -> api::Health;
    /// The nodes that share the state; none: it is this one's own.
    fn nodes(&self) -> Answer<'_, Vec<api::NodeView>> {
        Box::pin(async { Vec::new() })
    }
    /// Reads the file again; the old one stays when the new has faults. What
    /// changed, in a line.
    fn reload(&self) -> Answer<'_, Result<String, Problem>>;
    /// What would happen to a statement.
    fn explain(&self, ask: api::ExplainBody) -> Answer<'_, Result<serde_json::Value, Problem>>;
    /// The value of a token, or the token of a value.
    fn token(&self, _ask: api::TokenBody, _by: Actor) -> Answer<'_, Result<api::TokenView, Problem>> {
        Box::pin(async { Err(Problem::unavailable("there are no keys")) })
    }
}

/// What the endpoints work on. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    pub engine: Arc<Engine>,
    pub sessions: Registry,
    pub host: Arc<dyn Host>,
}
