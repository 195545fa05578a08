//! From the tree's locations to spans of the text. PostgreSQL's nodes say
//! where they begin; where they end is read from the scanner's tokens.
//!
//! Locations are byte offsets (`ParseLoc` in PostgreSQL's `nodes.h`).

use std::collections::HashMap;
use std::ops::Range;

use pg_query::protobuf::Token;

use crate::error::{ClientError, sqlstate};
use crate::sql::parse::Tokens;

/// A text and its tokens without comments.
pub(super) struct Places<'a> {
    pub text: &'a str,
    tokens: Vec<(Range<usize>, Token)>,
    /// Characters before each [`STRIDE`]th byte; empty: the text is ASCII.
    characters: Vec<usize>,
}

const STRIDE: usize = 1024;

/// The items of a clause such as ORDER BY.
pub(super) struct ClauseItems {
    /// From the clause's first keyword to the end of its last item.
    pub clause: Range<usize>,
    pub items: Vec<Range<usize>>,
}

impl<'a> Places<'a> {
    pub fn new(text: &'a str, tokens: &Tokens) -> Self {
        let mut characters = Vec::new();
        if !text.is_ascii() {
            let mut count = 0_usize;
            for chunk in text.as_bytes().chunks(STRIDE) {
                characters.push(count);
                count += characters_in(chunk);
            }
        }
        Self { text, tokens: tokens.within(&(0..text.len())).collect(), characters }
    }

    /// Index of the token that begins exactly at `at`.
    fn token_at(&self, at: usize) -> Option<usize> {
        self.tokens.binary_search_by_key(&at, |(span, _)| span.start).ok()
    }

    fn kind(&self, index: usize) -> Option<Token> {
        self.tokens.get(index).map(|(_, token)| *token)
    }

    fn span(&self, index: usize) -> Option<Range<usize>> {
        self.tokens.get(index).map(|(span, _)| span.clone())
    }

