//! `@>`, `<@` and `?` between a constant and a column that is masked inside its
//! documents. They hold each value of the constant against what stands at the
//! same place, and ask for the objects and arrays on the way (`JsonbDeepContains`,
//! `jsonb_util.c`), which masks leave as they are. Where no path leads to any of
//! these places, the answer hangs on plain values alone.
//!
//! Invariant: whatever is not plainly that is any other expression.

use pg_query::NodeEnum;
use pg_query::protobuf::Node;

use super::Walk;
use super::paths::{JSONB, TEXT, casts_to, text};
use super::value::{self, Value};
use crate::policy::paths::{Form, Reached, Step, follow};

impl Walk<'_> {
    /// What such an operator tells. None: anything.
    pub(super) fn held_against(&mut self, names: &[&str], operands: [(&Value, &Node); 2]) -> Option<Value> {
        let [(left, left_node), (right, right_node)] = operands;
        let (document, places, types) = match *names.last()? {
            "@>" => (left, places(right_node)?, [left.type_oid, Some(JSONB)]),
            "<@" => (right, places(left_node)?, [Some(JSONB), right.type_oid]),
            "?" => {
                (left, vec![vec![Step::Member(text(right_node)?.to_owned())]], [left.type_oid, Some(TEXT)])
            }
            _ => return None,
        };
        if self.document_type(document)? != JSONB || !self.is_builtin_operator(names, types) {
            return None;
        }
        places.iter().for_each(|steps| self.note_letters(steps));
        let is_free = |steps: &Vec<Step>| {
            value::columns(&document.flow)
                .iter()
                .all(|column| follow(column, steps, Form::Json) == Reached::Free)
        };
        places.iter().all(is_free).then(Value::clean)
    }
}

/// Where the values of a constant document stand.
fn places(node: &Node) -> Option<Vec<Vec<Step>>> {
    let document = serde_json::from_str(document(node)?).ok()?;
    let mut places = Vec::new();
    add_places(&document, &[], &mut places);
    Some(places)
}

fn add_places(value: &serde_json::Value, steps: &[Step], places: &mut Vec<Vec<Step>>) {
    use serde_json::Value::{Array, Object};
    let behind = |step: Step| -> Vec<Step> { steps.iter().cloned().chain([step]).collect() };
    match value {
        Object(members) if !members.is_empty() => {
            for (key, value) in members {
                add_places(value, &behind(Step::Member(key.clone())), places);
            }
        }
        Array(elements) if !elements.is_empty() => {
            for value in elements {
                add_places(value, &behind(Step::Element), places);
            }
        }
        _ => places.push(steps.to_vec()),
    }
}

/// `'{"a": 1}'`, `'{"a": 1}'::jsonb`.
fn document(node: &Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::TypeCast(cast) if casts_to(cast, "jsonb", false) => text(cast.arg.as_deref()?),
        NodeEnum::AConst(_) => text(node),
        _ => None,
    }
}
