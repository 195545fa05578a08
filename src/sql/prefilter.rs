//! Names → "nothing protected here", without parsing.
//!
//! To use a relation, a statement must spell its name, quoted or not, or an
//! escape of it (`U&"…"`). One pass over the text finds every place where a
//! counted name could stand, and whether a statement begins with a keyword that
//! names things indirectly. No hit: the text passes byte for byte.
//!
//! Invariant: a false hit costs an analysis; a miss would be a leak. So names
//! are matched without regard to case, wherever they could begin and end.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

/// PostgreSQL cuts identifiers to `NAMEDATALEN - 1` bytes (`truncate_identifier`
/// in its `scansup.c`): a longer spelling means the same name.
const IDENTIFIER_BYTES: usize = 63;

/// Bytes of a character in UTF-8, at most.
const LONGEST_CHARACTER: usize = 4;

/// First words of statements that name things indirectly, change what names
/// mean, reach around SQL, or reach tables that they don't name. They count
/// only where a statement can begin.
const KEYWORDS: &[&str] = &[
    "alter",
    "analyse",
    "analyze",
    "call",
    "close",
    "cluster",
    "copy",
    "create",
    "deallocate",
    "declare",
    "discard",
    "do",
    "drop",
    "execute",
    "fetch",
    "import",
    "load",
    "move",
    "prepare",
    "reindex",
    "reset",
    "set",
    "truncate",
    "vacuum",
];

/// First words after which one of [`KEYWORDS`] may follow inside the same statement.
const CARRIERS: &[&str] = &["explain", "prepare", "create", "declare"];

/// A letter takes four bytes at most, so that of a name with one behind it that
/// is cut at 63 no fewer are left.
const NEARLY_CUT: usize = 60;

/// A place in a text that holds it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub span: Range<usize>,
    pub kind: HitKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitKind {
    /// A counted relation, opaque function or operator may be named here.
    Name,
    /// A statement that names things indirectly may begin here, or `U&"` stands here.
    Keyword,
}

/// A multi-pattern matcher over the counted names and the keywords.
pub struct Prefilter {
    /// Patterns 0.. are names, in the order of `names`; `U&"`, `INTO` and
    /// `CURRENT` come last.
    names: AhoCorasick,
    escape_pattern: usize,
    into_pattern: usize,
    /// `WHERE CURRENT OF c` changes rows that a cursor's statement chose.
    current_pattern: usize,
    /// Some counted name has bytes that a client encoding other than UTF8
    /// would spell differently.
    hangs_on_encoding: bool,
}

/// The matcher could not be built: too many or too long names.
#[derive(Debug, thiserror::Error)]
#[error("the matcher for protected names could not be built")]
pub struct BuildError(#[from] aho_corasick::BuildError);

impl Prefilter {
    /// `names`: unqualified names as the catalog stores them.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, BuildError> {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        let mut hangs_on_encoding = false;
        for name in names {
            if name.is_empty() {
                continue;
            }
            hangs_on_encoding |= !name.is_ascii() || name.len() >= NEARLY_CUT;
            patterns.push(name.as_bytes().to_vec());
            if name.contains('"') {
                patterns.push(name.replace('"', "\"\"").into_bytes());
            }
        }
        let escape_pattern = patterns.len();
        patterns.push(b"u&\"".to_vec());
        let into_pattern = patterns.len();
        patterns.push(b"into".to_vec());
        let current_pattern = patterns.len();
        patterns.push(b"current".to_vec());
        let names = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&patterns)?;
        Ok(Self { names, escape_pattern, into_pattern, current_pattern, hangs_on_encoding })
    }

    /// Some counted name is not plain ASCII, or so long that a letter behind it may
    /// be cut off: a text in another encoding than UTF8 can't be judged by it.
    pub fn hangs_on_encoding(&self) -> bool {
        self.hangs_on_encoding
    }

    /// Whether anything holds the text up.
    pub fn hits_any(&self, text: &[u8]) -> bool {
        leading_keyword(text) || self.name_hits(text).next().is_some()
    }

    /// Whether one of the names, or an escape that may spell one, stands in it.
    pub fn names_any(&self, text: &[u8]) -> bool {
        self.name_hits(text).any(|hit| !hit.span.is_empty())
    }

    /// Every place that holds the text up, in order. A leading keyword is one
    /// hit without extent at the text's start: which statement it begins is
    /// the parser's to say.
    pub fn hits(&self, text: &[u8]) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        if leading_keyword(text) {
            hits.push(Hit { span: 0..0, kind: HitKind::Keyword });
        }
        hits.extend(self.name_hits(text));
        hits
    }

    fn name_hits<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Hit> + 'a {
        self.names.find_overlapping_iter(text).filter_map(move |found| {
            let span = found.start()..found.end();
            if found.pattern().as_usize() == self.escape_pattern {
                return Some(Hit { span, kind: HitKind::Keyword });
            }
            if found.pattern().as_usize() == self.into_pattern {
                let counts = stands_alone(text, &span) && may_make_a_relation(text);
                return counts.then_some(Hit { span: 0..0, kind: HitKind::Keyword });
            }
            if found.pattern().as_usize() == self.current_pattern {
                let counts = stands_alone(text, &span);
                return counts.then_some(Hit { span: 0..0, kind: HitKind::Keyword });
            }
            stands_alone(text, &span).then_some(Hit { span, kind: HitKind::Name })
        })
    }
}

