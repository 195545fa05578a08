//! The outline of a text: the text without its plain literals. Texts of one
//! outline differ in the values of these literals and in nothing else.
//!
//! A literal is taken out only where PostgreSQL's scanner could not read it
//! otherwise, and where its value can't be part of what the statement uses: it
//! is an operand of a comparison, an item of IN, a bound of BETWEEN, a pattern
//! of LIKE, or what follows LIMIT or OFFSET. Numbers in ORDER BY and GROUP BY
//! name outputs, and literals in calls and behind `->` may be paths: they stay.
//! A text with anything that could change how a literal is read (a comment, a
//! backslash, `$`, a prefix as in `E'…'`, another byte than printable ASCII, a
//! second statement) has no outline.
//!
//! Invariant: texts have the same outline only if PostgreSQL's scanner cuts
//! them into the same tokens, the taken literals aside, and these are of the
//! same classes.

use std::ops::Range;

use smallvec::SmallVec;

/// A longer text has no outline.
const LONGEST: usize = 16 << 10;

/// Statements that begin otherwise have no outline.
const FIRST_WORDS: &[&str] = &["select", "with", "insert", "update", "delete"];

/// Operators that compare, as they stand between operands.
const COMPARISONS: &[&[u8]] = &[b"=", b"<>", b"!=", b"<", b">", b"<=", b">="];

/// What may follow a literal, besides `)`, `,` and the end: nothing that could
/// be read together with it.
const FOLLOWERS: &[&str] = &[
    "and",
    "asc",
    "cross",
    "desc",
    "else",
    "end",
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
    "offset",
    "or",
    "order",
    "returning",
    "right",
    "then",
    "union",
    "when",
    "where",
];

/// What the grammar makes of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A number that an `int4` holds.
    Integer,
    /// A whole number that it does not hold.
    Large,
    Decimal,
    /// `'…'`, without quotes in it.
    Text,
}

impl Class {
    /// In an outline; no byte of a text that has one.
    fn mark(self) -> u8 {
        match self {
            Self::Integer => 1,
            Self::Large => 2,
            Self::Decimal => 3,
            Self::Text => 4,
        }
    }

    /// A literal of this class.
    fn stand_in(self) -> &'static str {
        match self {
            Self::Integer => "1",
            Self::Large => "9999999999",
            Self::Decimal => "1.5",
            Self::Text => "'x'",
        }
    }
}

/// A literal that was taken out of a text.
#[derive(Debug, Clone)]
struct Taken {
    class: Class,
    /// In the text.
    span: Range<usize>,
    /// What stands for it, in the outline's own text.
    stand_in: Range<usize>,
}

/// A text's outline, and how its places are found again in the text.
#[derive(Debug)]
pub struct Outline {
    /// The text with a mark for each literal.
    marked: Vec<u8>,
    taken: SmallVec<[Taken; 8]>,
}

impl Outline {
    /// None: it has none, or there is no literal to take out.
    pub fn of(text: &[u8]) -> Option<Self> {
        let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
        let kept_out = |byte: &u8| matches!(byte, b'\\' | b'$');
        if text.len() > LONGEST || !text.iter().all(|byte| plain(byte) && !kept_out(byte)) {
            return None;
        }
        let outline = Reader::new(text).read()?;
        (!outline.taken.is_empty()).then_some(outline)
    }

    /// The same for all texts of the outline, and for no other.
    pub fn marked(&self) -> &[u8] {
        &self.marked
    }

