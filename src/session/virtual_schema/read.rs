//! From PostgreSQL's own tree of the text to a [`VirtualStatement`].
//!
//! A node is understood field by field; what is left over after the known
//! fields must be empty, so no clause is overlooked.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, AExprKind, BoolExprType, FuncCall, LimitOption, Node, RangeFunction, SelectStmt, SetOperation,
    SortByDir, SortByNulls, Token, a_const,
};

use super::value::Kind;
use super::{Function, Level, Operand, OutputColumn, VirtualStatement};
use crate::error::{ClientError, sqlstate};
use crate::sql::parse::{self, Tokens};

/// Nobody needs more to ask for access.
const MAX_TEXT: usize = 64 * 1024;
const MAX_DEPTH: usize = 20;
const MAX_PARAMETERS: usize = 100;
/// The statement and one subquery around it.
const MAX_LEVELS: usize = 2;

type Read<T> = Result<T, ClientError>;

pub(super) fn read(text: &str) -> Option<Read<VirtualStatement>> {
    // Words of literals and comments are none of ours. A text that can't be
    // cut into tokens gets the server's own error.
    let tokens = Tokens::scan(text).ok()?;
    if !calls_schema(text, &tokens) {
        return None;
    }
    if text.len() > MAX_TEXT {
        return Some(Err(ClientError::new(
            sqlstate::PROGRAM_LIMIT_EXCEEDED,
            format!("a statement for schema \"bauta\" is longer than {MAX_TEXT} bytes"),
        )));
    }
    let read = parse::with_room(|| only_statement(text));
    Some(read.unwrap_or_else(|_| Err(unsupported("a statement that can't be read now"))))
}

fn only_statement(text: &str) -> Read<VirtualStatement> {
    let parsed = parse::parse(text, MAX_DEPTH)?;
    match parsed.statements.as_slice() {
        [only] => statement(&only.node),
        _ => Err(unsupported("several statements in one text")),
    }
}

/// `bauta . name (` in the tokens.
fn calls_schema(text: &str, tokens: &Tokens) -> bool {
    let tokens: Vec<_> = tokens.within(&(0..text.len())).collect();
    tokens.windows(4).any(|window| {
        let [(schema, Token::Ident), (_, Token::Ascii46), _, (_, Token::Ascii40)] = window else {
            return false;
        };
        let word = text.get(schema.clone()).unwrap_or_default();
        word.eq_ignore_ascii_case("bauta") || word == "\"bauta\""
    })
}

fn unsupported(what: &str) -> ClientError {
    ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, format!("schema \"bauta\" does not support {what}")).with_hint(
        "use SELECT * FROM bauta.columns(), request(...), requests(), grants() or whoami() as a statement \
         of its own, with no more than column names, WHERE column = value, ORDER BY and LIMIT",
    )
}

fn statement(node: &NodeEnum) -> Read<VirtualStatement> {
    let NodeEnum::SelectStmt(select) = node else {
        return Err(unsupported("anything but SELECT"));
    };
    let mut reader = Reader { parameters: Vec::new() };
    let (call, levels, columns) = reader.select(select, 1)?;
    let mut parameters = Vec::with_capacity(reader.parameters.len());
    for (index, kind) in reader.parameters.iter().enumerate() {
        parameters.push(kind.ok_or_else(|| {
            ClientError::new(
                sqlstate::INDETERMINATE_DATATYPE,
                format!("could not determine data type of parameter ${}", index + 1),
            )
        })?);
    }
    Ok(VirtualStatement { function: call.0, arguments: call.1, levels, columns, parameters })
}

type Call = (Function, Vec<Option<Operand>>);

struct Reader {
    /// The type of each parameter, as far as seen.
    parameters: Vec<Option<Kind>>,
}

/// What a SELECT reads from: its columns, and what they may be qualified with.
struct Source {
    call: Call,
    levels: Vec<Level>,
    columns: Vec<OutputColumn>,
    alias: String,
}

