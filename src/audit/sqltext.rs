//! Which part of a statement's text is written: whole, without literals, or
//! only its fingerprint.
//!
//! Invariant: a literal that stands for a protected column, or any literal of a
//! text that mentions a password or could not be analysed, is `?` in every
//! setting. What can't be told apart is left out whole.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use pg_query::protobuf::Token;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use super::encode::member;
use super::record::{Conceal, Sql};
use crate::config::AuditSql;
use crate::sql::outline::Outline;
use crate::sql::parse;

/// A longer text is cut, and `sql_bytes` says how long it was.
pub(super) const MAX_SQL: usize = 64 << 10;
/// Fingerprinting parses; a longer text has none.
const MAX_PARSED: usize = 64 << 10;
/// A longer text is not scanned for literals: it is written as it is, or `?`.
const MAX_SCANNED: usize = 1 << 20;
/// Bytes of the cache, and entries it is laid out for.
const CACHE_BYTES: u64 = 16 << 20;
const CACHE_ENTRIES: usize = 16_384;

/// Texts whose members are remembered, and the length of the longest.
const WRITTEN: usize = 1024;
const WRITTEN_BYTES: usize = 1024;

/// What a record says of a text.
struct Shown<'a> {
    sql: Option<Cow<'a, str>>,
    /// Set if `sql` was cut: its whole length in bytes.
    sql_bytes: Option<usize>,
    fingerprint: Option<Arc<str>>,
}

/// A text that is written as it is, and its members.
struct Written {
    text: Box<[u8]>,
    members: Box<[u8]>,
}

/// What is known of a text of which that, or one of the same outline, was seen before.
#[derive(Clone)]
struct Known {
    /// In hexadecimal.
    fingerprint: Option<Arc<str>>,
    /// The text without literals; None: it may be written as it is.
    stripped: Option<Arc<str>>,
}

#[derive(Clone)]
struct KnownWeighter;

impl Weighter<(u64, u64), Known> for KnownWeighter {
    fn weight(&self, _: &(u64, u64), known: &Known) -> u64 {
        96 + known.stripped.as_ref().map_or(0, |s| s.len() as u64)
    }
}

/// Turns texts into what may be written, and remembers them, or the outlines
/// that they share, by two hashes.
pub(super) struct SqlTexts {
    mode: AuditSql,
    secrets: Option<AhoCorasick>,
    known: Cache<(u64, u64), Known, KnownWeighter>,
    hashers: (RandomState, RandomState),
    /// By [`place_of`]: the same statements come again and again.
    written: Vec<Option<Written>>,
}

impl SqlTexts {
    pub fn new(mode: AuditSql) -> Self {
        // CREATE ROLE … PASSWORD, user mappings, connection strings; tokens
        // that name people, wherever a text has them.
        let words = ["password", "bauta.end_user", "bauta\".\"end_user"];
        let secrets = AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok();
        let known = Cache::with_weighter(CACHE_ENTRIES, CACHE_BYTES, KnownWeighter);
        let written = std::iter::repeat_with(|| None).take(WRITTEN).collect();
        Self { mode, secrets, known, hashers: (RandomState::new(), RandomState::new()), written }
    }

    /// Appends the members `sql` to `fingerprint`, with a comma before each.
    pub fn put(&mut self, out: &mut Vec<u8>, sql: &Sql) -> serde_json::Result<()> {
        let text = sql.text.bytes().get(sql.span.clone()).unwrap_or_default();
        let keeps = self.mode == AuditSql::Full
            && matches!(sql.conceal, Conceal::Nothing)
            && !sql.doubtful
            && text.len() <= WRITTEN_BYTES;
        let place = place_of(text);
        if keeps
            && let Some(Some(written)) = self.written.get(place)
            && *written.text == *text
        {
            out.extend_from_slice(&written.members);
            return Ok(());
        }
        let start = out.len();
        let shown = self.show(sql);
        member(out, ",\"sql\":", &shown.sql)?;
        if let Some(bytes) = shown.sql_bytes {
            member(out, ",\"sql_bytes\":", &bytes)?;
        }
        member(out, ",\"fingerprint\":", &shown.fingerprint.as_deref())?;
        // No text is kept of which something is not written.
        let is_whole = matches!(shown.sql, Some(Cow::Borrowed(_)));
        if keeps
            && is_whole
            && let (Some(slot), Some(members)) = (self.written.get_mut(place), out.get(start..))
        {
            *slot = Some(Written { text: text.into(), members: members.into() });
        }
        Ok(())
    }