    pub fn text(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// The token at a node's location, or nothing extended where there is none.
    pub fn token(&self, location: i32) -> Range<usize> {
        let at = usize::try_from(location).unwrap_or(0);
        self.token_at(at).and_then(|index| self.span(index)).unwrap_or(at..at)
    }

    /// A name of `parts` parts: `a.b.*`.
    pub fn name(&self, location: i32, parts: usize) -> Result<Range<usize>, ClientError> {
        let start = usize::try_from(location).map_err(|_| self.unplaced(0))?;
        self.name_end(start, parts).map(|end| start..end).ok_or_else(|| self.unplaced(start))
    }

    fn name_end(&self, start: usize, parts: usize) -> Option<usize> {
        let mut index = self.token_at(start)?;
        for _ in 1..parts {
            index = self.past_escape(index);
            if self.kind(index + 1)? != Token::Ascii46 {
                return None;
            }
            index += 2;
        }
        self.span(self.past_escape(index)).map(|span| span.end)
    }

    /// `U&"…" UESCAPE '!'` is one name.
    fn past_escape(&self, index: usize) -> usize {
        let escaped = self.kind(index) == Some(Token::Uident) && self.kind(index + 1) == Some(Token::Uescape);
        if escaped { index + 2 } else { index }
    }

    /// As much of `names` as is spelled at `location`: a function written in
    /// SQL's own syntax (`TRIM(…)`) has another name in the tree.
    pub fn spelled(&self, location: i32, names: &[&str]) -> Range<usize> {
        let first = self.token(location);
        let Some(mut index) = self.token_at(first.start) else { return first };
        let mut end = first.end;
        for (part, name) in names.iter().enumerate() {
            if part > 0 {
                if self.kind(index) != Some(Token::Ascii46) {
                    break;
                }
                index += 1;
            }
            match self.span(index) {
                Some(span) if self.folded(index).as_deref() == Some(name) => end = span.end,
                _ => break,
            }
            index = self.past_escape(index) + 1;
        }
        first.start..end
    }

    /// From the parenthesis (or the keyword before it) at `location` to its partner.
    pub fn parenthesised(&self, location: i32) -> Result<Range<usize>, ClientError> {
        let start = usize::try_from(location).map_err(|_| self.unplaced(0))?;
        let end = self.closing(start).ok_or_else(|| self.unplaced(start))?;
        Ok(start..end)
    }

    fn closing(&self, start: usize) -> Option<usize> {
        let mut index = self.token_at(start)?;
        while self.kind(index)? != Token::Ascii40 {
            index += 1;
        }
        let mut depth = 0_usize;
        for (span, token) in self.tokens.get(index..)? {
            match token {
                Token::Ascii40 => depth += 1,
                Token::Ascii41 => depth = depth.checked_sub(1)?,
                // What stands between the parentheses.
                _ => {}
            }
            if depth == 0 {
                return Some(span.end);
            }
        }
        None
    }

    /// `(row).field` around the name `row`. None: it is not written so.
    pub fn field_of(&self, row: &Range<usize>) -> Option<Range<usize>> {
        let mut first = self.token_at(row.start)?;
        let mut last = self.tokens.iter().rposition(|(token, _)| token.end == row.end)?;
        while first.checked_sub(1).and_then(|before| self.kind(before)) == Some(Token::Ascii40)
            && self.kind(last + 1) == Some(Token::Ascii41)
        {
            (first, last) = (first - 1, last + 1);
        }
        let is_field =
            self.kind(first) == Some(Token::Ascii40) && self.kind(last + 1) == Some(Token::Ascii46);
        let name = self.span(self.past_escape(last + 2)).filter(|_| is_field)?;
        Some(self.span(first)?.start..name.end)
    }

    /// The items of the `ORDER BY` whose items begin at these places. None: those
    /// that the tokens show begin elsewhere.
    pub fn order_by(&self, begins: &[usize]) -> Option<ClauseItems> {
        let opened: Option<Vec<usize>> = begins.iter().map(|begin| self.opened(*begin)).collect();
        let opened = opened?;
        let first = *opened.first()?;
        let order = first.checked_sub(2)?;
        if (self.kind(order), self.kind(order + 1)) != (Some(Token::Order), Some(Token::By)) {
            return None;
        }
        let items = self.items(first)?;
        let starts = opened.iter().map(|index| self.span(*index).map(|span| span.start));
        if !starts.eq(items.iter().map(|item| Some(item.start))) {
            return None;
        }
        Some(ClauseItems { clause: self.span(order)?.start..items.last()?.end, items })
    }

    /// `SELECT DISTINCT` right before the first output, which begins at `location`,
    /// and `DISTINCT` alone.
    pub fn distinct(&self, location: i32) -> Option<(Range<usize>, Range<usize>)> {
        let output = self.token_at(usize::try_from(location).ok()?)?;
        let (distinct, select) = (output.checked_sub(1)?, output.checked_sub(2)?);
        if (self.kind(select), self.kind(distinct)) != (Some(Token::Select), Some(Token::Distinct)) {
            return None;
        }
        let (select, distinct) = (self.span(select)?, self.span(distinct)?);
        Some((select.start..distinct.end, distinct))
    }

    /// The first of the parentheses that stand right before the token at `at`.
    fn opened(&self, at: usize) -> Option<usize> {
        let mut index = self.token_at(at)?;
        while let Some(before) = index.checked_sub(1)
            && matches!(self.kind(before), Some(Token::Ascii40 | Token::Row))
        {
            index = before;
        }
        Some(index)
    }

    /// Comma-separated items from token `first` to the end of their clause.
    fn items(&self, first: usize) -> Option<Vec<Range<usize>>> {
        let mut items = Vec::new();
        let (mut depth, mut index, mut start) = (0_usize, first, first);
        loop {
            let token = self.kind(index);
            let ends = token.is_none() || depth == 0 && self.ends_order_by(index);
            if ends || (depth == 0 && token == Some(Token::Ascii44)) {
                items.push(self.span(start)?.start..self.span(index.checked_sub(1)?)?.end);
                start = index + 1;
            }
            if ends {
                return Some(items);
            }
            match token {
                Some(Token::Ascii40 | Token::Ascii91) => depth += 1,
                Some(Token::Ascii41 | Token::Ascii93) => depth = depth.checked_sub(1)?,
                // The item's own tokens.
                _ => {}
            }
            index += 1;
        }
    }

    /// May the item of an ORDER BY before this token end here? Of these words, all
    /// reserved, an item holds none but behind a dot, in `timestamp WITH TIME ZONE`
    /// and in `IS JSON WITH UNIQUE KEYS`.
    fn ends_order_by(&self, index: usize) -> bool {
        let is_field = index.checked_sub(1).and_then(|before| self.kind(before)) == Some(Token::Ascii46);
        match self.kind(index) {
            Some(Token::With) => {
                !is_field && !matches!(self.kind(index + 1), Some(Token::Time | Token::Unique))
            }
            Some(Token::Limit | Token::Offset | Token::Fetch | Token::For | Token::On | Token::Returning) => {
                !is_field
            }
            Some(Token::Ascii41 | Token::Ascii59) => true,
            _ => false,
        }
    }

    /// The last name in `span` as it is spelled; none: an escape follows it.
    pub fn last_name(&self, span: &Range<usize>) -> Option<String> {
        let mut index = self.tokens.iter().rposition(|(token, _)| token.end == span.end)?;
        // The `.*` of a row has no name.
        if self.kind(index) == Some(Token::Ascii42) {
            index = index.checked_sub(2)?;
        }
        let is_escaped = matches!(self.kind(index), Some(Token::Sconst | Token::Uident));
        (!is_escaped).then(|| self.text.get(self.span(index)?).map(str::to_owned)).flatten()
    }

    /// The token that ends last before `at`.
    pub fn before(&self, at: usize) -> Option<Token> {
        let index = self.tokens.partition_point(|(span, _)| span.end <= at);
        index.checked_sub(1).and_then(|last| self.kind(last))
    }

    /// Is it one of the words that a comparison is spelled in?
    pub fn is_comparing(&self, span: &Range<usize>) -> bool {
        const WORDS: &[&str] = &[
            "not",
            "is",
            "distinct",
            "from",
            "like",
            "ilike",
            "similar",
            "to",
            "in",
            "between",
            "symmetric",
            "asymmetric",
            "nullif",
        ];
        let text = self.text.get(span.clone()).unwrap_or_default();
        WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
    }

    /// The token that begins first at `at` or behind it.
    pub fn after(&self, at: usize) -> Option<Range<usize>> {
        self.span(self.tokens.partition_point(|(span, _)| span.start < at))
    }

    /// Every word of the text with its place, as an identifier would be read.
    fn words(&self) -> impl Iterator<Item = (Range<usize>, String)> + '_ {
        (0..self.tokens.len()).filter_map(|index| Some((self.span(index)?, self.folded(index)?)))
    }