impl Reader {
    fn select(&mut self, select: &SelectStmt, depth: usize) -> Read<(Call, Vec<Level>, Vec<OutputColumn>)> {
        if depth > MAX_LEVELS {
            return Err(unsupported("more than one subquery"));
        }
        let rest = SelectStmt {
            target_list: vec![],
            from_clause: vec![],
            where_clause: None,
            sort_clause: vec![],
            limit_offset: None,
            limit_count: None,
            limit_option: 0,
            op: 0,
            ..select.clone()
        };
        let plain = select.op() == SetOperation::SetopNone && select.limit_option() != LimitOption::WithTies;
        if rest != SelectStmt::default() || !plain {
            return Err(unsupported("this form of SELECT"));
        }
        let [from] = select.from_clause.as_slice() else {
            return Err(unsupported("a function outside FROM, or more than one relation"));
        };
        let source = self.source(from, depth)?;
        let mut level = Level {
            filters: vec![],
            order: vec![],
            limit: self.count(select.limit_count.as_deref())?,
            offset: self.count(select.limit_offset.as_deref())?,
            output: vec![],
        };
        if let Some(condition) = &select.where_clause {
            self.filter(condition, &source, &mut level.filters)?;
        }
        let columns = outputs(&select.target_list, &source, &mut level.output)?;
        for item in &select.sort_clause {
            level.order.push(sort(item, &source, &columns, &level.output)?);
        }
        let mut levels = source.levels;
        levels.push(level);
        Ok((source.call, levels, columns))
    }

    fn source(&mut self, from: &Node, depth: usize) -> Read<Source> {
        match &from.node {
            Some(NodeEnum::RangeFunction(range)) => self.function(range),
            Some(NodeEnum::RangeSubselect(range)) if !range.lateral => {
                let Some(NodeEnum::SelectStmt(inner)) = range.subquery.as_ref().and_then(|n| n.node.as_ref())
                else {
                    return Err(unsupported("this subquery"));
                };
                let (call, levels, columns) = self.select(inner, depth + 1)?;
                Ok(Source { call, levels, columns, alias: alias(range.alias.as_ref())?.unwrap_or_default() })
            }
            _ => Err(unsupported("other relations or joins")),
        }
    }

    fn function(&mut self, range: &RangeFunction) -> Read<Source> {
        let rest = RangeFunction { functions: vec![], alias: None, ..range.clone() };
        if rest != RangeFunction::default() {
            return Err(unsupported("this form of a function in FROM"));
        }
        let called = range.functions.first().and_then(|n| n.node.as_ref());
        let call = match (called, range.functions.len()) {
            (Some(NodeEnum::List(list)), 1) => list.items.first().and_then(|n| n.node.as_ref()),
            _ => None,
        };
        let Some(NodeEnum::FuncCall(call)) = call else {
            return Err(unsupported("this form of a function in FROM"));
        };
        let plain =
            FuncCall { funcname: vec![], args: vec![], funcformat: 0, location: 0, ..(**call).clone() };
        if plain != FuncCall::default() {
            return Err(unsupported("this form of a call"));
        }
        let names: Vec<&str> = call.funcname.iter().filter_map(string).collect();
        let ["bauta", name] = names.as_slice() else {
            return Err(unsupported("functions of other schemas in the same statement"));
        };
        let Some(function) = Function::ALL.into_iter().find(|f| f.name() == *name) else {
            return Err(no_function(name, "it has columns, request, requests, grants and whoami"));
        };
        let arguments = self.arguments(function, &call.args)?;
        let columns = function
            .columns()
            .iter()
            .map(|(name, kind)| OutputColumn { name: (*name).to_owned(), kind: *kind });
        Ok(Source {
            call: (function, arguments),
            levels: Vec::new(),
            columns: columns.collect(),
            alias: alias(range.alias.as_ref())?.unwrap_or_else(|| (*name).to_owned()),
        })
    }

    /// By position, then by name (`ticket => '…'`).
    fn arguments(&mut self, function: Function, given: &[Node]) -> Read<Vec<Option<Operand>>> {
        let wanted = function.arguments();
        let signature = || {
            let names: Vec<_> = wanted.iter().map(|a| a.name).collect();
            format!("its arguments are ({})", names.join(", "))
        };
        let mut arguments: Vec<Option<Operand>> = wanted.iter().map(|_| None).collect();
        for (position, node) in given.iter().enumerate() {
            let (index, value) = match &node.node {
                Some(NodeEnum::NamedArgExpr(named)) => {
                    (wanted.iter().position(|a| a.name == named.name), named.arg.as_deref())
                }
                _ => (Some(position), Some(node)),
            };
            let slot = index.and_then(|i| Some((wanted.get(i)?, arguments.get_mut(i)?)));
            let (Some((argument, slot)), Some(value)) = (slot, value) else {
                return Err(no_function(function.name(), &signature()));
            };
            if slot.is_some() {
                return Err(no_function(function.name(), &signature()));
            }
            *slot = Some(self.operand(value, argument.kind)?);
        }
        if wanted.iter().zip(&arguments).any(|(a, given)| a.required && given.is_none()) {
            return Err(no_function(function.name(), &signature()));
        }
        Ok(arguments)
    }

