//! `noise`: a number moved up or down by a keyed amount of at most so many
//! percent of it, the same for the same number.
//! Discloses the number within those percent. It never shows the number itself:
//! an integer or numeric moves by at least one of its last shown digit, else
//! small ones would stand there as they are. NaN and infinities become 0.

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

pub struct NoiseFloat<F> {
    pub keyed: Keyed,
    /// A part of the number, from above 0 to 1.
    pub amount: F,
    pub unreadable: UnreadableValue,
}

macro_rules! noise_float {
    ($type:ty, $drawn:ty) => {
        impl Mask for NoiseFloat<$type> {
            fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
                let format = self.unreadable.format;
                let number = <$type>::decode(value, format).ok_or(self.unreadable)?;
                // -0 and 0 are one number.
                let digest = self.keyed.of(&(number + 0.0).to_be_bytes());
                let drawn = <$drawn>::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
                // From -1 to 1, by steps that the type holds exactly.
                let part = (<$type>::from(drawn) + 0.5) / (<$type>::from(<$drawn>::MAX) + 1.0) * 2.0 - 1.0;
                let range = if number == 0.0 { 1.0 } else { number };
                let shown = number + range * self.amount * part;
                (if shown.is_finite() { shown } else { 0.0 }).encode(format, out);
                Ok(Masked::Value)
            }
        }
    };
}
noise_float!(f32, u16);
noise_float!(f64, u32);
