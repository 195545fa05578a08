//! The file as it is written: sections of keys with their lines, read one by
//! one, every fault noted and none of them fatal.
//!
//! Any scalar may be `{ env = "NAME" }` or `{ file = "PATH" }`. Invariant: what a
//! scalar's variable or file holds is never part of a fault's message: it may
//! be a secret.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Secret;
use super::fault::{Fault, suggestion};
use super::units::{parse_duration, parse_size, show_duration, show_size};

/// A file that a value is read from may hold this much.
const MAX_VALUE_FILE: u64 = 64 << 10;

/// How values look up the environment; tests bring their own.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One reading of one file.
pub(super) struct Reader<'a> {
    /// As the command named it.
    pub file: String,
    /// Relative paths are relative to it.
    pub directory: PathBuf,
    text: &'a str,
    environment: Environment<'a>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Reader<'a> {
    pub fn new(path: &Path, text: &'a str, environment: Environment<'a>) -> Self {
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        // Absolute, so that a later change of directory changes nothing.
        let directory = std::path::absolute(directory.join(".")).unwrap_or(directory);
        Self { file: path.display().to_string(), directory, text, environment, faults: RefCell::default() }
    }

    /// The whole document; None, with its faults noted, if it is no TOML.
    pub fn document(&self) -> Option<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let line = error.span().map_or(0, |s| self.line(s.start));
            let message = error.message().lines().next().unwrap_or("it is no TOML").to_owned();
            self.fault(line, message);
        }
        errors.is_empty().then(|| table.into_inner())
    }

    pub fn fault(&self, line: usize, message: impl Into<String>) {
        let fault = Fault { file: self.file.clone(), line, message: message.into() };
        self.faults.borrow_mut().push(fault);
    }

    /// All faults in the order of their lines.
    pub fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|f| f.line);
        faults.dedup();
        faults
    }

    pub fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        1 + before.iter().filter(|b| **b == b'\n').count()
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        let path = self.directory.join(relative);
        std::path::absolute(&path).unwrap_or(path)
    }

    /// The text that `{ env = … }` or `{ file = … }` stands for.
    fn indirect(&self, table: &DeTable<'a>) -> Result<String, String> {
        let expected = "expected a value, { env = \"NAME\" } or { file = \"PATH\" }";
        let mut keys = table.iter();
        let (Some((key, value)), None) = (keys.next(), keys.next()) else { return Err(expected.to_owned()) };
        let DeValue::String(value) = value.get_ref() else { return Err(expected.to_owned()) };
        match key.get_ref().as_ref() {
            "env" => (self.environment)(value)
                .ok_or_else(|| format!("environment variable {value} is not set, or not UTF-8")),
            "file" => read_value(&self.path(value)).map_err(|e| format!("file {value}: {e}")),
            other => Err(format!("unknown key \"{other}\": {expected}")),
        }
    }
}

/// The file's text without the newline at its end.
fn read_value(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_VALUE_FILE).read_to_string(&mut text)?;
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(text)
}

/// A value with its line.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub value: T,
    pub line: usize,
}

/// What a key holds, indirections followed.
#[derive(Debug, Clone)]
pub(super) enum Given<'a> {
    Toml(DeValue<'a>),
    /// From the environment or a file: read as whatever the key needs, and
    /// not to be shown.
    Text(String),
}

/// One section; every key asked for is known, the others are faults.
pub(super) struct Section<'r, 'a> {
    pub reader: &'r Reader<'a>,
    /// `listen.tls`; empty for the top of the file.
    name: &'static str,
    /// Where it begins.
    pub line: usize,
    table: DeTable<'a>,
    known: Vec<&'static str>,
    /// Those that the file gives, with their lines.
    given: Vec<(&'static str, usize)>,
}

impl<'r, 'a> Section<'r, 'a> {
    pub fn top(reader: &'r Reader<'a>, table: DeTable<'a>) -> Self {
        Self { reader, name: "", line: 1, table, known: Vec::new(), given: Vec::new() }
    }

    /// `limits.depth`
    pub fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    pub fn fault(&self, line: usize, key: &str, message: impl Display) {
        self.reader.fault(line, format!("{} {message}", self.full(key)));
    }

    /// Did the file give this key, whatever it holds?
    pub fn names(&self, key: &str) -> bool {
        self.given.iter().any(|(k, _)| *k == key)
    }

    /// The line of a key that was asked for; the section's if it isn't given.
    pub fn line_of(&self, key: &str) -> usize {
        self.given.iter().find(|(k, _)| *k == key).map_or(self.line, |(_, line)| *line)
    }

