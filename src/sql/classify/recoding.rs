//! What may set `client_encoding`, `standard_conforming_strings` or
//! `log_parameter_max_length_on_error`. By the first the server converts the rows of the
//! same message already, and fails where a value has a letter that the new encoding
//! lacks; by the second it reads the next text of the same pipeline; by the third it says
//! what a portal is bound to. What they are now, it says only after the message, at a
//! Sync, or never.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use pg_query::protobuf::Token;

use crate::sql::parse::Tokens;

const ENCODING: &str = "client_encoding";
const STRINGS: &str = "standard_conforming_strings";
const PARAMETERS: &str = "log_parameter_max_length_on_error";
/// Sets what its argument names.
const FUNCTION: &str = "set_config";
/// Its rows can be updated, which sets what they show.
const VIEW: &str = "pg_settings";
/// Identifiers with escapes.
const ESCAPED: &str = "u&";

/// Is it one of the settings?
pub(super) fn is_setting(name: &str) -> bool {
    [ENCODING, STRINGS, PARAMETERS].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The statement names one of the settings, or sets any.
pub(super) fn is_spelled(tokens: &Tokens, text: &str, span: &Range<usize>) -> bool {
    let spelled = |at: Range<usize>| {
        let name = text.get(at.clone()).unwrap_or_default().trim_matches('"');
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        is_setting(name) || is(VIEW) || is(FUNCTION) && !sets_another(text.as_bytes().get(at.end..))
    };
    tokens.within(span).any(|(at, token)| token == Token::Uident || spelled(at)) || sets_all(tokens, span)
}

/// SET NAMES, RESET ALL, DISCARD ALL.
fn sets_all(tokens: &Tokens, span: &Range<usize>) -> bool {
    let mut words = tokens.within(span).map(|(_, token)| token);
    match words.next() {
        Some(Token::Reset | Token::Discard) => words.next() == Some(Token::All),
        Some(Token::Set) => words.take(2).any(|word| word == Token::Names),
        // A function's own settings.
        Some(Token::Create | Token::Alter) => tokens.follow(span, &[Token::Set, Token::Names]),
        _ => false,
    }
}

/// What it runs is not in its text, and nobody knows it. What EXECUTE, FETCH and
/// MOVE run, the session knows by its name.
pub(super) fn is_hidden(tokens: &Tokens, span: &Range<usize>) -> bool {
    let first = tokens.within(span).map(|(_, token)| token).next();
    matches!(first, Some(Token::Call | Token::Do))
}

/// May a text that nobody has read set it? Functions that it calls may.
pub fn may_recode(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let word = text.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    let begins = |with: &str| word.eq_ignore_ascii_case(with.as_bytes());
    // A comment may hide the first word.
    word.is_empty() && !text.is_empty()
        || ["execute", "fetch", "move", "call", "do"].into_iter().any(begins)
        || ["reset", "discard"].into_iter().any(begins) && !is_one(text.get(word.len()..))
        || begins("set") && contains(text, &NAMES)
        // EXPLAIN ANALYZE runs it.
        || begins("explain") && contains(text, &EXECUTE)
        || names_it(text)
}

/// What follows RESET or DISCARD, plainly, is one thing and not ALL.
fn is_one(rest: Option<&[u8]>) -> bool {
    let rest = rest.unwrap_or_default().trim_ascii_start();
    let word = rest.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    !word.is_empty() && !word.eq_ignore_ascii_case(b"all")
}

/// Would a function with this body set it, unless by SET NAMES?
pub fn body_recodes(body: &str) -> bool {
    names_it(body.as_bytes())
}

type Finder = LazyLock<Option<AhoCorasick>>;

static NAMES: Finder = LazyLock::new(|| finder(&["names"]));
static EXECUTE: Finder = LazyLock::new(|| finder(&["execute"]));
static SPELLINGS: Finder =
    LazyLock::new(|| finder(&[ENCODING, STRINGS, PARAMETERS, FUNCTION, VIEW, ESCAPED]));

fn finder(words: &[&str]) -> Option<AhoCorasick> {
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok()
}

fn contains(text: &[u8], words: &Finder) -> bool {
    words.as_ref().is_none_or(|words| words.is_match(text))
}

fn names_it(text: &[u8]) -> bool {
    let Some(spellings) = SPELLINGS.as_ref() else { return true };
    spellings.find_iter(text).any(|found| {
        let is_function =
            text.get(found.range()).is_some_and(|at| at.eq_ignore_ascii_case(FUNCTION.as_bytes()));
        !(is_function && sets_another(text.get(found.end()..)))
    })
}

/// What follows `set_config` names a setting that is none of these, plainly.
fn sets_another(rest: Option<&[u8]>) -> bool {
    let name = || {
        let rest = rest?.strip_prefix(b"\"").or(rest)?.trim_ascii_start();
        let rest = rest.strip_prefix(b"(")?.trim_ascii_start().strip_prefix(b"'")?;
        let end = rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"_.".contains(byte)))?;
        let (name, rest) = rest.split_at_checked(end)?;
        rest.strip_prefix(b"'")?.trim_ascii_start().strip_prefix(b",")?;
        Some(name)
    };
    name().is_some_and(|name| !std::str::from_utf8(name).is_ok_and(is_setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_set_the_encoding_is_found_unread() {
        for text in [
            "SET client_encoding = 'LATIN1'",
            "set names 'latin1'",
            "SET LOCAL NAMES 'x'",
            "select set_config('client_encoding', 'latin1', false)",
            "select SET_CONFIG ( 'client_' || 'encoding', $1, true)",
            "select set_config($1, $2, false)",
            "select set_config('client_'\n'encoding', 'LATIN1', false)",
            "select pg_catalog.\"set_config\"('Client_Encoding', 'LATIN1', false)",
            "update pg_settings set setting = 'LATIN1'",
            "select U&\"set\\005fconfig\"('x', 'y', true)",
            "RESET ALL",
            "set Standard_Conforming_Strings = off",
            "select set_config('standard_conforming_strings', 'off', false)",
            "reset\nall",
            "reset /* */ all",
            "reset client_encoding",
            "explain analyze execute p",
            "discard all",
            "execute p",
            "/* */ reset all",
        ] {
            assert!(may_recode(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "select names, reset from moves",
            "set search_path = sales",
            "reset statement_timeout",
            "RESET ROLE",
            "discard plans",
            "select set_config('app.tenant', '7', true), set_config('role', $1, true)",
            "begin",
        ] {
            assert!(!may_recode(text.as_bytes()), "{text}");
        }
        assert!(body_recodes("BEGIN PERFORM set_config(name, value, false); END"));
        assert!(!body_recodes("SELECT set_config('app.tenant', $1, true)"));
    }
}
