//! One pass over a document's text (RFC 8259): values at protected paths are
//! replaced, every other byte is copied as it came. A path is followed into
//! each member of its name, so of doubled keys all are masked, whichever one
//! the server would pick.
//!
//! Invariant: what is not read as JSON to its end is an error. Memory grows
//! with the depth only, and that is bounded.

use std::ops::Range;

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use super::leaf::Leaf;
use super::{DocumentRule, MOST_PATHS};
use crate::mask::types::document::unescaped;
use crate::mask::{Encoding, Mask, Masked, UnreadableValue};

/// Deeper than PostgreSQL's own stack lets a document be.
const MAX_DEPTH: usize = 65_536;

pub struct DocumentMask {
    rules: Box<[Rule]>,
    is_jsonb: bool,
    unreadable: UnreadableValue,
}

struct Rule {
    keys: Box<[Box<[u8]>]>,
    each: bool,
    leaf: Leaf,
}

/// A set of rules, by their place.
type RuleSet = u64;

/// Where a value stands: these rules lead there or further.
#[derive(Clone, Copy)]
struct Place {
    rules: RuleSet,
    /// Keys on the way.
    level: usize,
    /// It is an element of an array that a `[*]` at a path's end means.
    element: bool,
}

/// An object or array on the way to a protected value.
#[derive(Clone, Copy)]
struct Frame {
    is_object: bool,
    inside: Place,
}

impl DocumentMask {
    /// None: more rules than there may be.
    pub fn new(
        rules: &[DocumentRule],
        leaves: Vec<Leaf>,
        is_jsonb: bool,
        unreadable: UnreadableValue,
    ) -> Option<Self> {
        let rule = |(rule, leaf): (&DocumentRule, Leaf)| Rule {
            keys: rule.path.keys.iter().map(|key| key.as_bytes().into()).collect(),
            each: rule.path.each,
            leaf,
        };
        let rules: Box<[Rule]> = rules.iter().zip(leaves).map(rule).collect();
        (rules.len() <= MOST_PATHS).then_some(Self { rules, is_jsonb, unreadable })
    }

    /// The rule that ends at a place.
    fn ends_at(&self, place: Place, is_array: bool) -> Option<&Rule> {
        let ends =
            |rule: &&Rule| rule.keys.len() == place.level && (!rule.each || !is_array || place.element);
        self.at(place.rules).find(ends)
    }

    fn at(&self, rules: RuleSet) -> impl Iterator<Item = &Rule> {
        self.rules.iter().enumerate().filter(move |(at, _)| rules >> at & 1 == 1).map(|(_, rule)| rule)
    }

    /// The place of a member.
    fn member(&self, place: Place, name: &[u8]) -> Place {
        let mut rules = 0;
        for (at, rule) in self.rules.iter().enumerate() {
            let leads = rule.keys.get(place.level).is_some_and(|key| **key == *name);
            rules |= u64::from(leads) << at;
        }
        Place { rules: rules & place.rules, level: place.level.saturating_add(1), element: false }
    }
}

impl Mask for DocumentMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let start = out.len();
        let binary = self.is_jsonb && self.unreadable.format == crate::mask::Format::Binary;
        let text = match (binary, value.split_first()) {
            (false, _) => Some(value),
            // The only version there is (`jsonb_recv` in `jsonb.c`).
            (true, Some((1, text))) => {
                out.put_u8(1);
                Some(text)
            }
            (true, _) => None,
        };
        let masked = text.and_then(|text| Walk { mask: self, text, at: 0, copied: 0 }.run(out));
        masked.map(|()| Masked::Value).ok_or_else(|| {
            out.truncate(start);
            self.unreadable
        })
    }
}

struct Walk<'m, 'v> {
    mask: &'m DocumentMask,
    text: &'v [u8],
    at: usize,
    /// What is copied or replaced already.
    copied: usize,
}

