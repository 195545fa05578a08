//! What goes upstream is read once more. A splice could change what the rest of a
//! text means: an output may lose the name by which the query around it speaks of
//! it, an edit may stand in another clause than was meant. So the text is spliced as
//! for somebody who sees nothing, and must then give the same outputs, use nothing
//! that it did not use before, and need no edit any more.
//!
//! Invariant: where that does not hold, the statement runs unedited or not at all.

use std::ops::Range;

use super::analysis::{Flow, Otherwise, Output, Statement, StatementKind, Use, UseKind};
use super::classify::classify;
use super::lineage;
use super::parse;
use super::splice::{self, Edit};
use crate::catalog::guard::Guard;

/// Levels that edits may add to a text.
const LEVELS_OF_EDITS: usize = 8;

/// Notes which statements of `text` would mean something else once they are spliced.
/// Recurses: needs a large stack.
pub fn check(guard: &Guard, text: &str, statements: &mut [Statement], depth: usize) {
    for statement in statements {
        if statement.refusal.is_some() {
            continue;
        }
        let edits = edits(statement);
        if !edits.is_empty() && !keeps_meaning(guard, text, statement, edits, depth) {
            mark(statement);
        }
    }
}

fn mark(statement: &mut Statement) {
    statement.runs_unedited_only = true;
    if let Some(inner) = statement.kind.inner_mut() {
        mark(inner);
    }
}

/// What is spliced for a session that sees nothing.
fn edits(statement: &Statement) -> Vec<Edit> {
    let own = statement.uses.iter().flat_map(|use_| use_.otherwise.edits());
    own.cloned().chain(statement.kind.inner().into_iter().flat_map(edits)).collect()
}

fn keeps_meaning(guard: &Guard, text: &str, statement: &Statement, edits: Vec<Edit>, depth: usize) -> bool {
    // What fits only in part, as under a grant on one of several columns, is not known.
    let Ok(mut edits) = splice::compose(edits) else { return false };
    let start = statement.span.start;
    for edit in &mut edits {
        let (Some(from), Some(to)) = (edit.start.checked_sub(start), edit.end.checked_sub(start)) else {
            return false;
        };
        (edit.start, edit.end) = (from, to);
    }
    let part = text.get(statement.span.clone()).unwrap_or_default();
    let spliced = splice::apply(part.as_bytes(), &edits);
    let Ok(spliced) = String::from_utf8(spliced) else { return false };
    let depth = depth.saturating_add(LEVELS_OF_EDITS);
    let Ok(parsed) = parse::parse(&spliced, depth) else { return false };
    let hits = guard.prefilter.hits(spliced.as_bytes());
    match classify(guard, &spliced, &parsed, &hits, depth).as_slice() {
        [reread] => means(statement, reread, &places(&edits)),
        _ => false,
    }
}

/// Where the texts of edits, which come in order, stand in what they made.
fn places(edits: &[Edit]) -> Vec<Range<usize>> {
    let (mut added, mut removed) = (0_usize, 0_usize);
    let place = |edit: &Edit| {
        let start = edit.start.saturating_add(added).saturating_sub(removed);
        added = added.saturating_add(edit.text.len());
        removed = removed.saturating_add(edit.span().len());
        start..start.saturating_add(edit.text.len())
    };
    edits.iter().map(place).collect()
}

