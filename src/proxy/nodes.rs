//! The nodes that share the state store: each says which policy it runs, so
//! that one that was not reloaded is noticed on all.

use std::sync::Arc;
use std::time::Duration;

use super::Proxy;
use crate::catalog::service::chain;
use crate::config::policy_digest;
use crate::control::api::NodeView;
use crate::state::nodes::Standing;

/// How often a node says that it lives.
const EVERY: Duration = Duration::from_secs(30);

impl Proxy {
    /// Says which policy this node runs. A store that can't be written says so
    /// elsewhere, and is told again.
    pub(super) async fn tell_policy(&self) {
        let Some(nodes) = self.nodes.clone() else { return };
        let policy = policy_digest(&self.config.load());
        match tokio::task::spawn_blocking(move || nodes.tell(&policy)).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => {
                tracing::debug!(error = chain(&fault), "the other nodes don't know this policy")
            }
            Err(fault) => tracing::error!(%fault, "telling the other nodes of this policy"),
        }
    }

    /// [`Proxy::tell_policy`] again and again, for as long as the proxy runs.
    pub async fn tell_nodes(self: Arc<Self>) {
        while self.nodes.is_some() {
            tokio::time::sleep(EVERY).await;
            self.tell_policy().await;
        }
    }

    /// This node ends, and its policy is nobody's concern; blocks.
    pub fn leave_nodes(&self) {
        if let Some(Err(fault)) = self.nodes.as_ref().map(|nodes| nodes.leave()) {
            tracing::debug!(error = chain(&fault), "the other nodes don't know that this one ends");
        }
    }

    /// All nodes and their policies; none while the store is lost, which is
    /// said elsewhere.
    pub(super) async fn all_nodes(&self) -> Vec<NodeView> {
        let Some(nodes) = self.nodes.clone().filter(|_| !self.grants.is_cut_off()) else { return Vec::new() };
        let this = nodes.name().to_owned();
        let here = policy_digest(&self.config.load());
        let view = |standing: Standing| NodeView {
            same_policy: standing.policy == here,
            this: standing.node == this,
            name: standing.node,
            policy: standing.policy,
            seen_at: standing.seen,
        };
        match tokio::task::spawn_blocking(move || nodes.all()).await {
            Ok(Ok(all)) => all.into_iter().map(view).collect(),
            Ok(Err(fault)) => {
                tracing::debug!(error = chain(&fault), "the other nodes' policies can't be read");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }
}
