//! The write rule ("Writes lose nothing, and answer nothing"): what may be
//! stored in a protected column, next to one, or elsewhere.

use std::ops::Range;
use std::rc::Rc;

use super::Walk;
use super::dml::Destination;
use super::value::{Constant, Purpose, Value, computed, mixed};
use crate::catalog::snapshot::{Action, Constraint, ConstraintKind, Relation, RelationKind};
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
    /// Columns of the same new row that are given something, itself among them.
    pub beside: Rc<[String]>,
}

/// What happens to the rows of a table.
#[derive(Clone, PartialEq)]
enum Change {
    Gone,
    /// Some column of them becomes another.
    Somewhere,
    Columns(Vec<i16>),
}

impl Written {
    pub fn of(value: Value, span: Range<usize>) -> Self {
        Self {
            value,
            span,
            literals: Vec::new(),
            is_present: false,
            is_excluded: false,
            changes: false,
            beside: Rc::default(),
        }
    }

    /// Does the column get its default?
    pub fn is_default(&self) -> bool {
        self.value.constant == Constant::Default
    }

    /// The same value, on its way into another column than it seems.
    pub fn elsewhere(mut self) -> Self {
        self.value = self.value.not_given();
        self.value.constant = Constant::No;
        self.value.listed = None;
        self.value.is_null = false;
        self
    }
}

impl<'a> Walk<'a> {
    /// `column`: none where the statement gives more values than there are columns.
    pub(super) fn write(&mut self, to: &Destination<'a>, column: Option<&str>, written: &Written) {
        let field = column.and_then(|column| to.item.source.field(column));
        let stores_listed = field.as_ref().is_some_and(|field| self.stores_listed(field, &written.value));
        let mut constant = if written.value.is_null { Constant::Null } else { written.value.constant };
        if written.is_excluded && !written.value.is_clean() {
            // It may be NULL or the default; anything else was given as a token.
            constant = Constant::Default;
        } else if !written.value.is_clean() && !stores_listed {
            self.export(written);
        }
        let Some(column) = column else { return };
        self.becomes(to, column, written);
        let Some(field) = field else { return };
        if written.changes && !written.is_present {
            self.unsettle(to, Some(column), &written.span);
        }
        if field.flow != Flow::Clean && constant == Constant::No {
            self.found.sensitive.extend(written.literals.iter().cloned());
            let there = self.keys_alike(to, column, &field.flow);
            self.want_stored(&field, &there, &written.value);
            // The tokens in a list were judged there.
            if !stores_listed {
                let given = self.given_for(&field, &written.value);
                let given = given.or_else(|| self.null_for(field.type_oid, &written.value));
                self.use_write(&field.flow, Disclosure::Value, written.span.clone(), given);
            }
            if !written.is_present {
                self.write_token(to, column, &field, written);
            }
            return;
        }
        if field.flow != Flow::Clean && written.is_excluded && !written.value.is_clean() {
            self.write_token(to, column, &field, written);
        }
        if written.is_present || (constant != Constant::No && !written.changes) {
            return;
        }
        if field.flow != Flow::Clean && constant == Constant::Default {
            self.write_default(to, column, &field.flow, &written.span);
        }
        let neighbours = match written.changes {
            true => {
                let tells = |_: &Relation, known: &Constraint| may_tell(known, constant);
                mixed(&[self.neighbours(&to.held_in, column, tells), self.moved(&to.held_in, column)])
            }
            false => self.beside_new(&to.held_in, to, column, &written.beside),
        };
        if neighbours != Flow::Clean {
            let given = self.null_for(field.type_oid, &written.value);
            self.use_write(&neighbours, Disclosure::Search, written.span.clone(), given);
        }
    }

