//! Whether two transcripts say the same, up to the names of tokens.
//!
//! Rows that no ORDER BY puts in order are compared as a multiset, so tokens
//! can't be numbered as they come: their names are refined instead, by where
//! they stand and beside which others (colour refinement). Two transcripts
//! with the same structure get the same names.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::harness::Frame;
use crate::interference::without_origins;

/// What came back for one step.
pub struct Heard {
    pub ordered: bool,
    pub frames: Vec<Frame>,
}

/// One line of a transcript: text, and tokens by number.
struct Line {
    /// Lines of one group come in no order.
    group: usize,
    pieces: Vec<Piece>,
}

enum Piece {
    Text(String),
    Token(usize),
}

/// How often names are refined: deeper structures don't occur.
const ROUNDS: usize = 4;

/// The first step that differs, and how.
pub fn difference(left: &[Heard], right: &[Heard]) -> Option<(usize, String)> {
    let (left, right) = (canonical(left), canonical(right));
    let at = (0..left.len().max(right.len())).find(|at| left.get(*at) != right.get(*at))?;
    let show =
        |lines: &[(usize, String)]| lines.get(at).map_or("nothing".to_owned(), |(_, line)| line.clone());
    let step = left.get(at).or(right.get(at)).map_or(0, |(step, _)| *step);
    Some((step, format!("{:?}\n   and {:?}", show(&left), show(&right))))
}

/// Every line with its step, tokens renamed, unordered rows sorted.
fn canonical(heard: &[Heard]) -> Vec<(usize, String)> {
    let mut reader = Reader::default();
    let mut steps = Vec::new();
    for (step, heard) in heard.iter().enumerate() {
        reader.step(heard);
        steps.resize(reader.lines.len(), step);
    }
    let names = refined(&reader.lines, reader.tokens.len());
    let mut shown: Vec<(usize, usize, String)> = reader
        .lines
        .iter()
        .zip(&steps)
        .map(|(line, step)| (line.group, *step, spelled(line, &names)))
        .collect();
    // Groups are numbered as they come; only lines of one group change places.
    shown.sort();
    shown.into_iter().map(|(_, step, line)| (step, line)).collect()
}

fn spelled(line: &Line, names: &[u64]) -> String {
    line.pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Token(number) => format!("<{:x}>", names[*number] & 0xff_ffff),
        })
        .collect()
}

fn refined(lines: &[Line], count: usize) -> Vec<u64> {
    let mut names = vec![0_u64; count];
    for _ in 0..ROUNDS {
        let mut seen: Vec<Vec<(u64, usize)>> = vec![Vec::new(); count];
        for line in lines {
            let hash = hash_of(&(line.group, spelled(line, &names)));
            let tokens = line.pieces.iter().filter_map(|piece| match piece {
                Piece::Token(number) => Some(*number),
                Piece::Text(_) => None,
            });
            for (place, number) in tokens.enumerate() {
                seen[number].push((hash, place));
            }
        }
        for (name, mut seen) in names.iter_mut().zip(seen) {
            seen.sort_unstable();
            *name = hash_of(&(*name, seen));
        }
    }
    names
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Makes lines of frames.
#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    tokens: HashMap<String, usize>,
    groups: usize,
    /// Type and format of each field of the result at hand.
    fields: Vec<(u32, u16)>,
    /// Rows and what came between them.
    rows: Vec<Vec<Piece>>,
}

const ROWS_END: &[u8] = b"CsEIcZ";

/// Bytes of a binary COPY's header, which PostgreSQL sends in one message with
/// whichever row comes first
/// (<https://www.postgresql.org/docs/current/sql-copy.html>): its signature,
/// flags, and the length of an extension that there is none of.
fn binary_header(data: &[u8]) -> usize {
    const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
    if data.starts_with(SIGNATURE) { data.len().min(SIGNATURE.len() + 8) } else { 0 }
}

impl Reader {
    fn step(&mut self, heard: &Heard) {
        for frame in &heard.frames {
            match frame.tag {
                b'D' => self.row(frame),
                b'd' | b'N' if !self.rows.is_empty() || frame.tag == b'd' => {
                    let body =
                        if frame.tag == b'N' { without_counts(&frame.body) } else { frame.body.clone() };
                    let (header, row) = body.split_at(binary_header(&body));
                    for part in [header, row].into_iter().filter(|part| !part.is_empty()) {
                        let pieces = self.pieces(char::from(frame.tag), part);
                        self.rows.push(pieces);
                    }
                }
                b'T' => self.described(frame),
                tag => {
                    if ROWS_END.contains(&tag) {
                        self.result(heard.ordered, tag == b'E');
                    }
                    let body = match tag {
                        b'A' => frame.body[4..].to_vec(),
                        b'N' => without_counts(&frame.body),
                        _ => frame.body.clone(),
                    };
                    let pieces = self.pieces(char::from(tag), &body);
                    self.line(pieces);
                }
            }
        }
        self.result(heard.ordered, false);
    }