    /// A text of this outline, the same for all: whoever reads it sees nothing
    /// of the literals.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.marked.len() + 8 * self.taken.len());
        let mut taken = self.taken.iter();
        for byte in &self.marked {
            match byte {
                1..=4 => text.push_str(taken.next().map_or("", |literal| literal.class.stand_in())),
                byte => text.push(char::from(*byte)),
            }
        }
        text
    }

    /// Where a place of the outline's own text is in the text. None: inside
    /// what stands for a literal.
    pub fn place(&self, at: usize) -> Option<usize> {
        let before = self.taken.partition_point(|literal| literal.stand_in.end <= at);
        if self.taken.get(before).is_some_and(|next| next.stand_in.start < at) {
            return None;
        }
        match before.checked_sub(1).and_then(|last| self.taken.get(last)) {
            None => Some(at),
            Some(last) => last.span.end.checked_add(at - last.stand_in.end),
        }
    }

    pub fn span(&self, span: &Range<usize>) -> Option<Range<usize>> {
        Some(self.place(span.start)?..self.place(span.end)?)
    }

    /// Does a literal stand, in whole or in part, in `span` of the outline's own text?
    pub fn takes_from(&self, span: &Range<usize>) -> bool {
        self.taken
            .iter()
            .any(|literal| literal.stand_in.start < span.end && span.start < literal.stand_in.end)
    }
}

