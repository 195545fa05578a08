//! Columns of VALUES that are compared with protected columns, where each of
//! their values may be a token: `JOIN (VALUES ('tok_…'), ('tok_…')) AS v (t) ON
//! c.ssn = v.t`.
//!
//! Upstream the originals stand in the list, so its column is a protected one
//! of the same domain wherever it is used: masked in outputs, refused where the
//! domain's own columns would be. What it is compared with is known only after
//! the list was read, so a statement that needs it is read twice.
//!
//! Invariant: a column that is compared with two domains, or that holds anything
//! but literals and parameters, is a column like any other.

use std::collections::HashMap;
use std::sync::Arc;

use super::given::leads_back;
use super::value::{Purpose, Value, all_columns};
use super::{Mark, Walk};
use crate::catalog::Oid;
use crate::mask::ValueType;
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::{Flow, Given, Otherwise, Use, UseKind, declared_type};

/// What a column of VALUES holds originals of.
#[derive(Clone)]
pub(super) struct Listed {
    /// Every column of the domain that the statement could compare it with:
    /// what is no token may stand in the list only for who sees all of them.
    columns: Vec<Arc<ProtectedColumn>>,
    /// The type of the column that it is compared with.
    type_oid: Oid,
}

/// By the place of the column's first value.
pub(super) type ListedColumns = HashMap<usize, Listed>;

/// None: it is compared with different things.
pub(super) type WantedColumns = HashMap<usize, Option<Listed>>;

impl<'a> Walk<'a> {
    /// `value`: a column of VALUES; `given`: what stands in each of its rows,
    /// as far as it may be a token.
    pub(super) fn listed_column(&mut self, value: Value, given: Vec<Option<Given>>, mark: &Mark) -> Value {
        let given: Option<Vec<Given>> = given.into_iter().collect();
        let Some(given) = given.filter(|_| !self.view) else { return value };
        let Some(place) = given.first().map(|first| first.span.start) else { return value };
        let value = Value { listed: Some(place), ..value };
        let Some(Listed { columns, type_oid }) = self.listed.get(&place).cloned() else { return value };
        let flow = Flow::Plain { columns, cast: false };
        let Some(values) = self.given_values(&flow, Some(type_oid), &given, None) else { return value };
        let span = given.first().map_or(place..place, |first| first.span.clone());
        // `allow` does not count: the column shows the masks of what is in it.
        let purpose = Purpose { kind: UseKind::Equality, ..Purpose::HOLD };
        let use_ = self.use_of(&flow, purpose, span, Otherwise::Refuse);
        let declared = declared_type(values.ty.oid, false);
        self.add_use(Use { given: Some(values), ..use_ });
        self.hide_all_literals(mark);
        Value { type_oid: Some(declared), ..Value::of(flow) }
    }

    /// `side`, a protected value, is compared with `other`.
    pub(super) fn want_listed(&mut self, side: &Value, other: &Value) {
        let (Some(place), Some(type_oid)) = (other.listed, side.type_oid) else { return };
        let Flow::Plain { columns, .. } = &side.flow else { return };
        // Where `allow` has values compared as they are, they stay so.
        let takes =
            |column: &ProtectedColumn| leads_back(column) && !column.discloses.include(Disclosure::Search);
        if !columns.iter().all(|column| takes(column)) {
            return;
        }
        let snapshot = self.facts.snapshot;
        let declared = |oid: Oid| declared_type(ValueType::resolve(snapshot, oid, -1).oid, false);
        let wanted = Listed { columns: columns.clone(), type_oid };
        match self.wanted.get_mut(&place) {
            None => drop(self.wanted.insert(place, Some(wanted))),
            Some(Some(known))
                if declared(known.type_oid) == declared(type_oid)
                    && is_of_domain(known.columns.first(), columns.first()) =>
            {
                known.columns.extend(wanted.columns);
            }
            Some(known) => *known = None,
        }
    }

    /// What is to be known of the columns of VALUES when the statement is read anew.
    pub(super) fn listed_columns(&mut self) -> ListedColumns {
        let wanted = std::mem::take(&mut self.wanted);
        let all = wanted.into_iter().filter_map(|(place, listed)| Some((place, listed?)));
        all.map(|(place, listed)| (place, self.with_its_domain(listed))).collect()
    }

    fn with_its_domain(&self, mut listed: Listed) -> Listed {
        let inside = self.named.iter().flat_map(|column| column.paths.iter().map(|path| &path.column));
        let named: Vec<_> = self.named.iter().chain(inside).cloned().collect();
        let first = listed.columns.first().cloned();
        listed.columns.extend(named.into_iter().filter(|column| is_of_domain(first.as_ref(), Some(column))));
        let flow = Flow::Plain { columns: listed.columns, cast: false };
        Listed { columns: all_columns([&flow]), type_oid: listed.type_oid }
    }
}

/// Have both the same tokens?
fn is_of_domain(known: Option<&Arc<ProtectedColumn>>, other: Option<&Arc<ProtectedColumn>>) -> bool {
    match (known, other) {
        (Some(known), Some(other)) => known.domain == other.domain && known.method == other.method,
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}
