//! date, time, timetz, timestamp, timestamptz and interval. Binary forms count
//! from 2000-01-01 (`POSTGRES_EPOCH_JDATE`), days for dates, microseconds for
//! the rest. Text forms are ISO, which every DateStyle reads alike.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};
use jiff::civil::{Date, DateTime, Time, date as civil};
use jiff::{Span, SpanRound, Timestamp, Unit, tz::TimeZone};

use super::{Literal, no_value};
use crate::mask::Format;
use crate::mask::generalize::Unit as Cut;

const DATE: &str = "\"value\" must be a date like 1970-01-31";
const TIME: &str = "\"value\" must be a time like 12:30:00";
const TIMESTAMP: &str = "\"value\" must be a time like 1970-01-31 12:30:00";

/// `2020-03-15`
const DATE_LENGTH: usize = 10;

fn epoch() -> Date {
    civil(2000, 1, 1)
}

pub fn date(value: Option<&str>) -> Result<Literal, String> {
    let date = year_of_ours(value.unwrap_or("1970-01-01").trim().parse().ok()).ok_or(DATE)?;
    let days = epoch().until((Unit::Day, date)).map_err(|_| DATE)?.get_days();
    Ok(Literal::new(date.to_string(), days.to_be_bytes()))
}

pub fn time(modifier: i32, value: Option<&str>) -> Result<Literal, String> {
    let time: Time = value.unwrap_or("00:00:00").trim().parse().map_err(|_| TIME)?;
    within_precision(time, modifier)?;
    Ok(Literal::new(time.to_string(), microseconds_of_day(time)?.to_be_bytes()))
}

/// Always at the offset of UTC: microseconds, then seconds west of it.
pub fn timetz(modifier: i32, value: Option<&str>) -> Result<Literal, String> {
    let mut literal = time(modifier, value)?;
    literal.text.extend(b"+00");
    literal.binary.extend(0_i32.to_be_bytes());
    Ok(literal)
}

pub fn timestamp(modifier: i32, value: Option<&str>) -> Result<Literal, String> {
    let moment: DateTime = value.unwrap_or("1970-01-01 00:00:00").trim().parse().map_err(|_| TIMESTAMP)?;
    year_of_ours(Some(moment.date())).ok_or(TIMESTAMP)?;
    within_precision(moment.time(), modifier)?;
    Ok(Literal::new(spaced(moment), microseconds(moment)?.to_be_bytes()))
}

/// Without an offset, `value` is taken as UTC.
pub fn timestamptz(modifier: i32, value: Option<&str>) -> Result<Literal, String> {
    let value = value.unwrap_or("1970-01-01 00:00:00").trim();
    let moment = match value.parse::<Timestamp>() {
        Ok(instant) => TimeZone::UTC.to_datetime(instant),
        Err(_) => value.parse().map_err(|_| TIMESTAMP)?,
    };
    year_of_ours(Some(moment.date())).ok_or(TIMESTAMP)?;
    within_precision(moment.time(), modifier)?;
    let text = format!("{}+00", spaced(moment));
    Ok(Literal::new(text, microseconds(moment)?.to_be_bytes()))
}

/// Microseconds, days, months: all zero.
pub fn interval(value: Option<&str>) -> Result<Literal, String> {
    no_value(value, "an interval", Literal::new(b"00:00:00", vec![0; 16]))
}

/// Years before 1 are spelled differently (`BC`) and have no use here.
fn year_of_ours(date: Option<Date>) -> Option<Date> {
    date.filter(|d| d.year() >= 1)
}

/// `time(p)` and its kin: at most p decimals of a second, 6 without p.
fn within_precision(time: Time, modifier: i32) -> Result<(), String> {
    let decimals = u32::try_from(modifier).unwrap_or(6).min(6);
    let unit = 10_i32.pow(9 - decimals);
    if time.subsec_nanosecond() % unit == 0 {
        Ok(())
    } else {
        Err(format!("\"value\" must have at most {decimals} decimals of a second"))
    }
}

fn microseconds_of_day(time: Time) -> Result<i64, String> {
    let span = Time::midnight().until((Unit::Microsecond, time)).map_err(|_| TIME)?;
    Ok(span.get_microseconds())
}

fn microseconds(moment: DateTime) -> Result<i64, String> {
    let span = epoch().at(0, 0, 0, 0).until((Unit::Microsecond, moment)).map_err(|_| TIMESTAMP)?;
    let span = span.round(SpanRound::new().largest(Unit::Microsecond)).map_err(|_| TIMESTAMP)?;
    Ok(span.get_microseconds())
}

/// ISO with a blank for the T, as PostgreSQL prints it.
fn spaced(moment: DateTime) -> String {
    format!("{} {}", moment.date(), moment.time())
}

/// The types that hold a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Date,
    Timestamp,
    /// Computed with in UTC, whatever the session's TimeZone: both formats
    /// must mean the same moment.
    TimestampTz,
}

/// A POSIX zone is less than eight days away from UTC (`tzparse` in PostgreSQL's
/// `localtime.c`).
const ZONE_SAFE: (Date, Date) = (Date::constant(1, 1, 9), Date::constant(9999, 12, 23));