    /// The name that a token spells: folded in ASCII, or unquoted, and cut at
    /// 63 bytes (`downcase_truncate_identifier` in PostgreSQL's `scansup.c`).
    fn folded(&self, index: usize) -> Option<String> {
        let raw = self.text.get(self.span(index)?)?;
        let name = match raw.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
            Some(inner) => inner.replace("\"\"", "\""),
            None if raw.starts_with(|c: char| c.is_alphabetic() || c == '_') => raw.to_ascii_lowercase(),
            None => return None,
        };
        Some(truncated(&name))
    }

    /// Every accounted span, and for each name without a place one word of
    /// the text that nothing else accounts for.
    pub fn with_placeless(
        &self,
        mut accounted: Vec<Range<usize>>,
        placeless: Vec<String>,
    ) -> Vec<Range<usize>> {
        accounted.sort_by_key(|span| (span.start, span.end));
        let mut wanted: HashMap<String, usize> = HashMap::new();
        for name in placeless {
            *wanted.entry(name).or_default() += 1;
        }
        let mut more = Vec::new();
        let (mut next, mut reach) = (0_usize, 0_usize);
        for (span, word) in self.words() {
            while let Some(known) = accounted.get(next).filter(|known| known.start <= span.start) {
                reach = reach.max(known.end);
                next += 1;
            }
            if span.end <= reach {
                continue;
            }
            if let Some(left) = wanted.get_mut(&word).filter(|left| **left > 0) {
                *left -= 1;
                more.push(span);
            }
        }
        accounted.extend(more);
        accounted
    }

    /// PostgreSQL's error position: characters from 1.
    pub fn position(&self, at: usize) -> u32 {
        let at = at.min(self.text.len());
        let before = match self.characters.get(at / STRIDE) {
            None if self.characters.is_empty() => at,
            None => self.text.chars().count(),
            Some(count) => {
                let rest = self.text.as_bytes().get(at / STRIDE * STRIDE..at).unwrap_or_default();
                count + characters_in(rest)
            }
        };
        u32::try_from(before.saturating_add(1)).unwrap_or(u32::MAX)
    }

    /// The tree names a place that the tokens do not have.
    fn unplaced(&self, at: usize) -> ClientError {
        ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, "a name in this statement could not be placed")
            .at(self.position(at))
    }
}

/// In UTF-8, every byte but a continuation begins a character.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

fn truncated(name: &str) -> String {
    let mut end = name.len().min(63);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or(name).to_owned()
}
