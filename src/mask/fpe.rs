//! `fpe`: a text becomes another of the same length and classes of characters,
//! with its separators where they were (FF1, NIST SP 800-38G). Reversible.
//! Discloses equality, the length, and where which class of character stands.
//!
//! All characters are enciphered as one number, the shape of the text being the
//! tweak, so equal parts of different values don't show. A text with fewer
//! than a million others of its shape would be found by search, and one with
//! characters of no class would show them: both become `***`.

use bytes::{BufMut, BytesMut};
use num_bigint::BigUint;
use zeroize::Zeroizing;

use super::keys::KeyRing;
use super::permute::{Direction, Permutation, SMALLEST_DOMAIN};
use super::types::text::Shape;
use super::{Encoding, Mask, Masked, UnreadableValue};

/// Longer texts cost too much, and are no numbers of cards or people.
const LONGEST: usize = 256;

/// The classes of characters that are enciphered: each stays within its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes(Vec<Vec<char>>);

impl Classes {
    /// `alphabet` is one class; without it, there are digits, small and
    /// capital letters.
    pub fn of(alphabet: Option<&str>) -> Self {
        Self(match alphabet {
            Some(alphabet) => vec![alphabet.chars().collect()],
            None => vec![('0'..='9').collect(), ('a'..='z').collect(), ('A'..='Z').collect()],
        })
    }

    pub fn holds(&self, c: char) -> bool {
        self.find(c).is_some()
    }

    /// How many characters a text needs at least.
    pub fn shortest(&self) -> usize {
        let largest = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let largest = u32::try_from(largest).unwrap_or(u32::MAX);
        let mut domain = 1_u32;
        for length in 0..32 {
            if domain >= SMALLEST_DOMAIN {
                return length;
            }
            domain = domain.saturating_mul(largest);
        }
        usize::MAX
    }

    /// Class and place in it.
    fn find(&self, c: char) -> Option<(usize, usize)> {
        self.0
            .iter()
            .enumerate()
            .find_map(|(class, chars)| Some((class, chars.iter().position(|x| *x == c)?)))
    }
}

/// The ciphers of one domain, with their key schedules.
pub struct Cipher {
    classes: Classes,
    /// One for each class, for texts of that class only.
    uniform: Vec<Permutation>,
    /// For texts that mix classes.
    mixed: Permutation,
}

/// A text taken apart.
struct Parts {
    /// Class of each enciphered character.
    classes: Vec<usize>,
    /// Its place in the class.
    digits: Zeroizing<Vec<u16>>,
    /// The text with its enciphered characters replaced by class numbers.
    shape: Vec<u8>,
}

impl Cipher {
    pub fn new(keys: &KeyRing, domain: &str, classes: Classes) -> Option<Self> {
        let permutation = |radix| Permutation::new(keys, "fpe text", domain, radix);
        let radixes = classes.0.iter().map(|c| u32::try_from(c.len()).ok());
        let uniform = radixes.map(|radix| permutation(radix?)).collect::<Option<Vec<_>>>()?;
        Some(Self { mixed: permutation(2)?, uniform, classes })
    }

    /// None: the text can't be enciphered without showing what it is.
    pub fn turn(&self, direction: Direction, text: &str) -> Option<Zeroizing<String>> {
        let parts = self.take_apart(text)?;
        let turned = match parts.classes.iter().min().zip(parts.classes.iter().max())? {
            (first, last) if first == last => {
                let digits = parts.digits.to_vec();
                self.uniform.get(*first)?.digits(direction, &parts.shape, digits)?
            }
            _ => self.turn_mixed(direction, &parts)?,
        };
        self.put_together(text, &parts, &turned)
    }

    fn take_apart(&self, text: &str) -> Option<Parts> {
        let mut parts = Parts { classes: Vec::new(), digits: Zeroizing::default(), shape: Vec::new() };
        for c in text.chars() {
            match self.classes.find(c) {
                Some((class, place)) => {
                    parts.classes.push(class);
                    parts.digits.push(u16::try_from(place).ok()?);
                    // No separator is a control character.
                    parts.shape.push(u8::try_from(class).ok()?);
                }
                None if is_separator(c) => parts.shape.push(u8::try_from(c).ok()?),
                None => return None,
            }
        }
        (parts.classes.len() <= LONGEST).then_some(parts)
    }

    /// The digits as one number in mixed radix, first digit most significant.
    fn turn_mixed(&self, direction: Direction, parts: &Parts) -> Option<Vec<u16>> {
        let (mut number, mut size) = (BigUint::ZERO, BigUint::from(1_u32));
        for (class, digit) in parts.classes.iter().zip(parts.digits.iter()) {
            let radix = self.classes.0.get(*class)?.len();
            number = number * radix + *digit;
            size *= radix;
        }
        if size < BigUint::from(SMALLEST_DOMAIN) {
            return None;
        }
        let mut number = self.mixed.below(direction, &parts.shape, &number, &size)?;
        let mut digits = Vec::with_capacity(parts.digits.len());
        for class in parts.classes.iter().rev() {
            let radix = self.classes.0.get(*class)?.len();
            digits.push(u16::try_from(&number % radix).ok()?);
            number /= radix;
        }
        digits.reverse();
        Some(digits)
    }

    fn put_together(&self, text: &str, parts: &Parts, digits: &[u16]) -> Option<Zeroizing<String>> {
        let mut enciphered = parts.classes.iter().zip(digits);
        let mut turned = Zeroizing::new(String::with_capacity(text.len()));
        for c in text.chars() {
            turned.push(match self.classes.find(c) {
                None => c,
                Some(_) => {
                    let (class, digit) = enciphered.next()?;
                    *self.classes.0.get(*class)?.get(usize::from(*digit))?
                }
            });
        }
        Some(turned)
    }
}

/// Stands between characters and says nothing itself.
fn is_separator(c: char) -> bool {
    c == ' ' || c.is_ascii_punctuation()
}

pub struct FpeMask {
    pub cipher: Cipher,
    pub shape: Shape,
    /// What stands for a text that can't be enciphered.
    pub hidden: Vec<u8>,
    pub encoding: Encoding,
    pub unreadable: UnreadableValue,
}

impl Mask for FpeMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let text = self.shape.content(value);
        if self.encoding == Encoding::SingleByte && !text.is_ascii() {
            return Err(self.unreadable);
        }
        let text = std::str::from_utf8(text).map_err(|_| self.unreadable)?;
        match self.cipher.turn(Direction::ToToken, text) {
            Some(token) if self.shape.holds(token.chars().count(), token.len()) => {
                out.put_slice(token.as_bytes());
                self.shape.pad(token.chars().count(), out);
            }
            _ => out.put_slice(&self.hidden),
        }
        Ok(Masked::Value)
    }
}
