//! The names that PostgreSQL gives to output columns without an alias:
//! `FigureColnameInternal` in `parse_target.c`.

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{MinMaxOp, Node, SqlValueFunctionOp, SubLinkType, XmlExprOp};

use super::names::{inner, strings};

pub(super) fn column_name(node: &Node) -> String {
    name_of(node).0.unwrap_or_else(|| "?column?".to_owned())
}

/// The column or subquery that an output without an alias is called after: for
/// certain, in every version.
pub(super) fn named_by(node: &Node) -> Option<&NodeEnum> {
    match node.node.as_ref()? {
        named @ NodeEnum::ColumnRef(_) => Some(named),
        NodeEnum::SubLink(link) if link.sub_link_type() != SubLinkType::ExprSublink => None,
        named @ NodeEnum::SubLink(_) => Some(named),
        NodeEnum::AIndirection(part) if last_string(&part.indirection).1 => None,
        NodeEnum::AIndirection(part) => named_by(part.arg.as_deref()?),
        NodeEnum::TypeCast(cast) => named_by(cast.arg.as_deref()?),
        NodeEnum::CollateClause(collate) => named_by(collate.arg.as_deref()?),
        NodeEnum::CaseExpr(case) => named_by(case.defresult.as_deref()?),
        _ => None,
    }
}

/// Is an output called the same in every version? One that is called after a
/// subquery has that one's name, which is not known here. EXTRACT is `date_part`
/// before version 14, and TRUE a cast to `bool` before 15.
pub(super) fn is_certain(node: &Node) -> bool {
    let is_certain_in = |node: &Option<Box<Node>>| node.as_deref().is_none_or(is_certain);
    match node.node.as_ref() {
        Some(NodeEnum::AIndirection(part)) => last_string(&part.indirection).1 || is_certain_in(&part.arg),
        Some(NodeEnum::FuncCall(call)) => last_string(&call.funcname).0.as_deref() != Some("extract"),
        Some(NodeEnum::TypeCast(cast)) => is_certain_in(&cast.arg),
        Some(NodeEnum::CollateClause(collate)) => is_certain_in(&collate.arg),
        Some(NodeEnum::CaseExpr(case)) => is_certain_in(&case.defresult),
        Some(NodeEnum::SubLink(link)) => link.sub_link_type() != SubLinkType::ExprSublink,
        Some(NodeEnum::AConst(constant)) => !matches!(constant.val, Some(Val::Boolval(_))),
        Some(
            NodeEnum::ColumnRef(_)
            | NodeEnum::ParamRef(_)
            | NodeEnum::AExpr(_)
            | NodeEnum::BoolExpr(_)
            | NodeEnum::NullTest(_)
            | NodeEnum::BooleanTest(_)
            | NodeEnum::AArrayExpr(_)
            | NodeEnum::RowExpr(_)
            | NodeEnum::CoalesceExpr(_)
            | NodeEnum::MinMaxExpr(_)
            | NodeEnum::GroupingFunc(_),
        ) => true,
        _ => false,
    }
}

