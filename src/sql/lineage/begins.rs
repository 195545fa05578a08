//! Where an expression begins in the text: the first place that a node of its
//! own has. Only parentheses (and ROW, of OVERLAPS) can stand before that.
//!
//! Follows the grammar (`gram.y`): an operator is placed where it is spelled,
//! behind its left operand. What stands in a subquery of the expression stands
//! behind the place of that subquery.

use pg_query::NodeEnum;
use pg_query::protobuf::Node;

/// None: nothing of it has a place, or it is not known where that is.
pub(super) fn begin(node: &Node) -> Option<usize> {
    match node.node.as_ref()? {
        NodeEnum::ColumnRef(reference) => at(reference.location),
        NodeEnum::AConst(constant) => at(constant.location),
        NodeEnum::ParamRef(parameter) => at(parameter.location),
        NodeEnum::SqlvalueFunction(function) => at(function.location),
        NodeEnum::MergeSupportFunc(function) => at(function.location),
        NodeEnum::AExpr(operation) => first([at(operation.location), of(&operation.lexpr)]),
        NodeEnum::BoolExpr(all) => first([at(all.location), of_all(&all.args)]),
        NodeEnum::NullTest(test) => first([at(test.location), of(&test.arg)]),
        NodeEnum::BooleanTest(test) => first([at(test.location), of(&test.arg)]),
        NodeEnum::SubLink(link) => first([at(link.location), of(&link.testexpr)]),
        NodeEnum::CaseExpr(case) => at(case.location),
        NodeEnum::CoalesceExpr(all) => at(all.location),
        NodeEnum::MinMaxExpr(all) => at(all.location),
        NodeEnum::TypeCast(cast) => {
            let named = cast.type_name.as_ref().and_then(|name| at(name.location));
            first([at(cast.location), of(&cast.arg), named])
        }
        NodeEnum::CollateClause(collate) => first([at(collate.location), of(&collate.arg)]),
        NodeEnum::FuncCall(call) => first([at(call.location), of_all(&call.args)]),
        NodeEnum::AIndirection(part) => of(&part.arg),
        NodeEnum::AArrayExpr(array) => at(array.location),
        NodeEnum::RowExpr(row) => at(row.location),
        NodeEnum::GroupingFunc(grouping) => at(grouping.location),
        NodeEnum::MultiAssignRef(assigned) => of(&assigned.source),
        NodeEnum::XmlExpr(xml) => first([at(xml.location), of_all(&xml.args)]),
        NodeEnum::XmlSerialize(xml) => at(xml.location),
        NodeEnum::JsonScalarExpr(json) => at(json.location),
        NodeEnum::JsonParseExpr(json) => at(json.location),
        NodeEnum::JsonSerializeExpr(json) => at(json.location),
        NodeEnum::JsonIsPredicate(json) => first([at(json.location), of(&json.expr)]),
        NodeEnum::JsonObjectConstructor(json) => at(json.location),
        NodeEnum::JsonArrayConstructor(json) => at(json.location),
        NodeEnum::JsonArrayQueryConstructor(json) => at(json.location),
        NodeEnum::JsonObjectAgg(json) => at(json.constructor.as_ref()?.location),
        NodeEnum::JsonArrayAgg(json) => at(json.constructor.as_ref()?.location),
        NodeEnum::JsonFuncExpr(json) => at(json.location),
        _ => None,
    }
}

fn at(location: i32) -> Option<usize> {
    usize::try_from(location).ok()
}

fn of(node: &Option<Box<Node>>) -> Option<usize> {
    begin(node.as_deref()?)
}

fn of_all(nodes: &[Node]) -> Option<usize> {
    nodes.iter().filter_map(begin).min()
}

fn first<const N: usize>(places: [Option<usize>; N]) -> Option<usize> {
    places.into_iter().flatten().min()
}
