//! By which protected columns a DBA's own view or rule chooses rows: for `bauta
//! check`, since that is the DBA's disclosure. What masks tell anyway is left out.

use std::rc::Rc;
use std::sync::Arc;

use pg_query::NodeEnum;

use super::handed::Handed;
use super::scope::{Item, Scope, Source};
use super::value::{all_columns, columns, is_plain};
use super::{Analysed, VIEW_DEPTH, Walk, not_a_view};
use crate::catalog::guard::Facts;
use crate::error::ClientError;
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::Flow;
use crate::sql::parse;

/// Those that decide which rows the view of this definition shows: by its
/// predicates, joins and set operations, and by its order where not all rows come.
///
/// # Errors
/// As [`view_flows`](super::view_flows).
pub fn view_choices(facts: Facts<'_>, definition: &str) -> Result<Vec<Arc<ProtectedColumn>>, ClientError> {
    read(facts, definition, |walk, node| walk.statement(node, &Scope::inside(None, Vec::new())).map(drop))
}

/// Those that the condition of a rule reads, which is given as `pg_get_ruledef`
/// prints it.
///
/// # Errors
/// As [`view_flows`](super::view_flows).
pub fn rule_choices(facts: Facts<'_>, definition: &str) -> Result<Vec<Arc<ProtectedColumn>>, ClientError> {
    read(facts, definition, |walk, node| {
        let NodeEnum::RuleStmt(rule) = node else { return Err(not_a_view()) };
        let (Some(named), Some(condition)) = (&rule.relation, rule.where_clause.as_deref()) else {
            return Err(not_a_view());
        };
        let outside = Scope::inside(None, Vec::new());
        let mut rows = Vec::new();
        for row in ["old", "new"] {
            let source = walk.range_var(named, &outside)?.source;
            let source =
                Source { alias: Some(row.to_owned()), schemas: Vec::new(), ..Source::clone(&source) };
            rows.push(Item { source: Rc::new(source), named: true, bare: false });
        }
        walk.decide(condition, &Scope::inside(Some(&outside), rows)).map(drop)
    })
}

fn read(
    facts: Facts<'_>,
    definition: &str,
    walked: impl for<'a> FnOnce(&mut Walk<'a>, &'a NodeEnum) -> Analysed<()>,
) -> Result<Vec<Arc<ProtectedColumn>>, ClientError> {
    let parsed = parse::parse(definition, VIEW_DEPTH)?;
    let [statement] = parsed.statements.as_slice() else { return Err(not_a_view()) };
    let mut walk = Walk::new(facts, definition, &parsed.tokens, VIEW_DEPTH);
    walk.view = true;
    walk.handed = Handed::off();
    walked(&mut walk, &statement.node)?;
    let ordered = walk.chosen_by_order.iter().map(|flow| (flow, Disclosure::Order));
    let asked = walk.asked.iter().map(|(flow, needs)| (flow, *needs));
    let hidden = asked.chain(ordered).filter(|(flow, needs)| !is_told(flow, *needs));
    Ok(all_columns(hidden.map(|(flow, _)| flow)))
}

fn is_told(flow: &Flow, needs: Disclosure) -> bool {
    is_plain(flow) && columns(flow).iter().all(|column| column.discloses.include(needs))
}
