//! Values that a client gives to be compared with protected columns, or to be
//! written to them, where they may be tokens: literals and parameters.
//!
//! What stands for a token is replaced by its original, so it must meet
//! protected columns of one domain and nothing else: an original that reached
//! an output, or a column that the client fills, would be known. Invariant: a
//! value is given only where it is itself an operand, with no function,
//! branch or subquery between, and meets one other operand.

use std::collections::HashSet;
use std::ops::Range;

use pg_query::protobuf::{AConst, AExpr, Node, ParamRef, Token, TypeCast, TypeName, a_const};

use super::names::strings;
use super::scope::{Field, Scope};
use super::value::{Purpose, Value, all_columns, computed, inside};
use super::{Analysed, Walk};
use crate::catalog::Oid;
use crate::mask::{Method, ValueType, fits};
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::{Flow, Given, GivenAs, GivenValues, Otherwise, Use, UseKind, declared_type};

const TEXT: Oid = Oid(25);
const VARCHAR: Oid = Oid(1043);
const INT4: Oid = Oid(23);
const INT8: Oid = Oid(20);
const UUID: Oid = Oid(2950);
const PG_CATALOG: &str = "pg_catalog";

/// Types that a given value may be cast to on its way, by their names.
const CASTS: &[(&str, Oid)] =
    &[("text", TEXT), ("varchar", VARCHAR), ("int4", INT4), ("int8", INT8), ("uuid", UUID)];

/// Is it the name of a type that values pass through?
pub(super) fn is_castable(name: &str) -> bool {
    name == "bpchar" || CASTS.iter().any(|(known, _)| *known == name)
}

/// Most literals in one statement that are looked at as tokens.
const MOST_LITERALS: usize = 10_000;

impl<'a> Walk<'a> {
    /// Nothing where the literal can't be cut out of the text for certain.
    pub(super) fn given_literal(&self, constant: &AConst) -> Vec<Given> {
        self.literal(constant).map(|(span, what)| Given { span, what, array: false }).into_iter().collect()
    }

    fn literal(&self, constant: &AConst) -> Option<(Range<usize>, GivenAs)> {
        let span = self.places.token(constant.location);
        let raw = self.places.text.get(span.clone())?;
        match constant.val.as_ref()? {
            a_const::Val::Sval(text) => {
                let plain = format!("'{}'", text.sval.replace('\'', "''"));
                (raw == plain).then(|| (span, GivenAs::Text(text.sval.clone())))
            }
            // A constant with a minus sign begins at the sign.
            a_const::Val::Ival(number) => self.number(span, number.ival.to_string()),
            a_const::Val::Fval(number) => self.number(span, number.fval.clone()),
            a_const::Val::Boolval(_) | a_const::Val::Bsval(_) => None,
        }
    }

    fn number(&self, first: Range<usize>, number: String) -> Option<(Range<usize>, GivenAs)> {
        let digits = number.strip_prefix('-').unwrap_or(&number);
        let span = match self.places.text.get(first.clone())? {
            "-" => first.start..self.places.after(first.end)?.end,
            _ => first,
        };
        let raw = self.places.text.get(span.clone())?;
        let spelled = raw.strip_prefix('-').unwrap_or(raw).trim_start();
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let same = spelled == digits && raw.starts_with('-') == number.starts_with('-');
        (whole && same).then_some((span, GivenAs::Number(number)))
    }

    pub(super) fn given_parameter(&self, parameter: &ParamRef) -> Vec<Given> {
        let span = self.places.token(parameter.location);
        let number = u16::try_from(parameter.number).ok().filter(|number| *number > 0);
        let spelled = number.map(|number| format!("${number}"));
        match (number, self.places.text.get(span.clone())) {
            (Some(number), Some(raw)) if spelled.as_deref() == Some(raw) => {
                vec![Given { span, what: GivenAs::Parameter(number), array: false }]
            }
            _ => Vec::new(),
        }
    }

    /// `value` behind a cast: still given where the cast keeps it as it is.
    /// `text 'x'` has no place for a parameter.
    pub(super) fn given_through_cast(&self, value: Value, cast: &TypeCast, name: &TypeName) -> Value {
        let written_after = match self.places.text.get(self.places.token(cast.location)) {
            Some(word) => word == "::" || word.eq_ignore_ascii_case("cast"),
            None => false,
        };
        let target = self.cast_target(name).filter(|_| written_after && value.type_oid.is_none());
        let Some((oid, array)) = target else { return Value { type_oid: None, ..value.not_given() } };
        let (mut given, mut elements) = (value.given.clone(), value.given_elements.clone());
        match array {
            true => given.iter_mut().for_each(|given| given.array = true),
            false => elements.clear(),
        }
        Value { given, given_elements: elements, type_oid: Some(oid), ..value.not_given() }
    }

