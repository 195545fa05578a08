//! What code runs, further and further: what a function's body may name, what a
//! view reads and calls, what policies do, what the making of a value calls.
//!
//! Invariant: whatever is run by what is asked about is found, or the answer is
//! that it is: what nobody knows counts as found.

use std::collections::HashSet;

use super::snapshot::{Function, Named, Relation, RelationKind, Snapshot};

/// What is looked for.
pub(crate) struct Sought<'a> {
    /// A function that does it by itself, whatever it runs.
    pub function: &'a dyn Fn(&Function) -> bool,
    /// A relation of which the reading alone does it.
    pub relation: &'a dyn Fn(&Relation) -> bool,
}

/// Is what is looked for among what runs when these functions are called, these
/// relations read, values of these types made?
pub(crate) fn runs(snapshot: &Snapshot, mut work: Vec<Named>, sought: &Sought<'_>) -> bool {
    let mut seen: HashSet<Named> = HashSet::new();
    while let Some(named) = work.pop() {
        if !seen.insert(named) {
            continue;
        }
        match named {
            Named::Function(oid) => {
                let Some(function) = snapshot.functions.get(&oid) else {
                    if oid.is_builtin() {
                        continue;
                    }
                    return true;
                };
                if (sought.function)(function) {
                    return true;
                }
                if !oid.is_builtin() {
                    work.extend(snapshot.named_by(function));
                    let types = function.argument_types.iter().chain([&function.return_type]);
                    work.extend(types.copied().map(Named::Type));
                }
            }
            Named::Relation(oid) => {
                let Some(relation) = snapshot.relations.get(&oid) else { continue };
                if (sought.relation)(relation) {
                    return true;
                }
                work.extend(run_on_reading(snapshot, relation));
                // What is made of its columns' values runs the code of their types.
                work.extend(relation.columns.iter().map(|column| Named::Type(column.type_oid)));
            }
            Named::Type(oid) => work.extend(snapshot.run_by_type(oid).into_iter().map(Named::Function)),
        }
    }
    false
}

/// What a view reads and calls, and what policies do.
fn run_on_reading(snapshot: &Snapshot, relation: &Relation) -> Vec<Named> {
    if relation.kind == RelationKind::MaterializedView {
        return Vec::new();
    }
    let called = relation.definition_functions.iter().chain(&relation.policy_functions);
    let read = relation.definition_relations.iter().chain(&relation.policy_relations);
    let mut run: Vec<Named> = called.copied().map(Named::Function).collect();
    run.extend(read.copied().map(Named::Relation));
    run.extend(relation.policy_types.iter().copied().map(Named::Type));
    if relation.kind == RelationKind::View {
        // Nothing records the server's own functions, nor the types of casts.
        let definition = relation.definition.as_deref().unwrap_or_default();
        run.extend(snapshot.spelled_in(definition).into_iter().filter(|named| match named {
            Named::Function(oid) => oid.is_builtin(),
            Named::Type(_) => true,
            Named::Relation(_) => false,
        }));
    }
    run
}
