//! Types that run code: a domain's CHECK or default, a cast or an operator of a
//! user's own type, where its function may read protected data. PostgreSQL runs
//! it where no name of it stands in the text: a literal beside such a column
//! becomes a value of its type, a row that is stored is cast, an order compares.
//!
//! Invariant: what is known to be of such a type stays known through queries,
//! branches, rows and arrays. It is shown, tested for NULL and counted; whatever
//! else may run its code is refused. See [`Runs`].

use super::dml::Destination;
use super::scope::Field;
use super::value::{Constant, Literal, Value};
use super::writes::Written;
use super::{Analysed, Walk};
use crate::catalog::Oid;
use crate::catalog::guard::Runs;
use crate::catalog::snapshot::Function;
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{Given, GivenAs};

/// Pseudotypes that stand for the type of any argument (`pg_type.dat`): elements,
/// then arrays, ranges and enums.
const ANY_ELEMENT: &[Oid] = &[Oid(2283), Oid(2776), Oid(5077), Oid(5079)];
const ANY_OTHER: &[Oid] = &[Oid(2277), Oid(3500), Oid(3831), Oid(4537), Oid(4538), Oid(5078), Oid(5080)];

const RECORD: Oid = Oid(2249);

/// `int4`, `int8`, `numeric`: one of these is the type of a number as it stands
/// (`make_const` in `parse_node.c`).
const NUMBERS: &[Oid] = &[Oid(23), Oid(20), Oid(1700)];

impl<'a> Walk<'a> {
    /// What a value of this type runs, wherever it stands.
    pub(super) fn runs_of(&self, type_oid: Oid) -> Option<Runs> {
        self.facts.running_types.get(&type_oid).copied().filter(|runs| *runs > Runs::Cast)
    }

    /// An operand: what it meets may become a value of its type. Rows are compared
    /// element by element.
    pub(super) fn meets(&mut self, value: &Value) {
        if let Some(elements) = &value.elements {
            elements.iter().for_each(|element| self.meets(element));
        } else if value.runs >= Some(Runs::Part) {
            self.runs_code(value.type_oid);
        }
    }

    /// Operands of an operator of a user's that takes any type.
    pub(super) fn meets_by(&mut self, name: &str, value: &Value) {
        self.meets(value);
        let Some(runs) = value.runs else { return };
        let operators = &self.facts.snapshot.operators;
        let mut operands = operators
            .iter()
            .filter(|known| *known.name == *name)
            .flat_map(|known| [known.left, known.right])
            .flatten();
        if operands.any(|oid| is_any(oid, runs)) {
            self.runs_code(value.type_oid);
        }
    }

