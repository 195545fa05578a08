//! What a ticket looks like: a regular expression that must fit the whole of
//! one.

use regex::Regex;

/// See the module. Linear in the ticket's length, whatever the expression.
#[derive(Debug, Clone)]
pub struct TicketPattern {
    text: String,
    whole: Regex,
    word: Regex,
}

impl TicketPattern {
    /// None: `text` is no regular expression.
    pub fn parse(text: &str) -> Option<Self> {
        // Compiled alone first: it must not close the group around it.
        Regex::new(text).ok()?;
        let whole = Regex::new(&format!("^(?:{text})$")).ok()?;
        let word = Regex::new(&format!(r"(?:^|\s|[(\[])({text})(?:$|\s|[)\]:,.;])")).ok()?;
        Some(Self { text: text.to_owned(), whole, word })
    }

    /// As the file has it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn fits(&self, ticket: &str) -> bool {
        self.whole.is_match(ticket)
    }

    /// The first ticket that stands in `words` as a word.
    pub fn find<'t>(&self, words: &'t str) -> Option<&'t str> {
        let found = self.word.captures(words)?.get(1)?.as_str();
        self.fits(found).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_must_fit_whole() {
        let pattern = TicketPattern::parse("INC-[0-9]+|CHG-[0-9]+").unwrap();
        assert!(pattern.fits("INC-4711") && pattern.fits("CHG-1"));
        for wrong in ["INC-", "XINC-4711", "INC-4711x", "INC-4711\n", "INC-1 CHG-1", ""] {
            assert!(!pattern.fits(wrong), "{wrong:?}");
        }
        assert!(TicketPattern::parse("a)|(b").is_none() && TicketPattern::parse("(").is_none());
    }

    #[test]
    fn a_ticket_is_found_among_words() {
        let pattern = TicketPattern::parse("INC-[0-9]+").unwrap();
        assert_eq!(pattern.find("INC-4711 refund"), Some("INC-4711"));
        assert_eq!(pattern.find("refund (INC-4711): urgent"), Some("INC-4711"));
        assert_eq!(pattern.find("refund XINC-4711"), None);
        assert_eq!(pattern.find("refund"), None);
    }
}