impl<'m> Walk<'m, '_> {
    fn run(mut self, out: &mut BytesMut) -> Option<()> {
        let mut open = SmallVec::<[Frame; 16]>::new();
        let mut place = Place { rules: RuleSet::MAX, level: 0, element: false };
        loop {
            // A value begins.
            let first = self.peek()?;
            match self.mask.ends_at(place, first == b'[') {
                Some(rule) => self.replace(rule, out)?,
                None if place.rules == 0 || !matches!(first, b'{' | b'[') => self.skip()?,
                None => {
                    self.at = self.at.checked_add(1)?;
                    let frame = self.entered(first == b'{', place);
                    if self.peek()? != closing(frame.is_object) {
                        place = self.next(frame)?;
                        open.push(frame);
                        if open.len() > MAX_DEPTH {
                            return None;
                        }
                        continue;
                    }
                    self.at = self.at.checked_add(1)?;
                }
            }
            // A value has ended, and with it perhaps what holds it.
            loop {
                let Some(frame) = open.last().copied() else { return self.finish(out) };
                let after = self.peek()?;
                self.at = self.at.checked_add(1)?;
                if after == b',' {
                    place = self.next(frame)?;
                    break;
                }
                if after != closing(frame.is_object) {
                    return None;
                }
                open.pop();
            }
        }
    }

    fn entered(&self, is_object: bool, place: Place) -> Frame {
        // In an array, its own path goes on, at any depth.
        let is_last = self.mask.at(place.rules).any(|rule| rule.keys.len() == place.level);
        Frame { is_object, inside: Place { element: !is_object && is_last, ..place } }
    }

    /// Where the next value in `frame` stands; reads its name.
    fn next(&mut self, frame: Frame) -> Option<Place> {
        if !frame.is_object {
            return Some(frame.inside);
        }
        let name = self.name()?;
        let name = self.text.get(name)?;
        if !name.contains(&b'\\') {
            return Some(self.mask.member(frame.inside, name));
        }
        let mut plain = SmallVec::<[u8; 256]>::new();
        Some(match unescaped(name, Encoding::Utf8, &mut plain) {
            Some(()) => self.mask.member(frame.inside, &plain),
            // No character has this name, so no rule means it.
            None => Place { rules: 0, ..frame.inside },
        })
    }

    fn replace(&mut self, rule: &'m Rule, out: &mut BytesMut) -> Option<()> {
        let start = self.at;
        self.skip()?;
        out.put_slice(self.text.get(self.copied..start)?);
        rule.leaf.put(self.text.get(start..self.at)?, out);
        self.copied = self.at;
        Some(())
    }

    fn finish(mut self, out: &mut BytesMut) -> Option<()> {
        self.blanks();
        out.put_slice(self.text.get(self.copied..)?);
        (self.at == self.text.len()).then_some(())
    }

    /// Reads one whole value, which holds nothing to replace.
    fn skip(&mut self) -> Option<()> {
        // Is each thing that is open an object?
        let mut open = SmallVec::<[bool; 32]>::new();
        loop {
            match self.peek()? {
                first @ (b'{' | b'[') => {
                    self.at = self.at.checked_add(1)?;
                    let is_object = first == b'{';
                    if self.peek()? != closing(is_object) {
                        open.push(is_object);
                        if open.len() > MAX_DEPTH {
                            return None;
                        }
                        if is_object {
                            self.name()?;
                        }
                        continue;
                    }
                    self.at = self.at.checked_add(1)?;
                }
                b'"' => {
                    self.string()?;
                }
                _ => self.bare()?,
            }
            loop {
                let Some(is_object) = open.last().copied() else { return Some(()) };
                let after = self.peek()?;
                self.at = self.at.checked_add(1)?;
                if after == b',' {
                    if is_object {
                        self.name()?;
                    }
                    break;
                }
                if after != closing(is_object) {
                    return None;
                }
                open.pop();
            }
        }
    }

    /// A member's name without its quotes, and the colon behind it.
    fn name(&mut self) -> Option<Range<usize>> {
        self.peek()?;
        let name = self.string()?;
        if self.peek()? != b':' {
            return None;
        }
        self.at = self.at.checked_add(1)?;
        Some(name)
    }

    /// A string that begins here, without its quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        if self.text.get(self.at) != Some(&b'"') {
            return None;
        }
        let start = self.at.checked_add(1)?;
        let mut end = start;
        loop {
            end = end.checked_add(memchr::memchr2(b'"', b'\\', self.text.get(end..)?)?)?;
            if self.text.get(end) == Some(&b'"') {
                self.at = end.checked_add(1)?;
                return Some(start..end);
            }
            end = end.checked_add(2)?;
        }
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let word = rest.get(..rest.iter().take_while(is_part).count())?;
        let is_number = word.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-')
            && word.iter().any(u8::is_ascii_digit)
            && word.iter().all(|byte| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E'));
        let known = is_number || matches!(word, b"true" | b"false" | b"null");
        self.at = self.at.checked_add(word.len())?;
        known.then_some(())
    }

    /// The next byte that is no blank, which stands here then.
    fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at = self.at.saturating_add(blanks);
    }
}

fn closing(is_object: bool) -> u8 {
    if is_object { b'}' } else { b']' }
}