    fn show<'a>(&mut self, sql: &'a Sql) -> Shown<'a> {
        let bytes = sql.text.bytes().get(sql.span.clone()).unwrap_or_default();
        if bytes.len() > MAX_SCANNED {
            return self.show_long(sql, bytes);
        }
        let known = self.look_up(bytes, matches!(sql.conceal, Conceal::AllLiterals));
        let fingerprint = known.fingerprint;
        let text = match (self.mode, known.stripped) {
            (AuditSql::Fingerprint, _) => return Shown { sql: None, sql_bytes: None, fingerprint },
            (_, Some(_)) if sql.doubtful => Cow::Borrowed("?"),
            (_, Some(stripped)) => Cow::Owned(stripped.to_string()),
            (_, None) => match &sql.conceal {
                Conceal::Nothing => String::from_utf8_lossy(bytes),
                Conceal::Spans(_) | Conceal::AllLiterals if sql.doubtful => Cow::Borrowed("?"),
                Conceal::Spans(spans) => match without_spans(bytes, &sql.span, spans) {
                    Some(text) => text,
                    None => Cow::Owned(without_literals(&String::from_utf8_lossy(bytes))),
                },
                Conceal::AllLiterals => Cow::Owned(without_literals(&String::from_utf8_lossy(bytes))),
            },
        };
        let (text, cut) = cut(text);
        Shown { sql: Some(text), sql_bytes: cut.then_some(bytes.len()), fingerprint }
    }

    /// Of one that is remembered nowhere, since it would take the room of all others.
    fn show_long<'a>(&self, sql: &Sql, bytes: &'a [u8]) -> Shown<'a> {
        let is_written = self.mode == AuditSql::Full && !self.has_secret(bytes);
        let text = match &sql.conceal {
            Conceal::Nothing if is_written => Some(String::from_utf8_lossy(head(bytes))),
            Conceal::Spans(spans) if is_written && !sql.doubtful => without_spans(bytes, &sql.span, spans),
            Conceal::Nothing | Conceal::Spans(_) | Conceal::AllLiterals => None,
        };
        let sql = (self.mode != AuditSql::Fingerprint).then(|| cut(text.unwrap_or(Cow::Borrowed("?"))).0);
        Shown { sql_bytes: sql.is_some().then_some(bytes.len()), sql, fingerprint: None }
    }

    /// Without the matcher every text counts as one with a secret.
    fn has_secret(&self, bytes: &[u8]) -> bool {
        self.secrets.as_ref().is_none_or(|s| s.is_match(bytes))
    }

    fn look_up(&mut self, bytes: &[u8], all_literals: bool) -> Known {
        let secret = self.has_secret(bytes);
        let strip = all_literals || secret || self.mode == AuditSql::Normalized;
        // Texts that differ in plain literals have one fingerprint, and are one without literals.
        let outline = Outline::of(bytes);
        let common = outline.as_ref().map_or(bytes, Outline::marked);
        let part = (common, strip, outline.is_some());
        let key = (self.hashers.0.hash_one(part), self.hashers.1.hash_one(part));
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let text = String::from_utf8_lossy(bytes);
        let known = Known {
            fingerprint: fingerprint(&text).map(|f| Arc::from(format!("{f:016x}"))),
            stripped: (strip && self.mode != AuditSql::Fingerprint)
                .then(|| Arc::from(without_literals(&text))),
        };
        self.known.insert(key, known.clone());
        known
    }
}

/// Where a text is remembered: by its length and both ends.
fn place_of(text: &[u8]) -> usize {
    let word = |part: Option<&[u8; 8]>| part.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let mixed = (word(text.first_chunk()) ^ word(text.last_chunk()).rotate_left(32))
        .wrapping_add(text.len() as u64)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 32).unwrap_or_default() % WRITTEN
}

/// PostgreSQL's grammar, literals ignored; None for what it can't read.
fn fingerprint(text: &str) -> Option<u64> {
    if text.len() > MAX_PARSED {
        return None;
    }
    // Whole names: `orders_2024` and `orders_2025` are two tables.
    let options = pg_query::FingerprintOptions::FULL_RELNAME;
    pg_query::fingerprint(text, pg_query::ParserOptions::default(), options).ok().map(|f| f.value)
}

