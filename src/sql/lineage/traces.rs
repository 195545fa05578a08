//! What leaves something to be read later: a function that writes, speaks or
//! sets, wherever a statement runs it.
//!
//! It may be called by name, or by an operator, a cast, a domain's CHECK, a
//! view, a policy, or another function. What is protected must not reach one, or
//! decide whether it runs. Invariant: code leaves nothing only where all of it is
//! known: the words of its body, and what they may name, further and further;
//! of the server's own functions and of C code, what is not volatile.

use super::Walk;
use crate::catalog::Oid;
use crate::catalog::code::{self, Sought};
use crate::catalog::functions::{MAY_WRITE, is_callable};
use crate::catalog::mentions::words;
use crate::catalog::snapshot::{Function, Named, Relation, RelationKind, Volatility};

/// Volatile functions that only tell something. `random` is counted among
/// them, though it goes on in the session's own sequence.
const TELLING: &[&str] = &[
    "clock_timestamp",
    "current_query",
    "gen_random_bytes",
    "gen_random_uuid",
    "gen_salt",
    "pg_sleep",
    "random",
    "random_normal",
    "timeofday",
    "uuid_generate_v1",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
];

/// STABLE, and yet they take a transaction id, which others see pass, or locks
/// that stay until the transaction ends: of what a definition reads
/// (`AcquireRewriteLocks` in `ruleutils.c`), of the object that is named.
const TAKING: &[&str] = &[
    "pg_current_xact_id",
    "pg_get_expr",
    "pg_get_function_sqlbody",
    "pg_get_functiondef",
    "pg_get_object_address",
    "pg_get_partition_constraintdef",
    "pg_get_ruledef",
    "pg_get_viewdef",
    "txid_current",
];

/// The server's own views that print definitions.
const PRINTING: &[&str] = &["pg_matviews", "pg_policies", "pg_rules", "pg_views", "views"];

/// `internal` (`pg_type.dat`): no statement can call a function that takes it.
const INTERNAL: Oid = Oid(2281);

/// What a locking clause begins with, behind FOR.
const LOCKS: &[&str] = &["update", "share", "no", "key"];

impl Walk<'_> {
    /// Does what the function runs, whatever it is declared as, write, speak or
    /// leave something to be read later?
    pub(super) fn body_leaves_trace(&self, function: &Function) -> bool {
        self.leave_trace(vec![Named::Function(function.oid)])
    }

    /// Does a view, a policy, what these read and call, or a column's type?
    pub(super) fn reading_leaves_trace(&self, relation: &Relation) -> bool {
        !self.view && self.leave_trace(vec![Named::Relation(relation.oid)])
    }

    /// Does a cast to a type of this name call what does?
    pub(super) fn cast_leaves_trace(&self, name: &str) -> bool {
        let snapshot = self.facts.snapshot;
        let types: Vec<Oid> = snapshot.types_named(name).map(|info| info.oid).collect();
        let casts = snapshot.casts.iter().filter(|cast| types.contains(&cast.target));
        let called = casts.filter_map(|cast| cast.function).map(Named::Function);
        self.leave_trace(called.chain(types.iter().copied().map(Named::Type)).collect())
    }

    fn leave_trace(&self, work: Vec<Named>) -> bool {
        let relation = |relation: &Relation| locks_rows(relation) || prints_definitions(relation);
        code::runs(self.facts.snapshot, work, &Sought { function: &leaves_by_itself, relation: &relation })
    }
}

fn leaves_by_itself(function: &Function) -> bool {
    let is_changing = || {
        function.volatility == Volatility::Volatile
            && is_callable(function)
            && !function.argument_types.contains(&INTERNAL)
            && !TELLING.contains(&&*function.name)
    };
    match &*function.language {
        _ if function.oid.is_builtin() => is_changing() || TAKING.contains(&&*function.name),
        language @ ("sql" | "plpgsql") => {
            // INTO makes a table in SQL, and fills a variable in PL/pgSQL.
            let makes = |word: &str| language == "sql" && word == "into";
            words(&function.body).any(|word| MAY_WRITE.contains(&word.as_str()) || makes(&word))
        }
        _ => is_changing(),
    }
}

fn prints_definitions(relation: &Relation) -> bool {
    relation.oid.is_builtin() && relation.kind == RelationKind::View && PRINTING.contains(&&*relation.name)
}

/// A view that locks what it shows. `pg_get_viewdef` prints its clause in capitals.
fn locks_rows(relation: &Relation) -> bool {
    let Some(definition) = relation.definition.as_deref() else { return false };
    let parts = definition.split_whitespace();
    relation.kind == RelationKind::View
        && parts.clone().zip(parts.skip(1)).any(|(first, second)| {
            first == "FOR" && LOCKS.iter().any(|lock| second.trim_end_matches(';').eq_ignore_ascii_case(lock))
        })
}