    fn line(&mut self, pieces: Vec<Piece>) {
        self.groups += 1;
        self.lines.push(Line { group: self.groups, pieces });
    }

    /// How many rows come before an error says something about their order only.
    fn result(&mut self, ordered: bool, failed: bool) {
        let rows = std::mem::take(&mut self.rows);
        if failed && !ordered {
            return;
        }
        self.groups += 1;
        for pieces in rows {
            if ordered {
                self.groups += 1;
            }
            self.lines.push(Line { group: self.groups, pieces });
        }
    }

    fn described(&mut self, frame: &Frame) {
        self.fields.clear();
        let mut rest = &frame.body[2..];
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == 0).expect("a name's end") + 1;
            let fixed = &rest[end..end + 18];
            let kind = u32::from_be_bytes(fixed[6..10].try_into().expect("a type"));
            let format = u16::from_be_bytes(fixed[16..18].try_into().expect("a format"));
            self.fields.push((kind, format));
            rest = &rest[end + 18..];
        }
        let pieces = self.pieces('T', &without_types(&without_origins(&frame.body)));
        self.line(pieces);
    }

    fn row(&mut self, frame: &Frame) {
        let mut pieces = vec![Piece::Text("D".to_owned())];
        for (index, cell) in frame.columns().iter().enumerate() {
            match (cell, self.fields.get(index)) {
                (None, _) => pieces.push(Piece::Text("|NULL".to_owned())),
                (Some(bytes), Some((kind, 1))) => {
                    let text = readable(*kind, bytes);
                    pieces.extend(self.pieces('|', &text));
                }
                (Some(bytes), _) => pieces.extend(self.pieces('|', bytes)),
            }
        }
        self.rows.push(pieces);
    }

    /// Text with the tokens in it, each byte a character.
    fn pieces(&mut self, head: char, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = vec![Piece::Text(head.to_string())];
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let same = is_word(first);
            let end = rest.iter().position(|byte| is_word(byte) != same).unwrap_or(rest.len());
            let text: String = rest[..end].iter().map(|byte| char::from(*byte)).collect();
            rest = &rest[end..];
            match Class::of(&text) {
                Some((_, at)) => {
                    let next = self.tokens.len();
                    let number = *self.tokens.entry(text[at..].to_owned()).or_insert(next);
                    pieces.push(Piece::Text(text[..at].to_owned()));
                    pieces.push(Piece::Token(number));
                }
                None => pieces.push(Piece::Text(text)),
            }
        }
        pieces
    }
}

/// A message without the numbers of transactions and of temporary schemas, which count
/// over both databases, without those of TOAST tables, and, in a printed plan, without the oids of new tables and what follows from the
/// sizes of catalogs, which differ: each database has seen other scripts fail at
/// other moments.
fn without_counts(body: &[u8]) -> Vec<u8> {
    const ESTIMATES: &[&[u8]] = &[
        b":startup_cost",
        b":total_cost",
        b":plan_rows",
        b":plan_width",
        b":relid",
        b":resorigtbl",
        b"xid/subid/cid:",
    ];
    let mut words = body.split(|byte| *byte == b' ');
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let is_toast = word.strip_prefix(b"\"").unwrap_or(word).starts_with(b"pg_toast");
        kept.push(if is_toast { b"pg_toast" } else { word });
        if ESTIMATES.contains(&word) {
            words.next();
        }
        if word == b":relationOids" {
            words.by_ref().find(|oid| oid.contains(&b')'));
        }
    }
    kept.join(&b' ')
}

/// Values whose types show a token's bytes, as text.
fn readable(kind: u32, bytes: &[u8]) -> Vec<u8> {
    const INT8: u32 = 20;
    const UUID: u32 = 2950;
    match (kind, bytes.len()) {
        (INT8, 8) => i64::from_be_bytes(bytes.try_into().expect("eight bytes")).to_string().into_bytes(),
        (UUID, 16) => {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let hex = hex.concat();
            let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
            parts.join("-").into_bytes()
        }
        _ => bytes.to_vec(),
    }
}

/// Types made by a script have other oids in each database.
fn without_types(body: &[u8]) -> Vec<u8> {
    const MADE_LATER: u32 = 16_384;
    let mut out = body[..2].to_vec();
    let mut rest = &body[2..];
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0).expect("a name's end") + 1;
        let kind = u32::from_be_bytes(rest[end..end + 4].try_into().expect("a type"));
        out.extend(&rest[..end]);
        out.extend(if kind < MADE_LATER { kind } else { MADE_LATER }.to_be_bytes());
        out.extend(&rest[end + 4..end + 14]);
        rest = &rest[end + 14..];
    }
    out
}

