//! The statements in the text of a function, as far as what they are can be
//! told without running it.
//!
//! A body in SQL is read by PostgreSQL's grammar. PL/pgSQL is cut into
//! statements by its own rules (`pl_gram.y`): a statement ends at `;`, some
//! begin behind the THEN, LOOP or BEGIN of another.
//!
//! Invariant: of every statement, also of what this does not understand, the
//! first word is among those that are given.

use std::borrow::Cow;
use std::collections::HashSet;

use pg_query::NodeEnum;
use pg_query::protobuf::Token;

use super::parse::{self, Tokens};

/// Parentheses may nest so deep in a function's body.
const DEPTH: usize = 100;

/// A token of a PL/pgSQL body that is no comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// A name as PostgreSQL reads it: in lower case, or what stands in quotes.
    /// Anything else as it is written.
    pub text: String,
    pub kind: WordKind,
    /// One of SQL's, reserved or not.
    pub is_keyword: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordKind {
    /// A keyword or an identifier without quotes.
    Bare,
    Quoted,
    Literal,
    Sign,
}

impl Word {
    /// Is it this keyword?
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == WordKind::Bare && self.text == keyword
    }

    /// May it name something?
    pub fn is_name(&self) -> bool {
        matches!(self.kind, WordKind::Bare | WordKind::Quoted)
    }

    pub fn is_sign(&self, sign: &str) -> bool {
        self.kind == WordKind::Sign && self.text == sign
    }
}

/// The statements of a body in SQL. None: the grammar does not read it, or it
/// could be cut into tokens in another way.
pub fn sql_statements(body: &str) -> Option<Vec<NodeEnum>> {
    let parsed = parse::parse(body, DEPTH).ok()?;
    if parsed.tokens.iter().any(|(at, token)| body.get(at).is_none_or(|text| is_ambiguous(text, token))) {
        return None;
    }
    Some(parsed.statements.into_iter().map(|raw| raw.node).collect())
}

/// The tokens of a body in PL/pgSQL. None: it can't be cut into tokens, or
/// could be in another way, or a name or string is written with escapes (`U&`).
pub fn plpgsql_words(body: &str) -> Option<Vec<Word>> {
    let tokens = Tokens::scan(body).ok()?;
    tokens.within(&(0..body.len())).map(|(at, token)| word(body.get(at)?, token)).collect()
}

/// With `standard_conforming_strings = off`, which a function may set where
/// another one is read, the string would not end here.
fn is_ambiguous(text: &str, token: Token) -> bool {
    token == Token::Sconst && text.starts_with('\'') && text.contains("\\'")
}

fn word(text: &str, token: Token) -> Option<Word> {
    let (text, kind) = match token {
        Token::Uident | Token::Usconst => return None,
        _ if is_ambiguous(text, token) => return None,
        Token::Sconst | Token::Bconst | Token::Xconst | Token::Iconst | Token::Fconst | Token::Param => {
            (text.to_owned(), WordKind::Literal)
        }
        _ => match (text.strip_prefix('"'), text.chars().next()?) {
            (Some(rest), _) => (rest.strip_suffix('"')?.replace("\"\"", "\""), WordKind::Quoted),
            (None, first) if first.is_alphabetic() || first == '_' || !first.is_ascii() => {
                (text.to_ascii_lowercase(), WordKind::Bare)
            }
            (None, _) => (text.to_owned(), WordKind::Sign),
        },
    };
    Some(Word { text, kind, is_keyword: kind == WordKind::Bare && token != Token::Ident })
}

/// A statement of a body, without comments, for PostgreSQL's grammar.
pub fn spelled(words: &[Word]) -> String {
    let spelled = words.iter().map(|word| match word.kind {
        WordKind::Quoted => Cow::Owned(format!("\"{}\"", word.text.replace('"', "\"\""))),
        WordKind::Bare | WordKind::Literal | WordKind::Sign => Cow::Borrowed(word.text.as_str()),
    });
    spelled.collect::<Vec<_>>().join(" ")
}

