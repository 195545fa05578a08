//! Follows protected values to where else they are stored, or shown:
//! inheritance and partitions, foreign keys, generated columns, foreign tables.
//! Invariant: ends at a fixpoint.

use std::sync::Arc;

use super::*;

impl Reason {
    /// For what is computed from protected columns: no method of theirs fits it.
    pub(super) fn computed(
        relation: &Relation,
        column: &Column,
        tags: Vec<Arc<str>>,
        because: String,
        place: Arc<str>,
    ) -> Self {
        Self {
            method: MethodSpec::of(Method::Redact),
            domain: column_name(relation, &column.name).into(),
            tags,
            discloses: Disclosure::Nullness,
            writable: false,
            because: because.into(),
            place,
            follows: None,
            computed: true,
            paths: Vec::new(),
        }
    }
}

impl Binder<'_> {
    /// Follows values to where else they are stored, until nothing is added.
    pub(super) fn spread(&mut self) {
        loop {
            let added = self.spread_inheritance()
                || self.spread_foreign_keys()
                || self.spread_generated()
                || self.spread_foreign_tables();
            if !added {
                return;
            }
        }
    }

    pub(super) fn spread_inheritance(&mut self) -> bool {
        let mut found: Vec<(ColumnId, Reason)> = Vec::new();
        let mut covered: Vec<(ColumnId, Reason)> = Vec::new();
        for (id, reason) in &self.columns {
            let Some((relation, column)) = self.column(*id) else { continue };
            let because = |other: &Relation, what: &str| -> Arc<str> {
                format!("{what} of {} ({})", column_name(other, &column.name), reason.place).into()
            };
            for child in self.children.get(&relation.oid).into_iter().flatten() {
                let Some((child, same)) = self.named(*child, &column.name) else { continue };
                if !self.shown.contains(&same) {
                    found.push((same, Reason { because: because(relation, "child"), ..reason.clone() }));
                }
                let _ = child;
            }
            // A parent shows its children's rows, whatever its own rule says.
            for parent in &relation.parents {
                if let Some((_, same)) = self.named(*parent, &column.name) {
                    let reason = Reason { because: because(relation, "parent"), ..reason.clone() };
                    match self.columns.get(&same) {
                        None => found.push((same, reason)),
                        // Its own rule need not hide all that its children's do.
                        Some(own) => covered.extend(own.covering(&reason).map(|reason| (same, reason))),
                    }
                }
            }
        }
        let added = !covered.is_empty();
        for (id, reason) in covered {
            let Some((relation, column)) = self.column(id) else { continue };
            if reason.paths.is_empty() {
                let name = column_name(relation, &column.name);
                let message =
                    format!("{name} is masked with redact: it shows a child's rows, whose rule is another");
                let finding = self.finding(Severity::Warning, message).at(reason.place.to_string());
                self.findings.push(finding.mend("give parent and children one method and domain"));
            }
            let reason = self.fitted(relation, column, reason, Severity::Warning);
            self.columns.insert(id, reason);
        }
        self.take(found) || added
    }

    pub(super) fn spread_foreign_keys(&mut self) -> bool {
        let mut found: Vec<(ColumnId, Reason)> = Vec::new();
        for relation in self.relations() {
            for constraint in &relation.constraints {
                let Some((target, keys)) = &constraint.references else { continue };
                for (attribute, key) in constraint.columns.iter().zip(keys) {
                    let to = ColumnId { relation: *target, attribute: *key };
                    let from = ColumnId { relation: relation.oid, attribute: *attribute };
                    let Some(reason) = self.columns.get(&to) else { continue };
                    let Some((referenced, column)) = self.column(to) else { continue };
                    let name = column_name(referenced, &column.name);
                    if !self.shown.contains(&from) {
                        let because = format!("foreign key to {name} ({})", reason.place).into();
                        found.push((from, Reason { because, ..reason.clone() }));
                    }
                }
            }
        }
        self.take(found)
    }

    pub(super) fn spread_generated(&mut self) -> bool {
        let mut found: Vec<(ColumnId, Reason)> = Vec::new();
        for relation in self.relations() {
            for column in relation.columns.iter().filter(|c| c.generated.is_some()) {
                let id = ColumnId { relation: relation.oid, attribute: column.attribute };
                let sources: Vec<&Reason> = column
                    .generated_from
                    .iter()
                    .filter_map(|a| self.columns.get(&ColumnId { attribute: *a, ..id }))
                    .collect();
                let Some(first) = sources.first().filter(|_| !self.shown.contains(&id)) else { continue };
                let mut tags: Vec<Arc<str>> = sources.iter().flat_map(|r| r.tags.clone()).collect();
                tags.sort();
                tags.dedup();
                let because = format!("generated from a protected column ({})", first.place);
                let computed = Reason::computed(relation, column, tags, because, Arc::clone(&first.place));
                let follows = sources.iter().find_map(|source| source.follows.clone());
                found.push((id, Reason { follows, ..computed }));
            }
        }
        // Of columns that no rule names, it is as new as they are.
        let is_new =
            |(id, reason): &&(ColumnId, Reason)| reason.follows.is_none() && !self.columns.contains_key(id);
        self.fresh.extend(found.iter().filter(is_new).map(|(id, _)| *id));
        self.take(found)
    }

    /// Takes what is not protected yet; whether there was any.
    pub(super) fn take(&mut self, found: Vec<(ColumnId, Reason)>) -> bool {
        let mut added = false;
        for (id, reason) in found {
            if self.columns.contains_key(&id) {
                continue;
            }
            let Some((relation, column)) = self.column(id) else { continue };
            if self.shown.remove(&id) {
                let message = format!(
                    "{} is declared public, but shows the rows of a protected child",
                    column_name(relation, &column.name)
                );
                self.findings.push(self.finding(Severity::Error, message).at(reason.place.to_string()));
            }
            let reason = self.fitted(relation, column, reason, Severity::Warning);
            self.columns.insert(id, reason);
            added = true;
        }
        added
    }
}