    /// `column = value [AND …]`, either way round.
    fn filter(&mut self, node: &Node, source: &Source, into: &mut Vec<(usize, Kind, Operand)>) -> Read<()> {
        let refused = || unsupported("a condition other than column = value");
        match &node.node {
            Some(NodeEnum::BoolExpr(all)) if all.boolop() == BoolExprType::AndExpr => {
                all.args.iter().try_for_each(|arg| self.filter(arg, source, into))
            }
            Some(NodeEnum::AExpr(comparison)) if comparison.kind() == AExprKind::AexprOp => {
                let name: Vec<&str> = comparison.name.iter().filter_map(string).collect();
                if !matches!(name.as_slice(), ["="] | ["pg_catalog", "="]) {
                    return Err(refused());
                }
                let (Some(left), Some(right)) = (comparison.lexpr.as_deref(), comparison.rexpr.as_deref())
                else {
                    return Err(refused());
                };
                let (column, value) = match (is_column(left), is_column(right)) {
                    (true, false) => (left, right),
                    (false, true) => (right, left),
                    _ => return Err(refused()),
                };
                let index = column_index(column, source)?;
                let kind = source.columns.get(index).map_or(Kind::Text, |c| c.kind);
                if matches!(kind, Kind::TextArray | Kind::Timestamptz | Kind::Interval) {
                    return Err(unsupported("a condition on this column"));
                }
                into.push((index, kind, self.operand(value, kind)?));
                Ok(())
            }
            // A boolean column by itself.
            Some(NodeEnum::ColumnRef(_)) => {
                let index = column_index(node, source)?;
                if source.columns.get(index).is_none_or(|c| c.kind != Kind::Bool) {
                    return Err(refused());
                }
                into.push((index, Kind::Bool, Operand::Literal("t".to_owned())));
                Ok(())
            }
            _ => Err(refused()),
        }
    }

    /// A literal, `$n`, or a cast of one.
    fn operand(&mut self, node: &Node, kind: Kind) -> Read<Operand> {
        match &node.node {
            Some(NodeEnum::AConst(constant)) => literal(constant),
            Some(NodeEnum::ParamRef(parameter)) => {
                let number =
                    usize::try_from(parameter.number).ok().filter(|n| (1..=MAX_PARAMETERS).contains(n));
                let Some(number) = number else { return Err(unsupported("this parameter")) };
                if self.parameters.len() < number {
                    self.parameters.resize(number, None);
                }
                if let Some(seen) = self.parameters.get_mut(number - 1) {
                    seen.get_or_insert(kind);
                }
                Ok(Operand::Parameter(number))
            }
            Some(NodeEnum::TypeCast(cast)) => match &cast.arg {
                Some(inner) => self.operand(inner, kind),
                None => Err(unsupported("this expression")),
            },
            _ => Err(unsupported("an expression where a literal or parameter should be")),
        }
    }

    fn count(&mut self, node: Option<&Node>) -> Read<Option<Operand>> {
        node.map(|n| self.operand(n, Kind::Int8)).transpose()
    }
}

fn no_function(name: &str, hint: &str) -> ClientError {
    ClientError::new(
        sqlstate::UNDEFINED_FUNCTION,
        format!("function bauta.{name} does not exist, or not with these arguments"),
    )
    .with_hint(hint)
}

fn string(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(s)) => Some(&s.sval),
        _ => None,
    }
}

fn literal(constant: &AConst) -> Read<Operand> {
    if constant.isnull {
        return Ok(Operand::Null);
    }
    Ok(Operand::Literal(match &constant.val {
        Some(a_const::Val::Sval(s)) => s.sval.clone(),
        Some(a_const::Val::Ival(n)) => n.ival.to_string(),
        Some(a_const::Val::Fval(n)) => n.fval.clone(),
        Some(a_const::Val::Boolval(b)) => if b.boolval { "t" } else { "f" }.to_owned(),
        Some(a_const::Val::Bsval(_)) | None => return Err(unsupported("this literal")),
    }))
}

fn alias(alias: Option<&pg_query::protobuf::Alias>) -> Read<Option<String>> {
    match alias {
        Some(a) if !a.colnames.is_empty() => Err(unsupported("renamed columns")),
        Some(a) => Ok(Some(a.aliasname.clone())),
        None => Ok(None),
    }
}

