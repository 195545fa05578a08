//! The write rule ("Writes lose nothing, and answer nothing"): what may be
//! stored in a protected column, next to one, or elsewhere.

use std::ops::Range;

use super::Walk;
use super::dml::Destination;
use super::value::{Constant, Purpose, Value, mixed, same_domain};
use crate::catalog::snapshot::{Constraint, ConstraintKind, Relation};
use crate::policy::Disclosure;
use crate::sql::analysis::Flow;

/// A value that a statement stores.
pub(super) struct Written {
    pub value: Value,
    pub span: Range<usize>,
    pub literals: Vec<Range<usize>>,
    /// It is the value that the column holds already.
    pub is_present: bool,
    /// `EXCLUDED.x` for x: what the INSERT was to store there, which was judged.
    pub is_excluded: bool,
    /// It goes into a row that is there already.
    pub changes: bool,
}

impl Written {
    pub fn of(value: Value, span: Range<usize>) -> Self {
        Self { value, span, literals: Vec::new(), is_present: false, is_excluded: false, changes: false }
    }

    /// The same value, on its way into another column than it seems.
    pub fn elsewhere(mut self) -> Self {
        self.value = self.value.not_given();
        self.value.constant = Constant::No;
        self
    }
}

impl<'a> Walk<'a> {
    /// `column`: none where the statement gives more values than there are columns.
    pub(super) fn write(&mut self, to: &Destination<'a>, column: Option<&str>, written: &Written) {
        let mut constant = written.value.constant;
        if written.is_excluded && !written.value.is_clean() {
            // It may be NULL or the default; anything else was given as a token.
            constant = Constant::Default;
        } else if !written.value.is_clean() {
            self.export(written);
        }
        let Some(column) = column else { return };
        let Some(field) = to.item.source.field(column) else { return };
        if written.changes && !written.is_present {
            self.unsettle(to, Some(column), &written.span);
        }
        if field.flow != Flow::Clean && constant == Constant::No {
            self.found.sensitive.extend(written.literals.iter().cloned());
            let given = self.given_for(&field, &written.value);
            let given = given.or_else(|| self.null_for(field.type_oid, &written.value));
            self.use_write(&field.flow, Disclosure::Value, written.span.clone(), given);
            return;
        }
        if written.is_present || (constant != Constant::No && !written.changes) {
            return;
        }
        if field.flow != Flow::Clean && constant == Constant::Default && has_unique_default(to, column) {
            self.use_write(&field.flow, Disclosure::Search, written.span.clone(), None);
        }
        // A new row has nothing in it that was there.
        let tells = |known: &Constraint| {
            may_tell(known, constant) && (written.changes || known.kind != ConstraintKind::Computed)
        };
        let neighbours = self.neighbours(to, column, tells);
        if neighbours != Flow::Clean {
            let given = self.null_for(field.type_oid, &written.value);
            self.use_write(&neighbours, Disclosure::Search, written.span.clone(), given);
        }
    }

    fn export(&mut self, written: &Written) {
        match written.value.points.is_empty() {
            true => {
                self.here = written.span.start;
                self.spend(&Value::of(written.value.flow.clone()), Purpose::CARRY);
            }
            false => {
                self.spend(&written.value, Purpose::CARRY);
            }
        }
    }

    /// Other protected columns that share a constraint with `column`: whether
    /// a write of it fails would tell about them.
    fn neighbours(&self, to: &Destination<'a>, column: &str, tells: impl Fn(&Constraint) -> bool) -> Flow {
        let mut shared: Vec<Flow> = Vec::new();
        for (held, exact) in &to.held_in {
            for constraint in held.constraints.iter().filter(|known| tells(known)) {
                shared.extend(self.shared_with(held, constraint, exact.then_some(column)));
            }
        }
        mixed(&shared)
    }

    /// A row goes, or (`column`) a key of it becomes another. Where foreign keys
    /// of protected columns lead to it, an error, or what goes with it, tells
    /// whether they hold its key.
    pub(super) fn unsettle(&mut self, to: &Destination<'a>, column: Option<&str>, span: &Range<usize>) {
        for (keys, held) in self.referring(to, column) {
            let is_plain =
                same_domain(&keys, &held) && self.are_alike(&Value::of(keys), &Value::of(held.clone()));
            let needs = match is_plain {
                true => Disclosure::Equality,
                false => Disclosure::Search,
            };
            self.use_write(&held, needs, span.clone(), None);
        }
    }

