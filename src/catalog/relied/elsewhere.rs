//! Names that code over protected data writes with their schema: no search_path leads
//! them to a namesake.
//!
//! Invariant: a name is said to mean others only where it stands behind a schema in all
//! that such code spells, comments and strings among it, and there is such a relation.

use super::{Relied, builds_sql};
use crate::catalog::mentions::{fold, is_word, schemas_of, words};
use crate::catalog::snapshot::{Function, Snapshot};

impl Relied {
    /// Does such code write the name behind the schema of a relation that is there,
    /// wherever it spells it, and never behind this one? No search_path leads it
    /// elsewhere then. What builds SQL may take the name apart.
    pub(super) fn means_others(&self, snapshot: &Snapshot, schema: &str, name: &str) -> bool {
        let folded = fold(name);
        let is_handed = || self.handed_texts.iter().any(|text| words(text).any(|word| word == folded));
        let mut spelling = self.spelling(snapshot, &folded).peekable();
        let means_others = |function: &Function| {
            let is_read = matches!(&*function.language, "sql" | "plpgsql") && !builds_sql(function);
            let schemas =
                schemas_of(&function.body, name).filter(|_| is_read && fold(&function.name) != folded);
            schemas.is_some_and(|schemas| {
                let is_other = |it: &String| it != schema && snapshot.relation(it, name).is_some();
                !schemas.is_empty() && schemas.iter().all(is_other)
            })
        };
        name.chars().all(is_word)
            && !self.puts_together(&folded)
            && !is_handed()
            && spelling.peek().is_some()
            && spelling.all(means_others)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::function;
    use super::super::*;

    #[test]
    fn a_name_behind_a_schema_means_what_is_there_and_no_namesake() {
        let mut snapshot = Snapshot::default();
        for (oid, name) in [(20_001, "staff"), (20_002, "trail"), (20_003, "seen"), (20_004, "built")] {
            let named =
                Relation { oid: Oid(oid), schema: "app".into(), name: name.into(), ..Relation::default() };
            let trigger_functions = if name == "staff" { vec![Oid(30_001), Oid(30_002)] } else { Vec::new() };
            snapshot.add_relation(Relation { trigger_functions, ..named });
        }
        let body =
            "BEGIN INSERT INTO app.trail SELECT id FROM app.seen, app.gone; INSERT INTO seen VALUES (1); END";
        snapshot.add_function(function(30_001, "keep", body));
        snapshot.add_function(function(30_002, "build", "BEGIN EXECUTE 'TABLE app.built' || x; END"));
        let counted = Counted { relations: HashSet::from([Oid(20_001)]), ..Counted::default() };
        let relied = Relied::of(&Paths::of(&snapshot), &counted, &Trusted::new(&[]));
        let relied = Relied { dynamic: false, ..relied };
        assert!(!relied.includes(&snapshot, Some("mine"), "trail"));
        for (schema, name) in [
            (None, "trail"),
            (Some("app"), "trail"),
            (Some("mine"), "seen"),
            (Some("mine"), "gone"),
            (Some("mine"), "built"),
            (Some("mine"), "keep"),
            (Some("mine"), "app"),
        ] {
            assert!(relied.includes(&snapshot, schema, name), "{schema:?} {name}");
        }
    }
}
