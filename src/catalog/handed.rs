//! What a trigger hands to its function: its arguments (`TG_ARGV`), and the name
//! of its table (`TG_TABLE_NAME`). Names are made of both, as of what stands in
//! the function's text.
//!
//! Invariant: what a function could take for a name, or a part of one, by way of
//! its trigger, is in the text that is given for both.

use super::functions::has_word;
use super::snapshot::{Function, Relation, Snapshot};
use crate::sql::body::{Word, WordKind, plpgsql_words};

/// The table, as a trigger's function asks for it.
const TABLE: &[&str] = &["tg_relid", "tg_relname", "tg_table_name"];

/// What takes a number of the sequence that its argument names, or sets it.
const NUMBERING: &[&str] = &["currval", "nextval", "setval"];

/// What the first argument of these may hold beside literals, so that the
/// name is made of literals and of what the trigger hands over alone.
const HANDED: &[&str] = &[
    "tg_argv",
    "tg_relname",
    "tg_table_name",
    "tg_table_schema",
    "concat",
    "format",
    "lower",
    "quote_ident",
    "regclass",
    "text",
];

/// How a function names the sequences that it takes numbers of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Whole, in its text, or in what is handed to it; or it takes none.
    Spelled,
    /// Of parts in its text and of what is handed to it.
    PutTogether,
    /// It may take those of any.
    OfAny,
}

/// What the triggers of a relation, its own and those of the tables above, hand
/// to their functions, a text for each. `takes_table`: those to which the table's
/// name is handed too.
pub(super) fn texts<'a>(
    snapshot: &'a Snapshot,
    relation: &Relation,
    takes_table: impl Fn(&Function) -> bool,
) -> Vec<(&'a Function, String)> {
    let above = snapshot.above(relation);
    let mut texts = Vec::new();
    for table in std::iter::once(relation).chain(above) {
        let functions = table.trigger_functions.iter().filter_map(|oid| snapshot.functions.get(oid));
        // The server's own take names of columns.
        for function in functions.filter(|function| !function.oid.is_builtin()) {
            let arguments = table.trigger_arguments.iter().filter(|(oid, _)| *oid == function.oid);
            let mut text: Vec<&str> = arguments.map(|(_, arguments)| &**arguments).collect();
            if takes_table(function) {
                text.push(&relation.name);
            }
            if !text.is_empty() {
                texts.push((function, text.join("\n")));
            }
        }
    }
    texts
}

/// Does it ask for the name of the trigger's table?
pub(super) fn asks_for_table(function: &Function) -> bool {
    match &*function.language {
        // `autoinc` and the like know columns by their arguments.
        "c" | "internal" => false,
        "sql" | "plpgsql" => has_word(&function.body, TABLE),
        // Each has a spelling of its own.
        _ => true,
    }
}

/// `is_dynamic`: it builds SQL.
pub(super) fn numbers(function: &Function, is_dynamic: bool) -> Numbers {
    if !has_word(&function.body, NUMBERING) {
        return Numbers::Spelled;
    }
    let Some(words) = plpgsql_words(&function.body) else { return Numbers::OfAny };
    let numbers = |word: &Word| word.is_name() && NUMBERING.contains(&word.text.as_str());
    let calls = words.iter().enumerate().filter(|(_, word)| numbers(word));
    let named = calls.map(|(at, _)| named_by(words.get(at.saturating_add(1)..).unwrap_or_default()));
    let least = if is_dynamic { Numbers::PutTogether } else { Numbers::Spelled };
    named.fold(least, |known, one| match (known, one) {
        (Numbers::OfAny, _) | (_, Numbers::OfAny) => Numbers::OfAny,
        (Numbers::PutTogether, _) | (_, Numbers::PutTogether) => Numbers::PutTogether,
        (Numbers::Spelled, Numbers::Spelled) => Numbers::Spelled,
    })
}

/// Behind the name of `nextval`, or of its like.
fn named_by(call: &[Word]) -> Numbers {
    let mut depth = 0_usize;
    let mut argument = Vec::new();
    for word in call {
        // What it is set to.
        if depth == 1 && word.is_sign(",") {
            break;
        }
        match word.text.as_str() {
            "(" | "[" if word.kind == WordKind::Sign => depth += 1,
            ")" | "]" if word.kind == WordKind::Sign => depth = depth.saturating_sub(1),
            _ => argument.push(word),
        }
        if depth == 0 {
            break;
        }
    }
    let is_known = |word: &&Word| match word.kind {
        WordKind::Literal => !word.text.starts_with('$'),
        WordKind::Bare => HANDED.contains(&word.text.as_str()),
        WordKind::Sign => matches!(word.text.as_str(), "||" | "::" | "," | "."),
        WordKind::Quoted => false,
    };
    let is_cast = |word: &&&Word| word.is_sign("::") || word.is("regclass") || word.is("text");
    let literals = argument.iter().filter(|word| word.kind == WordKind::Literal).count();
    match argument.iter().all(is_known) {
        true if literals == 1 && argument.iter().filter(is_cast).count() + 1 == argument.len() => {
            Numbers::Spelled
        }
        true => Numbers::PutTogether,
        false => Numbers::OfAny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::relied::tests::function;

    #[test]
    fn a_sequence_is_spelled_or_put_together_or_any() {
        for (body, known) in [
            ("BEGIN NEW.no := nextval('numbers'); END", Numbers::Spelled),
            (
                "BEGIN NEW.no := nextval('app.numbers'::regclass) + 1; PERFORM setval('numbers', NEW.no); END",
                Numbers::Spelled,
            ),
            ("BEGIN NEW.no := nextval(TG_ARGV[0]); END", Numbers::PutTogether),
            ("BEGIN NEW.no := nextval(TG_TABLE_NAME || '_seq'); END", Numbers::PutTogether),
            ("BEGIN NEW.no := nextval(format('%I_seq', TG_TABLE_NAME)::regclass); END", Numbers::PutTogether),
            ("BEGIN EXECUTE 'SELECT nextval(' || x || ')'; END", Numbers::PutTogether),
            ("BEGIN NEW.no := nextval('numbers_' || x); END", Numbers::OfAny),
            ("BEGIN NEW.no := nextval($1); END", Numbers::OfAny),
            ("BEGIN NEW.no := nextval(pg_get_serial_sequence('t', NEW.c)); END", Numbers::OfAny),
            ("BEGIN NEW.no := U&\"nextval\"('numbers'); END", Numbers::OfAny),
        ] {
            let function = function(30_001, "numbered", body);
            assert_eq!(numbers(&function, has_word(body, &["execute"])), known, "{body}");
        }
    }
}