    /// What the columns hold whose foreign keys lead to a row of `to`, each
    /// behind what it refers to.
    fn referring(&self, to: &Destination<'a>, column: Option<&str>) -> Vec<(Flow, Flow)> {
        let mut found = Vec::new();
        let mut reached: Vec<(&Relation, Option<&str>)> =
            to.held_in.iter().map(|(table, exact)| (*table, column.filter(|_| *exact))).collect();
        let mut next = 0;
        while let Some((table, column)) = reached.get(next).copied() {
            next += 1;
            for (child, constraint, keys) in self.foreign_keys_to(table, column) {
                let pairs = constraint.columns.iter().zip(keys);
                let flows = pairs.map(|(held, key)| (self.flow_at(table, *key), self.flow_at(child, *held)));
                found.extend(flows.filter(|(_, held)| *held != Flow::Clean));
                // Its rows go, or change, too.
                if constraint.cascades && !reached.iter().any(|(known, _)| known.oid == child.oid) {
                    reached.push((child, None));
                }
            }
        }
        found
    }

    /// The foreign keys that lead to `column` of `table` (none: to any), with
    /// the columns that they lead to.
    fn foreign_keys_to(
        &self,
        table: &Relation,
        column: Option<&str>,
    ) -> impl Iterator<Item = (&'a Relation, &'a Constraint, &'a [i16])> {
        let is_meant = move |key: &i16| {
            column.is_none_or(|name| table.attribute(*key).is_some_and(|known| *known.name == *name))
        };
        let children = self.facts.snapshot.relations.values();
        let constraints = children.flat_map(|child| child.constraints.iter().map(move |c| (child, c)));
        constraints.filter_map(move |(child, constraint)| {
            let (target, keys) = constraint.references.as_ref()?;
            let leads_there = *target == table.oid && keys.iter().any(is_meant);
            leads_there.then_some((child, constraint, keys.as_slice()))
        })
    }

    /// What a column of a table holds.
    fn flow_at(&self, table: &Relation, attribute: i16) -> Flow {
        let at = table.columns.iter().position(|known| known.attribute == attribute);
        let fields = self.fields_of(table);
        at.and_then(|at| fields.get(at)).map_or(Flow::Clean, |field| field.flow.clone())
    }

    /// The counted tables in which a write to `relations` may end: themselves,
    /// their children, and what a view reads. True: columns have the same names there.
    pub(super) fn rows_held_in(&self, relations: &[&'a Relation]) -> Vec<(&'a Relation, bool)> {
        let snapshot = self.facts.snapshot;
        let is_counted = |table: &&Relation| self.facts.counted_relations.contains(&table.oid);
        let named = relations.iter().copied().filter(|table| is_counted(table));
        let mut held: Vec<(&Relation, bool)> = named.map(|table| (table, true)).collect();
        let mut next = 0;
        while let Some((parent, exact)) = held.get(next).copied() {
            next += 1;
            let read = parent.definition_relations.iter().filter_map(|oid| snapshot.relations.get(oid));
            let children = snapshot.relations.values().filter(|child| child.parents.contains(&parent.oid));
            let more = read.map(|base| (base, false)).chain(children.map(|child| (child, exact)));
            for (table, exact) in more {
                if is_counted(&table) && !held.iter().any(|(known, _)| known.oid == table.oid) {
                    held.push((table, exact));
                }
            }
        }
        held
    }

    /// The protected columns of a constraint that `column` (none: any
    /// unprotected one) is part of, that column itself left out.
    fn shared_with(&self, relation: &Relation, constraint: &Constraint, column: Option<&str>) -> Vec<Flow> {
        let fields = self.fields_of(relation);
        let here = || {
            let columns = relation.columns.iter().zip(&fields);
            columns.filter(|(known, _)| constraint.columns.contains(&known.attribute))
        };
        let is_part = match column {
            Some(name) => here().any(|(known, _)| &*known.name == name),
            None => here().any(|(_, field)| field.flow == Flow::Clean),
        };
        if !is_part {
            return Vec::new();
        }
        let others = here().filter(|(known, _)| Some(&*known.name) != column);
        let mut flows: Vec<Flow> = others.map(|(_, field)| field.flow.clone()).collect();
        if let Some((referenced, columns)) = &constraint.references
            && let Some(referenced) = self.facts.snapshot.relations.get(referenced)
        {
            let there = referenced.columns.iter().zip(self.fields_of(referenced));
            let there = there.filter(|(known, _)| columns.contains(&known.attribute));
            flows.extend(there.map(|(_, field)| field.flow));
        }
        flows
    }
}

/// Would an error of its key tell whether another row holds its default?
fn has_unique_default(to: &Destination<'_>, column: &str) -> bool {
    to.held_in.iter().filter(|(_, exact)| *exact).any(|(relation, _)| {
        let known = relation.column(column).filter(|known| known.default.is_some());
        let is_unique = |constraint: &Constraint| {
            matches!(constraint.kind, ConstraintKind::Unique | ConstraintKind::Exclude)
                && known.is_some_and(|known| constraint.columns.contains(&known.attribute))
        };
        relation.constraints.iter().any(is_unique)
    })
}

/// Can a constraint fail by what is written? A plain key never fails by a NULL
/// in it; a CHECK may, and any of them by a default.
fn may_tell(constraint: &Constraint, written: Constant) -> bool {
    match written {
        Constant::No | Constant::Default => true,
        Constant::Null => constraint.nulls_tell,
    }
}