/// A moment between the years 1 and 9999.
pub struct Moment(DateTime);

impl Moment {
    /// None: not such a moment, or its text is not ISO.
    pub fn decode(value: &[u8], kind: Kind, format: Format) -> Option<Self> {
        let moment = match format {
            Format::Text => from_text(std::str::from_utf8(value).ok()?, kind)?,
            Format::Binary => from_binary(value, kind)?,
        };
        let date = year_of_ours(Some(moment.date()))?;
        // Near the ends, it hangs on the session's TimeZone whether the text has
        // a year of four digits: none of these is read, in either format.
        let inside = ZONE_SAFE.0..=ZONE_SAFE.1;
        (kind != Kind::TimestampTz || inside.contains(&date)).then_some(Self(moment))
    }

    /// The beginning of the unit that it lies in.
    pub fn begin_of(&self, unit: Cut) -> Option<Self> {
        let (year, month, day) = (self.0.year(), self.0.month(), self.0.day());
        let date = match unit {
            // Years 1 to 9 have no year 0 to begin with.
            Cut::Decade => Date::new((year - year.rem_euclid(10)).max(1), 1, 1),
            Cut::Year => Date::new(year, 1, 1),
            Cut::Quarter => Date::new(year, month - (month - 1).rem_euclid(3), 1),
            Cut::Month => Date::new(year, month, 1),
            Cut::Day | Cut::Hour => Date::new(year, month, day),
        };
        let hour = if unit == Cut::Hour { self.0.hour() } else { 0 };
        Some(Self(date.ok()?.at(hour, 0, 0, 0)))
    }

    /// False, and nothing appended, if it has no such form.
    pub fn encode(&self, kind: Kind, format: Format, out: &mut BytesMut) -> bool {
        let (date, time) = (self.0.date(), self.0.time());
        match (format, kind) {
            // BytesMut grows as needed, so writing can't fail.
            (Format::Text, Kind::Date) => write!(out, "{date}").is_ok(),
            (Format::Text, Kind::Timestamp) => write!(out, "{date} {time}").is_ok(),
            (Format::Text, Kind::TimestampTz) => write!(out, "{date} {time}+00").is_ok(),
            (Format::Binary, Kind::Date) => {
                epoch().until((Unit::Day, date)).map(|span| out.put_i32(span.get_days())).is_ok()
            }
            (Format::Binary, Kind::Timestamp | Kind::TimestampTz) => {
                microseconds(self.0).map(|m| out.put_i64(m)).is_ok()
            }
        }
    }
}

/// ISO alone begins with four digits and a hyphen.
fn from_text(text: &str, kind: Kind) -> Option<DateTime> {
    let (year, _) = text.split_once('-')?;
    if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match kind {
        Kind::Date => text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)),
        Kind::Timestamp => text.parse().ok(),
        Kind::TimestampTz => with_offset(text),
    }
}

/// `2020-03-15 10:00:00+05:30`, in UTC. A zone of the client's own making may
/// be a week from UTC (`EncodeTimezone` in PostgreSQL's `datetime.c` prints
/// hours, minutes and seconds as far as they are not zero): a text that could
/// not be read would tell on which side of its change the moment lies.
fn with_offset(text: &str) -> Option<DateTime> {
    let at = text.rfind(['+', '-']).filter(|at| *at > DATE_LENGTH)?;
    let (local, offset) = text.split_at_checked(at)?;
    let mut seconds = 0;
    let mut parts = offset.get(1..)?.splitn(3, ':');
    for unit in [3600, 60, 1] {
        let Some(part) = parts.next() else { break };
        let is_number = (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        seconds += part.parse::<i64>().ok().filter(|_| is_number)? * unit;
    }
    let east = if offset.starts_with('-') { -seconds } else { seconds };
    local.parse::<DateTime>().ok()?.checked_sub(Span::new().try_seconds(east).ok()?).ok()
}

fn from_binary(value: &[u8], kind: Kind) -> Option<DateTime> {
    let span = match kind {
        Kind::Date => Span::new().try_days(i32::from_be_bytes(value.try_into().ok()?)),
        Kind::Timestamp | Kind::TimestampTz => {
            Span::new().try_microseconds(i64::from_be_bytes(value.try_into().ok()?))
        }
    };
    epoch().at(0, 0, 0, 0).checked_add(span.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_that_the_server_prints_is_read() {
        let utc = |text| with_offset(text).map(spaced);
        assert_eq!(utc("2020-03-15 10:00:00+00").as_deref(), Some("2020-03-15 10:00:00"));
        assert_eq!(utc("2020-03-15 10:00:00.25+05:30").as_deref(), Some("2020-03-15 04:30:00.25"));
        assert_eq!(utc("1890-01-01 00:00:00-00:44:30").as_deref(), Some("1890-01-01 00:44:30"));
        assert_eq!(utc("2020-03-21 16:00:00+150").as_deref(), Some("2020-03-15 10:00:00"));
        for text in ["2020-03-15 10:00:00", "2020-03-15 10:00:00+00 BC", "infinity", "2020-03-15 10:00:00+"] {
            assert_eq!(utc(text), None, "{text}");
        }
    }
}
