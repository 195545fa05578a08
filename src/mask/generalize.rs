//! `generalize`: a coarser value. The beginning of a year, a month …; the lower
//! end of a number's bucket; the network of an address.
//! Discloses just that. What the method can't compute with (NaN, infinities,
//! years before 1 or after 9999, dates in a DateStyle other than ISO) shows the
//! constant that `redact` shows.

use bytes::{BufMut, BytesMut};
use num_bigint::BigInt;

use super::types::datetime::{self, Moment};
use super::types::integer::{self, Width};
use super::types::network::Network;
use super::types::number::{Decimal, Declared, Float, Numeric};
use super::{Mask, Masked, UnreadableValue};

/// The unit that a date or time is cut to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Decade,
    Year,
    Quarter,
    Month,
    Day,
    Hour,
}

impl Unit {
    pub const ALL: [(&str, Self); 6] = [
        ("decade", Self::Decade),
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("day", Self::Day),
        ("hour", Self::Hour),
    ];
}

pub struct GeneralizeInteger {
    /// Above zero.
    pub bucket: i64,
    pub width: Width,
    pub unreadable: UnreadableValue,
}

impl Mask for GeneralizeInteger {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let number = integer::decode(value, self.width, format).ok_or(self.unreadable)?;
        let below = number.checked_sub(number.rem_euclid(self.bucket));
        // The lowest bucket begins below what the type can hold: it shows its
        // upper end.
        if !below.is_some_and(|n| integer::encode(n, self.width, format, out)) {
            let rest = number.rem_euclid(self.bucket);
            let above = self.bucket.checked_sub(rest).and_then(|up| number.checked_add(up));
            let shown = above.unwrap_or_default();
            if !integer::encode(shown, self.width, format, out) {
                integer::encode(0, self.width, format, out);
            }
        }
        Ok(Masked::Value)
    }
}

pub struct GeneralizeNumeric {
    /// Above zero, with the decimals that the result shows.
    pub bucket: Decimal,
    pub declared: Option<Declared>,
    pub unreadable: UnreadableValue,
}

impl Mask for GeneralizeNumeric {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let end = match Numeric::decode(value, format).ok_or(self.unreadable)? {
            Numeric::Number(number) => self.end(number),
            Numeric::Other => None,
        };
        let zero = Decimal { unscaled: 0, scale: self.bucket.scale };
        end.unwrap_or(zero).encode(format, out);
        Ok(Masked::Value)
    }
}

impl GeneralizeNumeric {
    /// The bucket's lower end, or its upper one where the column can't hold that.
    /// With numbers of any size: whether one overflows must not depend on more than
    /// the bucket.
    fn end(&self, number: Decimal) -> Option<Decimal> {
        let scale = number.scale.max(self.bucket.scale);
        let scaled = |decimal: Decimal| {
            Some(decimal.unscaled * BigInt::from(10).pow(scale.checked_sub(decimal.scale)?))
        };
        let (number, bucket) = (scaled(number)?, scaled(self.bucket)?);
        let mut below = &number / &bucket;
        // Division goes towards zero.
        if &below * &bucket > number {
            below -= 1;
        }
        let holds = |end: &Decimal| self.declared.is_none_or(|declared| declared.holds(*end));
        let ends = [below.clone(), below + 1].map(|which| which * self.bucket.unscaled);
        let ends = ends.into_iter().filter_map(|end| i128::try_from(end).ok());
        ends.map(|unscaled| Decimal { unscaled, scale: self.bucket.scale }).find(holds)
    }
}

pub struct GeneralizeFloat<F> {
    /// Above zero.
    pub bucket: F,
    pub unreadable: UnreadableValue,
}

macro_rules! generalize_float {
    ($type:ty) => {
        impl Mask for GeneralizeFloat<$type> {
            fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
                let format = self.unreadable.format;
                let number = <$type>::decode(value, format).ok_or(self.unreadable)?;
                let below = (number / self.bucket).floor();
                let mut ends = [below * self.bucket, (below + 1.0) * self.bucket].into_iter();
                // Adding zero turns -0 into 0.
                (ends.find(|end| end.is_finite()).unwrap_or(0.0) + 0.0).encode(format, out);
                Ok(Masked::Value)
            }
        }
    };
}
generalize_float!(f32);
generalize_float!(f64);

pub struct GeneralizeMoment {
    pub unit: Unit,
    pub kind: datetime::Kind,
    /// What stands for a moment that can't be read.
    pub hidden: Vec<u8>,
    pub unreadable: UnreadableValue,
}

impl Mask for GeneralizeMoment {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let begin = Moment::decode(value, self.kind, format).and_then(|moment| moment.begin_of(self.unit));
        match begin {
            Some(moment) if moment.encode(self.kind, format, out) => {}
            _ => out.put_slice(&self.hidden),
        }
        Ok(Masked::Value)
    }
}

pub struct GeneralizeNetwork {
    /// Bits of an IPv4 and of an IPv6 network.
    pub prefixes: (u8, u8),
    pub is_cidr: bool,
    pub unreadable: UnreadableValue,
}

impl Mask for GeneralizeNetwork {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let address = Network::decode(value, format).ok_or(self.unreadable)?;
        address.network(self.prefixes).encode(self.is_cidr, format, out);
        Ok(Masked::Value)
    }
}