/// Does `reread` mean what `judged` was judged as? `spliced`: what is bauta's own in
/// its text.
fn means(judged: &Statement, reread: &Statement, spliced: &[Range<usize>]) -> bool {
    let is_same_kind = std::mem::discriminant(&judged.kind) == std::mem::discriminant(&reread.kind);
    let is_let = reread.refusal.is_none() && reread.needs_exempt.is_some() == judged.needs_exempt.is_some();
    // Its rows are plans; what the query in it puts out is NULL by then.
    let is_explain = matches!(judged.kind, StatementKind::Explain);
    let same_readings = judged.readings.len() == reread.readings.len()
        && judged.readings.iter().zip(&reread.readings).all(|(one, other)| {
            (is_explain || same_outputs(judged, &one.outputs, &other.outputs))
                && one.excluded == other.excluded
        });
    let same_own = match (&judged.outputs, &reread.outputs) {
        (Some(outputs), Some(reread)) => same_outputs(judged, outputs, reread),
        (None, None) => true,
        // Nothing that is left in it is protected.
        (Some(outputs), None) => reread.is_clean() && outputs.iter().all(|output| output.flow == Flow::Clean),
        (None, Some(_)) => false,
    };
    let same_inner = match (judged.kind.inner(), reread.kind.inner()) {
        (Some(inner), Some(reread)) => means(inner, reread, spliced),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let uses =
        |reread: &Use| stands(reread, spliced) || judged.uses.iter().any(|use_| is_alike(use_, reread));
    is_same_kind
        && is_let
        && same_readings
        && same_own
        && same_inner
        && judged.witnessed == reread.witnessed
        && reread.uses.iter().all(uses)
}

fn same_outputs(judged: &Statement, outputs: &[Output], reread: &[Output]) -> bool {
    let same = |(output, reread): (&Output, &Output)| {
        let is_null = || reread.flow == Flow::Clean && is_least(judged, &output.flow);
        output.name == reread.name && (output.flow == reread.flow || is_null())
    };
    outputs.len() == reread.len() && outputs.iter().zip(reread).all(same)
}

/// `min` or `max` of a column keeps its mask, and is NULL once it is spliced.
fn is_least(judged: &Statement, flow: &Flow) -> bool {
    let of_it = |use_: &Use| use_.kind == UseKind::MinMax && use_.columns == lineage::columns(flow);
    judged.uses.iter().any(of_it)
}

/// What an edit itself reads: statistics, in the subquery that blanks them; an
/// EXPLAIN without costs of outputs that are NULL.
fn stands(use_: &Use, spliced: &[Range<usize>]) -> bool {
    let is_spliced = || spliced.iter().any(|own| own.start <= use_.span.start && use_.span.end <= own.end);
    match (use_.kind, &use_.otherwise) {
        (UseKind::Statistics, Otherwise::Neutralise(_)) => is_spliced(),
        (UseKind::Explain, Otherwise::Neutralise(edits)) => edits.len() == 1,
        _ => false,
    }
}

/// The same use, which is refused where it may not stand.
fn is_alike(use_: &Use, reread: &Use) -> bool {
    matches!((&use_.otherwise, &reread.otherwise), (Otherwise::Refuse, Otherwise::Refuse))
        && use_.kind == reread.kind
        && use_.columns == reread.columns
        && use_.needs == reread.needs
        && use_.export == reread.export
        && use_.only_grant == reread.only_grant
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::catalog;
    use crate::sql::analyser::analyse;
    use crate::sql::parse::with_room;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit::new(start..end, text)
    }

    /// Is the only statement of `sql` one that runs unedited only?
    fn is_held(sql: &str) -> bool {
        let analysis = with_room(|| analyse(&catalog::guard(), sql.as_bytes(), 100)).unwrap();
        let [statement] = analysis.statements.as_slice() else { panic!("one statement") };
        assert!(statement.refusal.is_none(), "{sql}: {:?}", statement.refusal);
        statement.runs_unedited_only
    }

    #[test]
    fn what_means_the_same_once_it_is_spliced_is_free() {
        for sql in [
            "SELECT id, email || ssn AS joined FROM customers",
            "SELECT c FROM customers c ORDER BY id",
            "SELECT id, email FROM customers ORDER BY email",
            "SELECT DISTINCT id, email, ssn FROM customers ORDER BY email, city LIMIT 1",
            "SELECT q.id FROM (SELECT DISTINCT * FROM customers) q ORDER BY q.id",
            "EXPLAIN SELECT id, email FROM customers",
            "EXPLAIN (VERBOSE) SELECT id, ssn || '' FROM customers",
            "PREPARE p AS SELECT email || '' FROM customers",
            "SELECT attname, n_distinct FROM pg_stats",
        ] {
            assert!(!is_held(sql), "{sql}");
        }
    }

    /// The lineage gives every output its name, and finds each clause; so nothing is
    /// held unless it fails. What it must hold then: the same texts, with a name taken
    /// away or an edit put elsewhere.
    #[test]
    fn what_would_mean_another_thing_is_held() {
        let held = |sql: &str, edits: Vec<Edit>| {
            let analysis = with_room(|| analyse(&catalog::guard(), sql.as_bytes(), 100)).unwrap();
            let statement = analysis.statements[0].clone();
            assert!(!super::edits(&statement).is_empty() && !statement.runs_unedited_only, "{sql}");
            !with_room(move || keeps_meaning(&catalog::guard(), sql, &statement, edits, 100)).unwrap()
        };
        let null = |sql: &str, column: &str, place: usize, text: &str| {
            let start = sql.match_indices(column).nth(place).unwrap().0;
            edit(start, start + column.len(), text)
        };
        // The name of an output is gone: it means the row around it.
        let named = "SELECT (SELECT c FROM (SELECT c FROM customers c LIMIT 1) z) FROM staff AS c";
        assert!(held(
            named,
            vec![null(named, "c FROM customers", 0, "(CASE WHEN false THEN c END) FROM customers")]
        ));
        // An order that was none of it goes, and the one that was stays.
        let ordered = "SELECT id, email AS e FROM customers ORDER BY city, e";
        assert!(held(ordered, vec![null(ordered, "city, ", 0, "")]));
        assert!(!held(ordered, vec![null(ordered, ", e", 1, "")]));
        // A use that was not there.
        let used = "SELECT email || '' FROM customers";
        assert!(held(used, vec![null(used, "email || ''", 0, "(SELECT ssn || '' FROM staff LIMIT 1)")]));
        // DISTINCT over another list than was meant.
        let distinct = "SELECT DISTINCT id, email FROM customers";
        assert!(held(distinct, vec![null(distinct, "DISTINCT", 0, "DISTINCT ON (id, email)")]));
        assert!(!held(distinct, vec![null(distinct, "DISTINCT", 0, "DISTINCT ON (1)")]));
        // What nobody can read.
        assert!(held(used, vec![null(used, "email", 0, "(")]));
    }

    #[test]
    fn what_was_spliced_is_where_it_stands_by_then() {
        let edits = [edit(7, 8, "(a)"), edit(9, 12, ""), edit(20, 21, "(bc)")];
        let spliced = splice::apply(b"SELECT a,bcd FROM t, u", &edits);
        let texts: Vec<_> = places(&edits).into_iter().map(|place| &spliced[place]).collect();
        assert_eq!(texts, [b"(a)".as_slice(), b"", b"(bc)"]);
    }
}