/// Behind which a name that stands behind AS is no type, but what an output or
/// a table is called.
const BEHIND_ALIAS: &[&str] = &[
    ",",
    "cross",
    "except",
    "for",
    "from",
    "full",
    "group",
    "having",
    "inner",
    "intersect",
    "join",
    "left",
    "limit",
    "loop",
    "natural",
    "offset",
    "on",
    "order",
    "returning",
    "right",
    "select",
    "set",
    "then",
    "union",
    "using",
    "values",
    "where",
    "window",
];

/// Behind which a table is named, and what it is called.
const BEFORE_TABLE: &[&str] = &["from", "join", "only", "update", "using"];

const LEVELS: &[&str] = &["debug", "exception", "info", "log", "notice", "warning"];

/// The texts of a body in which an object may be named: its names and keywords,
/// and its literals as they are written. Left out are comments, the message of a
/// RAISE, what tables and outputs are called (`FROM staff s`, `s.` before a
/// column), and in a trigger's function the fields of NEW and OLD.
///
/// None: as of [`plpgsql_words`].
pub fn naming_texts(body: &str, is_trigger: bool) -> Option<Vec<String>> {
    let words = plpgsql_words(body)?;
    let is = |at: Option<usize>, texts: &[&str]| {
        let word = at.and_then(|at| words.get(at));
        word.is_some_and(|word| word.kind != WordKind::Quoted && texts.contains(&word.text.as_str()))
    };
    let before = |at: usize, by: usize| at.checked_sub(by);
    let is_alias = |at: usize| {
        let ends = is(Some(at + 1), BEHIND_ALIAS);
        let stands_behind_as = is(before(at, 1), &["as"]) && ends;
        // `FROM staff s`, `FROM hr.staff s`
        let table =
            before(at, 1).filter(|at| words.get(*at).is_some_and(|word| word.is_name() && !word.is_keyword));
        let first = table.map(|at| if is(before(at, 1), &["."]) { before(at, 2) } else { Some(at) });
        let names_table = first.flatten().and_then(|at| before(at, 1));
        let stands_behind_table =
            is(names_table, BEFORE_TABLE) && (ends || at + 1 == words.len() || is(Some(at + 1), &[")", ";"]));
        stands_behind_as || stands_behind_table
    };
    let aliases: HashSet<&str> = (0..words.len())
        .filter(|at| is_alias(*at))
        .filter_map(|at| Some(words.get(at)?.text.as_str()))
        .collect();
    let leads_to_column = |at: usize| {
        let is_called = is(Some(at + 3), &["(", ".", "%"]);
        is(Some(at + 1), &["."]) && !is_called && !is(before(at, 1), &["."])
    };
    let is_message = |at: usize| {
        let raise = if is(before(at, 1), LEVELS) { before(at, 2) } else { before(at, 1) };
        is(raise, &["raise"])
            && is(raise.and_then(|at| before(at, 1)), &[";", "begin", "else", "loop", "then"])
    };
    let names_something = |at: usize, word: &Word| match word.kind {
        WordKind::Sign => false,
        WordKind::Literal => !is_message(at),
        WordKind::Bare | WordKind::Quoted => {
            let is_field = is_trigger
                && is(before(at, 1), &["."])
                && is(before(at, 2), &["new", "old"])
                && !is(Some(at + 1), &["(", "."]);
            let leads = aliases.contains(word.text.as_str()) && leads_to_column(at);
            !is_field && !leads && !is_alias(at)
        }
    };
    let texts = words.iter().enumerate().filter(|(at, word)| names_something(*at, word));
    Some(texts.map(|(_, word)| word.text.clone()).collect())
}

/// Words behind which the next statement begins at once.
const OPENS: &[&str] = &["begin", "loop", "else", "exception"];
/// Those whose first statement stands behind a THEN.
const UNTIL_THEN: &[&str] = &["if", "elsif", "elseif", "when", "case"];
/// And behind a LOOP.
const UNTIL_LOOP: &[&str] = &["for", "foreach", "while"];

