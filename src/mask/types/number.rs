//! numeric, float4, float8 and bool.
//! numeric's binary form is `numeric_send` in `numeric.c`: digits in base
//! 10,000, the weight of the first, sign, and the count of shown decimals.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use super::Literal;
use crate::mask::Format;

pub fn boolean(value: Option<&str>) -> Result<Literal, String> {
    match value.unwrap_or("false").trim().to_ascii_lowercase().as_str() {
        "false" | "f" => Ok(Literal::new(b"f", [0])),
        "true" | "t" => Ok(Literal::new(b"t", [1])),
        _ => Err("\"value\" must be true or false".to_owned()),
    }
}

// ---- floats ----

/// float4 or float8, each computed with as it is: PostgreSQL shows the shortest
/// digits that read back as the same number, and so does Rust.
pub trait Float: Copy {
    const ZERO: Self;
    /// Decimal digits behind the first that it tells apart.
    const DIGITS: f64;
    fn to_f64(self) -> f64;
    fn decode(value: &[u8], format: Format) -> Option<Self>;
    fn encode(self, format: Format, out: &mut BytesMut);
}

macro_rules! float {
    ($type:ty, $put:ident) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const DIGITS: f64 = (<$type>::DIGITS - 1) as f64;
            fn to_f64(self) -> f64 {
                self.into()
            }
            fn decode(value: &[u8], format: Format) -> Option<Self> {
                match format {
                    Format::Text => std::str::from_utf8(value).ok()?.parse().ok(),
                    Format::Binary => value.try_into().ok().map(Self::from_be_bytes),
                }
            }
            fn encode(self, format: Format, out: &mut BytesMut) {
                match format {
                    Format::Binary => out.$put(self),
                    Format::Text if self.is_nan() => out.put_slice(b"NaN"),
                    Format::Text if self.is_infinite() => {
                        out.put_slice(if self > 0.0 { b"Infinity" } else { b"-Infinity" })
                    }
                    // BytesMut grows as needed, so this can't fail.
                    Format::Text => drop(write!(out, "{self}")),
                }
            }
        }
    };
}
float!(f32, put_f32);
float!(f64, put_f64);

pub fn float8(value: Option<&str>) -> Result<Literal, String> {
    let number: f64 = parse_float(value)?;
    Ok(both_forms(|format, out| number.encode(format, out)))
}

pub fn float4(value: Option<&str>) -> Result<Literal, String> {
    let number: f32 = parse_float(value)?;
    if number.is_infinite() && parse_float::<f64>(value)?.is_finite() {
        return Err("\"value\" must be within the range of float4".to_owned());
    }
    Ok(both_forms(|format, out| number.encode(format, out)))
}

fn parse_float<F: std::str::FromStr>(value: Option<&str>) -> Result<F, String> {
    value.unwrap_or("0").trim().parse().map_err(|_| "\"value\" must be a number".to_owned())
}

fn both_forms(encode: impl Fn(Format, &mut BytesMut)) -> Literal {
    let (mut text, mut binary) = (BytesMut::new(), BytesMut::new());
    encode(Format::Text, &mut text);
    encode(Format::Binary, &mut binary);
    Literal::new(text, binary)
}

// ---- numeric ----

/// A declared `numeric(precision, scale)`. `make_numeric_typmod` packs it as
/// `((precision << 16) | (scale & 0x7ff)) + 4`; scales can be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    precision: i64,
    scale: i64,
}

impl Declared {
    pub fn of(modifier: i32) -> Option<Self> {
        let packed = i64::from(modifier).checked_sub(4).filter(|m| *m >= 0)?;
        Some(Self { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 0x400) - 0x400 })
    }

    /// Decimals that every value shows.
    pub fn decimals(self) -> u32 {
        u32::try_from(self.scale.max(0)).unwrap_or(0)
    }

    /// A negative scale: to tens, hundreds …
    pub fn rounds(self) -> bool {
        self.scale < 0
    }

    /// Whether a number fits without rounding.
    pub fn holds(self, number: Decimal) -> bool {
        let power = |n: i64| u32::try_from(n).ok().and_then(|n| 10_i128.checked_pow(n));
        let Some(point) = 10_i128.checked_pow(number.scale) else { return false };
        // A negative scale rounds to tens, hundreds …
        let whole_units = match power(-self.scale) {
            _ if self.scale >= 0 => number.scale <= self.decimals(),
            Some(unit) => unit.checked_mul(point).is_some_and(|u| number.unscaled % u == 0),
            None => number.unscaled == 0,
        };
        let below = power(self.precision - self.scale).unwrap_or(i128::MAX);
        whole_units && (number.unscaled / point).unsigned_abs() < below.unsigned_abs()
    }
}