/// The text with `?` for each literal and without comments. A text that
/// PostgreSQL's scanner can't read becomes `?` whole.
fn without_literals(text: &str) -> String {
    let Ok(tokens) = parse::scan(text) else { return "?".to_owned() };
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for token in tokens {
        let replacement = match Token::try_from(token.token) {
            Ok(
                Token::Sconst
                | Token::Usconst
                | Token::Bconst
                | Token::Xconst
                | Token::Fconst
                | Token::Iconst,
            ) => "?",
            Ok(Token::SqlComment | Token::CComment) => "",
            _ => continue,
        };
        let (Ok(start), Ok(end)) = (usize::try_from(token.start), usize::try_from(token.end)) else {
            return "?".to_owned();
        };
        match text.get(copied..start) {
            Some(between) => out.push_str(between),
            None => return "?".to_owned(),
        }
        out.push_str(replacement);
        copied = end;
    }
    match text.get(copied..) {
        Some(rest) => out.push_str(rest),
        None => return "?".to_owned(),
    }
    out
}

/// The text with `?` for these bytes of the whole text, of which `bytes` is
/// the part `part`. None: the spans don't fit the text.
fn without_spans<'a>(bytes: &'a [u8], part: &Range<usize>, spans: &[Range<usize>]) -> Option<Cow<'a, str>> {
    if spans.is_empty() {
        return Some(String::from_utf8_lossy(bytes));
    }
    let mut spans: Vec<&Range<usize>> = spans.iter().collect();
    spans.sort_by_key(|s| s.start);
    let mut out = Vec::with_capacity(bytes.len());
    let mut copied = 0;
    for span in spans {
        if span.end <= part.start || span.start >= part.end {
            continue;
        }
        let start = span.start.checked_sub(part.start)?;
        let end = span.end.checked_sub(part.start)?;
        if start < copied {
            // Within the one before, or overlapping it.
            copied = copied.max(end);
            continue;
        }
        out.extend_from_slice(bytes.get(copied..start)?);
        out.push(b'?');
        copied = end;
    }
    out.extend_from_slice(bytes.get(copied..)?);
    Some(Cow::Owned(String::from_utf8_lossy(&out).into_owned()))
}

/// What may be written of a long text; no character of UTF-8 is cut.
fn head(bytes: &[u8]) -> &[u8] {
    let goes_on = |end: &usize| bytes.get(*end).is_some_and(|byte| byte & 0xC0 == 0x80);
    let end = (MAX_SQL - 3..=MAX_SQL).rev().find(|end| !goes_on(end)).unwrap_or(MAX_SQL);
    bytes.get(..end).unwrap_or(bytes)
}

