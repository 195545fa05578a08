//! SAVEPOINT, RELEASE and ROLLBACK TO by themselves, as drivers send them: which
//! savepoint they mean. Nobody reads these texts otherwise.

/// What a text that is one such statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Savepoint {
    Make(Vec<u8>),
    Release(Vec<u8>),
    RollbackTo(Vec<u8>),
}

impl Savepoint {
    /// None: the text is another one, or is written in a way that is not plain.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let text = text.strip_suffix(b";").unwrap_or(text);
        let (first, rest) = word(text)?;
        let is = |word: &[u8], known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        let skip = |rest, known: &[&str]| match word(rest) {
            Some((word, after)) if known.iter().any(|known| is(word, known)) && !is_end(after) => after,
            Some(_) | None => rest,
        };
        if is(first, "savepoint") {
            return name(rest).map(Self::Make);
        }
        if is(first, "release") {
            return name(skip(rest, &["savepoint"])).map(Self::Release);
        }
        if !is(first, "rollback") {
            return None;
        }
        let (to, rest) = word(skip(rest, &["work", "transaction"]))?;
        is(to, "to").then(|| name(skip(rest, &["savepoint"])).map(Self::RollbackTo))?
    }

    pub(super) fn made(self) -> Option<Vec<u8>> {
        match self {
            Self::Make(name) => Some(name),
            Self::Release(_) | Self::RollbackTo(_) => None,
        }
    }

    pub(super) fn released(self) -> Option<Vec<u8>> {
        match self {
            Self::Release(name) => Some(name),
            Self::Make(_) | Self::RollbackTo(_) => None,
        }
    }
}

fn is_end(rest: &[u8]) -> bool {
    rest.trim_ascii().is_empty()
}

/// The word that comes next, and what is behind it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    let ends = rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'"');
    (ends && !word.is_empty()).then_some((word, rest))
}

/// A name, and nothing behind it, as PostgreSQL folds it.
fn name(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let (quoted, name) = match text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
        Some(name) => (true, name),
        None => (false, text),
    };
    let fits = |byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte == b'_' || quoted && byte.is_ascii_graphic() && *byte != b'"'
    };
    let plain = (1..=super::checks::MAX_NAME).contains(&name.len()) && name.iter().all(fits);
    plain.then(|| if quoted { name.to_vec() } else { name.to_ascii_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drivers_send_is_read() {
        let read = |text: &str| Savepoint::read(text.as_bytes());
        let named = |name: &str| name.as_bytes().to_vec();
        assert_eq!(read("SAVEPOINT s1"), Some(Savepoint::Make(named("s1"))));
        assert_eq!(read(" savepoint \"S 1\"; "), None);
        assert_eq!(read("savepoint \"S1\";"), Some(Savepoint::Make(named("S1"))));
        assert_eq!(read("RELEASE SAVEPOINT Django_1"), Some(Savepoint::Release(named("django_1"))));
        assert_eq!(read("release savepoint"), Some(Savepoint::Release(named("savepoint"))));
        assert_eq!(
            read("ROLLBACK TO SAVEPOINT PGJDBC_AUTOSAVE"),
            Some(Savepoint::RollbackTo(named("pgjdbc_autosave")))
        );
        assert_eq!(read("rollback work to s"), Some(Savepoint::RollbackTo(named("s"))));
    }

    #[test]
    fn what_is_not_one_plain_statement_is_not_read() {
        for text in [
            "ROLLBACK",
            "ROLLBACK AND CHAIN",
            "ROLLBACK TO s; SELECT 1",
            "ROLLBACK TO /* */ s",
            "SAVEPOINT",
            "SAVEPOINT \"a\"\"b\"",
            "SAVEPOINT é",
            "ABORT",
            "SELECT 1",
        ] {
            assert_eq!(Savepoint::read(text.as_bytes()), None, "{text}");
        }
    }
}
