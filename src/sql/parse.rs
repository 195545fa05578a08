//! One text → statements and tokens, read by PostgreSQL's own grammar.
//!
//! Caps come first: what is too large or nested too deeply is refused before
//! a parser sees it. Chains such as `a || b || …` nest in the tree without a
//! sign in the text: libpg_query gives up at 10,000 levels of its messages
//! (`PG_QUERY_PROTOBUF_MAX_DEPTH`; an operator is two of them), and what it lets
//! through is decoded, read and dropped by recursion. So a text is parsed on
//! threads with [`STACK_BYTES`] of stack only.

use std::io;
use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{ScanToken, Token};

use crate::error::{ClientError, sqlstate};

/// Tokens of one text at most. A megabyte of SQL holds fewer in practice; a
/// list of 100,000 numbers is half of it.
const MAX_TOKENS: usize = 400_000;

/// The tree's decoder, lineage and the tree's end recurse: 25 kB for each of
/// its levels. The memory is mapped only where it is touched.
pub const STACK_BYTES: usize = 256 << 20;

/// A text as PostgreSQL reads it.
pub struct Parsed {
    pub statements: Vec<RawStatement>,
    pub tokens: Tokens,
}

pub struct RawStatement {
    /// Bytes of the text, without the separating semicolon and outer white space.
    pub span: Range<usize>,
    pub node: NodeEnum,
}

/// The text's tokens in order, comments included; spans in bytes.
pub struct Tokens(Vec<ScanToken>);

/// Runs `work` with room for a text's tree, on a thread of its own.
///
/// # Errors
/// When no thread can be started, or `work` panicked.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().name("reader".to_owned()).stack_size(STACK_BYTES);
        reader.spawn_scoped(scope, work)?.join().map_err(|_| io::Error::other("the reader panicked"))
    })
}

/// Reads `text`. `depth` limits how deep parentheses and brackets nest.
/// Recurses, and so does the end of what it gives: needs [`STACK_BYTES`].
///
/// # Errors
/// `54000`/`54001` beyond a limit, `42601` for what is not SQL.
pub fn parse(text: &str, depth: usize) -> Result<Parsed, ClientError> {
    let tokens = Tokens::scan(text)?;
    tokens.check_limits(text, depth)?;
    let result = pg_query::parse(text, 0).map_err(|error| grammar_error(text, error))?;
    let mut statements = Vec::with_capacity(result.protobuf.stmts.len());
    for raw in result.protobuf.stmts {
        let Some(node) = raw.stmt.and_then(|node| node.node) else {
            return Err(unreadable());
        };
        statements.push(RawStatement { span: statement_span(text, raw.stmt_location, raw.stmt_len)?, node });
    }
    Ok(Parsed { statements, tokens })
}

impl Tokens {
    /// # Errors
    /// `42601` when the text can't be cut into tokens.
    pub fn scan(text: &str) -> Result<Self, ClientError> {
        scan(text).map(Self).map_err(|error| grammar_error(text, error))
    }

    /// The tokens inside `span`, as a text of its own has them: what is asked of
    /// one statement must not cost the whole text.
    pub fn part(&self, span: &Range<usize>) -> Self {
        let first = self.0.partition_point(|token| token_span(token).is_some_and(|at| at.start < span.start));
        let end = self.0.partition_point(|token| token_span(token).is_some_and(|at| at.end <= span.end));
        Self(self.0.get(first..end).unwrap_or_default().to_vec())
    }

