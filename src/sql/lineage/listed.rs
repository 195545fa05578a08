//! Columns of VALUES, and of arrays that `unnest` takes apart, that are compared
//! with protected columns, or stored in them, where each of their values may be a
//! token: `JOIN (VALUES ('tok_…'), ('tok_…')) AS v (t) ON c.ssn = v.t`, `INSERT
//! INTO c (ssn) SELECT t FROM …`.
//!
//! Upstream the originals stand in the list, so its column is a protected one
//! of the same domain wherever it is used: masked in outputs, refused where the
//! domain's own columns would be. A token does not say which column of the domain
//! it is of, so the list's is all of them at once. To store it in a column of the
//! domain is to write the tokens there. What it meets is known only after the list
//! was read, so a statement that needs it is read twice.
//!
//! Invariant: a column that meets two domains, or that holds anything but
//! literals, parameters and NULL, is a column like any other.

use std::collections::HashMap;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::Node;

use super::functions::UNNEST;
use super::given::{keeps, leads_back};
use super::names::strings;
use super::scope::Field;
use super::value::{Constant, Literal, Purpose, Value, all_columns, columns};
use super::{Mark, Walk};
use crate::catalog::Oid;
use crate::mask::ValueType;
use crate::policy::tokens::nulls_in;
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::{Flow, Given, GivenAs, GivenValues, Otherwise, Use, UseKind, declared_type};

/// What a column of VALUES holds originals of.
#[derive(Clone)]
pub(super) struct Listed {
    /// Every column of the domain that the statement could compare it with:
    /// what is no token may stand in the list only for who sees all of them. Not
    /// of all that there are: who may fill one table with new values lists them.
    columns: Vec<Arc<ProtectedColumn>>,
    /// The type of the column that it is compared with.
    type_oid: Oid,
}

/// By the place of the column's first value.
pub(super) type ListedColumns = HashMap<usize, Listed>;

/// None: it is compared with different things.
pub(super) type WantedColumns = HashMap<usize, Option<Listed>>;

/// What stands in a row of VALUES.
pub(super) enum Entry {
    /// True: a token may stand beside it, whose type it does not change.
    Null(bool),
    /// With the types that it is cast to.
    Given(Given, Vec<Oid>),
    /// No token, but a parameter that may be NULL, or an array of NULLs.
    Nullable(Given),
}

impl Entry {
    /// None: it is something else.
    pub fn of(value: &Value) -> Option<Self> {
        if !value.is_clean() || value.collated {
            return None;
        }
        let is_simple = value.literal == Literal::Plain || value.type_oid.is_some();
        match (value.given.as_slice(), value.null_with.as_slice()) {
            ([], []) if value.constant == Constant::Null && value.literal != Literal::No => {
                Some(Self::Null(is_simple))
            }
            ([given], _) if !given.array => {
                Some(Self::Given(given.clone(), value.type_oid.into_iter().collect()))
            }
            (_, [parameter]) => Some(Self::Nullable(parameter.clone())),
            _ => None,
        }
    }

    /// The parameter that decides whether it is NULL. None: nothing does.
    fn null_with(&self) -> Option<Option<Given>> {
        match self {
            Self::Null(_) => Some(None),
            Self::Given(given, _) => matches!(given.what, GivenAs::Parameter(_)).then(|| Some(given.clone())),
            Self::Nullable(given) => Some(Some(given.clone())),
        }
    }

    /// What may be a token, with its type. None: none may stand beside it.
    fn token(self) -> Option<Option<(Given, Vec<Oid>)>> {
        match self {
            Self::Null(is_simple) => is_simple.then_some(None),
            Self::Given(given, cast) => Some(Some((given, cast))),
            Self::Nullable(_) => None,
        }
    }
}

