//! Function calls: those of `pg_catalog` that keep a value's nature, those
//! that leave traces, those nobody may call, and all others.

use std::collections::BTreeSet;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{CoercionForm, FuncCall, Node};

use super::names::{PG_CATALOG, TEXT, strings};
use super::scope::{LOCK, Scope};
use super::value::{self, Purpose, Value, all_columns, computed};
use super::{Analysed, Walk};
use crate::catalog::Oid;
use crate::catalog::closure::SETS_SEQUENCE;
use crate::catalog::functions;
use crate::catalog::snapshot::{Cast, Function, Named, Relation, Volatility};
use crate::error::{ClientError, sqlstate};
use crate::policy::Disclosure;
use crate::sql::analysis::{Flow, UseKind};

/// Functions of `pg_catalog` that are given protected values.
pub(super) const KEEPING: &[&str] =
    &["count", "num_nulls", "num_nonnulls", "min", "max", "lower", "upper", "btrim", "ltrim", "rtrim"];

/// Columns of set-returning functions whose names are not the function's.
pub(super) const RESULT_COLUMNS: &[(&str, &[&str])] = &[
    ("json_each", &["key", "value"]),
    ("jsonb_each", &["key", "value"]),
    ("json_each_text", &["key", "value"]),
    ("jsonb_each_text", &["key", "value"]),
    ("json_array_elements", &["value"]),
    ("jsonb_array_elements", &["value"]),
    ("json_array_elements_text", &["value"]),
    ("jsonb_array_elements_text", &["value"]),
    ("pg_options_to_table", &["option_name", "option_value"]),
    ("aclexplode", &["grantor", "grantee", "privilege_type", "is_grantable"]),
];

/// Functions in FROM that have the columns of their first argument.
const POPULATING: &[&str] =
    &["json_populate_record", "json_populate_recordset", "jsonb_populate_record", "jsonb_populate_recordset"];

/// Functions in FROM that have one column, and so does `unnest` of what is
/// certainly an array of scalars.
pub(super) const ONE_COLUMN: &[&str] = &[
    "generate_series",
    "generate_subscripts",
    "json_object_keys",
    "jsonb_object_keys",
    "jsonb_path_query",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    UNNEST,
];
pub(super) const UNNEST: &str = "unnest";

/// Functions that tell how a value is stored.
const STORED_FORM: &[&str] = &["pg_column_compression", "pg_column_size", "pg_column_toast_chunk_id"];

/// Functions that give arrays of scalars.
pub(super) const SCALAR_ARRAYS: &[&str] = &["regexp_split_to_array", "string_to_array"];

impl<'a> Walk<'a> {
    pub(super) fn function(
        &mut self,
        call: &'a FuncCall,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        self.at(call.location);
        let at = self.here;
        let names = self.strings_of(&call.funcname)?;
        self.account(call.location, &names);
        self.check_callable(&names, at)?;
        self.check_known(call, &names)?;
        if names.last() == Some(&SETS_SEQUENCE) {
            self.set_sequence(call, at);
        }
        let coerces = call.args.len() == 1 && self.coerces(&names, at)?;
        let leaves_trace = coerces || self.leaves_trace(&names);
        self.traces |= leaves_trace;
        let purpose = if leaves_trace || self.is_volatile(&names) { Purpose::VOLATILE } else { purpose };

        self.aggregates += usize::from(call.over.is_none() && self.may_aggregate(&names));
        let mark = self.mark();
        let mut arguments = Vec::with_capacity(call.args.len());
        for node in &call.args {
            arguments.push(self.expression(node, scope, purpose)?);
        }
        let runs = self.called_with(&names, &arguments);
        let plain_call = !call.func_variadic && !call.agg_distinct && !call.agg_star;
        let builtin = self.builtin(&names).filter(|_| plain_call);
        let mut value = match builtin.and_then(|name| self.extracted(name, &arguments, &call.args)) {
            Some(part) => part,
            None => {
                // What it is called with may be compared with them in it.
                if arguments.iter().any(|argument| !argument.is_clean()) {
                    self.hide_all_literals(&mark);
                }
                self.result(call, &names, arguments, purpose)?
            }
        };
        let around = self.around_call(call, scope, purpose)?;
        self.here = at;
        if around != Flow::Clean {
            let columns = all_columns([&value.flow, &around]);
            value = value.becomes(computed(columns));
        }
        Ok(Value { runs: value.runs.or(runs), ..value })
    }