/// What stands before a literal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Operator,
    /// BETWEEN, AND, LIKE, ILIKE.
    Operand,
    /// LIMIT, OFFSET.
    Count,
    In,
    /// `IN (`, or a comma after such an item.
    Item,
    /// An item of IN that was taken out.
    TakenItem,
    Other,
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    before: Before,
    marked: Vec<u8>,
    /// Bytes of the text that `marked` holds.
    copied: usize,
    /// Length of the outline's own text up to there.
    length: usize,
    taken: SmallVec<[Taken; 8]>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t [u8]) -> Self {
        let marked = Vec::with_capacity(text.len());
        Self { text, at: 0, before: Before::Other, marked, copied: 0, length: 0, taken: SmallVec::new() }
    }

    fn read(mut self) -> Option<Outline> {
        self.skip_space();
        let first = self.word();
        if !is_one_of(first, FIRST_WORDS) {
            return None;
        }
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'\'' => self.string()?,
                b'"' => self.quoted_name()?,
                b'0'..=b'9' => self.number()?,
                byte if begins_word(byte) => self.keyword()?,
                byte if is_operator(byte) => self.operator()?,
                b'(' => self.sign(if self.before == Before::In { Before::Item } else { Before::Other }),
                b',' => {
                    self.sign(if self.before == Before::TakenItem { Before::Item } else { Before::Other });
                }
                b')' | b'[' | b']' | b'.' | b':' => self.sign(Before::Other),
                b';' if self
                    .rest()
                    .iter()
                    .all(|byte| matches!(byte, b';' | b' ' | b'\t' | b'\n' | b'\r')) =>
                {
                    self.at = self.text.len();
                }
                _ => return None,
            }
        }
        self.copy_to(self.text.len());
        Some(Outline { marked: self.marked, taken: self.taken })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn sign(&mut self, before: Before) {
        self.at += 1;
        self.before = before;
    }

    fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn skip(&mut self, goes_on: impl Fn(u8) -> bool) {
        self.at += self.rest().iter().take_while(|byte| goes_on(**byte)).count();
    }

    fn word(&mut self) -> &'t [u8] {
        let start = self.at;
        self.skip(continues_word);
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// None: what follows may be a string with a prefix.
    fn keyword(&mut self) -> Option<()> {
        let word = self.word();
        self.before = match word {
            word if is_one_of(word, &["and", "between", "like", "ilike"]) => Before::Operand,
            word if is_one_of(word, &["limit", "offset"]) => Before::Count,
            word if is_one_of(word, &["in"]) => Before::In,
            _ => Before::Other,
        };
        (!matches!(self.peek(0), Some(b'\''))).then_some(())
    }

    /// A run of them is one operator or more. None: a comment may begin, or an
    /// escaped string.
    fn operator(&mut self) -> Option<()> {
        let start = self.at;
        self.skip(is_operator);
        let run = self.text.get(start..self.at).unwrap_or_default();
        let comments = run.windows(2).any(|pair| matches!(pair, b"--" | b"/*"));
        if comments || (run.ends_with(b"&") && matches!(self.peek(0), Some(b'\'' | b'"'))) {
            return None;
        }
        // `:=` names an argument.
        let names = start.checked_sub(1).and_then(|at| self.text.get(at)) == Some(&b':');
        self.before = match COMPARISONS.contains(&run) && !names {
            true => Before::Operator,
            false => Before::Other,
        };
        Some(())
    }

    fn quoted_name(&mut self) -> Option<()> {
        let (end, _) = self.closing(b'"')?;
        self.at = end;
        self.before = Before::Other;
        Some(())
    }

    /// None: it does not end, or goes on in another string.
    fn string(&mut self) -> Option<()> {
        let start = self.at;
        let (end, plain) = self.closing(b'\'')?;
        self.at = end;
        self.literal(start, plain.then_some(Class::Text));
        let next = self.rest().iter().find(|byte| !byte.is_ascii_whitespace());
        (next != Some(&b'\'')).then_some(())
    }

    /// Where what the quote at hand opens ends, and whether no quote is in it.
    fn closing(&self, quote: u8) -> Option<(usize, bool)> {
        let mut plain = true;
        let mut at = self.at + 1;
        loop {
            at += memchr::memchr(quote, self.text.get(at..)?)? + 1;
            if self.text.get(at) != Some(&quote) {
                return Some((at, plain));
            }
            plain = false;
            at += 1;
        }
    }

    /// None: a string follows at once.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        let whole = self.text.get(start..self.at).unwrap_or_default();
        let decimal = self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|byte| byte.is_ascii_digit());
        if decimal {
            self.at += 1;
            self.skip(|byte| byte.is_ascii_digit());
        }
        let digits = std::str::from_utf8(whole).ok()?;
        let class = match self.peek(0) {
            // Another spelling of a number.
            Some(byte) if byte == b'.' || continues_word(byte) => {
                self.skip(|byte| byte == b'.' || continues_word(byte));
                None
            }
            _ if decimal => Some(Class::Decimal),
            _ if digits.len() > 1 && digits.starts_with('0') => None,
            _ if digits.parse::<i32>().is_ok() => Some(Class::Integer),
            _ => Some(Class::Large),
        };
        self.literal(start, class);
        (!matches!(self.peek(0), Some(b'\''))).then_some(())
    }

    /// What was read since `start`; none: no literal that may be taken out.
    fn literal(&mut self, start: usize, class: Option<Class>) {
        let takes = |class: &Class| match self.before {
            Before::Operator | Before::Operand | Before::Item => true,
            Before::Count => matches!(class, Class::Integer | Class::Large),
            Before::In | Before::TakenItem | Before::Other => false,
        };
        let class = class.filter(takes).filter(|_| self.may_end());
        let item = self.before == Before::Item && class.is_some();
        self.before = if item { Before::TakenItem } else { Before::Other };
        let Some(class) = class else { return };
        self.copy_to(start);
        self.marked.push(class.mark());
        let stand_in = self.length..self.length + class.stand_in().len();
        self.length = stand_in.end;
        self.copied = self.at;
        self.taken.push(Taken { class, span: start..self.at, stand_in });
    }

    /// Does what comes next leave the literal before it as it is?
    fn may_end(&self) -> bool {
        let rest = self.rest().trim_ascii_start();
        match rest.first() {
            None | Some(b')' | b',' | b';') => true,
            Some(byte) if begins_word(*byte) => {
                let length = rest.iter().take_while(|byte| continues_word(**byte)).count();
                is_one_of(rest.get(..length).unwrap_or_default(), FOLLOWERS)
            }
            Some(_) => false,
        }
    }

    fn copy_to(&mut self, end: usize) {
        let bytes = self.text.get(self.copied..end).unwrap_or_default();
        self.marked.extend_from_slice(bytes);
        self.length += bytes.len();
        self.copied = end;
    }
}

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn continues_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `op_chars` of PostgreSQL's `scan.l`.
fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

