//! Which functions are opaque by themselves: what they read can't be told
//! from their arguments. What becomes opaque because it names something
//! protected is [`closure`](super::closure)'s to find.
//!
//! Invariant: a function is opaque unless there is a reason to call it
//! transparent. The reasons: it is on the shipped list of `pg_catalog`, it is
//! SQL or PL/pgSQL whose text shows what it reads, it is C code of a
//! well-known extension, or the policy trusts it by name.

use std::collections::HashSet;
use std::sync::OnceLock;

use pg_query::NodeEnum;
use pg_query::protobuf::DropBehavior;

use super::Oid;
use super::mentions::words;
use super::snapshot::Function;
use crate::sql::body::{Word, plpgsql_statements, plpgsql_words, sql_statements};

/// Functions of `pg_catalog`, versions 13 to 18, that are transparent; made
/// by `scripts/catalog-functions.sh`.
const SHIPPED: &str = include_str!("pg_catalog_functions.txt");

/// Extensions whose C code works on its arguments alone.
const WELL_KNOWN: &[&str] = &[
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "fuzzystrmatch",
    "h3",
    "hll",
    "hstore",
    "insert_username",
    "intarray",
    "ip4r",
    "isn",
    "ltree",
    "moddatetime",
    "pg_stat_statements",
    "pg_trgm",
    "pg_uuidv7",
    "pgcrypto",
    "plpgsql",
    "postgis",
    "postgis_raster",
    "prefix",
    "rum",
    "seg",
    "semver",
    "tablefunc",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "vector",
];

/// Functions of extensions that run SQL handed to them, or read relations
/// named in a text. A trailing `*` stands for any ending.
const REACH_AROUND: &[&str] = &[
    "_postgis_*",
    "connectby*",
    "crosstab*",
    "dblink*",
    "lo_*",
    "pg_file_*",
    "postgis_extensions_upgrade",
    "st_estimatedextent",
    "st_estimated_extent",
    "st_findextent",
    "find_extent",
    "xpath_table",
];

/// Words without which the body of a function changes nothing, locks nothing
/// and says nothing, unless something does that it calls.
pub const MAY_WRITE: &[&str] = &[
    "alter", "analyze", "assert", "call", "cluster", "comment", "copy", "create", "delete", "discard", "do",
    "drop", "execute", "grant", "import", "insert", "listen", "load", "lock", "merge", "notify", "prepare",
    "raise", "reassign", "refresh", "reindex", "reset", "revoke", "security", "set", "share", "truncate",
    "unlisten", "update", "vacuum",
];

/// Those of them that change nothing: they speak, or lock, there and then.
const ONLY_TELL: &[&str] = &["assert", "lock", "raise", "share"];

/// PostgreSQL's oids of types (`pg_type.dat`).
const REFCURSOR: Oid = Oid(1790);
pub(super) const TRIGGER: Oid = Oid(2279);
const EVENT_TRIGGER: Oid = Oid(3838);

/// Functions that the policy trusts, as `schema.name`.
pub struct Trusted<'a>(HashSet<&'a str>);

impl<'a> Trusted<'a> {
    pub fn new(names: &'a [String]) -> Self {
        Self(names.iter().map(String::as_str).collect())
    }

    pub fn includes(&self, function: &Function) -> bool {
        self.0.contains(format!("{}.{}", function.schema, function.name).as_str())
    }
}

fn shipped() -> &'static HashSet<&'static str> {
    static LIST: OnceLock<HashSet<&'static str>> = OnceLock::new();
    LIST.get_or_init(|| SHIPPED.lines().collect())
}

/// Is the function opaque whatever is protected?
pub fn is_opaque_by_itself(function: &Function) -> bool {
    if function.oid.is_builtin() && &*function.schema == "pg_catalog" {
        return !shipped().contains(&*function.name);
    }
    if function.unreadable || reaches_around(&function.name) || handles_cursors(function) {
        return true;
    }
    match &*function.language {
        // Aggregates and window functions of users are what they are built on.
        _ if function.kind == 'a' => false,
        "sql" | "plpgsql" if works_unnamed(function) => true,
        // SET CONSTRAINTS: an error that is still to come could be caught and
        // shown, by the function itself or by one that calls it.
        "sql" => {
            has_word(&function.body, &["execute", "constraints"])
                || takes_current(&function.body)
                || has_escape(&function.body)
        }
        "plpgsql" => {
            has_word(&function.body, &["execute", "refcursor", "constraints"]) || has_escape(&function.body)
        }
        "c" => !is_well_known(function),
        // Outside pg_catalog it is another name for something there; extensions
        // make their types' functions so (`citextin AS 'textin'`).
        "internal" if is_well_known(function) || makes_ranges(function) => false,
        _ => !function.oid.is_builtin(),
    }
}

