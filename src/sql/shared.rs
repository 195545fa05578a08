//! One analysis for all texts of an [`Outline`].
//!
//! What is shared is the analysis of the outline's own text, in which other
//! literals stand, so that it can't hang on those of any client. Where
//! literals matter all the same (tokens, what an edit replaces), or it is no
//! plain query that runs, each text is analysed by itself.
//!
//! Invariant: what [`moved`] gives for a text is what the analysis of that
//! text gives.

use super::analysis::{Analysis, Otherwise, Row, Statement, StatementKind, Use};
use super::outline::Outline;
use super::splice::Edit;

/// The analysis of the outline's own text as that of the text it is the
/// outline of. None: literals may matter, so that it does not hold.
pub fn moved(analysis: &Analysis, outline: &Outline) -> Option<Analysis> {
    let [statement] = analysis.statements.as_slice() else { return None };
    Some(Analysis { statements: vec![moved_statement(statement, outline)?] })
}

fn moved_statement(statement: &Statement, outline: &Outline) -> Option<Statement> {
    // Every field by its name: a new one has to be thought of here.
    let Statement {
        span,
        kind: StatementKind::Query,
        outputs,
        witnessed,
        readings,
        chooses,
        uses,
        named,
        namesakes,
        touches_protected,
        only_reads,
        defers,
        spells_counted,
        settled,
        refusal: None,
        needs_exempt: None,
        sensitive_literals,
        catalog_change,
        parameters,
        may_recode: false,
        follows_end: false,
        current_of: false,
        spells_letters,
        runs_unedited_only,
        names,
    } = statement
    else {
        return None;
    };
    let sensitive_literals =
        sensitive_literals.iter().map(|span| outline.span(span)).collect::<Option<_>>()?;
    Some(Statement {
        span: outline.span(span)?,
        kind: StatementKind::Query,
        outputs: outputs.clone(),
        witnessed: witnessed.clone(),
        readings: readings.clone(),
        chooses: chooses.clone(),
        uses: uses.iter().map(|use_| moved_use(use_, outline)).collect::<Option<_>>()?,
        named: named.clone(),
        namesakes: namesakes.clone(),
        touches_protected: *touches_protected,
        only_reads: *only_reads,
        defers: *defers,
        spells_counted: *spells_counted,
        settled: *settled,
        refusal: None,
        needs_exempt: None,
        sensitive_literals,
        catalog_change: *catalog_change,
        parameters: parameters.clone(),
        may_recode: false,
        follows_end: false,
        current_of: false,
        spells_letters: *spells_letters,
        runs_unedited_only: *runs_unedited_only,
        names: names.clone(),
    })
}

fn moved_use(use_: &Use, outline: &Outline) -> Option<Use> {
    // `given` holds literals of the text.
    let Use {
        columns,
        kind,
        needs,
        export,
        only_grant,
        span,
        position,
        otherwise,
        given: None,
        domain,
        detail,
    } = use_
    else {
        return None;
    };
    let otherwise = match otherwise {
        Otherwise::Refuse => Otherwise::Refuse,
        Otherwise::Neutralise(edits) => Otherwise::Neutralise(moved_edits(edits, outline)?),
        Otherwise::LeaveOut(edits) => Otherwise::LeaveOut(moved_edits(edits, outline)?),
        Otherwise::Rebuild(row) => {
            Otherwise::Rebuild(Row { edit: moved_edit(&row.edit, outline)?, fields: row.fields.clone() })
        }
    };
    Some(Use {
        columns: columns.clone(),
        kind: *kind,
        needs: *needs,
        export: *export,
        only_grant: *only_grant,
        span: outline.span(span)?,
        position: moved_position(*position, outline)?,
        otherwise,
        given: None,
        domain: domain.clone(),
        detail: detail.clone(),
    })
}

fn moved_edits(edits: &[Edit], outline: &Outline) -> Option<Vec<Edit>> {
    edits.iter().map(|edit| moved_edit(edit, outline)).collect()
}

/// An edit may repeat what it replaces, literals included.
fn moved_edit(edit: &Edit, outline: &Outline) -> Option<Edit> {
    if outline.takes_from(&edit.span()) {
        return None;
    }
    let span = outline.span(&edit.span())?;
    Some(Edit { start: span.start, end: span.end, ..edit.clone() })
}

/// Characters from 1; a text with an outline is ASCII.
fn moved_position(position: u32, outline: &Outline) -> Option<u32> {
    let at = usize::try_from(position.checked_sub(1)?).ok()?;
    u32::try_from(outline.place(at)? + 1).ok()
}

#[cfg(test)]
mod tests {
    //! What may be shared; that it is true is for `tests/sharing.rs` and the
    //! fuzzing of statements.
    use super::*;
    use crate::fuzzing::catalog;
    use crate::sql::analyser::analyse;
    use crate::sql::parse::with_room;

    fn shared(text: &str) -> Option<Statement> {
        let outline = Outline::of(text.as_bytes()).expect("an outline");
        let analysis = with_room(|| analyse(&catalog::guard(), outline.text().as_bytes(), 100)).unwrap();
        Some(moved(&analysis, &outline)?.statements.remove(0))
    }

    #[test]
    fn places_of_uses_edits_and_literals_are_those_of_the_text() {
        let text =
            "SELECT email FROM customers WHERE city = 'a long name' AND id = 12345 ORDER BY email LIMIT 10";
        let statement = shared(text).unwrap();
        let order = statement.uses.iter().find(|use_| use_.kind == crate::sql::UseKind::OrderBy).unwrap();
        let at = text.rfind("email").unwrap();
        assert_eq!(order.position as usize, at + 1);
        let Otherwise::Neutralise(edits) = &order.otherwise else { panic!("{order:?}") };
        assert_eq!(&text[edits[0].span()], "ORDER BY email");
        assert_eq!(&text[statement.span.clone()], text);

        let text = "SELECT id FROM customers WHERE city = 'somewhere far' AND email = 'anna@example.com'";
        let statement = shared(text).unwrap();
        let hidden: Vec<&str> = statement.sensitive_literals.iter().map(|span| &text[span.clone()]).collect();
        assert_eq!(hidden, ["'somewhere far'", "'anna@example.com'"]);
    }

    #[test]
    fn what_may_be_a_token_is_not_shared() {
        assert!(shared("SELECT id FROM customers WHERE ssn = 'tok_1'").is_none());
        assert!(shared("SELECT id FROM customers WHERE ssn IN ('tok_1', 'tok_2')").is_none());
        assert!(shared("UPDATE customers SET ssn = 'tok_1' WHERE id = 5").is_none());
        assert!(shared("SELECT id FROM customers WHERE city = 'tok_1'").is_some());
    }

    #[test]
    fn an_edit_that_repeats_literals_is_not_shared() {
        let of_one = "(SELECT email FROM customers WHERE id = 5)";
        assert!(shared(&format!("SELECT {of_one} || 'x' FROM staff")).is_none());
        assert!(shared(&format!("SELECT {of_one} FROM staff")).is_some());
    }

    #[test]
    fn only_queries_that_run_are_shared() {
        assert!(shared("SELECT * INTO mine FROM customers WHERE id = 5").is_none());
        assert!(shared("SELECT nothing_of_this_name FROM customers WHERE id = 5").is_none());
    }
}