    /// ORDER BY inside an aggregate, FILTER, OVER.
    fn around_call(&mut self, call: &'a FuncCall, scope: &Scope<'_, 'a>, purpose: Purpose) -> Analysed<Flow> {
        let mut flows = Vec::new();
        for node in &call.agg_order {
            let Some(NodeEnum::SortBy(sort)) = node.node.as_ref() else { return self.unknown("ORDER BY") };
            let Some(node) = sort.node.as_deref() else { return self.unknown("ORDER BY") };
            let names = self.strings_of(&sort.use_op)?;
            if !names.is_empty() {
                return self.unknown("ORDER BY … USING");
            }
            // Under DISTINCT and WITHIN GROUP the sort expression is an argument.
            let is_argument = call.agg_distinct || call.agg_within_group;
            let purpose = if is_argument || !purpose.neutralise { purpose } else { Purpose::SORT };
            let value = self.expression(node, scope, purpose)?;
            if call.agg_within_group {
                self.meets_any(&value);
            }
            flows.push(if is_argument {
                self.spend(&value, purpose)
            } else {
                self.sorted(&value, UseKind::OrderBy, Disclosure::Order)
            });
        }
        if let Some(condition) = call.agg_filter.as_deref() {
            flows.push(self.decide(condition, scope)?);
        }
        if let Some(window) = call.over.as_deref() {
            flows.extend(self.window(window, scope)?.flows);
        }
        Ok(computed(all_columns(&flows)))
    }

    fn result(
        &mut self,
        call: &FuncCall,
        names: &[&str],
        arguments: Vec<Value>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let builtin = self.builtin(names);
        match (builtin, arguments.as_slice()) {
            (Some("count"), []) => return Ok(Value::clean()),
            (Some("count"), [counted]) if call.agg_distinct => {
                if self.view {
                    return Ok(Value::of(self.spend(counted, purpose)));
                }
                let span = self.span_of(counted);
                self.same_values(counted, UseKind::Distinct, span);
                return Ok(Value::clean());
            }
            (Some("count"), [counted]) => {
                return Ok(Value::of(self.use_nullness(counted)));
            }
            (Some("num_nulls" | "num_nonnulls"), values) if !call.func_variadic => {
                let flows: Vec<Flow> = values.iter().map(|value| self.use_nullness(value)).collect();
                return Ok(Value::of(computed(all_columns(&flows))));
            }
            (Some("min" | "max"), [value]) if is_single(value) && !self.view => {
                return Ok(self.extreme(value));
            }
            (Some(name @ ("lower" | "upper" | "btrim" | "ltrim" | "rtrim")), [value])
                if is_single(value) && purpose.kind != UseKind::VolatileArgument && !self.is_range(value) =>
            {
                return Ok(derived(value.clone(), matches!(name, "lower" | "upper")));
            }
            (_, [row]) if self.is_projection(call, names, row) => {
                return self.field_of(row.clone(), names.first().copied().unwrap_or_default(), purpose);
            }
            _ => {}
        }
        let flows: Vec<Flow> = arguments.iter().map(|argument| self.spend(argument, purpose)).collect();
        Ok(Value::of(computed(all_columns(&flows))))
    }

