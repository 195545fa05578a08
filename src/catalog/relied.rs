//! The names that code running over protected data relies on.
//!
//! A trigger's function, a function in a view, a CHECK or an index is the
//! DBA's, and trusted. But where it names a table or calls a function without
//! its schema, PostgreSQL looks that name up in the caller's search_path, and
//! in `pg_temp` first: whoever makes an object of that name receives the values.
//!
//! Invariant: every name that such code spells is here, and so is that of each
//! function in it, since to replace one is to receive its arguments.

use std::collections::HashSet;

use super::functions::Trusted;
use super::mentions::words;
use super::snapshot::Snapshot;
use super::{Oid, closure::Counted};

/// Signs that operators are made of (`op_chars` of PostgreSQL's `scan.l`).
const OPERATOR_SIGNS: &str = "~!@#^&|`?+-*/%<>=";

/// The names, as the catalog would store them.
pub(super) fn names(snapshot: &Snapshot, counted: &Counted, trusted: &Trusted<'_>) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut seen: HashSet<Oid> = HashSet::new();
    let mut work = running(snapshot, counted, trusted);
    while let Some(oid) = work.pop() {
        let Some(function) = snapshot.functions.get(&oid).filter(|_| !oid.is_builtin()) else { continue };
        if !seen.insert(oid) {
            continue;
        }
        names.insert(function.name.to_string());
        for word in words(&function.body) {
            work.extend(snapshot.functions_by_name.get(word.as_str()).into_iter().flatten());
            names.insert(word);
        }
        names.extend(operators(&function.body).map(str::to_owned));
        work.extend(
            function.support.iter().chain(snapshot.function_dependencies.get(&oid).into_iter().flatten()),
        );
    }
    names
}

/// Functions that run over protected data without being called by name.
fn running(snapshot: &Snapshot, counted: &Counted, trusted: &Trusted<'_>) -> Vec<Oid> {
    let relations = counted.relations.iter().filter_map(|oid| snapshot.relations.get(oid));
    let of_relations = relations.flat_map(|relation| {
        let called =
            [&relation.trigger_functions, &relation.depends_on_functions, &relation.definition_functions];
        called.into_iter().flatten().copied()
    });
    let trusted = snapshot.functions.values().filter(|function| trusted.includes(function)).map(|f| f.oid);
    let operators = snapshot.operators.iter().map(|operator| operator.function);
    let casts = snapshot.casts.iter().filter_map(|cast| cast.function);
    let checks = snapshot.domain_checks.values().flatten().copied();
    of_relations.chain(trusted).chain(operators).chain(casts).chain(checks).collect()
}

fn operators(body: &str) -> impl Iterator<Item = &str> {
    body.split(|c| !OPERATOR_SIGNS.contains(c)).filter(|signs| !signs.is_empty())
}