impl std::fmt::Display for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "numeric({},{})", self.precision, self.scale)
    }
}

/// `unscaled / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    pub unscaled: i128,
    pub scale: u32,
}

/// More decimals leave no room to cut them into groups of four.
const MOST_DECIMALS: u32 = 34;
/// Filled up to groups of four, a number below this still fits 128 bits.
const TOO_LARGE: u128 = 10_u128.pow(35);

/// A numeric as it comes, with no more decimals than it needs: equal numbers are
/// one, however many zeros they show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numeric {
    Number(Decimal),
    /// NaN, an infinity, or more digits than masks compute with.
    Other,
}

impl Numeric {
    /// None: not a numeric.
    pub fn decode(value: &[u8], format: Format) -> Option<Self> {
        match format {
            Format::Text => {
                let text = std::str::from_utf8(value).ok()?;
                let is_fraction = text.contains('.');
                Self::from_text(if is_fraction { text.trim_end_matches('0') } else { text })
            }
            Format::Binary => Self::from_binary(value),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        if matches!(text, "NaN" | "Infinity" | "-Infinity") {
            return Some(Self::Other);
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut unscaled = Some(0_i128);
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = i128::from(char::from(digit).to_digit(10)?);
            unscaled = unscaled.and_then(|u| u.checked_mul(10)?.checked_add(digit));
        }
        let unscaled = unscaled.map(|u| if text.starts_with('-') { -u } else { u });
        Some(Self::number(unscaled, u32::try_from(fraction.len()).ok()))
    }

    fn from_binary(value: &[u8]) -> Option<Self> {
        let (words, []) = value.as_chunks::<2>() else { return None };
        let mut words = words.iter().map(|w| u16::from_be_bytes(*w));
        let (count, weight, sign, scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if words.len() != usize::from(count) {
            return None;
        }
        let negative = match sign {
            0 => false,
            0x4000 => true,
            // NUMERIC_NAN, NUMERIC_PINF, NUMERIC_NINF
            0xc000 | 0xd000 | 0xf000 => return Some(Self::Other),
            _ => return None,
        };
        let mut unscaled = Some(0_i128);
        for digit in words {
            if digit > 9999 {
                return None;
            }
            unscaled = unscaled.and_then(|u| u.checked_mul(10_000)?.checked_add(i128::from(digit)));
        }
        // The last group stands at this power of ten; decimals behind the
        // shown ones are zeros.
        let mut power = 4 * (i64::from(weight.cast_signed()) - i64::from(count) + 1);
        let hidden = u32::try_from(-power - i64::from(scale)).unwrap_or(0);
        if let (Some(u), Some(cut)) = (unscaled, 10_i128.checked_pow(hidden)) {
            unscaled = Some(u / cut);
            power += i64::from(hidden);
        }
        while let Some(u) = unscaled.filter(|u| power < 0 && u % 10 == 0) {
            (unscaled, power) = (Some(u / 10), if u == 0 { 0 } else { power + 1 });
        }
        let up = u32::try_from(power).unwrap_or(0);
        let unscaled = match unscaled {
            Some(0) => Some(0),
            unscaled => unscaled.and_then(|u| 10_i128.checked_pow(up)?.checked_mul(u)),
        };
        let unscaled = unscaled.map(|u| if negative { -u } else { u });
        Some(Self::number(unscaled, u32::try_from((-power).max(0)).ok()))
    }

    fn number(unscaled: Option<i128>, scale: Option<u32>) -> Self {
        match (unscaled, scale) {
            (Some(unscaled), Some(scale))
                if scale <= MOST_DECIMALS && unscaled.unsigned_abs() < TOO_LARGE =>
            {
                Self::Number(Decimal { unscaled, scale })
            }
            _ => Self::Other,
        }
    }
}

impl Decimal {
    /// A number of the configuration: `[+-]digits[.digits]`.
    pub fn parse(text: &str) -> Option<Self> {
        match Numeric::from_text(text.trim())? {
            Numeric::Number(number) => Some(number),
            Numeric::Other => None,
        }
    }

    /// The same number with so many decimals. None: it can't be, or has too
    /// many digits then.
    pub fn with_scale(self, scale: u32) -> Option<Self> {
        let unscaled = match scale.checked_sub(self.scale) {
            Some(more) => self.unscaled.checked_mul(10_i128.checked_pow(more)?)?,
            None => {
                let cut = 10_i128.checked_pow(self.scale.checked_sub(scale)?)?;
                (self.unscaled % cut == 0).then_some(self.unscaled / cut)?
            }
        };
        (scale <= MOST_DECIMALS).then_some(Self { unscaled, scale })
    }

    pub fn encode(self, format: Format, out: &mut BytesMut) {
        let point = 10_u128.checked_pow(self.scale).unwrap_or(u128::MAX);
        let (whole, fraction) = (self.unscaled.unsigned_abs() / point, self.unscaled.unsigned_abs() % point);
        let negative = self.unscaled < 0;
        match format {
            Format::Text => {
                let sign = if negative { "-" } else { "" };
                let width = usize::try_from(self.scale).unwrap_or(0);
                // BytesMut grows as needed, so neither can fail.
                let _ = match width {
                    0 => write!(out, "{sign}{whole}"),
                    _ => write!(out, "{sign}{whole}.{fraction:0width$}"),
                };
            }
            Format::Binary => self.put_binary(whole, fraction, negative, out),
        }
    }

    fn put_binary(self, whole: u128, fraction: u128, negative: bool, out: &mut BytesMut) {
        // Least significant group first: decimals filled up to groups of four,
        // then the whole part.
        let filled = self.scale.next_multiple_of(4);
        let mut groups = SmallVec::<[u16; 24]>::new();
        let mut push_groups = |mut number: u128, count: u32| {
            for _ in 0..count {
                groups.push(u16::try_from(number % 10_000).unwrap_or(0));
                number /= 10_000;
            }
        };
        push_groups(fraction * 10_u128.pow(filled - self.scale), filled / 4);
        let whole_groups = whole.checked_ilog10().map_or(0, |digits| digits / 4 + 1);
        push_groups(whole, whole_groups);
        let mut weight = i32::try_from(whole_groups).unwrap_or(0) - 1;
        while groups.last() == Some(&0) {
            groups.pop();
            weight -= 1;
        }
        let zeros = groups.iter().take_while(|g| **g == 0).count();
        let groups = groups.get(zeros..).unwrap_or_default();
        if groups.is_empty() {
            weight = 0;
        }
        out.put_u16(u16::try_from(groups.len()).unwrap_or(0));
        out.put_i16(i16::try_from(weight).unwrap_or(0));
        out.put_u16(if negative { 0x4000 } else { 0 });
        out.put_u16(u16::try_from(self.scale).unwrap_or(0));
        for group in groups.iter().rev() {
            out.put_u16(*group);
        }
    }
}

/// 0 with more decimals than masks compute with.
fn zero(decimals: u32) -> Literal {
    let zeros = usize::try_from(decimals).unwrap_or(0);
    let scale = u16::try_from(decimals).unwrap_or(0).to_be_bytes();
    Literal::new(format!("0.{:0<zeros$}", ""), [[0; 2], [0; 2], [0; 2], scale].concat())
}

pub fn numeric(modifier: i32, value: Option<&str>) -> Result<Literal, String> {
    let decimals = Declared::of(modifier).map_or(0, Declared::decimals);
    if value.is_none() && decimals > MOST_DECIMALS {
        return Ok(zero(decimals));
    }
    let number = Decimal::parse(value.unwrap_or("0"));
    let mut number = number.ok_or("\"value\" must be a decimal number like -12.50")?;
    if let Some(declared) = Declared::of(modifier) {
        let misfit = || format!("\"value\" must fit {declared}");
        // 12.50 fits numeric(3,1).
        number = number.with_scale(declared.decimals()).ok_or_else(misfit)?;
        if !declared.holds(number) {
            return Err(misfit());
        }
    }
    Ok(both_forms(|format, out| number.encode(format, out)))
}