/// Could an identifier (or operator) begin and end exactly here? A digit
/// before it may end a number, a dollar a quoted string, and a name that fills the
/// identifier limit may go on.
fn stands_alone(text: &[u8], span: &Range<usize>) -> bool {
    let before = span.start.checked_sub(1).and_then(|at| text.get(at)).copied();
    let after = text.get(span.end).copied();
    let is_word = text.get(span.start).copied().is_some_and(continues_identifier);
    if !is_word {
        return true;
    }
    let may_end_another = |byte: u8| byte.is_ascii_digit() || byte == b'$';
    let begins = !before.is_some_and(|byte| continues_identifier(byte) && !may_end_another(byte));
    // Cut to whole characters: one that straddles the limit goes whole.
    let cut_before =
        span.len() > IDENTIFIER_BYTES - LONGEST_CHARACTER && after.is_some_and(|byte| byte >= 0x80);
    let ends = !after.is_some_and(continues_identifier) || span.len() >= IDENTIFIER_BYTES || cut_before;
    begins && ends
}

/// `ident_cont` of PostgreSQL's `scan.l`.
fn continues_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Does a statement in this text begin with one of [`KEYWORDS`]? With one
/// statement only its first words matter; with several, any of the words
/// anywhere counts.
fn leading_keyword(text: &[u8]) -> bool {
    let (first, rest) = first_word(text);
    if is_one_of(first, KEYWORDS) || is_commit_prepared(first, rest) {
        return true;
    }
    if is_one_of(first, CARRIERS) || has_inner_semicolon(text) {
        let mut rest = words(rest);
        return rest.any(|word| is_one_of(word, KEYWORDS) || is_one_of(word, &["prepared"]));
    }
    false
}

/// Is it one statement that begins with one of these words?
pub fn begins_with(text: &[u8], words: &[&str]) -> bool {
    is_one_of(first_word(text).0, words) && !has_inner_semicolon(text)
}

/// COMMIT PREPARED makes DDL visible.
fn is_commit_prepared(first: &[u8], rest: &[u8]) -> bool {
    // A comment may stand between.
    is_one_of(first, &["commit"]) && words(rest).any(|word| is_one_of(word, &["prepared"]))
}

/// INTO makes a relation in every statement but these.
fn may_make_a_relation(text: &[u8]) -> bool {
    let (first, _) = first_word(text);
    !is_one_of(first, &["insert", "merge"]) || has_inner_semicolon(text)
}

fn is_one_of(word: &[u8], list: &[&str]) -> bool {
    list.iter().any(|keyword| word.eq_ignore_ascii_case(keyword.as_bytes()))
}

/// A semicolon that something other than white space follows.
fn has_inner_semicolon(text: &[u8]) -> bool {
    let trimmed = text.trim_ascii_end();
    let body = trimmed.strip_suffix(b";").unwrap_or(trimmed);
    memchr::memchr(b';', body).is_some()
}

/// The first word after white space, comments, semicolons and parentheses, and
/// what follows it.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let start = skip_to_word(text);
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| continues_identifier(**byte)).count();
    (rest.get(..length).unwrap_or_default(), rest.get(length..).unwrap_or_default())
}

