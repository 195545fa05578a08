//! numeric, float4, float8 and bool.
//! numeric's binary form is `numeric_send` in `numeric.c`: digits in base
//! 10,000, the weight of the first, sign, and the count of shown decimals.

use super::Literal;

pub fn boolean(value: Option<&str>) -> Result<Literal, String> {
    match value.unwrap_or("false").trim().to_ascii_lowercase().as_str() {
        "false" | "f" => Ok(Literal::new(b"f", vec![0])),
        "true" | "t" => Ok(Literal::new(b"t", vec![1])),
        _ => Err("\"value\" must be true or false".to_owned()),
    }
}

pub fn float8(value: Option<&str>) -> Result<Literal, String> {
    let number: f64 = parse_float(value)?;
    Ok(Literal::new(float_text(number), number.to_be_bytes()))
}

pub fn float4(value: Option<&str>) -> Result<Literal, String> {
    let number: f32 = parse_float(value)?;
    if number.is_infinite() && parse_float::<f64>(value)?.is_finite() {
        return Err("\"value\" must be within the range of float4".to_owned());
    }
    // Shown as the float4 it is, not as the float8 nearest to it.
    let text = if number.is_finite() { number.to_string() } else { float_text(f64::from(number)) };
    Ok(Literal::new(text, number.to_be_bytes()))
}

fn parse_float<F: std::str::FromStr>(value: Option<&str>) -> Result<F, String> {
    value.unwrap_or("0").trim().parse().map_err(|_| "\"value\" must be a number".to_owned())
}

/// PostgreSQL's names for what is not a number.
fn float_text(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        n => n.to_string(),
    }
}

/// A declared `numeric(precision, scale)`. `make_numeric_typmod` packs it as
/// `((precision << 16) | (scale & 0x7ff)) + 4`; scales can be negative.
#[derive(Debug, Clone, Copy)]
struct Declared {
    precision: i64,
    scale: i64,
}

impl Declared {
    fn of(modifier: i32) -> Option<Self> {
        let packed = i64::from(modifier).checked_sub(4).filter(|m| *m >= 0)?;
        Some(Self { precision: (packed >> 16) & 0xffff, scale: ((packed & 0x7ff) ^ 0x400) - 0x400 })
    }
}

pub fn numeric(modifier: i32, value: Option<&str>) -> Result<Literal, String> {
    let expected = || "\"value\" must be a decimal number like -12.50".to_owned();
    let mut decimal = Decimal::parse(value.unwrap_or("0").trim()).ok_or_else(expected)?;
    if let Some(declared) = Declared::of(modifier) {
        let scale = usize::try_from(declared.scale.max(0)).unwrap_or(0);
        let whole = i64::try_from(decimal.whole.len()).unwrap_or(i64::MAX);
        let fits = decimal.fraction.len() <= scale && whole <= declared.precision - declared.scale;
        if !decimal.is_zero() && (!fits || declared.scale < 0) {
            return Err(format!("\"value\" must fit numeric({},{})", declared.precision, declared.scale));
        }
        decimal.fraction.resize(scale, 0);
    }
    decimal.literal().ok_or_else(expected)
}

/// A decimal number, digit by digit.
struct Decimal {
    negative: bool,
    /// Without leading zeros; empty below 1.
    whole: Vec<u8>,
    fraction: Vec<u8>,
}

impl Decimal {
    /// `[+-]digits[.digits]`, at most 1,000 digits.
    fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() || digits.len() > 1000 {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let digits = |s: &str| s.bytes().map(|b| b.is_ascii_digit().then(|| b - b'0')).collect();
        let mut parsed =
            Self { negative, whole: Option::<Vec<u8>>::clone(&digits(whole))?, fraction: digits(fraction)? };
        parsed.negative = negative && !parsed.is_zero();
        Some(parsed)
    }

    fn is_zero(&self) -> bool {
        self.whole.iter().chain(&self.fraction).all(|d| *d == 0)
    }

    fn literal(&self) -> Option<Literal> {
        Some(Literal::new(self.text(), self.binary()?))
    }

    fn text(&self) -> Vec<u8> {
        let ascii = |digits: &[u8]| digits.iter().map(|d| b'0' + d).collect::<Vec<_>>();
        let mut text = if self.negative { b"-".to_vec() } else { Vec::new() };
        text.extend(if self.whole.is_empty() { vec![b'0'] } else { ascii(&self.whole) });
        if !self.fraction.is_empty() {
            text.push(b'.');
            text.extend(ascii(&self.fraction));
        }
        text
    }

    fn binary(&self) -> Option<Vec<u8>> {
        // Both sides are cut into groups of four that start at the point.
        let lead = self.whole.len().next_multiple_of(4) - self.whole.len();
        let tail = self.fraction.len().next_multiple_of(4) - self.fraction.len();
        let mut digits = vec![0; lead];
        digits.extend(&self.whole);
        digits.extend(&self.fraction);
        digits.resize(digits.len() + tail, 0);
        let mut groups: Vec<u16> =
            digits.chunks(4).map(|c| c.iter().fold(0, |n, d| n * 10 + u16::from(*d))).collect();
        let mut weight = i16::try_from(self.whole.len().div_ceil(4)).ok()?.checked_sub(1)?;
        while groups.first() == Some(&0) {
            groups.remove(0);
            weight = weight.checked_sub(1)?;
        }
        while groups.last() == Some(&0) {
            groups.pop();
        }
        if groups.is_empty() {
            weight = 0;
        }
        let sign: u16 = if self.negative { 0x4000 } else { 0 };
        let mut binary = Vec::new();
        binary.extend(u16::try_from(groups.len()).ok()?.to_be_bytes());
        binary.extend(weight.to_be_bytes());
        binary.extend(sign.to_be_bytes());
        binary.extend(u16::try_from(self.fraction.len()).ok()?.to_be_bytes());
        binary.extend(groups.iter().flat_map(|g| g.to_be_bytes()));
        Some(binary)
    }
}