/// The kinds of keyed values, which differ between the databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    Text,
    Hash,
    Uuid,
    Card,
    Number,
}

impl Class {
    /// The class of a word, and where in it the value begins.
    pub fn of(word: &str) -> Option<(Self, usize)> {
        let bare = word.bytes().filter(|byte| *byte != b'-');
        let has = |digit: fn(&u8) -> bool| bare.clone().all(|byte| digit(&byte));
        let dashes: Vec<usize> = word.match_indices('-').map(|(at, _)| at).collect();
        if let Some(at) = word.find("tok_") {
            // The sample of a shorter one is somebody's own text.
            return (word.len() - at >= 40).then_some((Self::Text, at));
        }
        match (word.len(), dashes.as_slice()) {
            (64, []) if has(u8::is_ascii_hexdigit) => Some((Self::Hash, 0)),
            (36, [8, 13, 18, 23]) if has(u8::is_ascii_hexdigit) => Some((Self::Uuid, 0)),
            (19, [4, 9, 14]) if has(u8::is_ascii_digit) => Some((Self::Card, 0)),
            (15..=20, [] | [0]) if has(u8::is_ascii_digit) => Some((Self::Number, 0)),
            _ => None,
        }
    }
}

/// The keyed values that rows show, in their order.
pub fn keyed(heard: &Heard) -> Vec<(Class, String)> {
    let rows = heard.frames.iter().filter(|frame| frame.tag == b'D');
    let cells = rows.flat_map(|frame| frame.columns()).flatten();
    let texts = cells.filter_map(|cell| String::from_utf8(cell).ok());
    texts.filter_map(|text| Class::of(&text).map(|(class, _)| (class, text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ordered: bool, rows: &[&[&str]]) -> Heard {
        let frames = rows.iter().map(|row| {
            let mut body = u16::try_from(row.len()).unwrap().to_be_bytes().to_vec();
            for cell in *row {
                body.extend(u32::try_from(cell.len()).unwrap().to_be_bytes());
                body.extend(cell.as_bytes());
            }
            Frame { tag: b'D', body }
        });
        Heard { ordered, frames: frames.collect() }
    }

    fn token(of: char) -> String {
        format!("tok_{}", of.to_string().repeat(44))
    }

    #[test]
    fn unordered_rows_are_equal_up_to_their_order_and_the_tokens_names() {
        let (a, b, c, d) = (token('a'), token('b'), token('c'), token('d'));
        let left = [heard(false, &[&[&a, "1"], &[&b, "2"]]), heard(true, &[&[&a], &[&b], &[&a]])];
        let right = [heard(false, &[&[&d, "2"], &[&c, "1"]]), heard(true, &[&[&c], &[&d], &[&c]])];
        assert_eq!(difference(&left, &right), None);
    }

    #[test]
    fn another_pattern_of_equal_tokens_is_a_difference() {
        let (a, b) = (token('a'), token('b'));
        let left = [heard(true, &[&[&a, "1"], &[&a, "2"]])];
        let right = [heard(true, &[&[&a, "1"], &[&b, "2"]])];
        assert!(difference(&left, &right).is_some());
        let crossed = [heard(false, &[&[&a, "1"], &[&b, "2"]]), heard(true, &[&[&b]])];
        let straight = [heard(false, &[&[&a, "1"], &[&b, "2"]]), heard(true, &[&[&a]])];
        assert!(difference(&crossed, &straight).is_some());
    }

    #[test]
    fn a_printed_plan_differs_by_what_is_in_it_but_not_by_its_estimates() {
        let plan = |cost: &str, value: &str| {
            let body = format!("SLOG\0Mplan:\0D {{SORT :total_cost {cost} :constvalue {value}}}\0\0");
            [Heard { ordered: false, frames: vec![Frame { tag: b'N', body: body.into_bytes() }] }]
        };
        assert_eq!(difference(&plan("1.5", "7"), &plan("2.5", "7")), None);
        assert!(difference(&plan("1.5", "7"), &plan("1.5", "8")).is_some());
    }

    #[test]
    fn a_value_that_is_no_token_is_compared_as_it_is() {
        let left = [heard(false, &[&["a***"], &["12"]])];
        assert!(difference(&left, &[heard(false, &[&["b***"], &["12"]])]).is_some());
        assert!(difference(&left, &[heard(false, &[&["a***"]])]).is_some());
        assert!(difference(&left, &[heard(false, &[&["12"], &["a***"]])]).is_none());
        assert!(difference(&[heard(true, &[&["x"], &["y"]])], &[heard(true, &[&["y"], &["x"]])]).is_some());
    }
}