/// Does it make values of a range type of a user's? Each such type comes with some.
fn makes_ranges(function: &Function) -> bool {
    let of_multirange = function.body.strip_prefix("multi").unwrap_or(&function.body);
    matches!(of_multirange.strip_prefix("range_constructor"), Some("0" | "1" | "2" | "3"))
}

/// Commands that work on what their text does not name, run a text, or give a
/// name of the session another meaning: a prepared statement's, a cursor's.
const UNNAMED: &[&str] = &[
    "analyse",
    "analyze",
    "close",
    "cluster",
    "deallocate",
    "declare",
    "discard",
    "do",
    "fetch",
    "move",
    "prepare",
    "reindex",
    "truncate",
    "vacuum",
];

/// Words of a cursor's statements.
const CURSOR: &[&str] = &["close", "fetch", "move", "open"];

/// Does a statement of the function work on what its text does not name?
fn works_unnamed(function: &Function) -> bool {
    let body = &*function.body;
    // Most functions hold none of these words, and need not be read.
    if !has_word(body, UNNAMED) && !has_word(body, CURSOR) {
        return false;
    }
    if &*function.language == "sql" {
        let is_atomic = has_word(body, &["atomic"]);
        return match sql_statements(body) {
            Some(nodes) => nodes.iter().any(is_unnamed),
            // BEGIN ATOMIC: the server takes queries only.
            None => !is_atomic,
        };
    }
    let Some(words) = plpgsql_words(body) else { return true };
    let cursors = declared_cursors(&words);
    let is_unnamed = |statement: &[Word]| match statement {
        [first, ..] if first.is("truncate") => statement.iter().any(|word| word.is("cascade")),
        // Those of its own cursors are PL/pgSQL's; DECLARE begins a block.
        [first, rest @ ..] if CURSOR.iter().any(|word| first.is(word)) => {
            cursor_of(rest).is_none_or(|cursor| !cursors.contains(cursor))
        }
        [first, ..] => UNNAMED.iter().any(|word| first.is(word)),
        [] => false,
    };
    plpgsql_statements(&words).into_iter().any(is_unnamed) || leads_cursor_elsewhere(&words, &cursors)
}

/// The cursor of OPEN, CLOSE, FETCH or MOVE, behind that word: `c INTO r`,
/// `NEXT FROM c INTO r`.
fn cursor_of(words: &[Word]) -> Option<&str> {
    let end = words.iter().position(|word| ["for", "into"].iter().any(|ends| word.is(ends)));
    let words = words.get(..end.unwrap_or(words.len()))?;
    let leads = words.iter().position(|word| word.is("from") || word.is("in"));
    let cursor = words.get(leads.map_or(0, |at| at.saturating_add(1)))?;
    cursor.is_name().then_some(cursor.text.as_str())
}

fn is_unnamed(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::TruncateStmt(truncate) => truncate.behavior() == DropBehavior::DropCascade,
        NodeEnum::ClosePortalStmt(_)
        | NodeEnum::ClusterStmt(_)
        | NodeEnum::DeallocateStmt(_)
        | NodeEnum::DeclareCursorStmt(_)
        | NodeEnum::DiscardStmt(_)
        | NodeEnum::DoStmt(_)
        | NodeEnum::FetchStmt(_)
        | NodeEnum::PrepareStmt(_)
        | NodeEnum::ReindexStmt(_)
        | NodeEnum::VacuumStmt(_) => true,
        // Named, or its own.
        _ => false,
    }
}

/// Does the name at this place declare a cursor? `c CURSOR`, `c NO SCROLL CURSOR`
fn declares_cursor(words: &[Word], at: usize) -> bool {
    let behind = words.get(at.saturating_add(1)..).unwrap_or_default();
    let modified = behind.iter().take(2).take_while(|word| word.is("no") || word.is("scroll")).count();
    words.get(at).is_some_and(Word::is_name) && behind.get(modified).is_some_and(|word| word.is("cursor"))
}