    pub(super) fn export(&mut self, written: &Written) {
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

    /// What a constraint may hold against a value of the client's in a new row.
    /// That has nothing in it that was there, unless a token is given, or a
    /// trigger fills it.
    pub(super) fn beside_new(
        &self,
        held_in: &[(&'a Relation, bool)],
        to: &Destination<'a>,
        column: &str,
        beside: &[String],
    ) -> Flow {
        self.neighbours(held_in, column, |table, known| {
            known.kind != ConstraintKind::Computed
                || !table.insert_trigger_functions.is_empty()
                || self.is_given_protected(to, table, known, beside)
        })
    }

    /// Other protected columns that share a constraint with `column`: whether
    /// a write of it fails would tell about them.
    fn neighbours(
        &self,
        held_in: &[(&'a Relation, bool)],
        column: &str,
        tells: impl Fn(&Relation, &Constraint) -> bool,
    ) -> Flow {
        let mut shared: Vec<Flow> = Vec::new();
        for (held, exact) in held_in {
            for constraint in held.constraints.iter().filter(|known| tells(held, known)) {
                shared.extend(self.shared_with(held, constraint, exact.then_some(column)));
            }
        }
        mixed(&shared)
    }

    /// Does a new row hold a value in a protected column of the constraint?
    fn is_given_protected(
        &self,
        to: &Destination<'a>,
        table: &Relation,
        constraint: &Constraint,
        beside: &[String],
    ) -> bool {
        let is_exact = to.held_in.iter().any(|(held, exact)| *exact && held.oid == table.oid);
        beside.iter().any(|name| match is_exact {
            true => table.column(name).is_some_and(|known| {
                constraint.columns.contains(&known.attribute)
                    && self.flow_at(table, known.attribute) != Flow::Clean
            }),
            false => to.item.source.field(name).is_some_and(|field| field.flow != Flow::Clean),
        })
    }

    /// What constraints of single partitions ask of a row that a new partition
    /// key takes into another one of them.
    fn moved(&self, held_in: &[(&'a Relation, bool)], column: &str) -> Flow {
        let is_key =
            |(table, exact): &&(&'a Relation, bool)| is_partitioned_by(table, exact.then_some(column));
        let Some((whole, _)) = held_in.iter().find(is_key) else { return Flow::Clean };
        let mut asked: Vec<Flow> = Vec::new();
        for (held, _) in held_in {
            let own = held.constraints.iter().filter(|known| !is_kept(whole, held, known));
            for attribute in own.flat_map(|constraint| &constraint.columns) {
                asked.push(self.flow_at(held, *attribute));
            }
        }
        mixed(&asked)
    }

    /// A row goes, or (`column`) a key of it becomes another. Where foreign keys
    /// of protected columns lead to it, an error, or what goes with it, tells
    /// whether they hold its key.
    pub(super) fn unsettle(&mut self, to: &Destination<'a>, column: Option<&str>, span: &Range<usize>) {
        let (referring, beside) = self.referring(to, column);
        if beside != Flow::Clean {
            self.use_write(&beside, Disclosure::Search, span.clone(), None);
        }
        for (held, needs) in referring {
            self.use_write(&held, needs, span.clone(), None);
        }
    }

    /// What a write asks by triggers, rules or another server, whatever it writes.
    pub(super) fn set_off(&mut self, to: &Destination<'a>, inserts: bool) {
        let written = to.relations.iter().chain(to.held_in.iter().map(|(table, _)| table));
        let reached = written.clone().filter_map(|table| self.facts.reached.get(&table.oid));
        self.named.extend(reached.flat_map(|reached| &*reached.by_write).cloned());
        let found = written.filter_map(|table| self.facts.set_off.get(&table.oid));
        let found = found.filter(|found| !inserts || found.by_insert);
        let columns: Vec<Flow> = found.map(|found| computed(found.columns.clone())).collect();
        self.use_write(&mixed(&columns), Disclosure::Search, to.span.clone(), None);
    }

    /// A row changes, whatever is written: what is asked of it that it may not
    /// satisfy as it is.
    pub(super) fn ask_again(&mut self, to: &Destination<'a>) {
        let asked = self.asked_again(&to.held_in);
        self.use_write_because(
            &asked,
            &to.span,
            "each UPDATE asks a CHECK that is NOT VALID, or the WITH CHECK of a policy, about rows that may \
             not satisfy it. ALTER TABLE … VALIDATE CONSTRAINT, or a WITH CHECK like the USING of the \
             table's policies, ends that.",
        );
    }

    fn asked_again(&self, held_in: &[(&'a Relation, bool)]) -> Flow {
        let mut asked: Vec<Flow> = Vec::new();
        for (table, _) in held_in {
            let columns = table.constraints.iter().flat_map(|constraint| &constraint.again);
            asked.extend(columns.map(|attribute| self.flow_at(table, *attribute)));
        }
        mixed(&asked)
    }

    /// What the columns hold whose foreign keys lead to a row of `to`, and what these
    /// ask of it; and what stands beside keys that change with it.
    fn referring(&self, to: &Destination<'a>, column: Option<&str>) -> (Vec<(Flow, Disclosure)>, Flow) {
        let (mut found, mut beside) = (Vec::new(), Vec::new());
        let change = |(table, exact): &(&'a Relation, bool)| {
            let named = column.filter(|_| *exact).and_then(|name| table.column(name));
            let change = match (column, named) {
                (None, _) => Change::Gone,
                (Some(_), Some(known)) => Change::Columns(vec![known.attribute]),
                (Some(_), None) => Change::Somewhere,
            };
            (*table, change)
        };
        let mut reached: Vec<(&Relation, Change)> = to.held_in.iter().map(change).collect();
        let mut next = 0;
        while let Some((table, change)) = reached.get(next).cloned() {
            next += 1;
            for (child, constraint, keys) in self.foreign_keys_to(table, &change) {
                let pairs = constraint.columns.iter().zip(keys);
                if action_on(constraint, &change) == Action::SetDefault {
                    beside.push(self.put_by_default(child, table, pairs.clone()));
                }
                let asks = pairs.map(|(held, key)| {
                    let (there, value) = (self.value_at(table, *key), self.value_at(child, *held));
                    let is_compared = !constraint.computed.contains(held);
                    let needs = match is_compared && self.masks_tell(&there, &value) {
                        true => Disclosure::Equality,
                        false => Disclosure::Search,
                    };
                    (value.flow, needs)
                });
                found.extend(asks.filter(|(held, _)| *held != Flow::Clean));
                let Some((change, written)) = follows(constraint, &change) else { continue };
                if let Some(written) = written {
                    beside.push(self.beside_key(child, constraint, written));
                }
                if !reached.iter().any(|(known, there)| known.oid == child.oid && *there == change) {
                    reached.push((child, change));
                }
            }
        }
        (found, mixed(&beside))
    }

    /// SET DEFAULT: what a key is held against, in its own column and where it
    /// leads to, when it becomes a default that the client chooses.
    fn put_by_default<'k>(
        &self,
        child: &Relation,
        table: &Relation,
        pairs: impl Iterator<Item = (&'k i16, &'k i16)>,
    ) -> Flow {
        let chosen = pairs
            .filter(|(held, _)| child.attribute(**held).is_some_and(|column| self.is_chosen(child, column)));
        let asked = chosen.flat_map(|(held, key)| [self.flow_at(child, *held), self.flow_at(table, *key)]);
        mixed(&asked.collect::<Vec<_>>())
    }

    /// What the constraints ask that the columns of a foreign key are part of,
    /// when these become others.
    fn beside_key(&self, child: &'a Relation, key: &Constraint, written: Constant) -> Flow {
        let held_in = self.rows_held_in(&[child]);
        let is_key = |known: &Constraint| known.kind == ConstraintKind::ForeignKey && known.name == key.name;
        let tells = |_: &Relation, known: &Constraint| !is_key(known) && may_tell(known, written);
        let columns = key.columns.iter().filter_map(|attribute| child.attribute(*attribute));
        let asked = columns.flat_map(|column| {
            [self.neighbours(&held_in, &column.name, tells), self.moved(&held_in, &column.name)]
        });
        mixed(&asked.chain([self.asked_again(&held_in)]).collect::<Vec<_>>())
    }

    /// The foreign keys that a change of rows of `table` concerns, with the
    /// columns that they lead to.
    fn foreign_keys_to(
        &self,
        table: &Relation,
        change: &Change,
    ) -> impl Iterator<Item = (&'a Relation, &'a Constraint, &'a [i16])> {
        let is_meant = move |key: &i16| match change {
            Change::Gone | Change::Somewhere => true,
            Change::Columns(columns) => columns.contains(key),
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
    pub(super) fn flow_at(&self, table: &Relation, attribute: i16) -> Flow {
        self.value_at(table, attribute).flow
    }

    /// The same with its type and how that is compared.
    pub(super) fn value_at(&self, table: &Relation, attribute: i16) -> Value {
        let at = table.columns.iter().position(|known| known.attribute == attribute);
        let fields = self.fields_of(table);
        let field = at.and_then(|at| fields.get(at));
        field.map_or_else(Value::clean, |field| Value::of_field(field, self.here..self.here))
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

fn action_on(key: &Constraint, change: &Change) -> Action {
    match change {
        Change::Gone => key.on_delete,
        Change::Somewhere | Change::Columns(_) => key.on_update,
    }
}

/// What a foreign key does to its own table's rows after a change of those
/// that they refer to, and what it writes there.
fn follows(key: &Constraint, change: &Change) -> Option<(Change, Option<Constant>)> {
    let changed = |written| Some((Change::Columns(key.columns.clone()), Some(written)));
    match action_on(key, change) {
        Action::None => None,
        Action::Delete => Some((Change::Gone, None)),
        Action::SetNull => changed(Constant::Null),
        Action::SetDefault => changed(Constant::Default),
        Action::Change => changed(Constant::No),
    }
}

/// Does `column` (none: some column) decide in which partition a row lies?
fn is_partitioned_by(table: &Relation, column: Option<&str>) -> bool {
    let is_in = |key: &Constraint| {
        column
            .is_none_or(|name| table.column(name).is_some_and(|known| key.columns.contains(&known.attribute)))
    };
    // A partition key is called like its table.
    table.kind == RelationKind::PartitionedTable
        && table
            .constraints
            .iter()
            .any(|key| key.kind == ConstraintKind::Computed && key.name == table.name && is_in(key))
}

/// Does the whole partitioned table ask the same, so that every row fits already?
fn is_kept(whole: &Relation, part: &Relation, constraint: &Constraint) -> bool {
    let named = |table: &Relation, columns: &[i16]| -> Vec<Rc<str>> {
        let columns = columns.iter().filter_map(|attribute| table.attribute(*attribute));
        columns.map(|column| Rc::from(&*column.name)).collect()
    };
    let is_same = |known: &Constraint| {
        known.kind == constraint.kind
            && !known.is_unproven
            && known.references == constraint.references
            && (known.name == constraint.name || known.kind == ConstraintKind::ForeignKey)
            && named(whole, &known.columns) == named(part, &constraint.columns)
    };
    whole.oid == part.oid || whole.constraints.iter().any(is_same)
}

/// Can a constraint fail by what is written? A plain key never fails by a NULL
/// in it; a CHECK may, and any of them by a default.
fn may_tell(constraint: &Constraint, written: Constant) -> bool {
    match written {
        Constant::No | Constant::Default => true,
        Constant::Null => constraint.nulls_tell,
    }
}