    /// Values that get one type: a literal becomes one of an array's, a row's or a
    /// range's, of a domain's what that is over (`select_common_type` in
    /// `parse_coerce.c`).
    pub(super) fn unites<'v>(&mut self, values: impl Iterator<Item = &'v Value> + Clone) {
        let Some(most) = values.clone().max_by_key(|value| value.runs) else { return };
        let is_other = |value: &Value| value.runs.is_none() && value.constant != Constant::Null;
        if most.runs >= Some(Runs::Part) && values.clone().any(is_other) {
            self.runs_code(most.type_oid);
        }
    }

    /// `mode() WITHIN GROUP (ORDER BY c)` is a value of c's type.
    pub(super) fn meets_any(&mut self, value: &Value) {
        if value.runs.is_some() {
            self.runs_code(value.type_oid);
        }
    }

    /// It is sorted, grouped, handed on or cast.
    pub(super) fn handles(&mut self, value: &Value) {
        if value.runs == Some(Runs::Use) {
            self.runs_code(value.type_oid);
        }
    }

    /// Arguments of a call. A function that takes any type may be given a literal
    /// that becomes a value of an argument's. What the result is.
    pub(super) fn called_with(&mut self, names: &[&str], arguments: &[Value]) -> Option<Runs> {
        let most = arguments.iter().max_by_key(|argument| argument.runs)?;
        let runs = most.runs?;
        if self.builtin(names) == Some("count") {
            return None;
        }
        self.handles(most);
        let takes: Vec<&Function> =
            self.candidates_of(names).filter(|known| takes_any(known, runs)).collect();
        let makes = |known: &&Function| is_written(known) || (arguments.len() > 1 && makes_one(known));
        if takes.iter().any(makes) {
            self.runs_code(most.type_oid);
        }
        let gives = takes.iter().any(|known| is_any(known.return_type, Runs::Part));
        gives.then_some(Runs::Part.max(runs))
    }

    /// What is stored in `column` becomes a value of its type, or is cast to that.
    pub(super) fn becomes(&mut self, to: &Destination<'a>, column: &str, written: &Written) {
        let type_oid = to.item.source.field(column).and_then(|field: Field| field.type_oid);
        if type_oid.is_none() || type_oid != written.value.type_oid {
            self.handles(&written.value);
        }
        let Some(type_oid) = type_oid else { return };
        let Some(runs) = self.facts.running_types.get(&type_oid).copied() else { return };
        let value = &written.value;
        let is_of_it = value.type_oid == Some(type_oid) && value.constant == Constant::No;
        let is_cast = || runs != Runs::Cast || self.may_be_cast(value, type_oid);
        if !written.is_present && !is_of_it && is_cast() {
            self.runs_code(Some(type_oid));
        }
    }

    /// Is there an opaque cast between the server's own types that it may take?
    fn may_be_cast(&self, value: &Value, target: Oid) -> bool {
        let sources: &[Oid] = match (value.type_oid, value.literal, value.given.as_slice()) {
            _ if value.constant != Constant::No => return false,
            (Some(known), ..) | (None, Literal::Cast(known), _) => &[known],
            // A text takes the type of the column.
            (None, _, [Given { what: GivenAs::Text(_), .. }]) => return false,
            (None, _, [Given { what: GivenAs::Number(_), .. }]) => NUMBERS,
            _ => return true,
        };
        sources.iter().any(|source| self.casts_opaquely(*source, &[target]))
    }

    /// A new row has the defaults of columns that are not among `given`: of a
    /// domain its own, which its CHECK is asked about.
    pub(super) fn check_left_out(&mut self, to: &Destination<'a>, given: &[String]) {
        for (table, _) in &to.held_in {
            for column in
                table.columns.iter().filter(|column| !given.iter().any(|name| **name == *column.name))
            {
                let is_domain =
                    self.facts.snapshot.types.get(&column.type_oid).is_some_and(|t| t.kind == 'd');
                if is_domain && self.runs_of(column.type_oid).is_some() {
                    self.runs_code(Some(column.type_oid));
                }
            }
        }
    }

    /// Notes that the statement can't run.
    pub(super) fn runs_code(&mut self, type_oid: Option<Oid>) {
        if self.fault.is_some() {
            return;
        }
        let named = type_oid.and_then(|oid| self.facts.snapshot.types.get(&oid)).map(|info| &*info.name);
        let error = runs_code(named).at(self.places.position(self.here));
        self.fault = Some(error);
    }

    /// The error that was noted, if any.
    pub(super) fn check_types(&mut self) -> Analysed<()> {
        self.fault.take().map_or(Ok(()), Err)
    }
}

/// What a statement may not do with a type of this name.
pub(super) fn runs_code(name: Option<&str>) -> ClientError {
    let what = name.map_or_else(|| "the type of a column".to_owned(), |name| format!("type \"{name}\""));
    ClientError::new(
        sqlstate::INSUFFICIENT_PRIVILEGE,
        format!("permission denied: {what} calls a function that may read protected data unseen"),
    )
    .with_hint("Show the column as it is, cast it to another type, or have the function named in defaults.trusted_functions.")
}

/// May an argument be of a type that runs code so? A row is a record.
fn takes_any(function: &Function, runs: Runs) -> bool {
    let is_row = |oid: &Oid| runs > Runs::Value && *oid == RECORD && is_written(function);
    function.argument_types.iter().any(|oid| is_any(*oid, runs) || is_row(oid))
}

/// Its body may make values of an argument's type (`$1%TYPE`, a field of a record)
/// of what it likes.
fn is_written(function: &Function) -> bool {
    let is_code = matches!(&*function.language, "c" | "internal") && function.kind != 'a';
    !function.oid.is_builtin() && !is_code
}

/// May another argument become a value of such a type? What is given beside it
/// for any type does, and so does what the result is made of
/// (`json_populate_record(anyelement, json)`).
fn makes_one(function: &Function) -> bool {
    let types = function.argument_types.iter().chain([&function.return_type]);
    types.filter(|oid| is_any(**oid, Runs::Part)).count() > 1
}

/// No array, range or enum is a domain over a type without parts.
fn is_any(oid: Oid, runs: Runs) -> bool {
    ANY_ELEMENT.contains(&oid) || (runs > Runs::Value && ANY_OTHER.contains(&oid))
}