    pub fn iter(&self) -> impl Iterator<Item = (Range<usize>, Token)> + '_ {
        self.0.iter().filter_map(|token| Some((token_span(token)?, token.token())))
    }

    /// Tokens other than comments inside `span`.
    pub fn within(&self, span: &Range<usize>) -> impl Iterator<Item = (Range<usize>, Token)> + '_ {
        let span = span.clone();
        self.iter()
            .filter(move |(at, token)| at.start >= span.start && at.end <= span.end && !is_comment(*token))
    }

    /// Tokens other than comments that begin at `place` or before it, the nearest
    /// first: what stands in front of a name must not cost the whole text.
    pub fn back_from(&self, place: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        let end = self.0.partition_point(|token| token_span(token).is_some_and(|at| at.start <= place));
        let before = self.0.get(..end).unwrap_or_default().iter().rev();
        before.filter(|token| !is_comment(token.token())).filter_map(token_span)
    }

    /// Do these follow one another inside `span`?
    pub fn follow(&self, span: &Range<usize>, wanted: &[Token]) -> bool {
        let tokens: Vec<Token> = self.within(span).map(|(_, token)| token).collect();
        tokens.windows(wanted.len()).any(|found| found == wanted)
    }

    /// Where a number is spelled as only PostgreSQL 16 and later read it.
    pub fn newer_number(&self, text: &str, span: &Range<usize>) -> Option<usize> {
        let is_newer = |text: &str| {
            text.bytes()
                .any(|byte| byte == b'_' || byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E'))
        };
        let mut numbers = self
            .within(span)
            .filter(|(_, token)| matches!(token, Token::Iconst | Token::Fconst | Token::Param));
        numbers.find(|(at, _)| text.get(at.clone()).is_some_and(is_newer)).map(|(at, _)| at.start)
    }

    /// The literals inside `span`: strings and numbers.
    pub fn literals(&self, span: &Range<usize>) -> Vec<Range<usize>> {
        self.within(span).filter(|(_, token)| is_literal(*token)).map(|(at, _)| at).collect()
    }

    /// Does `inner` lie inside one string literal or comment?
    pub fn is_inert(&self, inner: &Range<usize>) -> bool {
        // Tokens come in order and don't overlap: only the last to begin in time can hold it.
        let begun =
            self.0.partition_point(|token| token_span(token).is_some_and(|at| at.start <= inner.start));
        let last = begun.checked_sub(1).and_then(|index| self.0.get(index));
        last.is_some_and(|token| {
            let kind = token.token();
            token_span(token).is_some_and(|at| inner.end <= at.end) && (is_comment(kind) || is_string(kind))
        })
    }

    fn check_limits(&self, text: &str, limit: usize) -> Result<(), ClientError> {
        if self.0.len() > MAX_TOKENS {
            return Err(ClientError::new(
                sqlstate::PROGRAM_LIMIT_EXCEEDED,
                format!("statement is too long to be analysed: more than {MAX_TOKENS} tokens"),
            )
            .with_hint("Split the statement."));
        }
        let mut depth = 0_usize;
        for (at, token) in self.iter() {
            match token {
                Token::Ascii40 | Token::Ascii91 => depth += 1,
                Token::Ascii41 | Token::Ascii93 => depth = depth.saturating_sub(1),
                // Only parentheses and brackets nest; every other token keeps the depth.
                _ => {}
            }
            if depth > limit {
                return Err(too_deep().at(character_position(text, at.start)));
            }
        }
        Ok(())
    }
}

/// The tokens of `text`, comments included.
///
/// # Errors
/// When the text can't be cut into tokens.
pub fn scan(text: &str) -> Result<Vec<ScanToken>, pg_query::Error> {
    // For a text without tokens the library makes a slice of a null pointer.
    let is_space = |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    if text.bytes().all(is_space) { Ok(Vec::new()) } else { pg_query::scan_tokens(text) }
}

/// Is there a name with other letters than ASCII in the text, or might there be?
/// In any encoding in which bytes below 128 are ASCII.
pub fn names_other_letters(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Ok(tokens) = scan(&text) else { return true };
    tokens.iter().filter(|token| !is_literal(token.token()) && !is_comment(token.token())).any(|token| {
        let spelled = token_span(token).and_then(|span| text.get(span));
        spelled.is_none_or(|spelled| !spelled.is_ascii())
    })
}

/// Is a text of one statement one that begins, ends or divides a transaction, or
/// might it be? A long one is not scanned for it.
pub fn begins_transaction_control(text: &[u8]) -> bool {
    const LONGEST: usize = 1 << 20;
    if text.len() > LONGEST {
        return true;
    }
    let Ok(tokens) = scan(&String::from_utf8_lossy(text)) else { return true };
    let mut tokens = tokens.iter().map(ScanToken::token);
    matches!(
        tokens.find(|token| !is_comment(*token) && *token != Token::Ascii59),
        Some(
            Token::BeginP
                | Token::Start
                | Token::Commit
                | Token::EndP
                | Token::Rollback
                | Token::AbortP
                | Token::Savepoint
                | Token::Release
                | Token::Prepare
        )
    )
}

fn token_span(token: &ScanToken) -> Option<Range<usize>> {
    Some(usize::try_from(token.start).ok()?..usize::try_from(token.end).ok()?)
}

fn is_comment(token: Token) -> bool {
    matches!(token, Token::SqlComment | Token::CComment)
}

fn is_string(token: Token) -> bool {
    matches!(token, Token::Sconst | Token::Usconst | Token::Bconst | Token::Xconst)
}

fn is_literal(token: Token) -> bool {
    is_string(token) || matches!(token, Token::Iconst | Token::Fconst)
}

/// Bytes → PostgreSQL's error position: characters from 1.
pub fn character_position(text: &str, byte: usize) -> u32 {
    let before = text.get(..byte).map_or_else(|| text.chars().count(), |head| head.chars().count());
    u32::try_from(before.saturating_add(1)).unwrap_or(u32::MAX)
}

/// `space` of PostgreSQL's `scan.l`. What else Unicode calls so is a letter there.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn statement_span(text: &str, location: i32, length: i32) -> Result<Range<usize>, ClientError> {
    let start = usize::try_from(location).map_err(|_| unreadable())?;
    let end = match usize::try_from(length).map_err(|_| unreadable())? {
        0 => text.len(),
        length => start.saturating_add(length),
    };
    let body = text.get(start..end).ok_or_else(unreadable)?;
    let lead = body.len() - body.trim_start_matches(is_space).len();
    let tail = body.len() - body.trim_end_matches(|c: char| is_space(c) || c == ';').len();
    Ok(start + lead..end - tail)
}

/// libpg_query's words where the tree is too deep for it.
const TOO_DEEP: &[&str] = &["nested too deeply", "stack depth limit"];

