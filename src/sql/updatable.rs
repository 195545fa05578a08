//! Could rows be written through a view?
//!
//! PostgreSQL leads a write to a view on to the one table or view that it reads, if its
//! query is plain (`view_query_is_auto_updatable` in `rewriteHandler.c`). Invariant:
//! of what is said here not to be so, PostgreSQL says the same.

use pg_query::NodeEnum;
use pg_query::protobuf::{RangeVar, SelectStmt, SetOperation};

use super::parse;

/// Levels of brackets in a view's definition.
const DEPTH: usize = 1_000;

/// Could rows be written through a view of this definition? What can't be read may.
pub fn may_be_written_through(definition: &str) -> bool {
    let Ok(parsed) = parse::parse(definition, DEPTH) else { return true };
    match parsed.statements.as_slice() {
        [statement] => leads_on(&statement.node),
        _ => true,
    }
}

/// The same of a view's query.
pub fn leads_on(query: &NodeEnum) -> bool {
    match query {
        NodeEnum::SelectStmt(select) => !is_closed(select),
        _ => true,
    }
}

/// The one relation that the query reads, if that is all that stands in its FROM.
pub fn base(query: &NodeEnum) -> Option<&RangeVar> {
    let NodeEnum::SelectStmt(select) = query else { return None };
    match select.from_clause.as_slice() {
        [only] => match only.node.as_ref() {
            Some(NodeEnum::RangeVar(named)) => Some(named),
            _ => None,
        },
        _ => None,
    }
}

/// Not LIMIT, of which PostgreSQL may have thought that there is none.
fn is_closed(select: &SelectStmt) -> bool {
    let from_one = || match select.from_clause.as_slice() {
        [only] => !matches!(
            only.node,
            Some(NodeEnum::JoinExpr(_) | NodeEnum::RangeSubselect(_) | NodeEnum::RangeFunction(_))
        ),
        _ => false,
    };
    select.op() != SetOperation::SetopNone
        || select.with_clause.as_ref().is_some_and(|with| !with.ctes.is_empty())
        || !select.distinct_clause.is_empty()
        || !select.group_clause.is_empty()
        || select.having_clause.is_some()
        || !select.values_lists.is_empty()
        || !from_one()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_leads_on_is_led_on() {
        for definition in [
            "SELECT id, name FROM app.goods",
            "SELECT 1 AS one FROM app.goods g WHERE g.id > 3 AND EXISTS (SELECT 1 FROM a, b) ORDER BY id",
            "(SELECT id FROM ONLY app.goods)",
            "TABLE app.goods",
            "SELECT (SELECT count(*) FROM b GROUP BY c) FROM app.goods LIMIT ALL",
            "SELECT id FROM app.goods UNION",
        ] {
            assert!(may_be_written_through(definition), "{definition}");
        }
        for definition in [
            "WITH g AS (SELECT id FROM app.goods) SELECT id FROM g",
            "SELECT DISTINCT id FROM app.goods",
            "SELECT count(*) FROM app.goods GROUP BY kind",
            "SELECT count(*) FROM app.goods HAVING count(*) > 1",
            "SELECT id FROM app.goods UNION ALL SELECT 1",
            "SELECT g.id FROM app.goods g JOIN b ON true",
            "SELECT g.id FROM app.goods g, b",
            "SELECT id FROM (SELECT id FROM app.goods) g",
            "VALUES (1)",
            "SELECT 1",
        ] {
            assert!(!may_be_written_through(definition), "{definition}");
        }
    }
}
