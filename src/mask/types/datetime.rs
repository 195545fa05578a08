//! date, time, timetz, timestamp, timestamptz and interval. Binary forms count
//! from 2000-01-01 (`POSTGRES_EPOCH_JDATE`), days for dates, microseconds for
//! the rest. Text forms are ISO, which every DateStyle reads alike.

use jiff::civil::{Date, DateTime, Time, date as civil};
use jiff::{SpanRound, Timestamp, Unit, tz::TimeZone};

use super::{Literal, no_value};

const DATE: &str = "\"value\" must be a date like 1970-01-31";
const TIME: &str = "\"value\" must be a time like 12:30:00";
const TIMESTAMP: &str = "\"value\" must be a time like 1970-01-31 12:30:00";

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
