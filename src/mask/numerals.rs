//! The numerals that FF1 computes with, for strings whose halves fit 64 bits:
//! plain machine words, where the `fpe` crate's own would allocate a big number
//! for each step. Only the arithmetic of `NUM`, `STR` and addition modulo
//! `radix^m` is here (NIST SP 800-38G, section 4.1); the cipher is the crate's.

use fpe::ff1::{NumeralString, Operations};

/// A numeral string, kept as the two halves that FF1 works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numerals {
    pub left: Half,
    pub right: Half,
}

/// `NUM(X)`, and how many numerals X has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Half {
    pub value: u64,
    pub count: usize,
}

/// Big-endian bytes, of a length that FF1 asks for: at most 8 for such halves.
pub struct Bytes {
    bytes: [u8; 16],
    length: usize,
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        let start = self.bytes.len().saturating_sub(self.length);
        self.bytes.get(start..).unwrap_or_default()
    }
}

impl Numerals {
    /// `value` as so many bits, most significant first: 2 to 128.
    pub fn of_bits(value: u128, count: usize) -> Option<Self> {
        let (left, right) = (count / 2, count - count / 2);
        let shift = u32::try_from(right).ok()?;
        let low = value & modulus(2, right)?.checked_sub(1)?;
        let high = value.checked_shr(shift)?;
        Some(Self { left: Half::new(high, left)?, right: Half::new(low, right)? })
    }

    pub fn bits(self) -> Option<u128> {
        let shift = u32::try_from(self.right.count).ok()?;
        Some(u128::from(self.left.value).checked_shl(shift)? | u128::from(self.right.value))
    }

    /// Digits, most significant first. None: a half does not fit.
    pub fn of_digits(digits: &[u16], radix: u32) -> Option<Self> {
        let (left, right) = digits.split_at_checked(digits.len() / 2)?;
        let number = |half: &[u16]| {
            modulus(radix, half.len())?;
            let value = half.iter().fold(0, |n, digit| n * u128::from(radix) + u128::from(*digit));
            Half::new(value, half.len())
        };
        Some(Self { left: number(left)?, right: number(right)? })
    }

    pub fn digits(self, radix: u32) -> Option<Vec<u16>> {
        let mut digits = Vec::with_capacity(self.left.count.checked_add(self.right.count)?);
        for half in [self.right, self.left] {
            let mut rest = half.value;
            for _ in 0..half.count {
                digits.push(u16::try_from(rest % u64::from(radix)).ok()?);
                rest /= u64::from(radix);
            }
        }
        digits.reverse();
        Some(digits)
    }
}

impl Half {
    fn new(value: u128, count: usize) -> Option<Self> {
        Some(Self { value: u64::try_from(value).ok()?, count })
    }
}

/// `radix^count`, if numbers below it fit 64 bits.
fn modulus(radix: u32, count: usize) -> Option<u128> {
    let power = u128::from(radix).checked_pow(u32::try_from(count).ok()?)?;
    (power <= 1 << 64).then_some(power)
}

impl NumeralString for Numerals {
    type Ops = Half;

    fn is_valid(&self, radix: u32) -> bool {
        [self.left, self.right]
            .iter()
            .all(|half| modulus(radix, half.count).is_some_and(|modulus| u128::from(half.value) < modulus))
    }

    fn numeral_count(&self) -> usize {
        self.left.count.saturating_add(self.right.count)
    }

    fn split(&self) -> (Half, Half) {
        (self.left, self.right)
    }

    fn concat(left: Half, right: Half) -> Self {
        Self { left, right }
    }
}

impl Operations for Half {
    type Bytes = Bytes;

    fn numeral_count(&self) -> usize {
        self.count
    }

    fn to_be_bytes(&self, _radix: u32, length: usize) -> Bytes {
        Bytes { bytes: u128::from(self.value).to_be_bytes(), length }
    }

