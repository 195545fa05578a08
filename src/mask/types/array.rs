//! Arrays: each element is masked for itself; dimensions and NULL elements
//! stay. Text form as `array_out`, binary form as `array_send` (`arrayfuncs.c`).
//! Invariant: every byte of the text form that is not one of `{ } ,`, or of the
//! bounds in front, is taken for an element and masked.

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use super::Literal;
use super::nested::{self, Nested};
use crate::catalog::Oid;
use crate::mask::{Mask, Masked, UnreadableValue};

/// PostgreSQL's `MAXDIM`.
const MAX_DIMENSIONS: usize = 6;

/// Masks each element with `element`, which is made for the same format.
pub struct ArrayMask {
    pub element: Box<dyn Mask>,
    pub unreadable: UnreadableValue,
    /// It goes to the server, which under `array_nulls = off` reads a bare NULL
    /// as a text.
    pub is_sent: bool,
}

/// An array without elements: what hides how many there are.
pub fn empty(element: Oid) -> Literal {
    let mut binary = vec![0; 8];
    binary.extend_from_slice(&element.0.to_be_bytes());
    Literal::new(b"{}", binary)
}

impl Mask for ArrayMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        self.whole(value, out)
    }
}

/// What the reader of the text form has just read.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Open,
    Comma,
    Item,
}

impl Nested for ArrayMask {
    fn unreadable(&self) -> UnreadableValue {
        self.unreadable
    }

    fn text(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let mut rest = copy_bounds(value, out)?;
        let mut depth = 0;
        let mut last = Last::Comma;
        let mut element = SmallVec::<[u8; 128]>::new();
        while let Some((byte, tail)) = rest.split_first() {
            rest = tail;
            last = match (byte, last) {
                (b'{', Last::Open | Last::Comma) if depth < MAX_DIMENSIONS => {
                    depth += 1;
                    out.put_u8(b'{');
                    Last::Open
                }
                (b'}', Last::Open | Last::Item) if depth > 0 => {
                    depth -= 1;
                    out.put_u8(b'}');
                    Last::Item
                }
                (b',', Last::Item) if depth > 0 => {
                    out.put_u8(b',');
                    Last::Comma
                }
                (b'"', Last::Open | Last::Comma) if depth > 0 => {
                    rest = quoted(tail, &mut element)?;
                    self.put_text(&element, out)?;
                    Last::Item
                }
                (b'{' | b'}' | b',', _) => return None,
                (_, Last::Open | Last::Comma) if depth > 0 => {
                    rest = bare(byte, tail, &mut element)?;
                    if element.eq_ignore_ascii_case(b"NULL") {
                        if self.is_sent {
                            return None;
                        }
                        out.put_slice(b"NULL");
                    } else {
                        self.put_text(&element, out)?;
                    }
                    Last::Item
                }
                _ => return None,
            };
        }
        (depth == 0 && last == Last::Item).then_some(())
    }

    fn binary(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let (&dimensions, rest) = value.split_first_chunk::<4>()?;
        let (_flags, rest) = rest.split_first_chunk::<4>()?;
        let dimensions = usize::try_from(i32::from_be_bytes(dimensions)).ok()?;
        let flags_at = out.len().checked_add(4)?;
        let header = dimensions.checked_mul(8)?.checked_add(4)?;
        let (element_and_bounds, mut rest) = rest.split_at_checked(header)?;
        if dimensions > MAX_DIMENSIONS {
            return None;
        }
        out.put_i32(i32::try_from(dimensions).ok()?);
        out.put_i32(0);
        out.put_slice(element_and_bounds);
        let mut has_null = false;
        for _ in 0..count(element_and_bounds.get(4..)?)? {
            let (&length, tail) = rest.split_first_chunk::<4>()?;
            let element = match i32::from_be_bytes(length) {
                -1 => None,
                length => Some(tail.get(..usize::try_from(length).ok()?)?),
            };
            rest = tail.get(element.map_or(0, <[u8]>::len)..)?;
            let becomes = match element {
                None => {
                    out.put_i32(-1);
                    Masked::Null
                }
                Some(element) => nested::put_binary(&*self.element, element, out)?,
            };
            has_null |= becomes == Masked::Null;
        }
        if has_null {
            out.get_mut(flags_at..)?.first_chunk_mut::<4>()?.copy_from_slice(&1_i32.to_be_bytes());
        }
        rest.is_empty().then_some(())
    }
}

impl ArrayMask {
    fn put_text(&self, element: &[u8], out: &mut BytesMut) -> Option<()> {
        let start = out.len();
        match self.element.apply(element, out).ok()? {
            Masked::Null => out.put_slice(b"NULL"),
            Masked::Value => quote(start, out)?,
        }
        Some(())
    }
}

/// How many elements follow: none without dimensions, else their product.
fn count(bounds: &[u8]) -> Option<usize> {
    let (pairs, []) = bounds.as_chunks::<8>() else { return None };
    let mut lengths = pairs.iter().filter_map(|pair| pair.first_chunk::<4>());
    let first = match lengths.next() {
        None => return Some(0),
        Some(length) => usize::try_from(i32::from_be_bytes(*length)).ok()?,
    };
    lengths.try_fold(first, |n, length| n.checked_mul(usize::try_from(i32::from_be_bytes(*length)).ok()?))
}

/// Copies `[2:4][0:1]=`, which arrays that don't count from 1 begin with.
fn copy_bounds<'a>(value: &'a [u8], out: &mut BytesMut) -> Option<&'a [u8]> {
    if value.first() != Some(&b'[') {
        return Some(value);
    }
    let at = memchr::memchr(b'=', value)?;
    let (bounds, rest) = value.split_at_checked(at.checked_add(1)?)?;
    // The longest: six pairs of eleven characters.
    let plain = bounds.iter().all(|b| b.is_ascii_digit() || b"[]:-+=".contains(b));
    if !plain || bounds.len() > MAX_DIMENSIONS * 27 {
        return None;
    }
    out.put_slice(bounds);
    Some(rest)
}

/// Reads to the closing quote; a backslash makes any byte plain.
fn quoted<'a>(mut rest: &'a [u8], element: &mut SmallVec<[u8; 128]>) -> Option<&'a [u8]> {
    element.clear();
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest)?;
        element.extend_from_slice(rest.get(..at)?);
        match rest.get(at..)? {
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', escaped, tail @ ..] => {
                element.push(*escaped);
                rest = tail;
            }
            _ => return None,
        }
    }
}

/// Reads to the next comma or brace.
fn bare<'a>(first: &u8, rest: &'a [u8], element: &mut SmallVec<[u8; 128]>) -> Option<&'a [u8]> {
    let end = memchr::memchr3(b',', b'}', b'{', rest)?;
    element.clear();
    element.push(*first);
    element.extend_from_slice(rest.get(..end)?);
    // array_out quotes elements that hold one of these.
    let plain = !element.iter().any(|b| matches!(b, b'"' | b'\\'));
    rest.get(end..).filter(|_| plain)
}

/// Quotes what was written from `start` on, where `array_out` would.
fn quote(start: usize, out: &mut BytesMut) -> Option<()> {
    let written = out.get(start..)?;
    let special =
        |b: &u8| matches!(b, b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    if !written.is_empty() && !written.eq_ignore_ascii_case(b"NULL") && !written.iter().any(special) {
        return Some(());
    }
    nested::quote(start, out, |_| b'\\')
}
