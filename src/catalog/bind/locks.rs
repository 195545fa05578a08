//! Locks the tables of rules that can't do what they say, and every other
//! way to the same rows.

use super::*;
use crate::sql::lineage::relations_of_statistics;

impl<'a> Binder<'a> {
    /// A pattern that means no column locks the tables that it names: the
    /// column may have been renamed while nobody looked.
    pub(super) fn lock_unmatched(&mut self) {
        let unmatched: Vec<Pattern<'a>> =
            self.rules.patterns().iter().copied().filter(|p| !self.matched.contains(&p.index)).collect();
        for pattern in unmatched {
            let renamed = self.renamed_by(pattern);
            if renamed {
                continue;
            }
            let tables: Vec<&Relation> = match pattern.columns.table == ANY {
                true => Vec::new(),
                false => self.relations().into_iter().filter(|r| pattern_names(pattern, r)).collect(),
            };
            self.report_unmatched(pattern, &tables);
            for table in tables {
                let reason = format!(
                    "the protect rule at {} names column \"{}\", which it does not have",
                    pattern.rule.place, pattern.columns.column
                );
                self.locked.entry(table.oid).or_insert_with(|| reason.into());
            }
        }
    }

    /// Does a renamed column stand for the pattern?
    pub(super) fn renamed_by(&self, pattern: Pattern<'_>) -> bool {
        self.renamed
            .iter()
            .filter_map(|id| self.remembered.get(id))
            .any(|known| pattern.columns.matches(&known.schema, &known.table, &known.column))
    }

    pub(super) fn report_unmatched(&mut self, pattern: Pattern<'_>, tables: &[&Relation]) {
        // A rule for every database is reported where it names a table.
        let elsewhere = pattern.rule.database == ANY && tables.is_empty();
        let severity = if elsewhere { Severity::Note } else { Severity::Error };
        let message = match tables.first() {
            Some(table) => format!(
                "{} matches no column, so every statement that names {} is refused",
                pattern.columns,
                table.qualified()
            ),
            None => format!("{}{MATCHES_NOTHING}", pattern.columns),
        };
        let mut finding = self.finding(severity, message).at(&pattern.rule.place);
        if let Some(nearest) = self.nearest(pattern) {
            finding = finding.mend(format!("did you mean \"{nearest}\"?"));
        }
        self.findings.push(finding);
    }

    /// The column whose full name is most like the pattern's.
    pub(super) fn nearest(&self, pattern: Pattern<'_>) -> Option<String> {
        let wanted = pattern.columns.to_string();
        self.relations()
            .into_iter()
            .filter(|r| can_be_bound(r) && !r.is_system())
            .flat_map(|r| r.columns.iter().map(move |c| column_name(r, &c.name)))
            .map(|name| (strsim::damerau_levenshtein(&wanted, &name), name))
            .filter(|(distance, _)| *distance <= wanted.len().div_ceil(3))
            .min()
            .map(|(_, name)| name)
    }

    /// A locked table's rows can also be read from its partitions, parents
    /// and TOAST table; a protected table's TOAST table holds raw values.
    pub(super) fn spread_locks(&mut self) {
        let mut open: Vec<(Oid, Arc<str>)> =
            self.locked.iter().map(|(oid, reason)| (*oid, Arc::clone(reason))).collect();
        while let Some((oid, reason)) = open.pop() {
            let Some(relation) = self.snapshot.relations.get(&oid) else { continue };
            let children = self.children.get(&oid).into_iter().flatten();
            let next: Vec<Oid> =
                relation.parents.iter().chain(children).chain(&relation.toast).copied().collect();
            for other in next {
                if let Entry::Vacant(unlocked) = self.locked.entry(other) {
                    unlocked.insert(Arc::clone(&reason));
                    open.push((other, Arc::clone(&reason)));
                }
            }
        }
        let statistics = relations_of_statistics(self.snapshot);
        let holders: BTreeSet<Oid> =
            self.columns.keys().map(|id| id.relation).chain(statistics.map(|r| r.oid)).collect();
        for relation in holders.iter().filter_map(|oid| self.snapshot.relations.get(oid)) {
            if let Some(toast) = relation.toast {
                let reason = format!("it holds the long values of {}", relation.qualified());
                self.locked.entry(toast).or_insert_with(|| reason.into());
            }
        }
    }
}
