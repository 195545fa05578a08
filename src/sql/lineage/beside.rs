//! What a token that is written is held against in its row.
//!
//! Who knows a token does not know its original. A constraint that compares
//! the original with another column answers a question about it, which the
//! client puts by what it lets stand in that column: in a row that is there
//! already, in a value of the same new row, in a default that it steers, or
//! in a table that a foreign key leads to. Invariant: a token goes only where
//! nothing is asked of its original but what every token of its domain tells.

use std::sync::Arc;

use super::Walk;
use super::defaults::is_constant;
use super::dml::Destination;
use super::scope::Field;
use super::value::{Value, columns, is_plain, mixed};
use super::writes::Written;
use crate::catalog::snapshot::{Column, Constraint, ConstraintKind, Relation};
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::Flow;

/// What a written token would tell more than tokens tell.
#[derive(Default)]
struct Told {
    /// Whether its original, or what it is held against, is what somebody thinks.
    searched: Vec<Flow>,
    /// Whether other protected columns of two rows are equal.
    compared: Vec<Flow>,
    /// Whether columns that foreign keys lead to hold its original, as their tokens tell.
    led_to: Vec<Flow>,
    /// The same, where their tokens don't.
    found_in: Vec<Flow>,
    /// Whether they hold what stands beside it.
    met: Vec<Flow>,
}

/// A table that a row with a written token may lie in.
struct Row<'w, 'a> {
    table: &'a Relation,
    /// Its columns are called like those that the statement writes to.
    exact: bool,
    /// The column of the token, and those that are generated from it.
    own: Vec<i16>,
    written: &'w Written,
}

impl<'a> Walk<'a> {
    /// A token goes into `column`, which is `field`.
    pub(super) fn write_token(
        &mut self,
        to: &Destination<'a>,
        column: &str,
        field: &Field,
        written: &Written,
    ) {
        let flow = &field.flow;
        let mut told = Told::default();
        for (table, exact) in &to.held_in {
            let own = self.places_of(table, exact.then_some(column), flow);
            let row = Row { table, exact: *exact, own, written };
            for constraint in table.constraints.iter().filter(|known| row.holds(known)) {
                match &constraint.references {
                    Some((target, keys)) => self.told_by_key(&row, constraint, (*target, keys), &mut told),
                    None => self.told_by(&row, constraint, &mut told),
                }
            }
        }
        if !told.searched.is_empty() {
            told.searched.push(flow.clone());
            // NULL meets nothing of the client's, but may leave others to decide.
            let is_alone = told.searched.iter().all(|other| *other == *flow || *other == Flow::Clean);
            let given = self.null_for(field.type_oid, &written.value).filter(|_| is_alone);
            self.use_write(&mixed(&told.searched), Disclosure::Search, written.span.clone(), given);
        }
        for (there, needs) in [(&told.met, Disclosure::Equality), (&told.found_in, Disclosure::Search)] {
            let given = self.null_for(field.type_oid, &written.value);
            self.use_write(&mixed(there), needs, written.span.clone(), given);
        }
        self.write_key(&mixed(&told.led_to), field, written);
        for other in told.compared {
            self.use_write(&other, Disclosure::Equality, written.span.clone(), None);
        }
    }

    /// What goes into `field` must be a token, unless the session may ask what
    /// stands `there`, where a foreign key leads.
    fn write_key(&mut self, there: &Flow, field: &Field, written: &Written) {
        // The row that an upsert left out was judged; so were tokens in a list.
        let is_judged = written.is_excluded && !written.value.is_clean();
        if *there == Flow::Clean || is_judged || self.lists_all(&written.value, there) {
            return;
        }
        let given = self.given_for(field, &written.value);
        let given = given.or_else(|| self.null_for(field.type_oid, &written.value));
        // With the field's own: a number that means itself there is no token here.
        self.use_write(&mixed([&field.flow, there]), Disclosure::Search, written.span.clone(), given);
    }

    /// The columns of the token's domain that foreign keys lead to from where it ends.
    pub(super) fn keys_alike(&self, to: &Destination<'a>, column: &str, flow: &Flow) -> Flow {
        let written = Written::of(Value::clean(), 0..0);
        let mut told = Told::default();
        for (table, exact) in &to.held_in {
            let own = self.places_of(table, exact.then_some(column), flow);
            let row = Row { table, exact: *exact, own, written: &written };
            for constraint in table.constraints.iter().filter(|known| row.holds(known)) {
                if let Some((target, keys)) = &constraint.references {
                    self.told_by_key(&row, constraint, (*target, keys), &mut told);
                }
            }
        }
        mixed(&told.led_to)
    }

    /// What stands where the foreign keys of a protected column lead, and of what is
    /// generated from it: a value of the client's choice in it asks about that.
    pub(super) fn keys_from(&self, table: &Relation, column: &str, flow: &Flow) -> Flow {
        let places = self.places_of(table, Some(column), flow);
        let mut found: Vec<Flow> = Vec::new();
        for constraint in &table.constraints {
            let Some((target, keys)) = &constraint.references else { continue };
            let Some(target) = self.facts.snapshot.relations.get(target) else { continue };
            let pairs = constraint.columns.iter().zip(keys).filter(|(held, _)| places.contains(held));
            found.extend(pairs.map(|(_, key)| self.flow_at(target, *key)));
        }
        mixed(&found)
    }

