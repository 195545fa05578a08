//! Composite types that a policy looks into. A rule finds a field by its name,
//! so nobody may give that name to another field unseen: `ALTER TYPE` must
//! count as a use of what is protected.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::catalog::snapshot::Snapshot;
use crate::catalog::{ColumnId, Oid};
use crate::policy::{Inside, ProtectedColumn};

/// Every composite type in a column that is masked field by field, with those
/// inside it and the domains and arrays on the way.
pub(super) fn types(
    snapshot: &Snapshot,
    protected: &HashMap<ColumnId, Arc<ProtectedColumn>>,
) -> HashSet<Oid> {
    let composite =
        |column: &ProtectedColumn| column.paths.iter().any(|path| path.inside == Inside::Composite);
    let looked_into = protected.iter().filter(|(_, column)| composite(column));
    let mut open: Vec<Oid> = looked_into
        .filter_map(|(id, _)| snapshot.relations.get(&id.relation)?.attribute(id.attribute))
        .map(|column| column.type_oid)
        .collect();
    let mut found = HashSet::new();
    while let Some(oid) = open.pop() {
        let Some(info) = snapshot.types.get(&oid).filter(|info| !info.oid.is_builtin()) else { continue };
        if found.insert(oid) {
            let fields = info.relation.and_then(|relation| snapshot.relations.get(&relation));
            open.extend(fields.iter().flat_map(|relation| &relation.columns).map(|column| column.type_oid));
            open.extend(info.base.into_iter().chain(info.element));
        }
    }
    found
}