    /// Notes a fault if the key, asked for before, isn't given.
    pub fn demand(&self, key: &str) {
        if !self.names(key) {
            self.fault(self.line, key, "is missing");
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Located<DeValue<'a>>> {
        self.known.push(key);
        let (found, value) = self.table.remove_entry(key)?;
        let span = found.span();
        let line = self.reader.line(span.start);
        self.given.push((key, line));
        Some(Located { line, value: value.into_inner() })
    }

    /// Any scalar, indirections followed.
    pub fn given(&mut self, key: &'static str) -> Option<Located<Given<'a>>> {
        let Located { value, line } = self.take(key)?;
        match self.follow(value) {
            Ok(value) => Some(Located { value, line }),
            Err(message) => {
                self.fault(line, key, format_args!("can't be read: {message}"));
                None
            }
        }
    }

    fn follow(&self, value: DeValue<'a>) -> Result<Given<'a>, String> {
        match value {
            DeValue::Table(table) => self.reader.indirect(&table).map(Given::Text),
            value => Ok(Given::Toml(value)),
        }
    }

    /// Reads a key by `parse`, or notes that it must be `expected`.
    fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: impl Display,
        parse: impl FnOnce(&Given<'a>) -> Option<T>,
    ) -> Option<Located<T>> {
        let Located { value, line } = self.given(key)?;
        match parse(&value) {
            Some(value) => Some(Located { value, line }),
            None => {
                self.fault(line, key, format_args!("must be {expected}, not {}", shown(&value)));
                None
            }
        }
    }

    /// A text that `parse` reads.
    pub fn text_as<T>(
        &mut self,
        key: &'static str,
        expected: impl Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Located<T>> {
        self.parsed(key, expected, |v| parse(&text_of(v)?))
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &'static str) -> Option<Located<String>> {
        self.parsed(key, "a text that is not empty", |v| text_of(v).filter(|t| !t.is_empty()))
    }

    /// A text that no message shows.
    pub fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let Located { value, line } = self.given(key)?;
        match text_of(&value).filter(|t| !t.is_empty()) {
            Some(text) => Some(Secret::new(text)),
            None => {
                self.fault(line, key, "must be a text that is not empty");
                None
            }
        }
    }

    pub fn path(&mut self, key: &'static str) -> Option<Located<PathBuf>> {
        let Located { value, line } = self.text(key)?;
        Some(Located { value: self.reader.path(&value), line })
    }

    /// A file that must be there and readable.
    pub fn readable(&mut self, key: &'static str) -> Option<Located<PathBuf>> {
        let path = self.path(key)?;
        let readable = std::fs::File::open(&path.value).and_then(|f| f.metadata());
        match readable {
            Ok(file) if file.is_file() => {}
            Ok(_) => self.fault(path.line, key, format_args!("{} is not a file", path.value.display())),
            Err(e) => self.fault(path.line, key, format_args!("{}: {e}", path.value.display())),
        }
        Some(path)
    }

    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let found = self.parsed(key, "true or false", |v| match v {
            Given::Toml(DeValue::Boolean(b)) => Some(*b),
            Given::Text(t) => t.parse().ok(),
            Given::Toml(_) => None,
        });
        found.map(|l| l.value)
    }

    pub fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let found = self.parsed(key, expected, |v| {
            let number: u64 = match v {
                Given::Toml(DeValue::Integer(i)) => u64::from_str_radix(i.as_str(), i.radix()).ok()?,
                Given::Text(t) => t.trim().parse().ok()?,
                Given::Toml(_) => return None,
            };
            range.contains(&number).then_some(number)
        });
        found.map(|l| l.value)
    }

    /// A duration in the range; `0` too if `zero` says what it means.
    pub fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        zero: Option<&str>,
    ) -> Option<Duration> {
        let mut expected = format!(
            "a duration from \"{}\" to \"{}\"",
            show_duration(*range.start()),
            show_duration(*range.end())
        );
        if let Some(meaning) = zero {
            expected.push_str(&format!(", or \"0\": {meaning}"));
        }
        let found = self.parsed(key, expected, |v| {
            let duration = parse_duration(&number_or_text(v)?)?;
            (range.contains(&duration) || zero.is_some() && duration.is_zero()).then_some(duration)
        });
        found.map(|l| l.value)
    }

