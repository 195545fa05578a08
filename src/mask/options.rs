//! The options of a mask method, read from the keys of a protect rule: each
//! within its bounds, or a fault that says what it must be.

use std::collections::{BTreeMap, HashSet};

use super::fake::Kind;
use super::generalize::Unit;
use super::method::{Generalize, LONGEST_HASH, Method, MethodFault, SHORTEST_HASH, TEN_PERCENT};
use super::noise::Millionths;
use super::types::number::Decimal;

/// More shown characters than this is not a mask any more.
const MOST_SHOWN: i64 = 64;

/// The options of one rule while they are read.
pub struct Options<'a> {
    pub method: Method,
    pub options: &'a BTreeMap<String, toml::Value>,
}

impl Options<'_> {
    pub fn has(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }

    fn bad(&self, option: &'static str, expected: &'static str) -> MethodFault {
        MethodFault::BadOption { method: self.method.name(), option, expected }
    }

    /// Any scalar, as the text PostgreSQL would read.
    pub fn constant(&self, option: &'static str) -> Result<Option<String>, MethodFault> {
        match self.options.get(option) {
            None => Ok(None),
            Some(toml::Value::String(s)) => Ok(Some(s.clone())),
            Some(toml::Value::Integer(i)) => Ok(Some(i.to_string())),
            Some(toml::Value::Float(f)) => Ok(Some(f.to_string())),
            Some(toml::Value::Boolean(b)) => Ok(Some(b.to_string())),
            Some(toml::Value::Datetime(d)) => Ok(Some(d.to_string())),
            Some(toml::Value::Array(_) | toml::Value::Table(_)) => {
                Err(self.bad(option, "a string, number, boolean or date"))
            }
        }
    }

    pub fn count(&self, option: &'static str) -> Result<Option<usize>, MethodFault> {
        let expected = "a number of characters from 0 to 64";
        match self.options.get(option) {
            None => Ok(None),
            Some(toml::Value::Integer(i)) if (0..=MOST_SHOWN).contains(i) => {
                usize::try_from(*i).map(Some).map_err(|_| self.bad(option, expected))
            }
            Some(_) => Err(self.bad(option, expected)),
        }
    }

    pub fn fill(&self) -> Result<String, MethodFault> {
        match self.options.get("fill") {
            None => Ok("***".to_owned()),
            Some(toml::Value::String(s)) if !s.is_empty() && s.len() <= 64 && !s.contains('\0') => {
                Ok(s.clone())
            }
            Some(_) => Err(self.bad("fill", "a text of 1 to 64 bytes")),
        }
    }

    pub fn alphabet(&self) -> Result<Option<String>, MethodFault> {
        let distinct = |s: &str| s.chars().collect::<HashSet<_>>().len() == s.chars().count();
        match self.options.get("alphabet") {
            None => Ok(None),
            Some(toml::Value::String(s)) if (2..=1024).contains(&s.chars().count()) && distinct(s) => {
                Ok(Some(s.clone()))
            }
            Some(_) => Err(self.bad("alphabet", "a text of 2 to 1024 different characters")),
        }
    }

    pub fn generalize(&self) -> Result<Generalize, MethodFault> {
        let one = "given alone: one of to, bucket and prefix";
        let units = "decade, year, quarter, month, day or hour";
        match (self.options.get("to"), self.constant("bucket")?, self.options.get("prefix")) {
            (Some(toml::Value::String(to)), None, None) => Unit::ALL
                .into_iter()
                .find_map(|(name, unit)| (name == to).then_some(Generalize::To(unit)))
                .ok_or_else(|| self.bad("to", units)),
            (Some(_), None, None) => Err(self.bad("to", units)),
            (None, Some(bucket), None) => Decimal::parse(&bucket)
                .filter(|b| b.unscaled > 0)
                .map(Generalize::Bucket)
                .ok_or_else(|| self.bad("bucket", "a number above zero")),
            (None, None, Some(_)) => {
                let four = self.bits("prefix", 32, "a number of bits from 0 to 32")?.unwrap_or(24);
                let six = self.bits("prefix6", 128, "a number of bits from 0 to 128")?.unwrap_or(48);
                Ok(Generalize::Prefix(four, six))
            }
            (None, Some(_), Some(_)) => Err(self.bad("bucket", one)),
            (Some(_), _, _) | (None, None, None) => Err(self.bad("to", one)),
        }
    }

    fn bits(
        &self,
        option: &'static str,
        most: u8,
        expected: &'static str,
    ) -> Result<Option<u8>, MethodFault> {
        match self.options.get(option) {
            None => Ok(None),
            Some(toml::Value::Integer(i)) => u8::try_from(*i)
                .ok()
                .filter(|bits| *bits <= most)
                .map(Some)
                .ok_or_else(|| self.bad(option, expected)),
            Some(_) => Err(self.bad(option, expected)),
        }
    }

    pub fn percent(&self) -> Result<Millionths, MethodFault> {
        let Some(percent) = self.constant("percent")? else { return Ok(TEN_PERCENT) };
        Decimal::parse(&percent)
            .and_then(|p| p.with_scale(4))
            .and_then(|p| Millionths::try_from(p.unscaled).ok())
            .filter(|p| (1..=1_000_000).contains(p))
            .ok_or_else(|| self.bad("percent", "a number above 0 and up to 100, like 2.5"))
    }

    pub fn kind(&self) -> Result<Kind, MethodFault> {
        let given = self.options.get("kind").and_then(toml::Value::as_str);
        Kind::ALL.into_iter().find_map(|(name, kind)| (Some(name) == given).then_some(kind)).ok_or_else(
            || {
                self.bad(
                    "kind",
                    "name, first_name, last_name, email, phone, street, city, company, ipv4, uuid or card",
                )
            },
        )
    }

    pub fn hash_length(&self) -> Result<Option<usize>, MethodFault> {
        let expected = "a number of hex digits from 8 to 64";
        match self.options.get("length") {
            None => Ok(None),
            Some(toml::Value::Integer(i)) => usize::try_from(*i)
                .ok()
                .filter(|n| (SHORTEST_HASH..=LONGEST_HASH).contains(n))
                .map(Some)
                .ok_or_else(|| self.bad("length", expected)),
            Some(_) => Err(self.bad("length", expected)),
        }
    }
}