/// The name, and whether it is a good one (CASE, casts prefer those).
fn name_of(node: &Node) -> (Option<String>, bool) {
    let weak = |name: &str| (Some(name.to_owned()), false);
    let good = |name: &str| (Some(name.to_owned()), true);
    match node.node.as_ref() {
        Some(NodeEnum::ColumnRef(reference)) => last_string(&reference.fields),
        Some(NodeEnum::AIndirection(indirection)) => match last_string(&indirection.indirection) {
            (None, _) => indirection.arg.as_deref().map_or((None, false), name_of),
            named => named,
        },
        Some(NodeEnum::FuncCall(call)) => last_string(&call.funcname),
        Some(NodeEnum::AExpr(operation))
            if operation.kind() == pg_query::protobuf::AExprKind::AexprNullif =>
        {
            good("nullif")
        }
        Some(NodeEnum::TypeCast(cast)) => match cast.arg.as_deref().map(name_of) {
            Some((name, true)) => (name, true),
            _ => {
                let names = cast.type_name.as_ref().and_then(|name| strings(&name.names));
                (names.and_then(|names| names.last().map(|name| (*name).to_owned())), false)
            }
        },
        Some(NodeEnum::CollateClause(collate)) => collate.arg.as_deref().map_or((None, false), name_of),
        Some(NodeEnum::GroupingFunc(_)) => good("grouping"),
        Some(NodeEnum::MergeSupportFunc(_)) => good("merge_action"),
        Some(NodeEnum::SubLink(link)) => match link.sub_link_type() {
            SubLinkType::ExistsSublink => good("exists"),
            SubLinkType::ArraySublink => good("array"),
            SubLinkType::ExprSublink => subquery_name(link.subselect.as_deref()),
            _ => (None, false),
        },
        Some(NodeEnum::CaseExpr(case)) => match case.defresult.as_deref().map(name_of) {
            Some((name, true)) => (name, true),
            _ => weak("case"),
        },
        Some(NodeEnum::AArrayExpr(_)) => good("array"),
        Some(NodeEnum::RowExpr(_)) => good("row"),
        Some(NodeEnum::CoalesceExpr(_)) => good("coalesce"),
        Some(NodeEnum::MinMaxExpr(all)) => match all.op() {
            MinMaxOp::IsLeast => good("least"),
            MinMaxOp::IsGreatest | MinMaxOp::Undefined => good("greatest"),
        },
        Some(NodeEnum::SqlvalueFunction(function)) => good(value_function(function.op())),
        Some(NodeEnum::XmlExpr(xml)) => match xml.op() {
            XmlExprOp::IsXmlconcat => good("xmlconcat"),
            XmlExprOp::IsXmlelement => good("xmlelement"),
            XmlExprOp::IsXmlforest => good("xmlforest"),
            XmlExprOp::IsXmlparse => good("xmlparse"),
            XmlExprOp::IsXmlpi => good("xmlpi"),
            XmlExprOp::IsXmlroot => good("xmlroot"),
            XmlExprOp::IsXmlserialize => good("xmlserialize"),
            XmlExprOp::IsDocument | XmlExprOp::Undefined => (None, false),
        },
        Some(NodeEnum::XmlSerialize(_)) => good("xmlserialize"),
        Some(NodeEnum::JsonParseExpr(_)) => good("json"),
        Some(NodeEnum::JsonScalarExpr(_)) => good("json_scalar"),
        Some(NodeEnum::JsonSerializeExpr(_)) => good("json_serialize"),
        Some(NodeEnum::JsonObjectConstructor(_)) => good("json_object"),
        Some(NodeEnum::JsonArrayConstructor(_) | NodeEnum::JsonArrayQueryConstructor(_)) => {
            good("json_array")
        }
        Some(NodeEnum::JsonObjectAgg(_)) => good("json_objectagg"),
        Some(NodeEnum::JsonArrayAgg(_)) => good("json_arrayagg"),
        Some(NodeEnum::JsonFuncExpr(json)) => good(json_function(json.op())),
        _ => (None, false),
    }
}

fn last_string(nodes: &[Node]) -> (Option<String>, bool) {
    let last = nodes.iter().rev().find_map(|node| match node.node.as_ref() {
        Some(NodeEnum::String(string)) => Some(string.sval.clone()),
        _ => None,
    });
    let named = last.is_some();
    (last, named)
}

/// A scalar subquery is called as its only column is.
fn subquery_name(query: Option<&Node>) -> (Option<String>, bool) {
    let Some(NodeEnum::SelectStmt(select)) = inner(query) else { return (None, false) };
    let mut select = select.as_ref();
    while let Some(left) = select.larg.as_deref() {
        select = left;
    }
    match select.target_list.first().and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::ResTarget(target)) if !target.name.is_empty() => (Some(target.name.clone()), true),
        Some(NodeEnum::ResTarget(target)) => {
            (Some(target.val.as_deref().map_or_else(|| "?column?".to_owned(), column_name)), true)
        }
        _ if !select.values_lists.is_empty() => (Some("column1".to_owned()), true),
        _ => (None, false),
    }
}

fn value_function(function: SqlValueFunctionOp) -> &'static str {
    use SqlValueFunctionOp as Op;
    match function {
        Op::SvfopCurrentDate => "current_date",
        Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "current_time",
        Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "current_timestamp",
        Op::SvfopLocaltime | Op::SvfopLocaltimeN => "localtime",
        Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "localtimestamp",
        Op::SvfopCurrentRole => "current_role",
        Op::SvfopCurrentUser => "current_user",
        Op::SvfopUser => "user",
        Op::SvfopSessionUser => "session_user",
        Op::SvfopCurrentCatalog => "current_catalog",
        Op::SvfopCurrentSchema => "current_schema",
        Op::SqlvalueFunctionOpUndefined => "?column?",
    }
}

fn json_function(function: pg_query::protobuf::JsonExprOp) -> &'static str {
    use pg_query::protobuf::JsonExprOp as Op;
    match function {
        Op::JsonExistsOp => "json_exists",
        Op::JsonQueryOp => "json_query",
        Op::JsonValueOp => "json_value",
        Op::JsonTableOp | Op::Undefined => "?column?",
    }
}