    /// The element's type of an array, or the type itself.
    pub(super) fn cast_target(&self, name: &TypeName) -> Option<(Oid, bool)> {
        if name.setof || name.pct_type || !name.typmods.is_empty() || name.array_bounds.len() > 1 {
            return None;
        }
        let names = strings(&name.names)?;
        let name_only = match names.as_slice() {
            [PG_CATALOG, name] => *name,
            [name] if !self.is_also_elsewhere(name) => *name,
            _ => return None,
        };
        let oid = CASTS.iter().find(|(known, _)| *known == name_only).map(|(_, oid)| *oid)?;
        Some((oid, !name.array_bounds.is_empty()))
    }

    /// Has another schema than the server's own a type of this name?
    pub(super) fn is_also_elsewhere(&self, name: &str) -> bool {
        self.facts.snapshot.types_named(name).any(|known| !known.oid.is_builtin())
    }

    /// Does the operator say of `value` and an original what it says of their
    /// tokens? Originals are declared with a type of their own.
    pub(super) fn compares_tokens(&self, value: &Value, names: &[&str]) -> bool {
        let Some(oid) = value.type_oid else { return false };
        let ty = ValueType::resolve(self.facts.snapshot, oid, -1);
        let types = [Some(oid), Some(declared_type(ty.oid, false))];
        self.keeps_equality(value) && self.is_builtin_operator(names, types)
    }

    /// The values that `other` gives, as far as they may be tokens of `value`.
    pub(super) fn given_to(&self, value: &Value, other: &Value) -> Option<GivenValues> {
        let usable = other.is_clean() && !other.collated && !other.given.iter().any(|given| given.array);
        self.given_values(&value.flow, value.type_oid, &other.given, other.type_oid).filter(|_| usable)
    }

    /// As [`given_to`](Self::given_to), for what is written to a column.
    pub(super) fn given_for(&self, field: &Field, written: &Value) -> Option<GivenValues> {
        let usable = written.is_clean() && !written.given.iter().any(|given| given.array);
        self.given_values(&field.flow, field.type_oid, &written.given, written.type_oid).filter(|_| usable)
    }

    /// Parameters whose NULL may be written where no token leads.
    pub(super) fn null_for(&self, type_oid: Option<Oid>, written: &Value) -> Option<GivenValues> {
        let values = written.null_with.clone();
        let ty = ValueType::resolve(self.facts.snapshot, type_oid.unwrap_or(Oid(0)), -1);
        let usable = written.is_clean() && !values.is_empty();
        usable.then_some(GivenValues { ty, values, only_null: true })
    }

    pub(super) fn given_values(
        &self,
        flow: &Flow,
        type_oid: Option<Oid>,
        given: &[Given],
        cast: Option<Oid>,
    ) -> Option<GivenValues> {
        let Flow::Plain { columns, .. } = flow else { return None };
        let ty = ValueType::resolve(self.facts.snapshot, type_oid?, -1);
        let reversible = columns.iter().all(|column| leads_back(column));
        let takes = |given: &Given| match &given.what {
            GivenAs::Number(_) => is_integer(ty.oid),
            GivenAs::Text(_) | GivenAs::Parameter(_) => true,
        };
        let fitting = columns.first().is_some_and(|column| fits(&column.method, &ty).is_ok());
        let usable = !given.is_empty() && given.len() <= MOST_LITERALS && given.iter().all(takes);
        let whole = ty.element.is_none() && keeps(cast, ty.oid);
        (reversible && fitting && usable && whole).then(|| GivenValues {
            ty,
            values: given.to_vec(),
            only_null: false,
        })
    }

    /// `c = ANY (…)`, `c <> ALL (…)`.
    pub(super) fn any_or_all(
        &mut self,
        operation: &'a AExpr,
        names: &[&str],
        scope: &Scope<'_, 'a>,
    ) -> Analysed<Flow> {
        let (left, right) = self.both(operation, scope)?;
        if let Some(use_) = self.array_use(&left, &right, names) {
            self.add_use(use_);
            return Ok(Flow::Clean);
        }
        let flows = [self.spend(&left, Purpose::DECIDE), self.spend(&right, Purpose::DECIDE)];
        Ok(computed(all_columns(&flows)))
    }

