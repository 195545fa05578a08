//! The state store that `state.url` names, and what is kept in it besides
//! grants: the audit log's head and the catalog's column bindings.

use std::sync::Arc;

use super::StartError;
use crate::audit::anchor::Anchors;
use crate::catalog::BindingStore;
use crate::catalog::bindings::{SharedBindings, SqliteBindings};
use crate::config::{Config, StateUrl};
use crate::grants::book::SessionNumbers;
use crate::grants::postgres::Postgres;
use crate::grants::sqlite::Sqlite;
use crate::grants::store::Store;
use crate::state::Link;
use crate::state::nodes::Nodes;

pub(super) struct State {
    pub(super) store: Box<dyn Store>,
    pub(super) anchors: Anchors,
    pub(super) bindings: Arc<dyn BindingStore>,
    pub(super) numbers: SessionNumbers,
    /// Who else there is; none: a store of this node alone.
    pub(super) nodes: Option<Arc<Nodes>>,
}

impl State {
    /// # Errors
    /// The file or the server can't be used.
    pub(super) fn open(config: &Config) -> Result<Self, StartError> {
        let log = &config.audit.file;
        match &config.state {
            StateUrl::Sqlite(path) => Ok(Self {
                store: Box::new(Sqlite::open(path)?),
                anchors: Anchors::open(path, log)?,
                bindings: Arc::new(SqliteBindings::open(path)?),
                numbers: SessionNumbers::alone(),
                nodes: None,
            }),
            StateUrl::Postgres(address) => {
                let failed = |source| StartError::Link { path: address.show(), source };
                let link = Link::open((**address).clone()).map_err(failed)?;
                let node = &config.audit.node;
                let store = Postgres::open(link.clone(), node)?;
                Ok(Self {
                    numbers: store.sessions(),
                    store: Box::new(store),
                    anchors: Anchors::shared(link.clone(), node, log),
                    bindings: Arc::new(SharedBindings::new(link.clone())),
                    nodes: Some(Arc::new(Nodes::new(link, node))),
                })
            }
        }
    }
}
