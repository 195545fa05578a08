//! What a column gets that a new row is given nothing for, or that is SET to
//! DEFAULT.
//!
//! A default is the DBA's word, as long as the client does not choose what it
//! says: by a setting, a seed, a table of its own. One that it may choose is a
//! value of the client's, and so are guesses. Invariant: a default counts as
//! the DBA's only where all of it is known to be. A sequence only goes on: what
//! sets it counts as a write of the columns that it fills.

use std::ops::Range;
use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{AExprKind, FuncCall, Node, SqlValueFunctionOp, TypeName};

use super::Walk;
use super::dml::Destination;
use super::names::{PG_CATALOG, strings};
use super::value::{columns, computed, mixed};
use super::writes::Written;
use crate::catalog::Oid;
use crate::catalog::snapshot::{Column, ConstraintKind, Relation, RelationKind};
use crate::policy::Disclosure;
use crate::sql::analysis::Flow;
use crate::sql::parse;

/// What a default reads that no client chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steady {
    /// Constants, a sequence, unique numbers.
    Fixed,
    /// A moment, which is the same in every zone. As a date, a time of day or a
    /// text it is read in the session's, and so is a day that is added to it: the
    /// client makes up a zone of any offset, with a change of the clock in it.
    Moment,
    /// What a clock shows in a zone that the default names.
    Shown,
}

/// Functions of `pg_catalog` that give what nobody chooses.
const FIXED: &[&str] = &["gen_random_uuid", "uuidv4", "uuidv7"];
const MOMENTS: &[&str] = &["clock_timestamp", "now", "statement_timestamp", "transaction_timestamp"];
/// Those that make something of what is fixed.
const MAKING: &[&str] =
    &["abs", "concat", "encode", "left", "lower", "lpad", "md5", "replace", "right", "upper"];
/// Extensions, and what of theirs is fixed.
const OF_EXTENSIONS: &[(&str, &str)] =
    &[("pgcrypto", "gen_random_uuid"), ("uuid-ossp", "uuid_generate_v4"), ("pg_uuidv7", "uuid_generate_v7")];
/// Types that what a clock shows is given as, and those that are the same moment.
const SHOWN: &[&str] = &["date", "time", "timestamp"];
const MOMENT: &str = "timestamptz";
/// Types whose values are read from a text by settings, when it is not a literal.
const READ_BY_SETTINGS: &[&str] =
    &["date", "interval", "money", "time", "timestamp", "timestamptz", "timetz"];

/// Longer ones are cut (`NAMEDATALEN`).
const LONGEST_NAME: usize = 63;

/// Deeper than anybody writes a default.
const DEPTH: usize = 16;

impl<'a> Walk<'a> {
    /// A new row: `items` go into the first of `columns`, the others get their
    /// defaults. `beside`: as of [`Written`].
    pub(super) fn leave_out(
        &mut self,
        to: &Destination<'a>,
        columns: &[String],
        items: &[(Written, bool)],
        beside: &Rc<[String]>,
    ) {
        let certain = items.iter().take_while(|(_, moves)| !moves);
        let given = columns.iter().zip(certain);
        let given = given.filter(|(_, (written, _))| !written.is_default());
        let given: Vec<&str> = given.map(|(column, _)| column.as_str()).collect();
        for (table, exact) in &to.held_in {
            let is_named = to.relations.iter().any(|relation| relation.oid == table.oid);
            // A partition's own defaults are not asked for what goes through its parent.
            if *exact && !is_named {
                continue;
            }
            let left_out = table.columns.iter().filter(|column| column.generated.is_none());
            for column in left_out.filter(|column| column.default.is_some()) {
                let flow = self.flow_at(table, column.attribute);
                let is_given = match exact {
                    true => given.contains(&&*column.name),
                    false => given.iter().any(|name| self.leads_to(to, name, &flow)),
                };
                if is_given {
                    continue;
                }
                let asked = match &flow {
                    Flow::Clean => self.beside_new(&[(*table, true)], to, &column.name, beside),
                    flow if self.tells_equal(flow) || self.is_keyed(to, column, *exact, flow, true) => {
                        mixed([flow, &self.keys_from(table, &column.name, flow)])
                    }
                    _ => Flow::Clean,
                };
                if asked != Flow::Clean && self.is_chosen(table, column) {
                    self.use_write_because(&asked, &to.span, chosen(table, column));
                }
            }
        }
    }