fn declared_cursors(words: &[Word]) -> HashSet<&str> {
    let declared = (0..words.len()).filter(|at| declares_cursor(words, *at));
    declared.filter_map(|at| Some(words.get(at)?.text.as_str())).collect()
}

/// A PL/pgSQL cursor is a text, the name of a portal: given another one, it is
/// a cursor of the session. Its own statements leave it as it is.
fn leads_cursor_elsewhere(words: &[Word], cursors: &HashSet<&str>) -> bool {
    let is_used_by = |before: Option<&Word>| {
        before
            .is_some_and(|word| ["open", "close", "fetch", "move", "from", "in"].iter().any(|by| word.is(by)))
    };
    words.iter().enumerate().any(|(at, word)| {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        word.is_name()
            && cursors.contains(word.text.as_str())
            && !declares_cursor(words, at)
            && !is_used_by(before)
    })
}

/// Can a statement call it by name? Trigger functions can't be.
pub fn is_callable(function: &Function) -> bool {
    !matches!(function.return_type, TRIGGER | EVENT_TRIGGER)
}

/// C code of an extension, whose types and operators it is made for: there it
/// is no more opaque than what reads and writes their values. So is the server's
/// own code under another name (`texticlike AS 'texticlike'` of citext), where
/// it is known what the extension makes of it.
pub(crate) fn is_of_extension(function: &Function) -> bool {
    match &*function.language {
        "c" => function.extension.is_some(),
        "internal" => is_of_well_known(function),
        _ => false,
    }
}

/// May what it does by itself change a row, or what is stored, or can't that be
/// told? Nothing that is done at a transaction's end comes of it otherwise.
pub(crate) fn may_change(function: &Function) -> bool {
    let is_of_types = is_of_extension(function) && is_callable(function) && !reaches_around(&function.name);
    if is_of_types {
        return false;
    }
    // INTO makes a table in SQL, and fills a variable in PL/pgSQL.
    let makes = |word: &str| &*function.language == "sql" && word == "into";
    let changes = |word: &str| MAY_WRITE.contains(&word) && !ONLY_TELL.contains(&word);
    is_opaque_by_itself(function) || words(&function.body).any(|word| changes(&word) || makes(&word))
}

/// Is it one whose code and types are what its name says?
pub fn is_well_known_extension(name: &str) -> bool {
    WELL_KNOWN.contains(&name)
}

fn is_well_known(function: &Function) -> bool {
    function.oid.is_builtin() || is_of_well_known(function)
}

fn is_of_well_known(function: &Function) -> bool {
    function.extension.as_deref().is_some_and(is_well_known_extension)
}

fn reaches_around(name: &str) -> bool {
    REACH_AROUND.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *known,
    })
}

/// It can be given the name of a cursor that shows masks outside, and read
/// the values inside.
fn handles_cursors(function: &Function) -> bool {
    !function.oid.is_builtin()
        && (function.return_type == REFCURSOR || function.argument_types.contains(&REFCURSOR))
}

/// Does one of these words stand in the body, in any case?
pub(crate) fn has_word(body: &str, wanted: &[&str]) -> bool {
    body.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| wanted.iter().any(|w| word.eq_ignore_ascii_case(w)))
}

/// WHERE CURRENT OF: may it change what a cursor of the session has chosen?
pub(crate) fn takes_current(body: &str) -> bool {
    has_word(body, &["current"]) && has_word(body, &["of"])
}

/// `U&"…"` hides a name.
fn has_escape(body: &str) -> bool {
    body.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"u&\""))
}

#[cfg(test)]
mod tests {
    //! Each case of a function through which protected values could leave
    //! unseen, next to one that people need.
    use super::*;
    use crate::catalog::snapshot::Volatility;

    fn function(oid: u32, schema: &str, name: &str, language: &str, body: &str) -> Function {
        Function {
            oid: Oid(oid),
            schema: schema.into(),
            name: name.into(),
            language: language.into(),
            volatility: Volatility::Volatile,
            kind: 'f',
            body: body.into(),
            unreadable: false,
            returns_set: false,
            return_type: Oid(25),
            argument_types: Vec::new(),
            extension: None,
            support: Vec::new(),
            outputs: Vec::new(),
            state_types: Vec::new(),
        }
    }