/// The server's own words for what its grammar does not read.
fn grammar_error(text: &str, error: pg_query::Error) -> ClientError {
    match error {
        pg_query::Error::Parse(message) | pg_query::Error::Scan(message) => {
            if TOO_DEEP.iter().any(|words| message.contains(words)) {
                return too_deep();
            }
            let position = message_position(text, &message);
            let error = ClientError::new(sqlstate::SYNTAX_ERROR, message);
            match position {
                Some(position) => error.at(position),
                None => error,
            }
        }
        pg_query::Error::Decode(_) => too_deep(),
        pg_query::Error::Conversion(_)
        | pg_query::Error::InvalidJson(_)
        | pg_query::Error::InvalidPointer
        | pg_query::Error::IsUtility(_)
        | pg_query::Error::Split(_) => unreadable(),
    }
}

/// How many places of a syntax error's token are tried.
const MAX_ERROR_PLACES: usize = 32;

/// The library drops the error's place. The token that the message names is
/// the first one with which the text up to it fails in the same words.
fn message_position(text: &str, message: &str) -> Option<u32> {
    if message.ends_with("at end of input") {
        return Some(character_position(text, text.len()));
    }
    let token = message.split_once("at or near \"")?.1.strip_suffix('"')?;
    let places = text.match_indices(token).filter(|(at, _)| is_whole(text, *at, token));
    places.take(MAX_ERROR_PLACES).find_map(|(at, _)| {
        let head = text.get(..at + token.len())?;
        match pg_query::parse(head, 0) {
            Err(pg_query::Error::Parse(words)) if words == message => Some(character_position(text, at)),
            _ => None,
        }
    })
}

/// Is it a token there, and not the beginning or end of a longer word?
fn is_whole(text: &str, at: usize, token: &str) -> bool {
    let goes_on = |a: Option<char>, b: Option<char>| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        a.is_some_and(is_word) && b.is_some_and(is_word)
    };
    let (before, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let after = rest.get(token.len()..).unwrap_or_default();
    !goes_on(before.chars().next_back(), token.chars().next())
        && !goes_on(token.chars().next_back(), after.chars().next())
}

fn too_deep() -> ClientError {
    ClientError::new(sqlstate::STATEMENT_TOO_COMPLEX, "statement is nested too deeply to be analysed")
        .with_hint("Break long chains of operators or UNIONs into parts, or raise limits.depth.")
}

fn unreadable() -> ClientError {
    ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, "statement could not be analysed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_other_text() {
        for (text, names) in [
            ("SELECT 'ä', $$ö$$, E'ü' -- ß\n /* é' */ FROM t", false),
            ("SELECT * FROM käufer", true),
            ("SELECT \"ä\"", true),
            ("/* ' */ SELECT * FROM KÄUFER /* ' */", true),
            ("SELECT 'ä", true),
        ] {
            assert_eq!(names_other_letters(text.as_bytes()), names, "{text}");
        }
        assert!(names_other_letters(b"SELECT k\xe4ufer"));
        assert!(!names_other_letters(b"SELECT 'k\xe4ufer'"));
    }

    fn spans(text: &str) -> Vec<&str> {
        parse(text, 100).unwrap().statements.into_iter().map(|s| &text[s.span]).collect()
    }

    #[test]
    fn statements_are_cut_as_postgresql_cuts_them() {
        assert_eq!(spans("select 1; select ';' ;; select $$;$$"), ["select 1", "select ';'", "select $$;$$"]);
        assert_eq!(spans("  select 1 -- c\n ; "), ["select 1 -- c"]);
        assert_eq!(spans(""), Vec::<&str>::new());
    }

    #[test]
    fn syntax_errors_have_postgresqls_words_and_place() {
        let error = parse("select 'frm' as frm, * frm customers", 100).err().unwrap();
        assert_eq!(error.code, "42601");
        assert_eq!(error.message, "syntax error at or near \"frm\"");
        assert_eq!(error.position, Some(24));
        assert_eq!(parse("select (", 100).err().unwrap().position, Some(9));
        // A longer word that begins with the token is another token.
        assert_eq!(parse("select 1; selec 2", 100).err().unwrap().position, Some(11));
    }

    #[test]
    fn nesting_beyond_the_limit_is_a_clear_error() {
        let text = format!("select {}1{}", "(".repeat(101), ")".repeat(101));
        assert_eq!(parse(&text, 100).err().unwrap().code, "54001");
    }

    #[test]
    fn a_text_of_white_space_has_no_tokens() {
        for text in ["", " \t\r\n\u{b}\u{c}"] {
            assert_eq!(scan(text).unwrap(), []);
        }
        assert_eq!(scan("--").unwrap().len(), 1);
    }

    #[test]
    fn names_in_literals_and_comments_are_inert() {
        let text = "select 'customers', $x$ customers $x$ /* customers */ from customers -- customers";
        let tokens = Tokens::scan(text).unwrap();
        let inert: Vec<bool> = text
            .match_indices("customers")
            .map(|(at, name)| tokens.is_inert(&(at..at + name.len())))
            .collect();
        assert_eq!(inert, [true, true, true, false, true]);
    }
}