    fn array_use(&self, left: &Value, right: &Value, names: &[&str]) -> Option<Use> {
        let is_equality = matches!(names.last(), Some(&("=" | "<>" | "!=")));
        if !is_equality || self.view || !right.is_clean() || right.collated {
            return None;
        }
        let given: Vec<Given> = match right.given_elements.as_slice() {
            [] => right.given.iter().map(|given| Given { array: true, ..given.clone() }).collect(),
            elements => elements.to_vec(),
        };
        let is_array = |given: &Given| !matches!(given.what, GivenAs::Number(_)) || !given.array;
        if !self.compares_tokens(left, names) || !given.iter().all(is_array) {
            return None;
        }
        let given = self.given_values(&left.flow, left.type_oid, &given, right.type_oid)?;
        let purpose = Purpose { kind: UseKind::Equality, ..Purpose::DECIDE };
        let use_ = self.use_of(&left.flow, purpose, self.span_of(left), Otherwise::Refuse);
        Some(Use { given: Some(given), ..use_ })
    }

    /// `ARRAY[…]`, where each element is given by itself.
    pub(super) fn array(
        &mut self,
        elements: &'a [Node],
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let (mut flows, mut runs) = (Vec::new(), Vec::new());
        let mut given = Vec::new();
        let mut all_given = true;
        for node in elements {
            let value = self.expression(node, scope, purpose)?;
            all_given &= value.given.len() == 1 && value.type_oid.is_none() && !value.collated;
            given.extend(value.given.iter().filter(|given| !given.array).cloned());
            runs.push(Value { runs: value.runs, constant: value.constant, ..Value::clean() });
            flows.push(self.spend(&value, purpose));
        }
        let mut value = Value::of(computed(all_columns(&flows)));
        self.unites(runs.iter());
        value.runs = inside(runs.iter().map(|value| value.runs));
        if all_given && given.len() == elements.len() {
            value.given_elements = given;
        }
        Ok(value)
    }

    /// The right side of IN as one value, if every item of it is given.
    pub(super) fn all_given(&self, items: &[Value]) -> Option<Value> {
        let one = |item: &Value| item.given_alone().cloned();
        let given = items.iter().map(one).collect::<Option<Vec<Given>>>()?;
        Some(Value { given, ..Value::clean() })
    }
}

/// Does the mask of this column lead back to the original?
pub(super) fn leads_back(column: &ProtectedColumn) -> bool {
    matches!(column.method.method(), Method::Token | Method::Fpe)
        && column.discloses.include(Disclosure::Equality)
}

fn is_integer(oid: Oid) -> bool {
    matches!(oid, INT4 | INT8)
}

/// Does a cast to `cast` (none: no cast) keep a value of type `ty` as it is?
pub(super) fn keeps(cast: Option<Oid>, ty: Oid) -> bool {
    match cast {
        None => true,
        Some(TEXT | VARCHAR) => matches!(ty, TEXT | VARCHAR),
        Some(cast) => cast == ty,
    }
}

/// The parameters of a statement: how many, and which stand elsewhere than
/// where tokens may.
pub(crate) fn parameters<'t>(
    text: &str,
    tokens: impl Iterator<Item = (Range<usize>, Token)> + 't,
    uses: &[Use],
) -> crate::sql::analysis::Parameters {
    let given = uses.iter().filter_map(|use_| use_.given.as_ref()).filter(|given| !given.only_null);
    let given: HashSet<&Range<usize>> =
        given.flat_map(|given| &given.values).map(|given| &given.span).collect();
    let mut parameters = crate::sql::analysis::Parameters::default();
    for (span, _) in tokens.filter(|(_, token)| *token == Token::Param) {
        let number = text.get(span.clone()).and_then(|raw| raw.strip_prefix('$')?.parse::<u16>().ok());
        // PostgreSQL refuses a number beyond 65,535 itself.
        let Some(number) = number else { continue };
        parameters.count = parameters.count.max(number);
        if !given.contains(&span) {
            parameters.loose.push(number);
        }
    }
    parameters.loose.sort_unstable();
    parameters.loose.dedup();
    parameters
}

/// Where a statement has several readings, a value is given only if it is so
/// in each, and means the same: what is replaced must not meet another
/// column in the reading that is true. What is written may be NULL all the same.
pub(super) fn given_in_all(readings: &mut [&mut Vec<Use>]) {
    let meaning = |use_: &Use| {
        let column = use_.columns.first()?;
        Some((use_.given.clone()?, column.method.clone(), column.domain.clone()))
    };
    let all: Vec<Vec<_>> = readings.iter().map(|uses| uses.iter().filter_map(meaning).collect()).collect();
    for use_ in readings.iter_mut().flat_map(|uses| uses.iter_mut()) {
        if let Some(meaning) = meaning(use_)
            && !all.iter().all(|reading| reading.contains(&meaning))
        {
            let written = use_.given.take().filter(|_| use_.kind == UseKind::Write);
            use_.given = written.map(|given| GivenValues { only_null: true, ..given });
        }
    }
}
