//! What is remembered of protected tables: columns that came later are masked
//! until a rule names them.

use super::*;

impl<'a> Binder<'a> {
    /// Columns that followed a protected one until a migration parted them: a
    /// detached partition, a child or foreign key no more, a column that was
    /// generated from it. They hold what they held.
    pub(super) fn bind_left(&mut self) {
        let parted = |known: &KnownColumn| matches!(known.standing, Standing::Followed | Standing::Computed);
        let mut left: Vec<(&ColumnId, &KnownColumn)> =
            self.remembered.iter().filter(|(_, known)| parted(known)).collect();
        left.sort_by_key(|(id, _)| **id);
        for (id, known) in left {
            let Some((relation, column)) = self.column(*id) else { continue };
            if self.columns.contains_key(id) || self.shown.contains(id) {
                continue;
            }
            let matching = self.rules.matching(&known.schema, &known.table, &known.column);
            let Some(pattern) = strongest(&matching) else { continue };
            if known.standing == Standing::Computed {
                self.bind_computed(relation, column, pattern, known);
            } else {
                self.bind_rule(relation, column, pattern, &matching, known.names());
            }
            if !self.columns.contains_key(id) {
                continue;
            }
            let name = column_name(relation, &column.name);
            let message =
                format!("{name} no longer follows {}, and stays protected", known.names().join("."));
            self.findings.push(
                self.finding(Severity::Warning, message)
                    .mend("write a rule for it, with method \"show\" if it is public"),
            );
        }
    }

    /// A column that is generated no more. Generated from others, it was
    /// computed anew, and holds nothing of what it held.
    fn bind_computed(
        &mut self,
        relation: &Relation,
        column: &Column,
        pattern: Pattern<'_>,
        known: &KnownColumn,
    ) {
        if column.generated.is_some() || pattern.rule.method == MethodSpec::Show {
            return;
        }
        let place: Arc<str> = pattern.rule.place.as_str().into();
        let because = format!("was generated from a protected column ({place})");
        // Of what else it was computed is not remembered: no tag opens it.
        let computed = Reason::computed(relation, column, Vec::new(), because, place);
        let id = ColumnId { relation: relation.oid, attribute: column.attribute };
        self.take(vec![(id, Reason { follows: Some(known.names()), ..computed })]);
    }

    /// Columns that a protected table got since it was first seen.
    pub(super) fn bind_new(&mut self, masked: bool) {
        if !masked {
            return;
        }
        let tables: BTreeSet<Oid> = self.columns.keys().map(|id| id.relation).collect();
        let mut found: Vec<(ColumnId, Reason)> = Vec::new();
        for relation in tables.iter().filter_map(|oid| self.snapshot.relations.get(oid)) {
            let Some(past) = self.past(relation) else { continue };
            for column in &relation.columns {
                let id = ColumnId { relation: relation.oid, attribute: column.attribute };
                if self.columns.contains_key(&id) || self.shown.contains(&id) || past.knows(id, &column.name)
                {
                    continue;
                }
                let name = column_name(relation, &column.name);
                self.fresh.insert(id);
                self.findings.push(
                    self.finding(
                        Severity::Warning,
                        format!("{name} is new in a protected table, and masked"),
                    )
                    .mend("write a rule for it, with method \"show\" if it is public"),
                );
                found.push((
                    id,
                    Reason {
                        method: MethodSpec::of(Method::Redact),
                        domain: name.into(),
                        tags: Vec::new(),
                        discloses: Disclosure::Nullness,
                        writable: false,
                        because: "new column (defaults.new_columns)".into(),
                        place: "defaults.new_columns".into(),
                        follows: None,
                        computed: false,
                        named_by: None,
                        paths: Vec::new(),
                    },
                ));
            }
        }
        self.take(found);
    }