impl<'a> Walk<'a> {
    /// `value`: a column of VALUES; `entries`: what stands in each of its rows,
    /// as far as it may be a token.
    pub(super) fn listed_column(&mut self, value: Value, entries: Vec<Option<Entry>>, mark: &Mark) -> Value {
        let entries: Option<Vec<Entry>> = entries.into_iter().collect();
        let Some(entries) = entries.filter(|_| !self.view) else { return value };
        let nulls = entries.iter().map(Entry::null_with).collect::<Option<Vec<_>>>();
        let is_null = nulls.as_ref().is_some_and(|all| all.iter().all(Option::is_none));
        let null_with = nulls.into_iter().flatten().flatten().collect();
        let value = Value { is_null, null_with, ..value };
        let tokens = entries.into_iter().map(Entry::token).collect::<Option<Vec<_>>>();
        let (given, casts): (Vec<Given>, Vec<Vec<Oid>>) = tokens.into_iter().flatten().flatten().unzip();
        let Some(place) = given.first().map(|first| first.span.start) else { return value };
        let value = Value { listed: Some(place), ..value };
        let Some(Listed { columns, type_oid }) = self.listed.get(&place).cloned() else { return value };
        let domain = self.its_domain(&columns);
        let met = Flow::Plain { columns, cast: false };
        let all_keep =
            |values: &GivenValues| casts.iter().flatten().all(|cast| keeps(Some(*cast), values.ty.oid));
        let values = self.given_values(&met, Some(type_oid), &given, None).filter(all_keep);
        let Some(values) = values else { return value };
        let span = given.first().map_or(place..place, |first| first.span.clone());
        // `allow` does not count: the column shows the masks of what is in it.
        let purpose = Purpose { kind: UseKind::Equality, ..Purpose::HOLD };
        let use_ = self.use_of(&met, purpose, span, Otherwise::Refuse);
        let flow = Flow::Plain { columns: domain.clone(), cast: false };
        let declared = declared_type(values.ty.oid, false);
        self.add_use(Use { given: Some(values), domain: Some(domain), ..use_ });
        self.hide_all_literals(mark);
        Value { type_oid: Some(declared), listed: Some(place), ..Value::of(flow) }
    }

    /// The columns that `unnest` makes of arrays which the client gives: each is a
    /// list of tokens, or of NULLs, as a column of VALUES is.
    pub(super) fn unnested(&mut self, call: &'a Node, mark: &Mark) -> Vec<Value> {
        let Some(NodeEnum::FuncCall(call)) = call.node.as_ref() else { return Vec::new() };
        let names = strings(&call.funcname).unwrap_or_default();
        if self.builtin(&names) != Some(UNNEST) || call.func_variadic {
            return Vec::new();
        }
        let entries: Vec<Option<Entry>> = call.args.iter().map(|node| self.array_entry(node)).collect();
        entries.into_iter().map(|entry| self.listed_column(Value::clean(), vec![entry], mark)).collect()
    }

    fn array_entry(&self, node: &Node) -> Option<Entry> {
        if self.is_array_of_nulls(node) {
            return Some(Entry::Null(false));
        }
        let (given, casts) = self.given_array(node)?;
        // Casts to other types are none that tokens pass through.
        match casts.into_iter().collect::<Option<Vec<Oid>>>() {
            Some(casts) if nulls_in(&given).is_none() => Some(Entry::Given(given, casts)),
            _ => Some(Entry::Nullable(given)),
        }
    }

    /// `ARRAY[NULL, …]`, likewise.
    fn is_array_of_nulls(&self, node: &Node) -> bool {
        let is_null = |node: &Node| matches!(&node.node, Some(NodeEnum::AConst(constant)) if constant.isnull);
        match node.node.as_ref() {
            Some(NodeEnum::AArrayExpr(array)) => array.elements.iter().all(is_null),
            Some(NodeEnum::TypeCast(cast)) => {
                let name = cast.type_name.as_ref().filter(|name| !name.array_bounds.is_empty());
                name.is_some_and(|name| self.cast_to(name) != Literal::No)
                    && cast.arg.as_deref().is_some_and(|node| self.is_array_of_nulls(node))
            }
            _ => false,
        }
    }