/// The statements of a body in PL/pgSQL, each from its first word to where the
/// next begins. Declarations are none: they can only hold expressions and
/// queries.
pub fn plpgsql_statements(words: &[Word]) -> Vec<&[Word]> {
    let mut statements = Vec::new();
    let mut rest = options_left_out(words);
    let (mut then, mut until_loop) = (Search::new("then"), Search::new("loop"));
    while let Some((first, behind)) = rest.split_first() {
        let length = match first {
            _ if first.is_sign(";") => {
                rest = behind;
                continue;
            }
            _ if first.is_sign("<<") => behind.get(1).is_some_and(|word| word.is_sign(">>")).then_some(1),
            _ if first.is("declare") => {
                // Up to BEGIN, which begins a statement of its own.
                let declared = behind.iter().position(|word| word.is("begin")).unwrap_or(behind.len());
                rest = behind.get(declared..).unwrap_or_default();
                continue;
            }
            _ if OPENS.iter().any(|word| first.is(word)) => None,
            _ if UNTIL_THEN.iter().any(|word| first.is(word)) => then.outside(behind),
            _ if UNTIL_LOOP.iter().any(|word| first.is(word)) => until_loop.outside(behind),
            _ => behind.iter().position(|word| word.is_sign(";")).or(Some(behind.len())),
        };
        // The word that ends it belongs to it.
        let end = length.map_or(1, |length| length.saturating_add(2).min(rest.len()));
        let (statement, next) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if !first.is_sign("<<") {
            statements.push(statement);
        }
        rest = next;
    }
    statements
}

/// `#variable_conflict use_column` and the like, at the beginning.
fn options_left_out(words: &[Word]) -> &[Word] {
    match words {
        [sign, _, _, rest @ ..] if sign.is_sign("#") => options_left_out(rest),
        _ => words,
    }
}

/// Looks for a keyword outside parentheses, before any `;`. PL/pgSQL looks for
/// the end of an expression so.
struct Search {
    keyword: &'static str,
    /// From where so many words are left, it has been looked for in vain.
    vain: std::ops::Range<usize>,
}

impl Search {
    const fn new(keyword: &'static str) -> Self {
        Self { keyword, vain: 0..0 }
    }