    #[test]
    fn only_listed_functions_of_pg_catalog_are_transparent() {
        for name in ["lower", "count", "pg_get_viewdef", "set_config", "nextval", "pg_advisory_lock", "xpath"]
        {
            assert!(!is_opaque_by_itself(&function(870, "pg_catalog", name, "internal", "")), "{name}");
        }
        for name in ["query_to_xml", "lo_get", "pg_read_file", "ts_stat", "pg_ls_dir", "made_in_version_19"] {
            assert!(is_opaque_by_itself(&function(870, "pg_catalog", name, "internal", "")), "{name}");
        }
        // A superuser's own function there is no better than anywhere else.
        assert!(is_opaque_by_itself(&function(16_500, "pg_catalog", "lower", "internal", "")));
    }

    #[test]
    fn code_that_cannot_be_read_is_opaque() {
        for (language, body, opaque) in [
            ("sql", "SELECT 1", false),
            ("sql", "SET CONSTRAINTS ALL IMMEDIATE", true),
            ("sql", "UPDATE t SET n = 1 WHERE CURRENT OF c", true),
            ("sql", "SELECT current_date", false),
            ("plpgsql", "BEGIN RETURN 1; END", false),
            ("plpgsql", "BEGIN eXecute 'SELECT ' || x; END", true),
            ("plpgsql", "DECLARE r Refcursor; BEGIN END", true),
            ("plpgsql", "BEGIN PERFORM 1 FROM U&\"cust\\006Fmers\"; END", true),
            ("plpgsql", "BEGIN executed := 1; END", false),
            ("plpython3u", "return 1", true),
            ("c", "", true),
            ("internal", "", true),
        ] {
            let function = function(16_500, "public", "f", language, body);
            assert_eq!(is_opaque_by_itself(&function), opaque, "{language}: {body}");
        }
    }

    #[test]
    fn a_function_that_takes_a_cursor_is_opaque() {
        let mut taker = function(16_500, "public", "f", "plpgsql", "BEGIN END");
        taker.argument_types = vec![REFCURSOR];
        assert!(is_opaque_by_itself(&taker));
    }

    #[test]
    fn what_changes_nothing_is_told_by_its_words() {
        let of = |language: &str, extension: Option<&str>, body: &str| Function {
            extension: extension.map(Into::into),
            ..function(16_500, "public", "f", language, body)
        };
        for (function, changes) in [
            (of("sql", None, "SELECT $1 || 'x'"), false),
            (of("plpgsql", None, "BEGIN RAISE NOTICE '%', x; RETURN x; END"), false),
            (of("plpgsql", None, "BEGIN NEW.updated_at := now(); RETURN NEW; END"), false),
            (of("plpgsql", None, "BEGIN Insert INTO seen VALUES (1); RETURN x; END"), true),
            (of("plpgsql", None, "BEGIN EXECUTE x; END"), true),
            (of("plpgsql", None, "BEGIN RETURN (SELECT U&\"f\"(1)); END"), true),
            (of("sql", None, "SELECT 1 INTO made"), true),
            (of("plperl", None, "return 1"), true),
            (of("c", None, ""), true),
            (of("c", Some("own"), ""), false),
            (of("internal", Some("citext"), ""), false),
            (of("internal", Some("own"), ""), true),
            (of("internal", None, ""), true),
        ] {
            assert_eq!(may_change(&function), changes, "{} {}", function.language, function.body);
        }
        // A trigger of nobody's extension, and what reaches around SQL.
        let mut trigger = of("c", Some("own"), "");
        trigger.return_type = TRIGGER;
        assert!(may_change(&trigger));
        trigger.extension = Some("moddatetime".into());
        assert!(!may_change(&trigger));
        let mut around = of("c", Some("dblink"), "");
        around.name = "dblink_exec".into();
        assert!(may_change(&around));
    }

    #[test]
    fn c_code_is_trusted_from_well_known_extensions_only() {
        let mut c = function(16_500, "public", "similarity", "c", "");
        c.extension = Some("pg_trgm".into());
        assert!(!is_opaque_by_itself(&c));
        c.extension = Some("dblink".into());
        assert!(is_opaque_by_itself(&c));
        c.extension = Some("tablefunc".into());
        c.name = "crosstab4".into();
        assert!(is_opaque_by_itself(&c));
    }
}
