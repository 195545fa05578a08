//! What one SELECT makes of the rows below it: WHERE, ORDER BY, OFFSET,
//! LIMIT, the select list, in that order.

use super::value::{Kind, Value, read_bool, read_int};
use super::{Level, Operand, Row};
use crate::error::{ClientError, sqlstate};

/// An operand's text form; None is NULL.
pub(super) fn resolve(operand: &Operand, parameters: &[Option<String>]) -> Option<String> {
    match operand {
        Operand::Null => None,
        Operand::Literal(text) => Some(text.clone()),
        Operand::Parameter(n) => n.checked_sub(1).and_then(|i| parameters.get(i)).cloned().flatten(),
    }
}

pub(super) fn apply(
    level: &Level,
    mut rows: Vec<Row>,
    parameters: &[Option<String>],
) -> Result<Vec<Row>, ClientError> {
    for (column, kind, operand) in &level.filters {
        let wanted = wanted(*kind, resolve(operand, parameters))?;
        rows.retain(|row| row.get(*column).is_some_and(|value| equals(value, &wanted)));
    }
    rows.sort_by(|a, b| compare(a, b, &level.order));
    let offset = count(level.offset.as_ref(), parameters, "OFFSET")?.unwrap_or(0);
    let limit = count(level.limit.as_ref(), parameters, "LIMIT")?.unwrap_or(usize::MAX);
    let pick = |row: Row| level.output.iter().filter_map(|i| row.get(*i).cloned()).collect();
    Ok(rows.into_iter().skip(offset).take(limit).map(pick).collect())
}

/// The value that a column is compared with; `read` lets no other kinds through.
fn wanted(kind: Kind, text: Option<String>) -> Result<Value, ClientError> {
    let Some(text) = text else { return Ok(Value::Null) };
    Ok(match kind {
        Kind::Bool => Value::Bool(read_bool(&text)?),
        Kind::Int4 | Kind::Int8 => Value::Int8(read_int(&text)?),
        Kind::Text | Kind::TextArray | Kind::Timestamptz | Kind::Interval => Value::Text(text),
    })
}

/// SQL's `=`: NULL equals nothing, itself included.
fn equals(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Null, _) => false,
        (Value::Int4(n), Value::Int8(wanted)) => i64::from(*n) == *wanted,
        _ => value == wanted,
    }
}

fn compare(a: &Row, b: &Row, order: &[(usize, bool, bool)]) -> std::cmp::Ordering {
    for (column, descending, nulls_first) in order {
        let (Some(a), Some(b)) = (a.get(*column), b.get(*column)) else { continue };
        let ordering = match (a, b) {
            (Value::Null, Value::Null) => std::cmp::Ordering::Equal,
            (Value::Null, _) if *nulls_first => std::cmp::Ordering::Less,
            (Value::Null, _) => std::cmp::Ordering::Greater,
            (_, Value::Null) if *nulls_first => std::cmp::Ordering::Greater,
            (_, Value::Null) => std::cmp::Ordering::Less,
            _ if *descending => b.cmp(a),
            _ => a.cmp(b),
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    std::cmp::Ordering::Equal
}

/// A row count; NULL is none.
fn count(
    operand: Option<&Operand>,
    parameters: &[Option<String>],
    clause: &str,
) -> Result<Option<usize>, ClientError> {
    let Some(text) = operand.and_then(|o| resolve(o, parameters)) else { return Ok(None) };
    let code = if clause == "LIMIT" { sqlstate::INVALID_LIMIT } else { sqlstate::INVALID_OFFSET };
    let number = read_int(&text)?;
    usize::try_from(number)
        .map(Some)
        .map_err(|_| ClientError::new(code, format!("{clause} must not be negative")))
}
