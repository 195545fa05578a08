//! Which policy each node runs: nodes that share grants should share what they
//! are grants on, and one that was not reloaded shows nothing of it by itself.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::types::Type;

use super::link::{Failure, Link, LinkError, Step, quoted};

/// A node that has not said so for this long is gone, in microseconds.
const GONE: i64 = 90_000_000;

/// Microseconds since 1970, by the store's clock: it counts for all nodes.
const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// A node and its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub node: String,
    /// Its policy's digest.
    pub policy: String,
    /// When it last said so.
    pub seen: Timestamp,
}

/// The table, and which node this is.
pub struct Nodes {
    link: Arc<Link>,
    node: String,
}

impl Nodes {
    pub fn new(link: Arc<Link>, node: &str) -> Self {
        Self { link, node: node.to_owned() }
    }

    /// What this node is called.
    pub fn name(&self) -> &str {
        &self.node
    }

    /// This node lives, and runs this policy; blocks.
    ///
    /// # Errors
    /// The store can't be written.
    pub fn tell(&self, policy: &str) -> Result<(), LinkError> {
        let (node, policy) = (self.node.clone(), policy.to_owned());
        let text = format!(
            "INSERT INTO {}.policies (node, policy, seen) VALUES ($1, $2, {NOW}) \
             ON CONFLICT (node) DO UPDATE SET policy = excluded.policy, seen = excluded.seen",
            quoted(&self.link.address().schema)
        );
        self.link.run(move |client| -> Step<'_, ()> {
            Box::pin(async move {
                client.execute_typed(&text, &[(&node, Type::TEXT), (&policy, Type::TEXT)]).await?;
                Ok(())
            })
        })
    }

    /// This node ends; blocks.
    ///
    /// # Errors
    /// The store can't be written.
    pub fn leave(&self) -> Result<(), LinkError> {
        let node = self.node.clone();
        let text = format!("DELETE FROM {}.policies WHERE node = $1", quoted(&self.link.address().schema));
        self.link.run(move |client| -> Step<'_, ()> {
            Box::pin(async move {
                client.execute_typed(&text, &[(&node, Type::TEXT)]).await?;
                Ok(())
            })
        })
    }

    /// All that live, this one included, by name; blocks.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn all(&self) -> Result<Vec<Standing>, LinkError> {
        let text = format!(
            "SELECT node, policy, seen FROM {}.policies WHERE seen > {NOW} - $1 ORDER BY node",
            quoted(&self.link.address().schema)
        );
        self.link.run(move |client| -> Step<'_, Vec<Standing>> {
            Box::pin(async move {
                let rows = client.query_typed(&text, &[(&GONE, Type::INT8)]).await?;
                rows.iter()
                    .map(|row| {
                        let seen = Timestamp::from_microsecond(row.try_get(2)?);
                        let seen = seen.map_err(|e| Failure::Other(e.to_string()))?;
                        Ok(Standing { node: row.try_get(0)?, policy: row.try_get(1)?, seen })
                    })
                    .collect()
            })
        })
    }
}