    /// `column`, which is `flow`, is SET to its default.
    pub(super) fn write_default(
        &mut self,
        to: &Destination<'a>,
        name: &str,
        flow: &Flow,
        span: &Range<usize>,
    ) {
        let held = to.held_in.iter().flat_map(|(table, exact)| {
            let places = self.places_of(table, exact.then_some(name), flow);
            let columns = table.columns.iter().filter(move |column| places.contains(&column.attribute));
            columns.map(move |column| (*table, *exact, column))
        });
        let held: Vec<(&Relation, bool, &Column)> =
            held.filter(|(_, _, column)| column.generated.is_none()).collect();
        let mut defaults = held.iter().filter(|(_, _, column)| gives_value(column));
        // NULL, which all masks tell.
        if defaults.clone().next().is_none() {
            return;
        }
        let is_chosen = |(table, _, column): &(&Relation, bool, &Column)| self.is_chosen(table, column);
        let mut written = to.relations.iter().chain(to.held_in.iter().map(|(table, _)| table));
        let is_noticed = written.any(|table| table.update_triggers || table.has_rules);
        let is_keyed = held.iter().any(|(_, exact, column)| self.is_keyed(to, column, *exact, flow, false));
        let is_told = self.tells_equal(flow) && defaults.any(is_chosen);
        if is_noticed || is_keyed || is_told {
            self.use_write_because(
                flow,
                span,
                "a key, trigger or rule tells whether the column's default is what a row held or another row \
                 holds, or the default is of the client's choice.",
            );
        }
    }

    /// `setval` of a sequence: the columns that it fills get what the client chooses.
    pub(super) fn set_sequence(&mut self, call: &'a FuncCall, at: usize) {
        let is_meant = |sequence: &Oid| match call.args.first() {
            Some(node) => self.may_mean(node, *sequence),
            None => true,
        };
        let mut filled: Vec<_> =
            self.facts.sequences.iter().filter(|(sequence, _)| is_meant(sequence)).collect();
        filled.sort_by_key(|(sequence, _)| **sequence);
        let filled = filled.into_iter().flat_map(|(_, columns)| columns.iter().cloned()).collect();
        let span = self.places.token(i32::try_from(at).unwrap_or(-1));
        self.use_write_because(
            &computed(filled),
            &span,
            "the sequence gives a protected column its default, which would be of the client's choice.",
        );
    }

    /// An oid, or what is to be computed, may mean any sequence.
    fn may_mean(&self, node: &Node, sequence: Oid) -> bool {
        let snapshot = self.facts.snapshot;
        if let Some(name) = named_relation(node) {
            return snapshot.relations.get(&sequence).is_none_or(|known| *known.name == *name);
        }
        let Some(NodeEnum::FuncCall(call)) = node.node.as_ref() else { return true };
        let names = strings(&call.funcname).unwrap_or_default();
        let [table, column] = call.args.as_slice() else { return true };
        match (self.builtin(&names), named_relation(table), literal(column)) {
            (Some("pg_get_serial_sequence"), Some(table), Some(column)) => {
                let mut columns = snapshot.relations_named(&table).filter_map(|known| known.column(column));
                columns.any(|column| column.sequences.contains(&sequence))
            }
            _ => true,
        }
    }

    fn tells_equal(&self, flow: &Flow) -> bool {
        columns(flow).iter().any(|column| column.discloses.include(Disclosure::Equality))
    }

    /// Does the column of this name lead to one that is `flow`?
    fn leads_to(&self, to: &Destination<'a>, name: &str, flow: &Flow) -> bool {
        let field = to.item.source.field(name);
        field.is_some_and(|field| {
            columns(&field.flow).iter().any(|one| columns(flow).iter().any(|other| one.is_same(other)))
        })
    }

    /// Does a key's error tell whether another row holds what the column gets?
    /// `refers`: foreign keys count too.
    fn is_keyed(
        &self,
        to: &Destination<'a>,
        column: &Column,
        exact: bool,
        flow: &Flow,
        refers: bool,
    ) -> bool {
        to.held_in.iter().any(|(table, same)| {
            let places = self.places_of(table, (exact && *same).then_some(&*column.name), flow);
            table.constraints.iter().any(|constraint| {
                let is_key = match constraint.kind {
                    ConstraintKind::Unique | ConstraintKind::Exclude => true,
                    ConstraintKind::ForeignKey => refers,
                    ConstraintKind::Check | ConstraintKind::Computed => false,
                };
                is_key && constraint.columns.iter().any(|attribute| places.contains(attribute))
            })
        })
    }