    /// A size in bytes in the range; `0` too if `zero` says what it means.
    pub fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        zero: Option<&str>,
    ) -> Option<Located<u64>> {
        let mut expected =
            format!("a size from \"{}\" to \"{}\"", show_size(*range.start()), show_size(*range.end()));
        if let Some(meaning) = zero {
            expected.push_str(&format!(", or \"0\": {meaning}"));
        }
        self.parsed(key, expected, |v| {
            let size = parse_size(&number_or_text(v)?)?;
            (range.contains(&size) || zero.is_some() && size == 0).then_some(size)
        })
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<Located<T>> {
        let Located { value, line } = self.given(key)?;
        let text = text_of(&value);
        let found = text.as_deref().and_then(|t| words.iter().find(|(word, _)| *word == t));
        if let Some((_, value)) = found {
            return Some(Located { value: *value, line });
        }
        let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        self.fault(line, key, format_args!("must be {}, not {}", all.join(" or "), shown(&value)));
        None
    }

    /// A list of texts; one text counts as a list of one, and text from the
    /// environment or a file is split at commas.
    pub fn list(&mut self, key: &'static str) -> Option<Located<Vec<String>>> {
        let Located { value, line } = self.take(key)?;
        let mut items = Vec::new();
        let elements = match value {
            DeValue::Array(array) => array.into_iter().map(Spanned::into_inner).collect(),
            other => vec![other],
        };
        for element in elements {
            match self.follow(element) {
                Ok(Given::Toml(DeValue::String(text))) if !text.is_empty() => items.push(text.into_owned()),
                Ok(Given::Text(text)) => {
                    items.extend(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned));
                }
                Ok(other) => {
                    self.fault(line, key, format_args!("must be a list of texts, not {}", shown(&other)));
                }
                Err(message) => self.fault(line, key, format_args!("can't be read: {message}")),
            }
        }
        Some(Located { value: items, line })
    }

    /// A section below this one.
    pub fn section(&mut self, key: &'static str, name: &'static str) -> Option<Section<'r, 'a>> {
        let Located { value, line } = self.take(key)?;
        match value {
            DeValue::Table(table) => {
                Some(Section { reader: self.reader, name, line, table, known: Vec::new(), given: Vec::new() })
            }
            _ => {
                self.reader.fault(line, format!("{key} must be a section: [{name}]"));
                None
            }
        }
    }

    /// The sections of an array: `[[protect]]`.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'r, 'a>> {
        self.sections_named(key, key)
    }

    /// As [`Section::sections`], with the whole name: `[[auth.login]]`.
    pub fn sections_named(&mut self, key: &'static str, name: &'static str) -> Vec<Section<'r, 'a>> {
        let Some(Located { value, line }) = self.take(key) else { return Vec::new() };
        let reader = self.reader;
        let DeValue::Array(array) = value else {
            reader.fault(line, format!("{name} must be written in double brackets: [[{name}]]"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for element in array {
            let line = reader.line(element.span().start);
            match element.into_inner() {
                DeValue::Table(table) => {
                    sections.push(Section {
                        reader,
                        name,
                        line,
                        table,
                        known: Vec::new(),
                        given: Vec::new(),
                    });
                }
                _ => reader.fault(line, format!("{name} must be written in double brackets: [[{name}]]")),
            }
        }
        sections
    }

    /// The keys that nobody asked for, indirections followed.
    pub fn rest(&mut self) -> Vec<(String, Located<Given<'a>>)> {
        let mut rest = Vec::new();
        for (key, value) in std::mem::take(&mut self.table) {
            let line = self.reader.line(key.span().start);
            match self.follow(value.into_inner()) {
                Ok(value) => rest.push((key.into_inner().into_owned(), Located { value, line })),
                Err(message) => self.fault(line, key.get_ref(), format_args!("can't be read: {message}")),
            }
        }
        rest
    }

    /// Where a key of this section stands among those asked for.
    pub fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        for (key, _) in self.table.iter() {
            let place = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
            let mend = suggestion(key.get_ref(), self.known.iter().copied());
            self.reader.fault(
                self.reader.line(key.span().start),
                format!("unknown key \"{}\"{place}{mend}", key.get_ref()),
            );
        }
    }
}

fn text_of(given: &Given<'_>) -> Option<String> {
    match given {
        Given::Toml(DeValue::String(text)) => Some(text.clone().into_owned()),
        Given::Text(text) => Some(text.clone()),
        Given::Toml(_) => None,
    }
}

/// Durations and sizes may be plain numbers (`0`, `4096`).
fn number_or_text(given: &Given<'_>) -> Option<String> {
    match given {
        Given::Toml(DeValue::Integer(i)) => Some(i.to_string()),
        given => text_of(given),
    }
}

/// The value as it stands in the file; what came from elsewhere may be a
/// secret and is not shown.
fn shown(given: &Given<'_>) -> String {
    match given {
        Given::Toml(DeValue::String(text)) => format!("{:?}", text.chars().take(60).collect::<String>()),
        Given::Toml(DeValue::Integer(i)) => i.to_string(),
        Given::Toml(DeValue::Float(f)) => f.to_string(),
        Given::Toml(DeValue::Boolean(b)) => b.to_string(),
        Given::Toml(DeValue::Datetime(d)) => d.to_string(),
        Given::Toml(DeValue::Array(_)) => "a list".to_owned(),
        Given::Toml(DeValue::Table(_)) => "a section".to_owned(),
        Given::Text(_) => "what the variable or file holds".to_owned(),
    }
}