fn is_one_of(word: &[u8], list: &[&str]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The literals that are taken out, and the outline's own text.
    fn outline(text: &str) -> Option<(Vec<&str>, String)> {
        let outline = Outline::of(text.as_bytes())?;
        let taken = outline.taken.iter().map(|literal| &text[literal.span.clone()]).collect();
        Some((taken, outline.text()))
    }

    fn taken(text: &str) -> Vec<&str> {
        outline(text).map(|(taken, _)| taken).unwrap_or_default()
    }

    #[test]
    fn plain_literals_are_taken_out() {
        let text = "SELECT a FROM t WHERE id = 42 AND b <> 'x y' AND c IN (1, 'b', 2.5) AND d BETWEEN 5000000000 \
                    AND 7 AND e LIKE '%z' ORDER BY a LIMIT 10 OFFSET 20;";
        let (taken, own) = outline(text).unwrap();
        assert_eq!(taken, ["42", "'x y'", "1", "'b'", "2.5", "5000000000", "7", "'%z'", "10", "20"]);
        assert_eq!(
            own,
            "SELECT a FROM t WHERE id = 1 AND b <> 'x' AND c IN (1, 'x', 1.5) AND d BETWEEN 9999999999 AND 1 AND e \
             LIKE 'x' ORDER BY a LIMIT 1 OFFSET 1;"
        );
    }

    #[test]
    fn a_literal_whose_value_may_count_stays() {
        for text in [
            "SELECT a FROM t ORDER BY 1",
            "SELECT a FROM t GROUP BY 1, 2",
            "SELECT a FROM t ORDER BY a, 2",
            "SELECT doc -> 'a', doc ->> 0, doc #> '{a,b}' FROM t",
            "SELECT doc -> 'a' -> 'b' FROM t",
            "SELECT doc['a'] FROM t",
            "SELECT jsonb_extract_path(doc, 'a') FROM t",
            "SELECT f(a := 'x', b => 'y') FROM t",
            "SELECT a = -5, b <= +5 FROM t",
            "INSERT INTO t VALUES (1, 'x')",
            "SELECT * FROM (VALUES (1), (2)) v",
            "SELECT date '2024-01-01', interval '1 day' FROM t",
            "SELECT a FROM t WHERE b = '2024-01-01'::date",
            "SELECT a FROM t WHERE b = 'x' -> 'y'",
            "SELECT a FROM t WHERE b = 'x' || 'y' COLLATE \"C\"",
            "SELECT a FROM t WHERE b = 007 OR b = 1e5 OR b = 0x1F OR b = 1_000 OR b = 5.",
            "SELECT a FROM t WHERE b = 'it''s'",
            "SELECT a FROM t WHERE b @> 'x' OR b =~ 'x' OR b ~ 'x'",
            "SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) FROM t",
            "SELECT a FROM t LIMIT '5'",
            "SELECT a FROM t FETCH FIRST 5 ROWS ONLY",
            "SELECT a FROM t WHERE (a, b) IN ((1, 2), (3, 4))",
            "SELECT a FROM t WHERE b = ANY ('{1,2}')",
        ] {
            assert_eq!(taken(text), Vec::<&str>::new(), "{text}");
        }
        assert_eq!(taken("SELECT a FROM t WHERE b IN (1, f(2), 3) AND c = 4"), ["1", "4"]);
    }

    #[test]
    fn a_text_that_could_be_read_otherwise_has_no_outline() {
        for text in [
            "SELECT a FROM t WHERE b = E'x' AND c = 1",
            "SELECT a FROM t WHERE b = U&'x' AND c = 1",
            "SELECT U&\"a\" FROM t WHERE c = 1",
            "SELECT a FROM t WHERE b = B'1' AND c = 1",
            "SELECT a FROM t WHERE b = N'1' AND c = 1",
            "SELECT a FROM t WHERE b = $$x$$ AND c = 1",
            "SELECT a FROM t WHERE b = $1 AND c = 1",
            "SELECT a FROM t WHERE b = 'x\\' AND c = 1",
            "SELECT a FROM t WHERE b = 'é' AND c = 1",
            "SELECT a FROM t WHERE c = 1 -- d",
            "SELECT a FROM t /* d */ WHERE c = 1",
            "SELECT a FROM t WHERE c = 1; SELECT 2",
            "SELECT a FROM t WHERE b = 'x'\n'y' AND c = 1",
            "SELECT a FROM t WHERE b = 'x",
            "SELECT \"a FROM t WHERE b = 1",
            "SELECT a FROM t WHERE b = 1\u{1}",
            "COPY t TO STDOUT (DELIMITER 'x')",
            "PREPARE p AS SELECT a FROM t WHERE b = 1",
            "EXPLAIN SELECT a FROM t WHERE b = 1",
            "SET x = 1",
        ] {
            assert!(outline(text).is_none(), "{text}");
        }
    }

    #[test]
    fn places_are_found_again() {
        let text = "SELECT a FROM t WHERE b = 'a long one' AND c = 12345 AND d = 1";
        let outline = Outline::of(text.as_bytes()).unwrap();
        let own = outline.text();
        for word in ["SELECT", "FROM", "AND c", "AND d", "c = "] {
            let at = own.find(word).unwrap();
            assert_eq!(outline.span(&(at..at + word.len())).map(|span| &text[span]), Some(word));
        }
        let literal = own.find("'x'").unwrap();
        assert_eq!(outline.span(&(literal..literal + 3)).map(|span| &text[span]), Some("'a long one'"));
        assert_eq!(outline.place(literal + 1), None);
        assert_eq!(outline.place(own.len()), Some(text.len()));
        assert!(outline.takes_from(&(literal..literal + 1)) && !outline.takes_from(&(0..literal)));
    }

    /// PostgreSQL's scanner cuts a text and its outline's own text alike.
    #[test]
    fn texts_of_one_outline_have_the_same_tokens() {
        const PIECES: &[&str] = &[
            "a",
            "=",
            " ",
            "'x'",
            "'it''s'",
            "12",
            "0.5",
            "AND",
            " IN ",
            "(",
            ")",
            ",",
            "\"n\"",
            "-",
            "->",
            "/",
            "LIMIT",
            ".",
            ":",
            "E",
            "&",
            "5000000000",
            "[",
            "]",
            "<",
            "\n",
            "'",
            "U",
            "007",
        ];
        let text = proptest::collection::vec(proptest::sample::select(PIECES), 0..24);
        proptest::proptest!(|(pieces in text)| {
            let text = format!("SELECT {}", pieces.concat());
            if let Some(outline) = Outline::of(text.as_bytes()) {
                let own = outline.text();
                let kinds = |text: &str| pg_query::scan(text).map(|scanned| {
                    scanned.tokens.iter().map(|token| (token.start, token.end, token.token)).collect::<Vec<_>>()
                });
                match (kinds(&text), kinds(&own)) {
                    (Ok(there), Ok(here)) => {
                        let place = |at: i32| outline.place(at as usize).map(|at| at as i32);
                        let here: Vec<_> = here
                            .into_iter()
                            .map(|(start, end, token)| (place(start).unwrap(), place(end).unwrap(), token))
                            .collect();
                        assert_eq!(here, there, "{text}");
                    }
                    (there, here) => assert_eq!(there.is_err(), here.is_err(), "{text}"),
                }
                let again = Outline::of(own.as_bytes()).unwrap();
                assert_eq!(again.marked(), outline.marked(), "{text}");
            }
        });
    }
}