    /// May the client choose what the column's default gives?
    pub(super) fn is_chosen(&self, table: &Relation, column: &Column) -> bool {
        let Some(default) = column.default.as_deref().filter(|_| !column.is_identity) else { return false };
        // Nobody watches over the sequences of a view's own defaults.
        let is_view = table.kind == RelationKind::View && !column.sequences.is_empty();
        is_view || with_parsed(default, |node| self.steady(node)).flatten().is_none()
    }

    /// Printed for a search_path of `pg_catalog` alone: a name without a schema is its.
    fn steady(&self, node: &Node) -> Option<Steady> {
        match node.node.as_ref()? {
            NodeEnum::AConst(_) => Some(Steady::Fixed),
            NodeEnum::TypeCast(cast) => {
                let inner = cast.arg.as_deref()?;
                let is_constant = matches!(inner.node, Some(NodeEnum::AConst(_)));
                let name = builtin_type(cast.type_name.as_ref()?);
                match self.steady(inner)? {
                    Steady::Fixed if is_constant => Some(Steady::Fixed),
                    Steady::Fixed => {
                        name.filter(|name| !READ_BY_SETTINGS.contains(name)).map(|_| Steady::Fixed)
                    }
                    Steady::Moment => name.filter(|name| *name == MOMENT).map(|_| Steady::Moment),
                    Steady::Shown => name.filter(|name| SHOWN.contains(name)).map(|_| Steady::Shown),
                }
            }
            NodeEnum::SqlvalueFunction(function) => match function.op() {
                SqlValueFunctionOp::SvfopCurrentRole
                | SqlValueFunctionOp::SvfopCurrentUser
                | SqlValueFunctionOp::SvfopUser
                | SqlValueFunctionOp::SvfopSessionUser
                | SqlValueFunctionOp::SvfopCurrentCatalog => Some(Steady::Fixed),
                SqlValueFunctionOp::SvfopCurrentTimestamp | SqlValueFunctionOp::SvfopCurrentTimestampN => {
                    Some(Steady::Moment)
                }
                SqlValueFunctionOp::SvfopCurrentDate
                | SqlValueFunctionOp::SvfopCurrentTime
                | SqlValueFunctionOp::SvfopCurrentTimeN
                | SqlValueFunctionOp::SvfopLocaltime
                | SqlValueFunctionOp::SvfopLocaltimeN
                | SqlValueFunctionOp::SvfopLocaltimestamp
                | SqlValueFunctionOp::SvfopLocaltimestampN
                | SqlValueFunctionOp::SvfopCurrentSchema
                | SqlValueFunctionOp::SqlvalueFunctionOpUndefined => None,
            },
            NodeEnum::AExpr(operation) if operation.kind() == AExprKind::AexprOp => {
                let names = strings(&operation.name)?;
                let [name] = names.as_slice() else { return None };
                let operands = || operation.lexpr.iter().chain(&operation.rexpr);
                let kinds: Vec<Steady> = operands().map(|node| self.steady(node)).collect::<Option<_>>()?;
                let adds = matches!(*name, "+" | "-");
                match kinds.iter().find(|kind| **kind != Steady::Fixed) {
                    None => Some(Steady::Fixed),
                    Some(Steady::Moment) if adds && operands().any(|node| is_hours(node)) => {
                        Some(Steady::Moment)
                    }
                    Some(Steady::Shown) if adds && !kinds.contains(&Steady::Moment) => Some(Steady::Shown),
                    Some(_) => None,
                }
            }
            NodeEnum::AArrayExpr(array) => self.all_fixed(&array.elements),
            NodeEnum::FuncCall(call) => self.steady_call(call),
            _ => None,
        }
    }

    fn all_fixed(&self, nodes: &[Node]) -> Option<Steady> {
        let is_fixed = |node: &Node| self.steady(node) == Some(Steady::Fixed);
        nodes.iter().all(is_fixed).then_some(Steady::Fixed)
    }