fn cut(text: Cow<'_, str>) -> (Cow<'_, str>, bool) {
    if text.len() <= MAX_SQL {
        return (text, false);
    }
    let end = text.floor_char_boundary(MAX_SQL);
    let cut = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    };
    (cut, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mode: AuditSql, text: &str, conceal: Conceal) -> Option<String> {
        let sql = Sql::whole(Arc::<str>::from(text), conceal);
        SqlTexts::new(mode).show(&sql).sql.map(Cow::into_owned)
    }

    #[test]
    fn a_literal_that_stands_for_a_protected_column_is_not_written_in_any_mode() {
        let text = "UPDATE c SET ssn = '123-45-6789' WHERE id = 7";
        let at = text.find("'1").unwrap();
        let spans = Conceal::Spans(std::iter::once(at..at + 13).collect());
        assert_eq!(shown(AuditSql::Full, text, spans.clone()).unwrap(), "UPDATE c SET ssn = ? WHERE id = 7");
        assert_eq!(
            shown(AuditSql::Normalized, text, spans.clone()).unwrap(),
            "UPDATE c SET ssn = ? WHERE id = ?"
        );
        assert_eq!(shown(AuditSql::Fingerprint, text, spans), None);
    }

    #[test]
    fn spans_count_from_the_whole_text() {
        let text: Arc<str> = "SELECT 1; SELECT 'x', 'y'".into();
        let sql = Sql::part(text, 10..25, Conceal::Spans(Arc::from([17..20, 2..4])));
        assert_eq!(SqlTexts::new(AuditSql::Full).show(&sql).sql.unwrap(), "SELECT ?, 'y'");
    }

    #[test]
    fn a_text_without_tokens_is_written_without_literals_too() {
        assert_eq!(shown(AuditSql::Full, " ", Conceal::AllLiterals).unwrap(), " ");
    }

    #[test]
    fn spans_that_do_not_fit_conceal_every_literal() {
        let text = "SELECT 'x', 5";
        assert_eq!(
            shown(AuditSql::Full, text, Conceal::Spans(std::iter::once(7..99).collect())).unwrap(),
            "SELECT ?, ?"
        );
    }

    #[test]
    fn passwords_are_never_written() {
        let text = "ALTER ROLE ana PassWord 'hunter2' -- hunter2";
        assert_eq!(shown(AuditSql::Full, text, Conceal::Nothing).unwrap(), "ALTER ROLE ana PassWord ? ");
    }

    #[test]
    fn a_text_that_the_server_reads_otherwise_is_left_out_whole() {
        // With standard_conforming_strings = off this is one literal.
        let text = "ALTER ROLE ana PASSWORD 'a\\'hunter2\\'b'";
        let sql = |text: &str, conceal| Sql::whole(Arc::<str>::from(text), conceal).doubtful();
        let mut texts = SqlTexts::new(AuditSql::Full);
        let mut shown = |sql: Sql| texts.show(&sql).sql.unwrap().into_owned();
        assert_eq!(shown(sql(text, Conceal::Nothing)), "?");
        assert_eq!(shown(sql("SELECT 'a\\'b\\'c'", Conceal::AllLiterals)), "?");
        assert_eq!(shown(sql("SELECT 'a\\'b\\'c'", Conceal::Spans(std::iter::once(7..11).collect()))), "?");
        assert_eq!(shown(sql("SELECT 'a\\'", Conceal::Nothing)), "SELECT 'a\\'");
        let harmless = sql("SELECT 'a\\'", Conceal::Nothing);
        let mut normalized = SqlTexts::new(AuditSql::Normalized);
        assert_eq!(normalized.show(&harmless).sql.unwrap(), "?");
    }

    #[test]
    fn a_refused_text_shows_no_literal() {
        let text = "SELECT $$a$$, E'b\\'c', 1.5, 0x1F, x'ff', b'1', U&'d' /* e */";
        assert_eq!(shown(AuditSql::Full, text, Conceal::AllLiterals).unwrap(), "SELECT ?, ?, ?, ?, ?, ?, ? ");
        assert_eq!(shown(AuditSql::Full, "SELECT 'open", Conceal::AllLiterals).unwrap(), "?");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        let text: Arc<str> = format!("SELECT {}", "é".repeat(MAX_SQL)).into();
        let sql = Sql::whole(text.clone(), Conceal::Nothing);
        let mut texts = SqlTexts::new(AuditSql::Full);
        let shown = texts.show(&sql);
        assert_eq!(shown.sql.unwrap().len(), MAX_SQL - 1);
        assert_eq!(shown.sql_bytes, Some(text.len()));
        assert!(shown.fingerprint.is_none());
    }

    #[test]
    fn of_a_text_too_long_to_be_scanned_no_literal_is_written_that_must_not_be() {
        let text: Arc<str> = format!("SELECT 'x', {}", "'é' ".repeat(MAX_SCANNED / 4)).into();
        let shown = |mode, conceal| {
            let mut texts = SqlTexts::new(mode);
            let shown = texts.show(&Sql::whole(text.clone(), conceal)).sql.map(Cow::into_owned);
            assert!(texts.known.is_empty());
            shown
        };
        let whole = shown(AuditSql::Full, Conceal::Nothing).unwrap();
        assert!(text.starts_with(&whole) && whole.len() > MAX_SQL - 4, "{}", whole.len());
        let first = Conceal::Spans(std::iter::once(7..10).collect());
        assert!(shown(AuditSql::Full, first).unwrap().starts_with("SELECT ?, 'é'"));
        assert_eq!(shown(AuditSql::Full, Conceal::AllLiterals).unwrap(), "?");
        assert_eq!(shown(AuditSql::Normalized, Conceal::Nothing).unwrap(), "?");
        assert_eq!(shown(AuditSql::Fingerprint, Conceal::Nothing), None);
        let secret: Arc<str> = format!("{text} password 'hunter2'").into();
        let secret = Sql::whole(secret, Conceal::Nothing);
        assert_eq!(SqlTexts::new(AuditSql::Full).show(&secret).sql.unwrap(), "?");
    }

    #[test]
    fn a_fingerprint_ignores_literals() {
        let mut texts = SqlTexts::new(AuditSql::Full);
        let mut of = |text: &str| {
            texts.show(&Sql::whole(Arc::<str>::from(text), Conceal::Nothing)).fingerprint.unwrap()
        };
        assert_eq!(of("SELECT 1 FROM t WHERE a = 'x'"), of("select 2 from t where a = 'y'"));
        assert_ne!(of("SELECT a FROM t_1"), of("SELECT a FROM t_2"));
    }

    /// What is remembered of one text is true of all that share it: nothing
    /// else comes of a text than when it is the first.
    #[test]
    fn texts_that_share_an_outline_are_shown_each_as_itself() {
        let corpora = [
            include_str!("../../tests/usable_data/analyst.sql"),
            include_str!("../../tests/usable_data/application.sql"),
            include_str!("../../tests/usable_data/bi.sql"),
            include_str!("../../tests/usable_data/tpcds.sql"),
            "SELECT a FROM t WHERE b = 'plain'\nSELECT a FROM t WHERE b = 'my password'\n\
             SELECT a FROM t WHERE b = 5\nSELECT a FROM t WHERE b = \u{1}\nSELECT a FROM t WHERE b = 6\n",
        ];
        let lines = || corpora.iter().flat_map(|text| text.lines());
        let others = ["0", "7", "123", "4000000000"];
        let varied = lines().chain(lines()).enumerate().map(|(number, line)| {
            let other = others[number % others.len()];
            line.replace("'2024", "'2023").replace(" = 1", &format!(" = {other}")).replace("= 'a", "= 'bcd")
        });
        let mut texts: Vec<String> = lines().map(str::to_owned).chain(varied).collect();
        texts.retain(|text| text.contains('\u{1}') || Outline::of(text.as_bytes()).is_some());
        assert!(texts.len() > 100, "{}", texts.len());
        for mode in [AuditSql::Full, AuditSql::Normalized, AuditSql::Fingerprint] {
            let mut all = SqlTexts::new(mode);
            for text in &texts {
                let sql = Sql::whole(Arc::<str>::from(text.as_str()), Conceal::Nothing);
                let mut alone = SqlTexts::new(mode);
                let (seen, own) = (all.show(&sql), alone.show(&sql));
                assert_eq!(seen.sql, own.sql, "{text}");
                assert_eq!(seen.fingerprint, own.fingerprint, "{text}");
            }
        }
    }

    #[test]
    fn a_text_that_comes_again_is_written_as_the_first_time() {
        let mut texts = SqlTexts::new(AuditSql::Full);
        let mut put = |sql: &Sql| {
            let mut out = b"{\"a\":0".to_vec();
            texts.put(&mut out, sql).unwrap();
            out.push(b'}');
            serde_json::from_slice::<serde_json::Value>(&out).unwrap()["sql"].as_str().map(str::to_owned)
        };
        let text = "SELECT \"a\" FROM t WHERE b = 'x' AND c = 1";
        let whole = || Sql::whole(Arc::<str>::from(text), Conceal::Nothing);
        let stripped = "SELECT \"a\" FROM t WHERE b = ? AND c = ?";
        for _ in 0..3 {
            assert_eq!(put(&whole()).unwrap(), text);
            assert_eq!(put(&Sql::whole(Arc::<str>::from(text), Conceal::AllLiterals)).unwrap(), stripped);
            let part = Sql::part(Arc::<str>::from(text), 0..10, Conceal::Nothing);
            assert_eq!(put(&part).unwrap(), "SELECT \"a\"");
            // In the same place.
            let other = Sql::whole(Arc::<str>::from(text.replace("b =", "d =")), Conceal::Nothing);
            assert_eq!(put(&other).unwrap(), text.replace("b =", "d ="));
        }
        let secret = Sql::whole(Arc::<str>::from("ALTER ROLE a PASSWORD 'x'"), Conceal::Nothing);
        put(&secret);
        let holds = |written: &Written| written.text.ends_with(b"'x'");
        assert!(!texts.written.iter().flatten().any(holds), "a secret is kept");
        assert_eq!(texts.written.iter().flatten().count(), 2);
    }

    #[test]
    fn a_deep_text_does_not_overflow_the_writer() {
        let text = format!("SELECT {}1", "1+".repeat(MAX_PARSED / 2 - 8));
        let thread = std::thread::Builder::new().stack_size(256 << 20);
        thread.spawn(move || fingerprint(&text)).unwrap().join().unwrap();
    }
}