    /// Where in the table the token ends (`column`: none where names differ),
    /// and what is generated from it.
    pub(super) fn places_of(&self, table: &Relation, column: Option<&str>, flow: &Flow) -> Vec<i16> {
        let is_it = |known: &&Column| match column {
            Some(name) => *known.name == *name,
            None => {
                let here = self.flow_at(table, known.attribute);
                columns(&here).iter().any(|one| columns(flow).iter().any(|other| one.is_same(other)))
            }
        };
        let places: Vec<i16> = table.columns.iter().filter(is_it).map(|known| known.attribute).collect();
        let is_from = |known: &&Column| known.generated_from.iter().any(|from| places.contains(from));
        let generated: Vec<i16> = table.columns.iter().filter(is_from).map(|known| known.attribute).collect();
        [places, generated].concat()
    }

    /// By a CHECK, a key, or what is computed of the row.
    fn told_by(&self, row: &Row<'_, 'a>, constraint: &Constraint, told: &mut Told) {
        let is_key = matches!(constraint.kind, ConstraintKind::Unique | ConstraintKind::Exclude);
        let blurs = |attribute: &i16| is_key && self.blurs(&self.value_at(row.table, *attribute));
        // Whether two originals are near, or overlap.
        let measures =
            |own: &i16| constraint.kind == ConstraintKind::Exclude && constraint.computed.contains(own);
        let own = row.own.iter().filter(|own| constraint.columns.contains(own));
        let own = own.filter(|own| blurs(own) || measures(own));
        told.searched.extend(own.map(|own| self.flow_at(row.table, *own)));
        let others = constraint.columns.iter().filter(|other| !row.own.contains(other) && row.steers(other));
        let reads_token = row.own.iter().any(|own| constraint.computed.contains(own));
        for other in others {
            let flow = self.flow_at(row.table, *other);
            match constraint.computed.contains(other) {
                true if reads_token || flow != Flow::Clean => told.searched.push(flow),
                true => {}
                false if is_plain(&flow) && !blurs(other) => told.compared.push(flow),
                false if flow != Flow::Clean => told.searched.push(flow),
                false => {}
            }
        }
    }

    /// By a foreign key: whether the table that it leads to holds the original.
    /// Tokens tell that of another column, if both are of one domain. Who may write
    /// anything here, by a grant on this column alone or by its rule's `allow`, asks
    /// about that one.
    fn told_by_key(
        &self,
        row: &Row<'_, 'a>,
        constraint: &Constraint,
        (target, keys): (crate::catalog::Oid, &[i16]),
        told: &mut Told,
    ) {
        let target = self.facts.snapshot.relations.get(&target);
        for (held, key) in constraint.columns.iter().zip(keys) {
            let value = self.value_at(row.table, *held);
            let there = target.map_or_else(Value::clean, |target| self.value_at(target, *key));
            let is_compared = !constraint.computed.contains(held);
            let is_alike = is_compared && self.masks_tell(&value, &there) && !self.blurs(&value);
            let (flow, there) = (value.flow, there.flow);
            let is_own = row.own.contains(held);
            if flow == Flow::Clean || !(is_own || row.steers(held)) {
                continue;
            }
            match is_alike {
                true if is_own => told.led_to.push(there),
                true => told.met.push(there),
                false => {
                    told.searched.push(flow);
                    told.found_in.push(there);
                }
            }
        }
    }

    /// May a key hold two originals for one that have tokens of their own? By letters
    /// of another case, or by blanks at the end that only other columns of the domain
    /// keep.
    fn blurs(&self, value: &Value) -> bool {
        let is_shared = |column: &Arc<ProtectedColumn>| {
            let mut all = self.facts.protected.values();
            all.any(|other| other.domain == column.domain && !other.is_same(column))
        };
        let is_padded = || self.is_padded(value) && columns(&value.flow).iter().any(is_shared);
        !value.is_clean() && (!self.keeps_equality(value) || is_padded())
    }
}

impl Row<'_, '_> {
    fn holds(&self, constraint: &Constraint) -> bool {
        constraint.columns.iter().any(|column| self.own.contains(column))
    }

    /// May the client know, or choose, what this column holds beside the token?
    fn steers(&self, attribute: &i16) -> bool {
        let Some(column) = self.table.attribute(*attribute) else { return true };
        if self.written.changes {
            return true;
        }
        let is_given = match self.exact {
            true => self.written.beside.iter().any(|name| **name == *column.name),
            // Under another name, if at all.
            false => self.written.beside.len() > 1,
        };
        is_given || self.is_steered_default(column)
    }

    /// What an INSERT leaves out may still be of the client's choice.
    fn is_steered_default(&self, column: &Column) -> bool {
        if column.generated.is_some() {
            let mut sources = column.generated_from.iter().filter(|from| !self.own.contains(from));
            return sources.any(|from| self.steers(from));
        }
        column.is_identity || column.default.as_deref().is_some_and(|default| !is_constant(default))
    }
}