    /// A literal or parameter behind casts to arrays of the server's own types.
    fn given_array(&self, node: &Node) -> Option<(Given, Vec<Option<Oid>>)> {
        let given = match node.node.as_ref()? {
            NodeEnum::AConst(constant) => self.given_literal(constant),
            NodeEnum::ParamRef(parameter) => self.given_parameter(parameter),
            NodeEnum::TypeCast(cast) => {
                let name = cast.type_name.as_ref().filter(|name| !name.array_bounds.is_empty())?;
                let (given, mut casts) = self.given_array(cast.arg.as_deref()?)?;
                casts.push(self.cast_target(name).map(|(element, _)| element));
                let may_be_null = matches!(given.what, GivenAs::Parameter(_)) || nulls_in(&given).is_some();
                let is_known = self.cast_to(name) != Literal::No;
                return (is_known && (may_be_null || casts.iter().all(Option::is_some)))
                    .then_some((given, casts));
            }
            _ => return None,
        };
        let given = given.into_iter().next()?;
        Some((Given { array: true, ..given }, Vec::new()))
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

    /// `written` goes into `field`, whose foreign keys lead to what is `there`.
    pub(super) fn want_stored(&mut self, field: &Field, there: &Flow, written: &Value) {
        let is_writable = match &field.flow {
            Flow::Plain { columns, .. } => columns.iter().any(|column| column.writable),
            Flow::Clean | Flow::Derived { .. } | Flow::Mixed { .. } | Flow::Computed { .. } => true,
        };
        if written.is_clean() && !written.collated && !is_writable {
            self.want_listed(&Value::of_field(field, 0..0), written);
            // What is no token asks about these too.
            let known = written.listed.and_then(|place| self.wanted.get_mut(&place)?.as_mut());
            if let Some(known) = known {
                known.columns.extend(columns(there).iter().cloned());
            }
        }
    }

    /// Is `written` a listed column, every value of which may stand in `field`?
    pub(super) fn stores_listed(&self, field: &Field, written: &Value) -> bool {
        let listed = written.listed.and_then(|place| self.listed.get(&place));
        let (Some(listed), Flow::Plain { columns, .. }, Flow::Plain { .. }, Some(type_oid)) =
            (listed, &field.flow, &written.flow, field.type_oid)
        else {
            return false;
        };
        let known = |oid: Oid| ValueType::resolve(self.facts.snapshot, oid, -1);
        let ty = known(type_oid);
        let is_own = |column: &Arc<ProtectedColumn>| is_of_domain(listed.columns.first(), Some(column));
        !written.collated
            && columns.iter().all(|column| leads_back(column) && is_own(column))
            && declared_type(known(listed.type_oid).oid, false) == declared_type(ty.oid, false)
            && ty.element.is_none()
            && keeps(written.type_oid, ty.oid)
    }

    /// Are these columns among those that what is no token in the list asks about?
    pub(super) fn lists_all(&self, written: &Value, flow: &Flow) -> bool {
        let listed = written.listed.filter(|_| !written.is_clean());
        let listed = listed.and_then(|place| self.listed.get(&place));
        let holds = |listed: &Listed, column: &Arc<ProtectedColumn>| {
            listed.columns.iter().any(|known| known.is_same(column))
        };
        listed.is_some_and(|listed| columns(flow).iter().all(|column| holds(listed, column)))
    }

    /// What is to be known of the columns of VALUES when the statement is read anew.
    pub(super) fn listed_columns(&mut self) -> ListedColumns {
        let wanted = std::mem::take(&mut self.wanted);
        let all = wanted.into_iter().filter_map(|(place, listed)| Some((place, listed?)));
        all.map(|(place, listed)| (place, self.with_its_domain(listed))).collect()
    }

    /// All that a token may be of which could be one of `met`.
    fn its_domain(&self, met: &[Arc<ProtectedColumn>]) -> Vec<Arc<ProtectedColumn>> {
        let all = met.first().map(|column| self.facts.domain_of(column)).unwrap_or_default();
        let flows = [met.to_vec(), all].map(|columns| Flow::Plain { columns, cast: false });
        all_columns(&flows)
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
        (Some(known), Some(other)) => known.is_masked_like(other),
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}
