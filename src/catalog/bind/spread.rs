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
            named_by: None,
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
        let mut rivals: Vec<(ColumnId, Reason)> = Vec::new();
        for (id, reason) in &self.columns {
            let Some((relation, column)) = self.column(*id) else { continue };
            let because = |other: &Relation, what: &str| -> Arc<str> {
                format!("{what} of {} ({})", column_name(other, &column.name), reason.place).into()
            };
            let is_ruled = reason.named_by.is_some() || self.is_ruled_above(relation, column);
            for child in self.children.get(&relation.oid).into_iter().flatten() {
                let Some((_, same)) = self.named(*child, &column.name) else { continue };
                if !self.shown.contains(&same) {
                    let because = because(relation, "child");
                    let reason = Reason { because, named_by: None, ..reason.clone() };
                    if is_ruled {
                        rivals.extend(self.united(same, &reason));
                    }
                    found.push((same, reason));
                }
            }
            // A parent shows its children's rows, whatever its own rule says.
            for parent in &relation.parents {
                if let Some((_, same)) = self.named(*parent, &column.name) {
                    let because = because(relation, "parent");
                    let reason = Reason { because, named_by: None, ..reason.clone() };
                    match self.columns.get(&same) {
                        None => found.push((same, reason)),
                        // Its own rule need not hide all that its children's do.
                        Some(own) => covered.extend(own.covering(&reason).map(|reason| (same, reason))),
                    }
                }
            }
        }
        let covers = self.cover(
            covered,
            "it shows a child's rows, whose rule is another",
            "give parent and children one method and domain",
        );
        let unites = self.unite(rivals);
        self.take(found) || covers || unites
    }

    /// What must be said of a column that no rule names and that is protected already,
    /// where it holds what `other` speaks of too. None: it says so already.
    fn united(&self, id: ColumnId, other: &Reason) -> Option<(ColumnId, Reason)> {
        let own = self.columns.get(&id).filter(|own| own.named_by.is_none())?;
        own.covering(other).map(|reason| (id, reason))
    }

    /// Does a rule name the column of a table above?
    fn is_ruled_above(&self, relation: &Relation, column: &Column) -> bool {
        self.snapshot.above(relation).iter().any(|above| {
            let same = self.named(above.oid, &column.name).and_then(|(_, same)| self.columns.get(&same));
            same.is_some_and(|reason| reason.named_by.is_some())
        })
    }

    fn unite(&mut self, rivals: Vec<(ColumnId, Reason)>) -> bool {
        self.cover(
            rivals,
            "it holds the values of two columns, whose rules differ",
            "give both one method and domain, or write a rule for it",
        )
    }

    /// Puts what is said of columns in the place of what was; whether there was any.
    fn cover(&mut self, covered: Vec<(ColumnId, Reason)>, why: &str, mend: &str) -> bool {
        let added = !covered.is_empty();
        for (id, reason) in covered {
            let Some((relation, column)) = self.column(id) else { continue };
            if reason.paths.is_empty() {
                let message = format!("{} is masked with redact: {why}", column_name(relation, &column.name));
                let finding = self.finding(Severity::Warning, message).at(reason.place.to_string());
                self.findings.push(finding.mend(mend));
            }
            let reason = self.fitted(relation, column, reason, Severity::Warning);
            self.columns.insert(id, reason);
        }
        added
    }

    /// For each parent's column, those of its children, however deep, that another
    /// rule names: who may see the one need not be who may see the other.
    pub(super) fn below(
        &self,
        protected: &HashMap<ColumnId, Arc<ProtectedColumn>>,
    ) -> BTreeMap<ColumnId, Vec<Arc<ProtectedColumn>>> {
        let mut below: BTreeMap<ColumnId, Vec<Arc<ProtectedColumn>>> = BTreeMap::new();
        for (id, reason) in self.columns.iter().filter(|(_, reason)| reason.named_by.is_some()) {
            let (Some(known), Some((relation, column))) = (protected.get(id), self.column(*id)) else {
                continue;
            };
            for parent in self.snapshot.above(relation) {
                let Some((_, same)) = self.named(parent.oid, &column.name) else { continue };
                let named_by = self.columns.get(&same).map(|reason| &reason.named_by);
                if named_by.is_some_and(|named_by| *named_by != reason.named_by) {
                    below.entry(same).or_default().push(Arc::clone(known));
                }
            }
        }
        below
    }

    pub(super) fn spread_foreign_keys(&mut self) -> bool {
        let mut found: Vec<(ColumnId, Reason)> = Vec::new();
        let mut rivals: Vec<(ColumnId, Reason)> = Vec::new();
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
                        let reason = Reason { because, named_by: None, ..reason.clone() };
                        let rival = self.united(from, &reason).filter(|_| {
                            relation
                                .attribute(*attribute)
                                .is_some_and(|it| !self.is_ruled_above(relation, it))
                        });
                        rivals.extend(rival);
                        found.push((from, reason));
                    }
                }
            }
        }
        let unites = self.unite(rivals);
        self.take(found) || unites
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
                // A grant by tag shows all that it is made of.
                let mut tags = first.tags.clone();
                tags.retain(|tag| sources.iter().all(|source| source.tags.contains(tag)));
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
        let narrowed = self.narrow_tags(&found);
        self.take(found) || narrowed
    }

    /// Where another source has come to be known since, and wherever its values
    /// have gone: all that has its domain and no rule of its own.
    fn narrow_tags(&mut self, found: &[(ColumnId, Reason)]) -> bool {
        let mut narrowed = false;
        for (id, computed) in found {
            let is_computed = |own: &Reason| own.computed && own.named_by.is_none();
            let lacks = |own: &&Reason| own.tags.iter().any(|tag| !computed.tags.contains(tag));
            let own = self.columns.get(id).filter(|own| is_computed(own)).filter(lacks);
            let Some(domain) = own.map(|own| Arc::clone(&own.domain)) else { continue };
            narrowed = true;
            let spread = |own: &&mut Reason| is_computed(own) && own.domain == domain;
            for own in self.columns.values_mut().filter(spread) {
                own.tags.retain(|tag| computed.tags.contains(tag));
            }
        }
        narrowed
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
