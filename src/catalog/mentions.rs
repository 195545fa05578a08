//! Which function bodies and view definitions mention a name.
//!
//! Invariant: a body that can mean a name is found by it, whatever the case,
//! quotes or length of its spelling. Strings and comments count too: a false
//! find makes a function opaque, a miss would be a leak.

use std::collections::HashMap;

use super::Oid;

/// PostgreSQL cuts identifiers to this many bytes.
const IDENTIFIER_BYTES: usize = 63;

/// The text of a function or a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Text {
    Function(Oid),
    View(Oid),
}

/// An index over texts by the words in them.
#[derive(Default)]
pub(super) struct Mentions<'a> {
    by_word: HashMap<String, Vec<Text>>,
    texts: Vec<(Text, &'a str)>,
}

impl<'a> Mentions<'a> {
    pub(super) fn add(&mut self, text: Text, body: &'a str) {
        for word in words(body) {
            let places = self.by_word.entry(word).or_default();
            if places.last() != Some(&text) {
                places.push(text);
            }
        }
        self.texts.push((text, body));
    }

    /// The texts that may mean `name`.
    pub(super) fn of(&self, name: &str) -> Vec<Text> {
        let folded = fold(name);
        if name.chars().all(is_word) {
            return self.by_word.get(&folded).cloned().unwrap_or_default();
        }
        // A name with spaces or quotes in it: rare, so the texts are searched.
        let quoted = folded.replace('"', "\"\"");
        let means = |body: &str| {
            let body = body.to_ascii_lowercase();
            body.contains(&folded) || body.contains(&quoted)
        };
        self.texts.iter().filter(|(_, body)| means(body)).map(|(text, _)| *text).collect()
    }
}

/// The words of a text, folded.
pub(crate) fn words(body: &str) -> impl Iterator<Item = String> {
    body.split(|c| !is_word(c)).filter(|word| !word.is_empty()).map(fold)
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// ASCII lower case, cut.
pub(super) fn fold(word: &str) -> String {
    cut(word).to_ascii_lowercase()
}

/// As PostgreSQL cuts names (`pg_mbcliplen`: whole characters only).
pub(crate) fn cut(word: &str) -> &str {
    let mut end = word.len().min(IDENTIFIER_BYTES);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    word.get(..end).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str, name: &str) -> bool {
        let mut mentions = Mentions::default();
        mentions.add(Text::Function(Oid(1)), body);
        !mentions.of(name).is_empty()
    }

    #[test]
    fn every_spelling_of_a_name_is_found() {
        let long = "n".repeat(63);
        assert!(found("select * from Customers", "customers"));
        assert!(found("select * from public.\"Customers\"c", "Customers"));
        assert!(found("table \"my table\"", "my table"));
        assert!(found("table \"my \"\"table\"", "my \"table"));
        assert!(found(&format!("table {long}xyz"), &long));
        assert!(found("table größe", "größe"));
    }

    #[test]
    fn longer_names_are_other_names() {
        assert!(!found("select * from customers_archive", "customers"));
    }
}