fn is_column(node: &Node) -> bool {
    matches!(node.node, Some(NodeEnum::ColumnRef(_)))
}

/// `column` or `alias.column`.
fn column_index(node: &Node, source: &Source) -> Read<usize> {
    let Some(NodeEnum::ColumnRef(reference)) = &node.node else {
        return Err(unsupported("an expression where a column should be"));
    };
    let parts: Vec<Option<&str>> = reference.fields.iter().map(string).collect();
    let name = match parts.as_slice() {
        [Some(name)] => name,
        [Some(qualifier), Some(name)] if *qualifier == source.alias => name,
        _ => return Err(unsupported("this column reference")),
    };
    source.columns.iter().position(|c| c.name == **name).ok_or_else(|| {
        let known: Vec<_> = source.columns.iter().map(|c| c.name.as_str()).collect();
        ClientError::new(sqlstate::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"))
            .with_hint(format!("the columns are {}", known.join(", ")))
    })
}

/// Is it `*`, or `alias.*`?
fn is_star(node: &Node, source: &Source) -> bool {
    let Some(NodeEnum::ColumnRef(reference)) = &node.node else { return false };
    let star = |n: &Node| matches!(n.node, Some(NodeEnum::AStar(_)));
    match reference.fields.as_slice() {
        [only] => star(only),
        [qualifier, last] => star(last) && string(qualifier) == Some(&source.alias),
        _ => false,
    }
}

/// The select list: `*` or columns, aliases allowed.
fn outputs(targets: &[Node], source: &Source, indices: &mut Vec<usize>) -> Read<Vec<OutputColumn>> {
    let mut columns = Vec::new();
    for target in targets {
        let Some(NodeEnum::ResTarget(target)) = &target.node else {
            return Err(unsupported("this select list"));
        };
        let Some(value) = target.val.as_deref().filter(|_| target.indirection.is_empty()) else {
            return Err(unsupported("this select list"));
        };
        if is_star(value, source) {
            indices.extend(0..source.columns.len());
            columns.extend(source.columns.iter().cloned());
            continue;
        }
        if !is_column(value) {
            return Err(unsupported("expressions in the select list"));
        }
        let index = column_index(value, source)?;
        let Some(column) = source.columns.get(index) else {
            return Err(unsupported("this select list"));
        };
        let name = if target.name.is_empty() { column.name.clone() } else { target.name.clone() };
        indices.push(index);
        columns.push(OutputColumn { name, kind: column.kind });
    }
    Ok(columns)
}

/// An ORDER BY item: an output's name or ordinal, else a column's name.
fn sort(
    item: &Node,
    source: &Source,
    columns: &[OutputColumn],
    indices: &[usize],
) -> Read<(usize, bool, bool)> {
    let Some(NodeEnum::SortBy(sort)) = &item.node else {
        return Err(unsupported("this ORDER BY"));
    };
    let Some(node) = sort.node.as_deref().filter(|_| sort.use_op.is_empty()) else {
        return Err(unsupported("this ORDER BY"));
    };
    let index = match &node.node {
        Some(NodeEnum::AConst(constant)) => {
            let Operand::Literal(number) = literal(constant)? else {
                return Err(unsupported("this ORDER BY"));
            };
            let position = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            position.and_then(|p| indices.get(p)).copied().ok_or_else(|| {
                ClientError::new(
                    sqlstate::UNDEFINED_COLUMN_REFERENCE,
                    format!("ORDER BY position {number} is not in select list"),
                )
            })?
        }
        Some(NodeEnum::ColumnRef(reference)) => {
            let name = match reference.fields.as_slice() {
                [only] => string(only),
                _ => None,
            };
            let output = columns.iter().position(|c| Some(c.name.as_str()) == name);
            match output.and_then(|p| indices.get(p)) {
                Some(index) => *index,
                None => column_index(node, source)?,
            }
        }
        _ => return Err(unsupported("expressions in ORDER BY")),
    };
    let descending = sort.sortby_dir() == SortByDir::SortbyDesc;
    let nulls_first = match sort.sortby_nulls() {
        SortByNulls::SortbyNullsFirst => true,
        SortByNulls::SortbyNullsLast => false,
        SortByNulls::SortbyNullsDefault | SortByNulls::Undefined => descending,
    };
    Ok((index, descending, nulls_first))
}