    /// `min(c)`, `max(c)`: a value of c that the order chose.
    fn extreme(&mut self, value: &Value) -> Value {
        if value.is_clean() {
            return Value::clean();
        }
        // Of a type that has none, `min` and `max` are those of another.
        let is_own = !self.has_type(value, |oid| !self.has_own_extremes(oid));
        let needs = if is_own { value.needs_in_order() } else { Disclosure::Search };
        let purpose = Purpose { kind: UseKind::MinMax, needs, export: false, neutralise: true };
        self.spend(value, purpose);
        let flow = match &value.flow {
            Flow::Plain { columns, .. } => Flow::Plain { columns: columns.clone(), cast: true },
            other => other.clone(),
        };
        let is_plain = value::is_plain(&flow);
        // Of `varchar` it is text.
        let type_oid = value.type_oid.filter(|_| !is_plain);
        Value { type_oid, ..value.clone().becomes(flow) }
    }

    /// `ssn(c)` is `c.ssn` where no function is called so (`ParseFuncOrColumn`).
    fn is_projection(&self, call: &FuncCall, names: &[&str], row: &Value) -> bool {
        let [name] = names else { return false };
        let is_column =
            || row.row.as_ref().is_some_and(|fields| fields.iter().any(|field| field.name == *name));
        let is_function = || self.facts.snapshot.functions_by_name.contains_key(*name);
        // Which function of the name takes a row is not looked at.
        let is_lock = *name == LOCK && row.lock != Flow::Clean;
        (is_lock || is_column() && !is_function())
            && call.over.is_none()
            && call.agg_order.is_empty()
            && !call.agg_distinct
    }

    /// The bound of a range is NULL where the range has none, or is empty.
    fn is_range(&self, value: &Value) -> bool {
        self.has_type(value, |oid| matches!(self.base_kind(oid), Some('r' | 'm')))
    }

    /// Can a function of this name be called with a whole row?
    pub(super) fn takes_row(&self, name: &str) -> bool {
        let types = &self.facts.snapshot.types;
        // VARIADIC, it takes the elements.
        let is_array = |oid: &Oid| !oid.is_builtin() && types.get(oid).is_some_and(|it| it.category == 'A');
        let is_row = |oid: &Oid| matches!(self.base_kind(*oid), None | Some('c' | 'p')) || is_array(oid);
        self.candidates_of(&[name]).any(|function| function.argument_types.first().is_some_and(is_row))
    }

    /// May `row.name` call something, where the row has no column of the name: a function
    /// of rows, or a cast without one? To a string no row is cast so (`func_get_detail`
    /// in `parse_func.c`).
    pub(super) fn may_take_row(&self, name: &str) -> bool {
        let is_row = |oid: Oid| !oid.is_builtin() && matches!(self.base_kind(oid), None | Some('c' | 'p'));
        let is_of_rows = |cast: &Cast| cast.function.is_none() && is_row(cast.source);
        self.takes_row(name) || self.facts.snapshot.casts.iter().any(is_of_rows)
    }

    /// Does a function in FROM certainly have the columns that
    /// [`result_columns`](Self::result_columns) lists? The client may have
    /// another one of the name, or make its composite type another.
    pub(super) fn has_certain_columns(&self, call: &Node, scope: &Scope<'_, 'a>) -> bool {
        let Some(NodeEnum::FuncCall(call)) = call.node.as_ref() else { return false };
        let names = strings(&call.funcname).unwrap_or_default();
        let is_there = |name: &&str| self.candidates_of(&[PG_CATALOG, name]).next().is_some();
        match self.builtin(&names).filter(is_there) {
            Some(UNNEST) => call.args.iter().all(|node| self.is_scalar_array(node, scope)),
            Some(name) => {
                ONE_COLUMN.contains(&name) || RESULT_COLUMNS.iter().any(|(known, _)| *known == name)
            }
            None => false,
        }
    }

    /// Is it an aggregate, or might it be?
    fn may_aggregate(&self, names: &[&str]) -> bool {
        let mut candidates = self.candidates_of(names).peekable();
        candidates.peek().is_none() || candidates.any(|function| function.kind == 'a')
    }

