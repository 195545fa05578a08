//! `ALTER TABLE … ADD COLUMN … DEFAULT` does not rewrite a table: the default
//! stays in `pg_attribute.attmissingval` as the value of the rows of that
//! time, and anybody can read it there ("pg_attribute" in PostgreSQL's
//! documentation). Where a protected column has such a value, that column of
//! the catalog is protected too; elsewhere nothing is.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::snapshot::Snapshot;
use super::super::{ColumnId, Oid};
use super::{Reason, column_name, protected_column};
use crate::mask::MethodSpec;
use crate::policy::{Disclosure, ProtectedColumn};

/// `pg_attribute` (`pg_attribute.h`).
const ATTRIBUTES: Oid = Oid(1249);
pub(in crate::catalog) const TABLE: &str = "pg_attribute";
pub(in crate::catalog) const COLUMN: &str = "attmissingval";

/// The column of the catalog, if some protected column has a value there.
pub(super) fn bound(
    snapshot: &Snapshot,
    protected: &HashMap<ColumnId, Arc<ProtectedColumn>>,
) -> Option<(ColumnId, Arc<ProtectedColumn>)> {
    let has_missing = |id: &ColumnId| {
        let relation = snapshot.relations.get(&id.relation);
        relation.and_then(|relation| relation.attribute(id.attribute)).is_some_and(|column| column.missing)
    };
    // The first by name, so that a rerun binds alike.
    let cause = protected.iter().filter(|(id, _)| has_missing(id)).map(|(_, column)| &column.name).min()?;
    let relation = snapshot.relations.get(&ATTRIBUTES)?;
    let column = relation.columns.iter().find(|column| &*column.name == COLUMN)?;
    let reason = Reason {
        method: MethodSpec::Null,
        domain: column_name(relation, &column.name).into(),
        tags: Vec::new(),
        discloses: Disclosure::Nullness,
        writable: false,
        because: format!("it holds a value of protected {cause}").into(),
        place: "".into(),
        follows: None,
        computed: false,
        named_by: None,
        paths: Vec::new(),
    };
    let id = ColumnId { relation: relation.oid, attribute: column.attribute };
    Some((id, Arc::new(protected_column(relation, column, &reason, [].into()))))
}
