//! How messages name protected columns, and the line that asks for them.
//!
//! A name without a schema may mean a table in each of a hundred: columns that only
//! the schema tells apart are given by their number.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ProtectedColumn;

pub(super) fn spelled(columns: &[Arc<ProtectedColumn>]) -> String {
    format!("protected column{} {}", if columns.len() == 1 { "" } else { "s" }, labels(columns))
}

pub(super) fn labels(columns: &[Arc<ProtectedColumn>]) -> String {
    let label = |alike: Vec<&Arc<ProtectedColumn>>| match alike.as_slice() {
        [first, ..] if alike.len() > NAMESAKES => {
            let label = first.label();
            let name = label.strip_prefix(&*first.schema).and_then(|rest| rest.strip_prefix('.'));
            vec![format!("{} of {} schemas", name.unwrap_or(&label), alike.len())]
        }
        alike => alike.iter().map(|column| column.label().into_owned()).collect(),
    };
    by_namesakes(columns).into_iter().flat_map(label).collect::<Vec<_>>().join(", ")
}

/// Columns of one name of tables of one name, which are given one by one up to here.
const NAMESAKES: usize = 3;

/// Together those that only the schema tells apart, in order.
fn by_namesakes(columns: &[Arc<ProtectedColumn>]) -> Vec<Vec<&Arc<ProtectedColumn>>> {
    let mut places = BTreeMap::new();
    let mut all: Vec<Vec<&Arc<ProtectedColumn>>> = Vec::new();
    for column in columns {
        let place =
            *places.entry((&*column.table, &*column.column, column.path.as_deref())).or_insert(all.len());
        match all.get_mut(place) {
            Some(alike) => alike.push(column),
            None => all.push(vec![column]),
        }
    }
    let is_many = |alike: &Vec<&Arc<ProtectedColumn>>| alike.len() > NAMESAKES;
    match all.iter().any(is_many) {
        true => all,
        false => columns.iter().map(|column| vec![column]).collect(),
    }
}

/// Each column once.
pub(super) fn once<'c>(columns: impl Iterator<Item = &'c Arc<ProtectedColumn>>) -> Vec<Arc<ProtectedColumn>> {
    let mut all: Vec<Arc<ProtectedColumn>> = Vec::new();
    for column in columns {
        if !all.iter().any(|known| known.is_same(column)) {
            all.push(Arc::clone(column));
        }
    }
    all
}

/// The line to paste. Names stand in a literal.
pub(super) fn request(columns: &[Arc<ProtectedColumn>]) -> String {
    let (names, is_whole) = names(columns);
    let names = names.join(",").replace('\'', "''");
    let line = format!("SELECT * FROM bauta.request('{names}', '15m', 'why you need it');");
    if is_whole {
        line
    } else {
        format!("{line} -- or of the schema that is meant: write it in the statement too")
    }
}

/// Only an admin can give the right to copy.
pub(super) fn export_request(columns: &[Arc<ProtectedColumn>]) -> String {
    let columns: Vec<String> = names(columns).0.iter().map(|name| format!("--column {name}")).collect();
    format!(
        "This would outlive a grant: ask for `bauta grant USER {} --for 15m --export --reason \"why you need it\"`.",
        columns.join(" ")
    )
}

/// Of many that only the schema tells apart, one. And whether that is all.
fn names(columns: &[Arc<ProtectedColumn>]) -> (Vec<&str>, bool) {
    let alike = by_namesakes(columns);
    let given = |alike: &Vec<&Arc<ProtectedColumn>>| if alike.len() > NAMESAKES { 1 } else { alike.len() };
    let is_whole = alike.iter().all(|alike| given(alike) == alike.len());
    let mut names: Vec<&str> =
        alike.iter().flat_map(|alike| alike.iter().take(given(alike))).map(|column| &*column.name).collect();
    names.dedup();
    (names, is_whole)
}