    /// SYSTEM_USER is a keyword from version 16 on; before, it is a name.
    fn check_known(&self, call: &FuncCall, names: &[&str]) -> Analysed<()> {
        let is_keyword =
            call.funcformat() == CoercionForm::CoerceSqlSyntax && names.last() == Some(&"system_user");
        let is_known =
            || self.facts.snapshot.functions.is_empty() || self.candidates_of(names).next().is_some();
        match is_keyword && !is_known() {
            true => self.unknown("SYSTEM_USER, which this server reads as a name,"),
            false => Ok(()),
        }
    }

    /// The bare name of a `pg_catalog` function, unless another schema has one
    /// of that name too, or a type, and the call is not qualified: `count(x)` casts
    /// to a type of that name before it counts (`func_get_detail`).
    pub(super) fn builtin<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        match names {
            // An extension's may stand there too.
            [PG_CATALOG, name] => {
                self.candidates_of(names).all(|function| function.oid.is_builtin()).then_some(*name)
            }
            [name] => {
                let elsewhere = self.candidates_of(names).any(|function| !function.oid.is_builtin());
                (!elsewhere && !self.casts_elsewhere(name)).then_some(*name)
            }
            _ => None,
        }
    }

    /// Has another schema a type that `name(x)` may cast to? A table's row is none.
    fn casts_elsewhere(&self, name: &str) -> bool {
        let mut types = self.facts.snapshot.types_named(name);
        types.any(|known| !known.oid.is_builtin() && known.relation.is_none())
    }

    /// Every function that the name could mean.
    pub(super) fn candidates_of<'n>(
        &self,
        names: &[&'n str],
    ) -> impl Iterator<Item = &'a Function> + use<'a, 'n> {
        let (schema, name) = match names {
            [name] => (None, *name),
            [.., schema, name] => (Some(*schema), *name),
            [] => (None, ""),
        };
        let snapshot = self.facts.snapshot;
        snapshot
            .functions_by_name
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .filter_map(move |oid| snapshot.functions.get(oid))
            .filter(move |function| match schema {
                None => true,
                Some("pg_temp") => function.schema.starts_with("pg_temp"),
                Some(schema) => &*function.schema == schema,
            })
    }

    pub(super) fn check_callable(&self, names: &[&str], at: usize) -> Analysed<()> {
        let is_opaque = |function: &Function| self.facts.opaque_functions.contains(&function.oid);
        // A schema that has nothing of the name may have been renamed since.
        let anywhere = names.get(names.len().saturating_sub(1)..).unwrap_or_default();
        let known = self.candidates_of(names).next().is_some();
        let mut candidates = self.candidates_of(if known { names } else { anywhere });
        let Some(opaque) = candidates.find(|function| is_opaque(function)) else { return Ok(()) };
        let location = i32::try_from(at).unwrap_or(-1);
        let why = self.why_opaque(opaque);
        self.refuse_opaque("function", names.last().copied().unwrap_or_default(), why, location)
    }

    /// As far as it is known.
    fn why_opaque(&self, function: &Function) -> Option<String> {
        let snapshot = self.facts.snapshot;
        if functions::is_opaque_by_itself(function) {
            return Some("What it reads or runs can't be told from its name and text.".to_owned());
        }
        let (mut read, mut called) = (BTreeSet::new(), BTreeSet::new());
        for named in snapshot.named_by(function) {
            match named {
                Named::Relation(oid) if self.facts.counted_relations.contains(&oid) => {
                    read.extend(snapshot.relations.get(&oid).map(Relation::qualified));
                }
                Named::Function(oid) if oid != function.oid && self.facts.opaque_functions.contains(&oid) => {
                    let known = snapshot.functions.get(&oid);
                    called.extend(known.map(|called| format!("{}.{}", called.schema, called.name)));
                }
                Named::Relation(_) | Named::Function(_) | Named::Type(_) => {}
            }
        }
        let reads = read.first().map(|relation| format!("It names {relation}."));
        reads.or_else(|| called.first().map(|function| format!("It names the function {function}.")))
    }

    /// A name where it may be called on one value, `(x).f` or `alias.f`: may it
    /// be, and what is the value given to it for?
    pub(super) fn called_on_one(&mut self, name: &str, at: usize, purpose: Purpose) -> Analysed<Purpose> {
        self.check_callable(&[name], at)?;
        let coerces = self.coerces(&[name], at)?;
        self.traces |= coerces || self.leaves_trace(&[name]);
        Ok(if coerces || self.may_keep(name) { Purpose::VOLATILE } else { purpose })
    }

    /// What the argument of these steps is for: one may be a function that keeps it.
    pub(super) fn called_by(&self, steps: &[Node], purpose: Purpose) -> Purpose {
        let keeps = |step: &Node| match &step.node {
            Some(NodeEnum::String(name)) => self.may_keep(&name.sval),
            _ => false,
        };
        if steps.iter().any(keeps) { Purpose::VOLATILE } else { purpose }
    }

    /// Is there a function of this name that may keep what it is given?
    fn may_keep(&self, name: &str) -> bool {
        let known = self.candidates_of(&[name]).next().is_some();
        known && (self.leaves_trace(&[name]) || self.is_volatile(&[name]))
    }

    /// `type(x)` is a cast (`func_get_detail`): does a CHECK of the type leave a
    /// trace?
    ///
    /// # Errors
    /// One may read protected data unseen.
    fn coerces(&self, names: &[&str], at: usize) -> Analysed<bool> {
        let checks = self.checks_of(names, i32::try_from(at).unwrap_or(-1))?;
        Ok(checks.into_iter().any(|function| self.body_leaves_trace(function)))
    }

    /// `why`: as far as it is known.
    pub(super) fn refuse_opaque<T>(
        &self,
        what: &str,
        name: &str,
        why: Option<String>,
        location: i32,
    ) -> Analysed<T> {
        let at = usize::try_from(location).unwrap_or(self.here);
        let hint = match STORED_FORM.contains(&name) {
            true => "How a value is stored tells how long others of its row are. Use octet_length(…).",
            false => "Query what it reads by itself, or have it named in defaults.trusted_functions.",
        };
        let error = ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: {what} \"{name}\" may read protected data unseen"),
        )
        .with_hint(hint)
        .at(self.places.position(at));
        Err(match why {
            Some(why) => error.with_detail(why),
            None => error,
        })
    }

    fn leaves_trace(&self, names: &[&str]) -> bool {
        self.candidates_of(names).any(|function| self.body_leaves_trace(function))
    }

    /// Unknown functions count as volatile. SQL's own syntax names functions
    /// that the snapshot need not list.
    fn is_volatile(&self, names: &[&str]) -> bool {
        if self.facts.snapshot.functions.is_empty() {
            return false;
        }
        let mut candidates = self.candidates_of(names).peekable();
        candidates.peek().is_none() || candidates.any(|function| function.volatility == Volatility::Volatile)
    }

    /// The column names of a function in FROM, where all functions that it may be
    /// have the same. That the client may make another one of the name, or its type
    /// another, is for [`has_certain_columns`](Self::has_certain_columns) to say.
    pub(super) fn result_columns(&self, call: &Node, name: &str) -> Option<Vec<String>> {
        let Some(NodeEnum::FuncCall(call)) = call.node.as_ref() else {
            return Some(vec![name.to_owned()]);
        };
        let names = strings(&call.funcname)?;
        let builtin = self.builtin(&names);
        if let Some((_, columns)) = RESULT_COLUMNS.iter().find(|(known, _)| Some(*known) == builtin) {
            return Some(columns.iter().map(|column| (*column).to_owned()).collect());
        }
        if builtin == Some(UNNEST) {
            return Some(vec![name.to_owned(); call.args.len()]);
        }
        if builtin.is_some_and(|name| POPULATING.contains(&name)) {
            return self.populated_columns(call.args.first()?);
        }
        let functions = self.candidates_of(&names).filter(|function| function.kind == 'f');
        all_alike(functions.map(|function| self.columns_of(function, name)))
    }

    fn columns_of(&self, function: &Function, name: &str) -> Option<Vec<String>> {
        // `build_function_result_tupdesc_d` in `funcapi.c`.
        let called = |(place, name): (usize, &Arc<str>)| match name.is_empty() {
            true => format!("column{}", place + 1),
            false => name.to_string(),
        };
        let result = self.facts.snapshot.types.get(&function.return_type)?;
        match (function.outputs.as_slice(), result.kind, result.relation) {
            (all @ [_, _, ..], _, _) => Some(all.iter().enumerate().map(called).collect()),
            (_, 'c', Some(relation)) => self.columns_of_type(relation),
            _ if is_row(self, function) => None,
            // `get_func_result_name`.
            ([only], _, _) if !only.is_empty() => Some(vec![only.to_string()]),
            _ => Some(vec![name.to_owned()]),
        }
    }

    fn columns_of_type(&self, relation: Oid) -> Option<Vec<String>> {
        let relation = self.facts.snapshot.relations.get(&relation)?;
        Some(relation.columns.iter().map(|column| column.name.to_string()).collect())
    }

    /// Those of `NULL::type`, whose row is filled.
    fn populated_columns(&self, row: &Node) -> Option<Vec<String>> {
        let Some(NodeEnum::TypeCast(cast)) = row.node.as_ref() else { return None };
        let name = cast.type_name.as_ref().filter(|name| name.array_bounds.is_empty() && !name.pct_type)?;
        let names = strings(&name.names)?;
        let (schema, bare) = match names.as_slice() {
            [bare] => (None, *bare),
            [schema, bare] => (Some(*schema), *bare),
            _ => return None,
        };
        let types = self.facts.snapshot.types_named(bare);
        let types = types.filter(|known| schema.is_none_or(|schema| *known.schema == *schema));
        all_alike(types.map(|known| self.columns_of_type(known.relation?)))
    }

    /// A value that decides an order, by which as much is told as `needs` says.
    pub(super) fn sorted(&mut self, value: &Value, kind: UseKind, needs: Disclosure) -> Flow {
        if self.view || value.is_clean() {
            return self.spend(value, Purpose::SORT);
        }
        let needs = needs.max(value.needs_in_order());
        let purpose = Purpose { kind, needs, export: false, neutralise: true };
        self.spend(value, purpose)
    }
}

