//! Texts: text, varchar, bpchar, name, citext and "char". Their binary form is
//! their text, in the client's encoding.
//! Invariant: what a mask writes holds the declared length, and is padded
//! where the type pads (`bpchar` in `varchar.c`).

use bytes::{BufMut, BytesMut};

use super::Literal;
use crate::mask::Encoding;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// text and citext.
    Text,
    Varchar,
    Bpchar,
    /// At most 63 bytes (`NAMEDATALEN`).
    Name,
    /// The one-byte type "char".
    Char,
}

/// The longest length that a type can declare (`MaxAttrSize` in PostgreSQL's
/// `htup_details.h`): a server that claims more does not make us pad more.
const LONGEST: usize = 10_485_760;

/// What a text of one declared type may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    max_chars: usize,
    max_bytes: usize,
    /// Filled with blanks to `max_chars`.
    padded: bool,
    /// Trailing blanks mean nothing.
    blanks: bool,
}

impl Shape {
    /// `modifier` is `atttypmod`: the length plus 4, -1 without.
    pub fn of(kind: Kind, modifier: i32) -> Self {
        let declared = usize::try_from(modifier.saturating_sub(4)).ok().filter(|n| *n > 0);
        let declared = declared.map(|length| length.min(LONGEST));
        let free = Self { max_chars: usize::MAX, max_bytes: usize::MAX, padded: false, blanks: false };
        match kind {
            Kind::Text => free,
            Kind::Varchar => Self { max_chars: declared.unwrap_or(usize::MAX), ..free },
            Kind::Bpchar => Self {
                max_chars: declared.unwrap_or(usize::MAX),
                padded: declared.is_some(),
                blanks: true,
                ..free
            },
            Kind::Name => Self { max_bytes: 63, ..free },
            Kind::Char => Self { max_chars: 1, max_bytes: 1, ..free },
        }
    }

    /// At the end of a value.
    pub fn drops_blanks(self) -> bool {
        self.blanks
    }

    /// The value without padding: what equality of the type compares.
    pub fn content<'a>(&self, value: &'a [u8]) -> &'a [u8] {
        if self.blanks { value.trim_suffix_blanks() } else { value }
    }

    pub fn holds(&self, chars: usize, bytes: usize) -> bool {
        chars <= self.max_chars && bytes <= self.max_bytes
    }

    /// How many ASCII characters it can hold.
    pub fn room(&self) -> usize {
        self.max_chars.min(self.max_bytes)
    }

    /// Completes a text of `chars` characters.
    pub fn pad(&self, chars: usize, out: &mut BytesMut) {
        if self.padded {
            out.put_bytes(b' ', self.max_chars.saturating_sub(chars));
        }
    }

    /// The longest beginning of `text` that it can hold.
    pub fn cut<'a>(&self, text: &'a str) -> &'a str {
        let fits = text.char_indices().enumerate().take_while(|(n, (at, c))| {
            *n < self.max_chars && at.saturating_add(c.len_utf8()) <= self.max_bytes
        });
        let end = fits.last().map_or(0, |(_, (at, c))| at.saturating_add(c.len_utf8()));
        text.get(..end).unwrap_or_default()
    }

    /// A whole value that holds `text`, which fits.
    fn complete(&self, text: &str) -> Literal {
        let mut out = BytesMut::from(text);
        self.pad(text.chars().count(), &mut out);
        Literal::textual(out)
    }
}

trait TrimBlanks {
    fn trim_suffix_blanks(&self) -> &Self;
}

impl TrimBlanks for [u8] {
    fn trim_suffix_blanks(&self) -> &Self {
        let blanks = self.iter().rev().take_while(|b| **b == b' ').count();
        self.get(..self.len().saturating_sub(blanks)).unwrap_or_default()
    }
}

pub fn literal(shape: Shape, value: Option<&str>) -> Result<Literal, String> {
    match value {
        None => Ok(shape.complete(shape.cut("***"))),
        Some(v) if v.contains('\0') => Err("\"value\" must not hold a zero byte".to_owned()),
        Some(v) if shape.holds(v.chars().count(), v.len()) => Ok(shape.complete(v)),
        Some(_) => Err(format!("\"value\" must have at most {} characters", shape.room())),
    }
}

/// A constant of ours in the client's encoding. Characters that only UTF-8
/// has a safe form of become stars.
pub fn in_encoding(text: &[u8], encoding: Encoding) -> Vec<u8> {
    match (encoding, std::str::from_utf8(text)) {
        (Encoding::SingleByte, Ok(text)) => {
            text.chars().map(|c| u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b'*')).collect()
        }
        (Encoding::Utf8, _) | (_, Err(_)) => text.to_vec(),
    }
}

/// The bytes of a value's first character. None: empty, or not of the encoding.
pub fn first_char(text: &[u8], encoding: Encoding) -> Option<&[u8]> {
    match encoding {
        Encoding::SingleByte => text.get(..1),
        Encoding::Utf8 => {
            let first = std::str::from_utf8(text).ok()?.chars().next()?;
            text.get(..first.len_utf8())
        }
    }
}

/// The first `first` and last `last` characters of a text that has more than
/// both together. Ok(None): it is too short for that. Err: not of the encoding.
#[allow(clippy::type_complexity, reason = "head and tail need no name of their own")]
pub fn ends(
    text: &[u8],
    first: usize,
    last: usize,
    encoding: Encoding,
) -> Result<Option<(&[u8], &[u8])>, std::str::Utf8Error> {
    let (head_end, tail_start) = match encoding {
        Encoding::SingleByte => (Some(first), text.len().checked_sub(last)),
        Encoding::Utf8 => {
            let text = std::str::from_utf8(text)?;
            let from_end = match last.checked_sub(1) {
                None => Some(text.len()),
                Some(n) => text.char_indices().rev().nth(n).map(|(at, _)| at),
            };
            (text.char_indices().nth(first).map(|(at, _)| at), from_end)
        }
    };
    Ok(match (head_end, tail_start) {
        (Some(head), Some(tail)) if head < tail => text.get(..head).zip(text.get(tail..)),
        _ => None,
    })
}