    /// Not there: None, so that the next word begins a statement and nothing is
    /// left out. A text is looked through once, however often that is asked.
    fn outside(&mut self, words: &[Word]) -> Option<usize> {
        if self.vain.contains(&words.len()) {
            return None;
        }
        let mut depth = 0_usize;
        let mut end = 0;
        for (at, word) in words.iter().enumerate() {
            match word.text.as_str() {
                "(" | "[" if word.kind == WordKind::Sign => depth += 1,
                ")" | "]" if word.kind == WordKind::Sign => depth = depth.saturating_sub(1),
                ";" if word.kind == WordKind::Sign => {
                    end = words.len().saturating_sub(at);
                    break;
                }
                _ if depth == 0 && word.is(self.keyword) => return Some(at),
                // Part of the expression.
                _ => {}
            }
        }
        self.vain = end..words.len().saturating_add(1);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(body: &str) -> Vec<String> {
        let words = plpgsql_words(body).unwrap();
        plpgsql_statements(&words).iter().map(|statement| statement[0].text.clone()).collect()
    }

    #[test]
    fn every_statement_is_found_by_its_first_word() {
        assert_eq!(
            firsts(
                "#variable_conflict use_column
                 <<outer>>
                 DECLARE n int := 0; c CURSOR FOR SELECT 1; \"begin\" text;
                 BEGIN
                   n := CASE WHEN n = 0 THEN 1 ELSE 2 END;
                   IF n > (SELECT CASE WHEN true THEN 1 ELSE 0 END) THEN PERFORM 1; RETURN;
                   ELSIF n < 0 THEN DELETE FROM t; ELSE ANALYZE; END IF;
                   FOR r IN SELECT 1 LOOP EXIT; END LOOP;
                   CASE n WHEN 1, 2 THEN NULL; WHEN 3 THEN /* THEN */ RAISE 'x; y'; ELSE CLOSE c; END CASE;
                   BEGIN
                     WHILE true LOOP prepare p AS SELECT 1; END LOOP;
                   EXCEPTION WHEN others THEN REINDEX TABLE t; WHEN no_data THEN copy t TO 'f';
                   END;
                 END outer"
            ),
            [
                "begin",
                "n",
                "if",
                "perform",
                "return",
                "elsif",
                "delete",
                "else",
                "analyze",
                "end",
                "for",
                "exit",
                "end",
                "case",
                "null",
                "when",
                "raise",
                "else",
                "close",
                "end",
                "begin",
                "while",
                "prepare",
                "end",
                "exception",
                "when",
                "reindex",
                "when",
                "copy",
                "end",
                "end"
            ]
        );
    }

    #[test]
    fn what_is_not_understood_leaves_nothing_out() {
        // No THEN, no LOOP, a label without an end.
        assert_eq!(firsts("BEGIN IF x; PREPARE p AS SELECT 1; END"), ["begin", "if", "x", "prepare", "end"]);
        assert_eq!(firsts("IF IF x; IF y THEN z"), ["if", "if", "x", "if", "z"]);
        assert_eq!(firsts("BEGIN FOR x PREPARE y; END"), ["begin", "for", "x", "end"]);
        assert_eq!(firsts("BEGIN << x; CLOSE c; END"), ["begin", "x", "close", "end"]);
        assert_eq!(firsts("DECLARE x int; BEGIN OPEN c"), ["begin", "open"]);
    }

    #[test]
    fn what_only_says_how_something_is_called_names_no_object() {
        let named =
            |body: &str, name: &str| naming_texts(body, true).unwrap().iter().any(|text| text == name);
        let body = "DECLARE n gauge; BEGIN -- summary
            RAISE NOTICE 'results of %', NEW.city; NEW.changed := soon();
            IF x THEN RAISE 'late'; END IF;
            INSERT INTO trail SELECT s.id, d.title AS label FROM hr.staff s JOIN desks d ON d.id = s.desk;
            UPDATE ONLY shelf SET full_at = \"t\".a FROM boxes \"t\";
            PERFORM nextval('counter'); RETURN NEW; END";
        for name in ["summary", "'results of %'", "city", "changed", "'late'", "s", "d", "label", "t"] {
            assert!(!named(body, name), "{name}");
        }
        for name in ["gauge", "soon", "trail", "staff", "hr", "desks", "title", "shelf", "boxes", "'counter'"]
        {
            assert!(named(body, name), "{name}");
        }
        // What looks like it, and is none.
        for (body, name) in [
            ("BEGIN x := CAST(y AS thing); END", "thing"),
            ("BEGIN PERFORM 1 FROM ONLY thing WHERE true; END", "thing"),
            ("BEGIN CREATE RULE r AS ON UPDATE TO thing WHERE true DO NOTHING; END", "thing"),
            ("BEGIN CREATE DOMAIN d AS thing; END", "thing"),
            ("DECLARE t thing.a%TYPE; BEGIN PERFORM 1 FROM x thing WHERE true; END", "thing"),
            ("BEGIN PERFORM thing.f(1) FROM x thing WHERE true; END", "thing"),
            ("BEGIN PERFORM 1 FROM x thing, thing WHERE true; END", "thing"),
            ("BEGIN PERFORM new.thing(1); END", "thing"),
            ("BEGIN PERFORM 1 FROM a LEFT JOIN thing ON true; END", "thing"),
            ("BEGIN SELECT raise 'thing'; END", "'thing'"),
            ("BEGIN PERFORM f FROM j AS (thing thong); END", "thong"),
        ] {
            assert!(named(body, name), "{body}");
        }
        assert!(naming_texts("BEGIN PERFORM old.thing; END", false).unwrap().contains(&"thing".to_owned()));
    }

    #[test]
    fn escapes_are_not_read() {
        assert_eq!(plpgsql_words("BEGIN PERFORM U&\"\\0066\"(); END"), None);
        assert_eq!(plpgsql_words("BEGIN x := 'a"), None);
        assert_eq!(plpgsql_words(r"BEGIN x := '\'; CLOSE c; --'; END"), None);
        assert!(plpgsql_words(r"BEGIN x := E'\''; y := '\d' || $$\'$$; END").is_some());
        assert!(sql_statements(r"SELECT '\'; CLOSE c; --'").is_none());
        let words = plpgsql_words("\"A\"\"b\" Ab 'Ab' $1").unwrap();
        let word = |text: &str, kind| Word { text: text.into(), kind, is_keyword: false };
        assert_eq!(words[0], word("A\"b", WordKind::Quoted));
        assert_eq!(words[1], word("ab", WordKind::Bare));
        assert_eq!([words[2].kind, words[3].kind], [WordKind::Literal; 2]);
    }
}
