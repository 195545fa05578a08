//! The names that code running over protected data relies on.
//!
//! A trigger's function, a function in a view, a CHECK or an index is the
//! DBA's, and trusted. But where it names a table or calls a function without
//! its schema, PostgreSQL looks that name up in the caller's search_path, and
//! in `pg_temp` first: whoever makes an object of that name receives the values.
//!
//! Invariant: every name that such code spells is here, and so is that of each
//! function in it, since to replace one is to receive its arguments. Operators
//! are not: they are used without being spelled (`LIKE`, `BETWEEN`), so that no
//! client makes any.

use std::collections::HashSet;

use super::functions::{Trusted, has_word};
use super::mentions::{fold, is_word, words};
use super::snapshot::{Function, Snapshot};
use super::{Oid, closure::Counted};

/// See the module.
#[derive(Debug, Default)]
pub struct Relied {
    /// Folded.
    words: HashSet<String>,
    functions: Vec<Oid>,
    /// Some of it builds SQL: it may name anything that is there.
    dynamic: bool,
}

impl Relied {
    pub(super) fn of(snapshot: &Snapshot, counted: &Counted, trusted: &Trusted<'_>) -> Self {
        let mut relied = Self::default();
        let mut seen: HashSet<Oid> = HashSet::new();
        let mut work = running(snapshot, counted, trusted);
        while let Some(oid) = work.pop() {
            let Some(function) = snapshot.functions.get(&oid).filter(|_| !oid.is_builtin()) else { continue };
            if !seen.insert(oid) {
                continue;
            }
            relied.functions.push(oid);
            relied.dynamic |= builds_sql(function);
            relied.words.insert(fold(&function.name));
            for word in words(&function.body) {
                work.extend(snapshot.functions_by_name.get(word.as_str()).into_iter().flatten());
                relied.words.insert(word);
            }
            let called = snapshot.function_dependencies.get(&oid).into_iter().flatten();
            work.extend(function.support.iter().chain(called));
        }
        relied
    }

    /// Could something new of this name, as the catalog would store it, receive
    /// values?
    pub fn includes(&self, snapshot: &Snapshot, name: &str) -> bool {
        let folded = fold(name);
        let is_there = || {
            snapshot.relations_named(name).next().is_some() || snapshot.functions_by_name.contains_key(name)
        };
        // A name with spaces or quotes in it: rare, so the texts are searched.
        let is_spelled = || {
            let quoted = folded.replace('"', "\"\"");
            let mut bodies = self.functions.iter().filter_map(|oid| snapshot.functions.get(oid));
            bodies.any(|function| {
                let body = function.body.to_ascii_lowercase();
                body.contains(&folded) || body.contains(&quoted)
            })
        };
        self.words.contains(&folded)
            || (self.dynamic && is_there())
            || (!name.chars().all(is_word) && is_spelled())
    }
}

/// What it names can't be told from its words.
fn builds_sql(function: &Function) -> bool {
    match &*function.language {
        "c" | "internal" => false,
        "sql" | "plpgsql" => has_word(&function.body, &["execute"]),
        _ => true,
    }
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
