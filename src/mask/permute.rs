//! FF1 (NIST SP 800-38G) as a keyed permutation of all values of a type, or of
//! all texts of one shape. Unlike AES-SIV it has no room for the id of its key,
//! so it always uses the oldest one: after a rotation, what was handed out
//! before must still lead back.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString, NumeralString};
use num_bigint::BigUint;

use super::keys::KeyRing;
use super::numerals::Numerals;

/// FF1 with AES-256 in one radix.
pub struct Permutation {
    cipher: FF1<Aes256>,
    radix: u32,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToToken,
    ToOriginal,
}

/// SP 800-38G Revision 1: smaller domains can be searched through.
pub const SMALLEST_DOMAIN: u32 = 1_000_000;

impl Permutation {
    /// None: the radix is not from 2 to 65,536.
    pub fn new(keys: &KeyRing, purpose: &str, domain: &str, radix: u32) -> Option<Self> {
        let key = keys.oldest().derive::<32>(purpose, domain);
        FF1::new(key.as_slice(), radix).ok().map(|cipher| Self { cipher, radix })
    }

    /// A value of so many bits, under radix 2. None: fewer than 20, or more
    /// than 128.
    pub fn bits(&self, direction: Direction, value: u128, count: usize) -> Option<u128> {
        self.turn(direction, &[], &Numerals::of_bits(value, count)?)?.bits()
    }

    /// Digits of the radix, most significant first. None: a digit that is none,
    /// or a domain below a million.
    pub fn digits(&self, direction: Direction, tweak: &[u8], digits: Vec<u16>) -> Option<Vec<u16>> {
        match Numerals::of_digits(&digits, self.radix) {
            Some(numerals) => self.turn(direction, tweak, &numerals)?.digits(self.radix),
            None => self.turn(direction, tweak, &FlexibleNumeralString::from(digits)).map(Vec::from),
        }
    }

    fn turn<N: NumeralString>(&self, direction: Direction, tweak: &[u8], numerals: &N) -> Option<N> {
        match direction {
            Direction::ToToken => self.cipher.encrypt(tweak, numerals).ok(),
            Direction::ToOriginal => self.cipher.decrypt(tweak, numerals).ok(),
        }
    }

    /// A number below `size`, under radix 2: a permutation of the next power of
    /// two, repeated until it lands below `size` again ("cycle walking"; Black
    /// and Rogaway, 2002), on average less than twice.
    pub fn below(
        &self,
        direction: Direction,
        tweak: &[u8],
        number: &BigUint,
        size: &BigUint,
    ) -> Option<BigUint> {
        let largest = size - 1_u32;
        let width = usize::try_from(largest.bits()).ok()?;
        let mut number = number.clone();
        // It fails once in 2^256 values.
        for _ in 0..256 {
            let bits = number.to_radix_be(2);
            let mut digits = vec![0_u16; width.checked_sub(bits.len())?];
            digits.extend(bits.iter().map(|b| u16::from(*b)));
            let turned = self.digits(direction, tweak, digits)?;
            let turned: Vec<u8> = turned.iter().map(|b| u8::from(*b != 0)).collect();
            number = BigUint::from_radix_be(&turned, 2)?;
            if number <= largest {
                return Some(number);
            }
        }
        None
    }
}