    /// What is remembered of a table: by its oid, or by its name if it was
    /// dropped and made again.
    pub(super) fn past(&self, relation: &Relation) -> Option<Past> {
        let old = |columns: &[(ColumnId, &'a KnownColumn)]| -> Vec<(ColumnId, &'a KnownColumn)> {
            columns.iter().copied().filter(|(_, known)| known.standing != Standing::New).collect()
        };
        if let Some(columns) = self.remembered_tables.by_oid.get(&relation.oid) {
            let attributes = old(columns).into_iter().map(|(id, _)| id).collect();
            return Some(Past { attributes, names: HashSet::new() });
        }
        let by_name = self.remembered_tables.by_name.get(&(&*relation.schema, &*relation.name))?;
        let gone: Vec<(ColumnId, &KnownColumn)> = by_name
            .iter()
            .copied()
            .filter(|(id, _)| !self.snapshot.relations.contains_key(&id.relation))
            .collect();
        if gone.is_empty() {
            return None;
        }
        let names = old(&gone).into_iter().map(|(_, known)| Arc::clone(&known.column)).collect();
        Some(Past { attributes: HashSet::new(), names })
    }

    /// What to remember: every column of every table with something protected.
    pub(super) fn known_now(&self) -> Known {
        let tables: BTreeSet<Oid> =
            self.columns.keys().map(|id| id.relation).chain(self.locked.keys().copied()).collect();
        let mut known = Known::new();
        for relation in tables.iter().filter_map(|oid| self.snapshot.relations.get(oid)) {
            for column in &relation.columns {
                let id = ColumnId { relation: relation.oid, attribute: column.attribute };
                known.insert(id, self.known_column(relation, column, id));
            }
        }
        // A dropped table may come back under its name.
        for (id, past) in self.remembered {
            let is_gone = !self.snapshot.relations.contains_key(&id.relation);
            let is_back = || self.snapshot.relation(&past.schema, &past.table).is_some();
            if is_gone && !is_back() {
                known.insert(*id, past.clone());
            }
        }
        known
    }

    pub(super) fn known_column(&self, relation: &Relation, column: &Column, id: ColumnId) -> KnownColumn {
        // A renamed column keeps the name that its rule means.
        if let Some(past) = self.remembered.get(&id).filter(|_| self.renamed.contains(&id)) {
            return past.clone();
        }
        let bound = !self.rules.matching(&relation.schema, &relation.name, &column.name).is_empty();
        let reason = self.columns.get(&id).filter(|_| !bound);
        if let Some((reason, [schema, table, column])) = reason.and_then(|r| Some((r, r.follows.clone()?))) {
            let standing = if reason.computed { Standing::Computed } else { Standing::Followed };
            return KnownColumn { schema, table, column, standing };
        }
        KnownColumn {
            schema: Arc::clone(&relation.schema),
            table: Arc::clone(&relation.name),
            column: Arc::clone(&column.name),
            standing: match (self.fresh.contains(&id), bound) {
                (true, _) => Standing::New,
                (false, true) => Standing::Bound,
                (false, false) => Standing::Seen,
            },
        }
    }
}

/// What is remembered, by table.
pub(super) struct RememberedTables<'a> {
    by_oid: HashMap<Oid, Vec<(ColumnId, &'a KnownColumn)>>,
    by_name: HashMap<(&'a str, &'a str), Vec<(ColumnId, &'a KnownColumn)>>,
}

impl<'a> RememberedTables<'a> {
    pub(super) fn of(known: &'a Known) -> Self {
        let mut tables = Self { by_oid: HashMap::new(), by_name: HashMap::new() };
        for (id, column) in known {
            tables.by_oid.entry(id.relation).or_default().push((*id, column));
            tables.by_name.entry((&*column.schema, &*column.table)).or_default().push((*id, column));
        }
        tables
    }
}

/// The columns that a table is remembered with.
pub(super) struct Past {
    attributes: HashSet<ColumnId>,
    names: HashSet<Arc<str>>,
}

impl Past {
    pub(super) fn knows(&self, id: ColumnId, name: &str) -> bool {
        self.attributes.contains(&id) || self.names.contains(name)
    }
}