/// Comments as in `scan.l`: `--` to the end of the line, `/* */` nested.
fn skip_to_word(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        match (byte, next) {
            (b'-', Some(b'-')) => {
                at +=
                    text.get(at..).and_then(|rest| memchr::memchr2(b'\n', b'\r', rest)).unwrap_or(text.len());
            }
            (b'/', Some(b'*')) => at = skip_block_comment(text, at),
            (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | b';' | b'(', _) => at += 1,
            _ => return at,
        }
    }
    text.len()
}

fn skip_block_comment(text: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < text.len() {
        match (text.get(at).copied(), text.get(at + 1).copied()) {
            (Some(b'/'), Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (Some(b'*'), Some(b'/')) => {
                depth = depth.saturating_sub(1);
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !continues_identifier(*byte)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    //! A miss would be a leak, so each test spells a counted name in a way
    //! that PostgreSQL reads as that name; the rest prove that ordinary
    //! statements pass unparsed.
    use super::*;

    fn filter() -> Prefilter {
        Prefilter::new(["customers", "we\"ird", "größe", &"n".repeat(63), "=~~="].into_iter()).unwrap()
    }

    fn names(text: &str) -> usize {
        filter().hits(text.as_bytes()).iter().filter(|hit| hit.kind == HitKind::Name).count()
    }

    #[test]
    fn every_spelling_of_a_counted_name_is_found() {
        for text in [
            "select * from customers",
            "select * from CUSTOMERS",
            "select * from public.customers",
            "select * from \"customers\"",
            "select*from customers;",
            "select 1from customers c",
            "table customers",
            "select 'customers'",
            "select * from customers--x",
            "select 1customers",
            "select $$x$$customers",
            "select $a$x$a$customers",
            "select * from \"we\"\"ird\"",
            "select * from größe",
        ] {
            assert!(names(text) > 0, "{text}");
        }
    }

    #[test]
    fn a_name_cut_at_63_bytes_is_found() {
        assert_eq!(names(&format!("select * from {}xyz", "n".repeat(63))), 1);
    }

    #[test]
    fn a_name_cut_before_a_character_of_several_bytes_is_found() {
        let long = "m".repeat(62);
        let filter = Prefilter::new([long.as_str()].into_iter()).unwrap();
        assert!(filter.hits_any(format!("select * from {long}é").as_bytes()));
        assert!(filter.hits_any(format!("select * from {long}éxyz").as_bytes()));
        assert!(!filter.hits_any(format!("select * from {long}e").as_bytes()));
    }

    #[test]
    fn operators_need_no_word_boundary() {
        assert_eq!(names("select a=~~=b"), 1);
    }

    #[test]
    fn names_inside_longer_names_do_not_count() {
        for text in
            ["select * from customers_archive", "select * from mycustomers", "select customersx", "select 1"]
        {
            assert_eq!(names(text), 0, "{text}");
        }
    }

    #[test]
    fn escapes_count() {
        assert!(filter().hits_any(b"select U&\"cust\\006Fmers\" from t"));
        assert!(filter().hits_any(b"select u&\"x\""));
    }

    #[test]
    fn keywords_count_where_a_statement_can_begin() {
        for text in [
            "execute x",
            "  /* a /* b */ c */ -- d\n EXECUTE x",
            ";;fetch all from c",
            "select 1; do $$ begin end $$",
            "explain execute x",
            "explain (analyze) execute x",
            "create view v as select 1",
            "SET x = 1",
            "close c",
            "commit prepared 'x'",
            "commit /* so */ prepared 'x'",
            "commit -- so\nprepared 'x'",
            "analyze",
            "VACUUM (FULL)",
            "truncate t cascade",
            "select 1 as a into b",
            "select 1 as a, $$x$$into b",
            "(select 1) ; with x as (select 1) select * into temp y from x",
        ] {
            assert!(filter().hits_any(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn ordinary_statements_pass_unparsed() {
        for text in [
            "select 1",
            "update t set a = 1 where b = 2",
            "insert into t values (1) on conflict do nothing",
            "with x as (insert_into) select 1",
            "begin",
            "commit;",
            "select * from t order by a limit 3; ",
            "with x as (select 1) select * from x",
            "delete from t",
            "",
            "-- only a comment",
        ] {
            assert!(!filter().hits_any(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        proptest::proptest!(|(text: Vec<u8>)| { filter().hits(&text); });
    }
}
