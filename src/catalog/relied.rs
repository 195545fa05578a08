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
    /// With what names begin and end that such code puts together, folded.
    beginnings: HashSet<String>,
    endings: HashSet<String>,
}

impl Relied {
    pub(super) fn of(snapshot: &Snapshot, counted: &Counted, trusted: &Trusted<'_>) -> Self {
        let mut relied = Self::default();
        let mut seen: HashSet<Oid> = HashSet::new();
        relied.follow(snapshot, running(snapshot, counted, trusted), &mut seen);
        let dynamic = relied.dynamic;
        // Who sees the values may call these. What they build is not foreseen:
        // there are some in most databases, and every name would count.
        relied.follow(snapshot, counted.functions.iter().copied().collect(), &mut seen);
        relied.dynamic = dynamic;
        relied
    }

    /// Takes in what these functions spell, and those that they call.
    fn follow(&mut self, snapshot: &Snapshot, mut work: Vec<Oid>, seen: &mut HashSet<Oid>) {
        while let Some(oid) = work.pop() {
            let Some(function) = snapshot.functions.get(&oid).filter(|_| !oid.is_builtin()) else { continue };
            if !seen.insert(oid) {
                continue;
            }
            self.functions.push(oid);
            self.words.insert(fold(&function.name));
            if builds_sql(function) {
                self.dynamic = true;
                self.take_fragments(&function.body);
            }
            let spelled: Vec<String> = words(&function.body).collect();
            work.extend(snapshot.called_by(function, &spelled).iter().map(|called| called.oid));
            self.words.extend(spelled);
        }
    }

    /// `'log_' || x`, `format('%I_log', x)`: what names are made of.
    fn take_fragments(&mut self, body: &str) {
        for word in words(&without_places(body)) {
            let is_fragment = word.chars().any(|c| c != '_');
            if is_fragment && word.ends_with('_') {
                self.beginnings.insert(word);
            } else if is_fragment && word.starts_with('_') {
                self.endings.insert(word);
            }
        }
    }

    /// Could something new of this name, as the catalog would store it, receive
    /// values?
    pub fn includes(&self, snapshot: &Snapshot, name: &str) -> bool {
        // Another session's temporary object is nothing that such code finds.
        let is_there = || {
            snapshot.relations_named(name).any(|relation| !relation.is_temporary())
                || snapshot.functions_named(name).any(|function| !function.schema.starts_with("pg_temp"))
        };
        self.spells(snapshot, name) || (self.dynamic && is_there())
    }

    /// Does such code spell the name, or put together names that are like it?
    pub fn spells(&self, snapshot: &Snapshot, name: &str) -> bool {
        let folded = fold(name);
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
            || self.beginnings.iter().any(|beginning| folded.starts_with(beginning))
            || self.endings.iter().any(|ending| folded.ends_with(ending))
            || (!name.chars().all(is_word) && is_spelled())
    }
}

/// A text without the places that `format` fills: `%I`, `%2$s`.
fn without_places(body: &str) -> String {
    let mut parts = body.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let numbered = part.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '$' | '-' | '*'));
        text.push(' ');
        text.push_str(numbered.strip_prefix(['I', 's', 'L']).unwrap_or(numbered));
    }
    text
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
    let checks = used_types(snapshot, counted);
    let checks = checks.iter().filter_map(|oid| snapshot.domain_checks.get(oid)).flatten().copied();
    of_relations.chain(trusted).chain(operators).chain(casts).chain(checks).collect()
}

/// The types that count, and those that columns of counted relations have or
/// are made of: any other domain's CHECK runs over nothing protected.
fn used_types(snapshot: &Snapshot, counted: &Counted) -> HashSet<Oid> {
    let relations = counted.relations.iter().filter_map(|oid| snapshot.relations.get(oid));
    let columns = relations.flat_map(|relation| &relation.columns).map(|column| column.type_oid);
    snapshot.type_parts(columns.chain(counted.types.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::Relation;
    use super::*;

    #[test]
    fn names_that_are_put_together_are_known_by_their_parts() {
        let mut relied = Relied::default();
        relied.take_fragments("EXECUTE format('INSERT INTO %I_log ' || 'rt_' || x, '%2$s_end') -- _ __");
        let snapshot = Snapshot::default();
        for name in ["rt_eu", "RT_eu", "my_log", "the_end"] {
            assert!(relied.spells(&snapshot, name), "{name}");
        }
        for name in ["rt", "cart_x", "log", "_", "my_logs"] {
            assert!(!relied.spells(&snapshot, name), "{name}");
        }
    }

    #[test]
    fn another_sessions_temporary_table_keeps_no_name() {
        let mut snapshot = Snapshot::default();
        let named = |oid, schema: &str, name: &str| Relation {
            oid: Oid(oid),
            schema: schema.into(),
            name: name.into(),
            ..Relation::default()
        };
        snapshot.add_relation(named(20_001, "pg_temp_3", "passing"));
        snapshot.add_relation(named(20_002, "public", "staying"));
        let relied = Relied { dynamic: true, ..Relied::default() };
        assert!(relied.includes(&snapshot, "staying") && !relied.includes(&snapshot, "passing"));
    }
}