/// What all of these are, if that is one thing.
fn all_alike(mut all: impl Iterator<Item = Option<Vec<String>>>) -> Option<Vec<String>> {
    let first = all.next()?;
    if all.all(|other| other == first) { first } else { None }
}

/// Is its result a row whose columns must be looked up?
fn is_row(walk: &Walk<'_>, function: &Function) -> bool {
    /// `record`: whatever columns its OUT arguments or the call say.
    const RECORD: crate::catalog::Oid = crate::catalog::Oid(2249);
    function.return_type == RECORD || matches!(walk.base_kind(function.return_type), None | Some('c' | 'p'))
}

/// One value, not a row of several.
fn is_single(value: &Value) -> bool {
    value.row.is_none() && value.elements.is_none()
}

/// `lower`, `trim` …: masked with `redact`, but `partial` and `email` go with
/// another case as they are.
fn derived(value: Value, case_only: bool) -> Value {
    let case_only = case_only && !value.collated && !value.recased;
    let flow = match value.flow.clone() {
        Flow::Clean => return Value::clean(),
        Flow::Plain { columns, .. } => Flow::Derived { columns, case_only },
        Flow::Derived { columns, case_only: earlier } => {
            Flow::Derived { columns, case_only: earlier && case_only }
        }
        Flow::Mixed { columns } => Flow::Mixed { columns },
        Flow::Computed { columns } => Flow::Computed { columns },
    };
    Value { type_oid: Some(TEXT), ..value.becomes(flow) }
}
