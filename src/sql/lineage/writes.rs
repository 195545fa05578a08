//! The write rule ("Writes lose nothing, and answer nothing"): what may be
//! stored in a protected column, next to one, or elsewhere.

use std::ops::Range;

use super::Walk;
use super::dml::Destination;
use super::value::{Constant, Purpose, Value, mixed};
use crate::catalog::snapshot::Relation;
use crate::policy::Disclosure;
use crate::sql::analysis::Flow;

/// A value that a statement stores.
pub(super) struct Written {
    pub value: Value,
    pub span: Range<usize>,
    pub literals: Vec<Range<usize>>,
    /// It is the value that the column holds already.
    pub is_present: bool,
}

impl Written {
    pub fn of(value: Value, span: Range<usize>) -> Self {
        Self { value, span, literals: Vec::new(), is_present: false }
    }
}

impl<'a> Walk<'a> {
    /// `column`: none where the statement gives more values than there are columns.
    pub(super) fn write(&mut self, to: &Destination<'a>, column: Option<&str>, written: &Written) {
        let is_nothing = written.value.constant != Constant::No;
        if !written.value.is_clean() {
            self.export(written);
        }
        let Some(column) = column else { return };
        let Some(field) = to.item.source.field(column) else { return };
        if field.flow != Flow::Clean {
            if !is_nothing {
                self.found.sensitive.extend(written.literals.iter().cloned());
                let given = self.given_for(&field, &written.value);
                let given = given.or_else(|| self.null_for(field.type_oid, &written.value));
                self.use_write(&field.flow, Disclosure::Value, written.span.clone(), given);
            }
            return;
        }
        if is_nothing || written.is_present {
            return;
        }
        let neighbours = self.neighbours(to, column);
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

    /// Protected columns that share a constraint with `column`: whether a
    /// write of it fails would tell about them.
    fn neighbours(&self, to: &Destination<'a>, column: &str) -> Flow {
        let shared: Vec<Flow> =
            to.relations.iter().flat_map(|relation| self.neighbours_in(relation, column)).collect();
        mixed(&shared)
    }

    fn neighbours_in(&self, relation: &Relation, column: &str) -> Vec<Flow> {
        let Some(attribute) = relation.column(column).map(|column| column.attribute) else {
            return Vec::new();
        };
        let fields = self.fields_of(relation);
        let mut flows = Vec::new();
        for constraint in relation.constraints.iter().filter(|known| known.columns.contains(&attribute)) {
            let here = relation.columns.iter().zip(&fields);
            flows.extend(
                here.filter(|(column, _)| constraint.columns.contains(&column.attribute))
                    .map(|(_, field)| field.flow.clone()),
            );
            if let Some((referenced, columns)) = &constraint.references
                && let Some(referenced) = self.facts.snapshot.relations.get(referenced)
            {
                let there = referenced.columns.iter().zip(self.fields_of(referenced));
                flows.extend(
                    there
                        .filter(|(column, _)| columns.contains(&column.attribute))
                        .map(|(_, field)| field.flow),
                );
            }
        }
        flows
    }
}
