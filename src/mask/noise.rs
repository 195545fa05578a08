//! `noise`: a number moved up or down by a keyed amount of at most so many
//! percent of it, the same for the same number.
//! Discloses the number within those percent. It never shows the number itself:
//! an integer or numeric moves by at least one of its last shown digit, else
//! small ones would stand there as they are. NaN and infinities become 0.

use std::io::Write;
use std::marker::PhantomData;
use std::str::FromStr;

use bytes::BytesMut;

use super::hash::Keyed;
use super::types::integer::{self, Width};
use super::types::number::{Decimal, Declared, Float, Numeric};
use super::{Mask, Masked, UnreadableValue};

/// How far a number may move, in millionths of it.
pub type Millionths = u32;

const MILLION: i128 = 1_000_000;

/// Moves a whole number, never by nothing.
fn moved(number: i128, amount: Millionths, digest: &[u8; 32], holds: impl Fn(i128) -> bool) -> Option<i128> {
    let amount = i128::from(amount);
    let bound = match number.checked_mul(amount) {
        Some(product) => product / MILLION,
        None => number / MILLION * amount,
    };
    let bound = bound.checked_abs()?.max(1);
    let drawn = i128::try_from(part_of(bound.unsigned_abs().checked_mul(2)?, digest)?).ok()?;
    // -bound to -1 and 1 to bound.
    let by = if drawn < bound { drawn - bound } else { drawn - bound + 1 };
    [number.checked_add(by)?, number.checked_sub(by)?].into_iter().find(|n| holds(*n))
}

/// `range` times a fraction from 0 to 1 whose 128 bits are the digest's first.
/// A remainder would do too, but would differ wildly between 1.5 and 1.50; fewer
/// bits would leave the last digits of large numbers as they are.
fn part_of(range: u128, digest: &[u8; 32]) -> Option<u128> {
    let fraction = u128::from_be_bytes(*digest.first_chunk()?);
    let (high, low) = (range >> 64, range & u128::from(u64::MAX));
    let (first, second) = (fraction >> 64, fraction & u128::from(u64::MAX));
    (high * first).checked_add((low * first) >> 64)?.checked_add((high * second) >> 64)
}

pub struct NoiseInteger {
    pub keyed: Keyed,
    pub amount: Millionths,
    pub width: Width,
    pub unreadable: UnreadableValue,
}

impl Mask for NoiseInteger {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let number = integer::decode(value, self.width, format).ok_or(self.unreadable)?;
        let digest = self.keyed.of(&number.to_be_bytes());
        moved(i128::from(number), self.amount, &digest, |n| self.width.holds(n))
            .and_then(|n| i64::try_from(n).ok())
            .filter(|n| integer::encode(*n, self.width, format, out))
            .map(|_| Masked::Value)
            .ok_or(self.unreadable)
    }
}

pub struct NoiseNumeric {
    pub keyed: Keyed,
    pub amount: Millionths,
    pub declared: Option<Declared>,
    pub unreadable: UnreadableValue,
}

impl Mask for NoiseNumeric {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let shown = match Numeric::decode(value, format).ok_or(self.unreadable)? {
            Numeric::Number(number) => self.moved(number),
            Numeric::Other => None,
        };
        let decimals = self.declared.map_or(0, Declared::decimals);
        shown.unwrap_or(Decimal { unscaled: 0, scale: decimals }).encode(format, out);
        Ok(Masked::Value)
    }
}

impl NoiseNumeric {
    fn moved(&self, number: Decimal) -> Option<Decimal> {
        let mut input = [0; 20];
        let (unscaled, decimals) = input.split_first_chunk_mut::<16>()?;
        *unscaled = number.unscaled.to_be_bytes();
        decimals.copy_from_slice(&number.scale.to_be_bytes());
        // With the column's decimals, not those that this value is spelled with.
        let shown = self.declared.and_then(|declared| number.with_scale(declared.decimals()));
        let Decimal { unscaled: number, scale } = shown.unwrap_or(number);
        let holds = |unscaled| self.declared.is_none_or(|d| d.holds(Decimal { unscaled, scale }));
        let unscaled = moved(number, self.amount, &self.keyed.of(&input), holds)?;
        Some(Decimal { unscaled, scale })
    }
}