    fn add_mod_exp(self, other: impl Iterator<Item = u8>, radix: u32, count: usize) -> Self {
        self.combine(other, radix, count, |value, other, modulus| (value + other) % modulus)
    }

    fn sub_mod_exp(self, other: impl Iterator<Item = u8>, radix: u32, count: usize) -> Self {
        self.combine(other, radix, count, |value, other, modulus| (value + modulus - other) % modulus)
    }
}

impl Half {
    /// All three numbers are at most 2^64.
    fn combine(
        self,
        other: impl Iterator<Item = u8>,
        radix: u32,
        count: usize,
        with: impl Fn(u128, u128, u128) -> u128,
    ) -> Self {
        // `is_valid` was asked before, with the same radix and both counts.
        let modulus = modulus(radix, count).unwrap_or(1 << 64);
        // Twelve bytes at most: d is 4 * ceil(b / 4) + 4, and b at most 8.
        let other = other.fold(0_u128, |n, byte| (n << 8) | u128::from(byte)) % modulus;
        let value = with(u128::from(self.value) % modulus, other, modulus);
        Self { value: u64::try_from(value).unwrap_or_default(), count }
    }
}

#[cfg(test)]
mod tests {
    use aes::Aes128;
    use fpe::ff1::{FF1, FlexibleNumeralString};
    use proptest::prelude::*;

    use super::*;

    fn agree(radix: u32, tweak: &[u8], digits: &[u16]) {
        let ff1 = FF1::<Aes128>::new(&[9; 16], radix).unwrap();
        let ours = Numerals::of_digits(digits, radix).unwrap();
        assert_eq!(ours.digits(radix).unwrap(), digits);
        let token = ff1.encrypt(tweak, &ours).unwrap();
        let theirs = ff1.encrypt(tweak, &FlexibleNumeralString::from(digits.to_vec())).unwrap();
        assert_eq!(token.digits(radix).unwrap(), Vec::<u16>::from(theirs));
        assert_eq!(ff1.decrypt(tweak, &token).unwrap(), ours);
    }

    #[test]
    fn halves_that_exceed_64_bits_are_left_to_big_numbers() {
        assert!(Numerals::of_digits(&[1; 128], 2).is_some());
        assert!(Numerals::of_digits(&[1; 129], 2).is_none());
        assert!(Numerals::of_digits(&[9; 38], 10).is_some());
        assert!(Numerals::of_digits(&[9; 40], 10).is_none());
        assert!(Numerals::of_bits(u128::MAX, 128).is_some());
        assert_eq!(Numerals::of_bits(u128::MAX, 32), None);
    }

    proptest! {
        /// The crate's own numerals are the judge.
        #[test]
        fn words_compute_what_big_numbers_compute(
            radix in prop_oneof![Just(2_u32), Just(10), Just(26), Just(62), Just(1024)],
            length in 20..38_usize, seed in any::<u64>(), tweak in any::<Vec<u8>>(),
        ) {
            let length = if radix == 1024 { 12 } else if radix > 10 { length / 2 } else { length };
            let digits: Vec<u16> = (0..length)
                .map(|n| {
                    let n = u32::try_from(n).unwrap();
                    u16::try_from((seed.rotate_left(n * 7) ^ u64::from(n)) % u64::from(radix)).unwrap()
                })
                .collect();
            agree(radix, &tweak, &digits);
        }

        #[test]
        fn bits_are_digits_of_radix_two(value in any::<u128>(), count in prop_oneof![Just(32_usize), Just(64), Just(128)]) {
            let value = if count == 128 { value } else { value & ((1 << count) - 1) };
            let numerals = Numerals::of_bits(value, count).unwrap();
            prop_assert_eq!(numerals.bits(), Some(value));
            let digits = numerals.digits(2).unwrap();
            let spelled: String = digits.iter().map(|d| if *d == 1 { '1' } else { '0' }).collect();
            prop_assert_eq!(spelled, format!("{value:0count$b}"));
        }
    }
}
