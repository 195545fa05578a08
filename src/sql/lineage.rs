//! CONTRACT (to be replaced by the lineage branch; keep these names and this signature, `classify` calls them).
use super::analysis::{Output, Use};
use super::parse::Tokens;
use crate::catalog::guard::Facts;
use crate::error::ClientError;
use crate::policy::ProtectedColumn;
use pg_query::NodeEnum;
use std::ops::Range;
use std::sync::Arc;

pub struct Lineage {
    pub outputs: Vec<Output>,
    pub uses: Vec<Use>,
    pub named: Vec<Arc<ProtectedColumn>>,
    pub touches_protected: bool,
    pub sensitive_literals: Vec<Range<usize>>,
    /// Spans of every identifier that the analysis resolved.
    pub accounted: Vec<Range<usize>>,
}

impl Lineage {
    /// For CREATE TABLE AS / SELECT INTO: outputs become Export uses, every use also needs `export`.
    pub fn exported(self, _statement: &Range<usize>) -> Lineage {
        self
    }
}

/// `depth`: limits.depth. Places are bytes of `text`.
pub fn analyse(
    _facts: Facts<'_>,
    _text: &str,
    _node: &NodeEnum,
    _tokens: &Tokens,
    _depth: usize,
) -> Result<Lineage, ClientError> {
    Err(ClientError::new("0A000", "lineage has not landed"))
}