/// `F` is the type as it is stored; it is computed with in float8.
pub struct NoiseFloat<F> {
    keyed: Keyed,
    /// A part of the number, from above 0 to 1.
    amount: f64,
    /// Decimal digits that are shown behind the first.
    digits: usize,
    unreadable: UnreadableValue,
    stored: PhantomData<F>,
}

/// Numbers that may be shown in the place of one, at the least.
const STEPS: f64 = 1000.0;

impl<F: Float + FromStr> NoiseFloat<F> {
    pub fn new(keyed: Keyed, amount: f64, unreadable: UnreadableValue) -> Self {
        // The last digit of a number is at least this part of it, and at most ten times that.
        let digits = (STEPS / 2.0 / amount).log10().ceil().clamp(1.0, F::DIGITS);
        Self { keyed, amount, digits: digits as usize, unreadable, stored: PhantomData }
    }

    /// Moved by a fraction of the most, and rounded to what any number within that
    /// may come to show. Else the digits of what is shown would tell by which
    /// fractions it can have come about, and so of which numbers. None: it overflows.
    fn moved(&self, number: f64, fraction: u64) -> Option<F> {
        // From -1 to 1, but for what rounding adds.
        let part = ((fraction >> 11) as f64 + 0.5) / (1_u64 << 53) as f64 * 2.0 - 1.0;
        let range = if number == 0.0 { 1.0 } else { number };
        let moved = number + range * self.amount * part * (1.0 - 2.0 / STEPS);
        if !moved.is_finite() {
            return None;
        }
        let mut text = [0; 32];
        let mut rest = text.as_mut_slice();
        write!(rest, "{moved:.*e}", self.digits).ok()?;
        let length = 32 - rest.len();
        std::str::from_utf8(text.get(..length)?).ok()?.parse().ok()
    }
}

impl<F: Float + FromStr + Send + Sync> Mask for NoiseFloat<F> {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let number = F::decode(value, format).ok_or(self.unreadable)?.to_f64();
        // -0 and 0 are one number.
        let digest = self.keyed.of(&(number + 0.0).to_be_bytes());
        let fraction = u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
        let shown = self.moved(number, fraction).filter(|shown| shown.to_f64().is_finite());
        shown.unwrap_or(F::ZERO).encode(format, out);
        Ok(Masked::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    use crate::catalog::Oid;
    use crate::mask::Format;

    /// Who knows that numbers are whole must not learn more by the digits.
    fn every_number_within_may_show<F: Float + FromStr>(number: f64, amount: f64, step: f64) {
        let unreadable = UnreadableValue { oid: Oid(701), format: Format::Text };
        let keyed = Keyed::new(&Zeroizing::new([7; 64]));
        let noise = NoiseFloat::<F>::new(keyed, amount, unreadable);
        for fraction in [0, u64::MAX / 3, u64::MAX / 7 * 5, u64::MAX] {
            let shown = noise.moved(number, fraction).unwrap().to_f64();
            assert!((shown - number).abs() <= number * amount, "{number} became {shown}");
            let (least, most) = (shown / (1.0 + amount * 0.99), shown / (1.0 - amount * 0.99));
            let mut candidate = (least / step).ceil() * step;
            while candidate < most {
                let part = (shown / candidate - 1.0) / amount / (1.0 - 2.0 / STEPS);
                let fraction = ((part + 1.0) / 2.0 * (u64::MAX as f64)) as u64;
                let same = noise.moved(candidate, fraction).unwrap().to_f64();
                assert_eq!(same, shown, "{candidate} can't have been {number}");
                candidate += step;
            }
        }
    }

    #[test]
    fn what_is_shown_may_stand_for_every_number_within() {
        for number in [50_000.0, 61_234.5, 1.0, 0.25] {
            for amount in [0.1, 0.01, 1.0 / 3.0] {
                every_number_within_may_show::<f64>(number, amount, number * amount / 2000.0);
                every_number_within_may_show::<f32>(number, amount, number * amount / 500.0);
            }
        }
    }
}
