//! Foreign tables of `postgres_fdw`. One that leads back to this very server,
//! or to another with the same tables, shows what they hold; nothing but its
//! options tells. So names decide: a column that leads to the name of a
//! protected one is protected like it, unless a rule speaks for itself.

use std::sync::Arc;

use super::*;
use crate::catalog::snapshot::Remote;
use crate::sql::lineage;

impl<'a> Binder<'a> {
    /// Protects what foreign tables show of protected columns.
    pub(super) fn spread_foreign_tables(&mut self) -> bool {
        let mut added = false;
        for relation in self.relations() {
            let Some(remote) = relation.remote.as_ref() else { continue };
            for column in &relation.columns {
                let id = ColumnId { relation: relation.oid, attribute: column.attribute };
                if self.columns.contains_key(&id) || self.shown.contains(&id) {
                    continue;
                }
                let there = column.remote.as_ref().unwrap_or(&column.name);
                added |= match self.shown_of(relation, column, remote, there) {
                    Some(reason) => self.take(vec![(id, reason)]),
                    None => self.bind_as_there(relation, column, remote, there),
                };
            }
        }
        added
    }

    /// Of a table that is known here, whatever made its column protected.
    fn shown_of(
        &self,
        relation: &Relation,
        column: &Column,
        remote: &Remote,
        there: &Arc<str>,
    ) -> Option<Reason> {
        let target = self.snapshot.relation(&remote.schema, &remote.table)?;
        let name = column_name(target, there);
        if let Some((_, id)) = self.named(target.oid, there)
            && let Some(reason) = self.columns.get(&id)
        {
            let because = format!("foreign table over {name} ({})", reason.place).into();
            // What it shows is not stored in it.
            return Some(Reason { because, follows: None, named_by: None, ..reason.clone() });
        }
        let place = match lineage::holds_statistics(target, there) {
            true => Some(Arc::from("statistics")),
            false => self.protected_under(target),
        }?;
        let because = format!("foreign table over {name} ({place})");
        Some(Reason::computed(relation, column, Vec::new(), because, place))
    }

    /// The place of a rule for what a view reads, however deep.
    fn protected_under(&self, view: &Relation) -> Option<Arc<str>> {
        let mut open: Vec<&Relation> = vec![view];
        let mut seen: HashSet<Oid> = HashSet::new();
        while let Some(relation) = open.pop() {
            if !seen.insert(relation.oid) {
                continue;
            }
            let first = ColumnId { relation: relation.oid, attribute: i16::MIN };
            let last = ColumnId { relation: relation.oid, attribute: i16::MAX };
            let reads_it = relation.oid != view.oid;
            if let Some((_, reason)) = self.columns.range(first..=last).next().filter(|_| reads_it) {
                return Some(Arc::clone(&reason.place));
            }
            open.extend(relation.definition_relations.iter().filter_map(|o| self.snapshot.relations.get(o)));
        }
        None
    }

    /// By the rules of the database that it leads to.
    fn bind_as_there(
        &mut self,
        relation: &Relation,
        column: &Column,
        remote: &Remote,
        there: &Arc<str>,
    ) -> bool {
        let database = remote.database.as_deref().unwrap_or(&self.snapshot.database);
        let rules = Rules::for_database(self.all_rules, database);
        let matching: Vec<Pattern<'a>> = rules.matching(&remote.schema, &remote.table, there);
        let Some(pattern) = strongest(&matching) else { return false };
        if pattern.rule.method == MethodSpec::Show && pattern.rule.path.is_none() {
            return false;
        }
        let names = [&remote.schema, &remote.table, there].map(Arc::clone);
        let name = names.join(".");
        self.bind_rule(relation, column, pattern, &matching, names);
        let id = ColumnId { relation: relation.oid, attribute: column.attribute };
        let Some(reason) = self.columns.get_mut(&id) else { return false };
        reason.because = format!("foreign table over {name} ({})", reason.place).into();
        reason.follows = None;
        true
    }
}

/// Foreign tables, and all that they are partitions or children of.
pub(super) fn far_tables(snapshot: &Snapshot) -> HashSet<Oid> {
    let mut open: Vec<&Relation> =
        snapshot.relations.values().filter(|relation| relation.kind == RelationKind::ForeignTable).collect();
    let mut far = HashSet::new();
    while let Some(relation) = open.pop() {
        if far.insert(relation.oid) {
            open.extend(relation.parents.iter().filter_map(|parent| snapshot.relations.get(parent)));
        }
    }
    far
}
