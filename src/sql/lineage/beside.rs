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
    /// Whether a column that a foreign key leads to holds its original.
    led_to: Vec<Flow>,
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
        for there in told.led_to {
            let given = self.null_for(field.type_oid, &written.value);
            self.use_write(&there, Disclosure::Equality, written.span.clone(), given);
        }
        for other in told.compared {
            self.use_write(&other, Disclosure::Equality, written.span.clone(), None);
        }
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
        let own = row.own.iter().filter(|own| constraint.columns.contains(own) && blurs(own));
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
    /// anything here, by a grant on this column alone, asks about that one.
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
            let is_alike = self.masks_tell(&value, &there) && !self.blurs(&value);
            let (flow, there) = (value.flow, there.flow);
            let is_asked = row.own.contains(held) || row.steers(held);
            if flow != Flow::Clean && is_asked {
                match is_alike {
                    true if is_writable(&flow) => {}
                    true => told.led_to.push(there),
                    false => told.searched.push(flow),
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

/// `allow = ["write"]`: what its keys answer is the policy's to disclose.
fn is_writable(flow: &Flow) -> bool {
    columns(flow).iter().all(|column| column.writable)
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