    fn steady_call(&self, call: &FuncCall) -> Option<Steady> {
        let names = strings(&call.funcname)?;
        // `AT TIME ZONE` says where it is from.
        let names = names.strip_prefix(&[PG_CATALOG]).unwrap_or(&names);
        match names {
            ["nextval"] => call.args.first().and_then(named_relation).map(|_| Steady::Fixed),
            [name] if FIXED.contains(name) => Some(Steady::Fixed),
            [name] if MAKING.contains(name) => self.all_fixed(&call.args),
            [name] if MOMENTS.contains(name) => Some(Steady::Moment),
            ["timezone"] => match call.args.as_slice() {
                [zone, time] if names_zone(zone) => match self.steady(time)? {
                    Steady::Moment => Some(Steady::Shown),
                    Steady::Shown => Some(Steady::Moment),
                    Steady::Fixed => None,
                },
                _ => None,
            },
            ["date_trunc"] => match call.args.as_slice() {
                [_, time] => self.steady(time).filter(|kind| *kind == Steady::Shown),
                [_, time, zone] if names_zone(zone) => self.steady(time),
                _ => None,
            },
            [_, name] => {
                let mut named = self.candidates_of(names).peekable();
                let is_known = |extension: &str| OF_EXTENSIONS.contains(&(extension, *name));
                let is_there = named.peek().is_some();
                let all_known = named.all(|function| function.extension.as_deref().is_some_and(is_known));
                (is_there && all_known).then_some(Steady::Fixed)
            }
            _ => None,
        }
    }
}

/// An interval of hours and less, as the server prints one: no zone changes that.
fn is_hours(node: &Node) -> bool {
    let text = literal_within(node).unwrap_or_default();
    text.contains(':') && text.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.'))
}

/// A zone that means the same in every session. What an abbreviation means hangs
/// on a setting (`timezone_abbreviations`).
fn names_zone(node: &Node) -> bool {
    literal_within(node).is_some_and(|zone| zone.contains('/') || zone.eq_ignore_ascii_case("utc"))
}

/// The text of a literal, or of one that is cast.
fn literal_within(node: &Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::TypeCast(cast) => literal(cast.arg.as_deref()?),
        _ => literal(node),
    }
}

/// May the column's default be anything but NULL?
fn gives_value(column: &Column) -> bool {
    let is_null = |node: &Node| matches!(&node.node, Some(NodeEnum::AConst(constant)) if constant.isnull);
    let default = column.default.as_deref();
    column.is_identity || default.is_some_and(|default| !with_constant(default, is_null))
}

/// Does a default give the same to every row?
pub(super) fn is_constant(default: &str) -> bool {
    with_constant(default, |node| matches!(node.node, Some(NodeEnum::AConst(_))))
}

/// Is it so of the expression, or of what is cast in it?
fn with_constant(expression: &str, is_so: impl Fn(&Node) -> bool) -> bool {
    let found = with_parsed(expression, |node| match node.node.as_ref() {
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().is_some_and(&is_so),
        _ => is_so(node),
    });
    found.unwrap_or(false)
}

/// An expression as the server prints it; none where it could not be printed.
fn with_parsed<T>(expression: &str, look: impl FnOnce(&Node) -> T) -> Option<T> {
    let parsed = parse::parse(&format!("SELECT {expression}"), DEPTH).ok()?;
    let [statement] = parsed.statements.as_slice() else { return None };
    let NodeEnum::SelectStmt(select) = &statement.node else { return None };
    let [target] = select.target_list.as_slice() else { return None };
    let Some(NodeEnum::ResTarget(target)) = target.node.as_ref() else { return None };
    target.val.as_deref().map(look)
}

fn literal(node: &Node) -> Option<&str> {
    let Some(NodeEnum::AConst(constant)) = node.node.as_ref() else { return None };
    match constant.val.as_ref()? {
        Val::Sval(text) => Some(&text.sval),
        Val::Ival(_) | Val::Fval(_) | Val::Boolval(_) | Val::Bsval(_) => None,
    }
}

/// `'schema.name'`, a literal, with or without `::regclass`: the name. None for
/// anything else, digits, which are an oid, among it.
fn named_relation(node: &Node) -> Option<String> {
    let spelled = match node.node.as_ref()? {
        NodeEnum::TypeCast(cast) if builtin_type(cast.type_name.as_ref()?) == Some("regclass") => {
            literal(cast.arg.as_deref()?)?
        }
        _ => literal(node)?,
    };
    let name = spelled.rsplit('.').next()?.trim();
    if name.len() > LONGEST_NAME {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => (!quoted.contains('"')).then(|| quoted.to_owned()),
        None => {
            let is_name = name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
            (is_name && !name.is_empty()).then(|| name.to_ascii_lowercase())
        }
    }
}

/// The name of a type of `pg_catalog`, where it is one.
fn builtin_type(name: &TypeName) -> Option<&str> {
    match strings(&name.names)?.as_slice() {
        [name] | [PG_CATALOG, name] => Some(*name),
        _ => None,
    }
}

fn chosen(table: &Relation, column: &Column) -> String {
    format!(
        "the default of {}.{} may be of the client's choice, by a setting or by what a function reads: \
         it counts as a value given.",
        table.qualified(),
        column.name
    )
}
