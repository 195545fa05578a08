//! Which function bodies and view definitions mention a name.
//!
//! Invariant: a body that can mean a name is found by it, whatever the case,
//! quotes or length of its spelling. Strings and comments count too: a false
//! find makes a function opaque, a miss would be a leak. Only where a function writes
//! a schema right in front of the name, and there is such a relation, does it mean
//! that one and no other.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::Oid;
use super::snapshot::{Relation, Snapshot};

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
    functions: HashMap<Oid, &'a str>,
    schemas: RefCell<HashMap<(Oid, String), Schemas>>,
}

/// The schemas that a function's text writes in front of a name. None: it may mean
/// that of any schema.
pub(super) type Schemas = Option<Rc<[String]>>;

impl<'a> Mentions<'a> {
    pub(super) fn add(&mut self, text: Text, body: &'a str) {
        for word in words(body) {
            let places = self.by_word.entry(word).or_default();
            if places.last() != Some(&text) {
                places.push(text);
            }
        }
        self.texts.push((text, body));
        if let Text::Function(oid) = text {
            self.functions.insert(oid, body);
        }
    }

    /// The texts that may mean this relation.
    pub(super) fn of_relation(&self, relation: &Relation, snapshot: &Snapshot) -> Vec<Text> {
        let mut texts = self.of(&relation.name);
        let has_namesakes = snapshot.relations_named(&relation.name).nth(1).is_some();
        if has_namesakes && relation.name.chars().all(is_word) {
            texts.retain(|text| match text {
                Text::Function(oid) => self.may_mean(*oid, relation, snapshot),
                Text::View(_) => true,
            });
        }
        texts
    }

    fn may_mean(&self, function: Oid, relation: &Relation, snapshot: &Snapshot) -> bool {
        let Some(body) = self.functions.get(&function) else { return true };
        let mut known = self.schemas.borrow_mut();
        let key = (function, relation.name.to_string());
        let schemas = known.entry(key).or_insert_with(|| schemas_of(body, &relation.name));
        schemas.as_ref().is_none_or(|schemas| {
            let is_it = |schema: &str| {
                *schema == *relation.schema || snapshot.relation(schema, &relation.name).is_none()
            };
            schemas.iter().any(|schema| is_it(schema))
        })
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

/// The schemas in front of each place of a name in a text.
pub(super) fn schemas_of(body: &str, name: &str) -> Schemas {
    let folded = fold(name);
    let begins = |at: &usize| body.get(..*at).is_none_or(|before| !before.ends_with(is_word));
    let starts = body.char_indices().map(|(at, _)| at).filter(begins);
    let places = starts.filter_map(|start| {
        let length = body.get(start..)?.find(|c| !is_word(c)).unwrap_or(body.len() - start);
        let place = start..start + length;
        (fold(body.get(place.clone())?) == folded).then_some(place)
    });
    let schema = |place: Range<usize>| {
        qualified(body, &place).filter(|(_, read)| read == name).map(|(schema, _)| schema)
    };
    places.map(schema).collect::<Option<Vec<String>>>().map(Rc::from)
}

/// The schema that is written right in front of the name here (`app.users`,
/// `"app"."Users"`) and the name, as PostgreSQL reads them. None: there is none, or
/// these letters alone don't tell.
pub(crate) fn qualified(text: &str, name: &Range<usize>) -> Option<(String, String)> {
    let is_quoted = text.get(name.end..)?.starts_with('"');
    let end = name.end + usize::from(is_quoted);
    let behind = text.get(end..)?.chars().next();
    let (name, start) = identifier_before(text, end).filter(|_| behind != Some('"'))?;
    let dot = text.get(..start)?.strip_suffix('.')?.len();
    let (schema, start) = identifier_before(text, dot)?;
    let before = text.get(..start)?.chars().next_back();
    let begins = before.is_none_or(|c| c.is_ascii_whitespace() || matches!(c, '(' | ',' | '=' | ';'));
    let is_third = text.get(..start)?.trim_ascii_end().ends_with('.');
    (begins && !is_third).then_some((schema, name))
}

/// The identifier that ends here, and where it begins.
fn identifier_before(text: &str, end: usize) -> Option<(String, usize)> {
    let text = text.get(..end)?;
    if let Some(quoted) = text.strip_suffix('"') {
        let open = quoted.rfind('"')?;
        let name = quoted.get(open + 1..)?;
        let is_plain = !text.get(..open)?.ends_with(['"', '&']);
        return (is_plain && !name.is_empty()).then(|| (cut(name).to_owned(), open));
    }
    let name = text.get(text.trim_end_matches(is_word).len()..)?;
    let is_plain = name.is_ascii() && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_plain.then(|| (fold(name), end - name.len()))
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
    fn a_schema_in_front_of_a_name_is_read_as_it_is_written() {
        let read = |text: &str| {
            let schemas = schemas_of(text, "users")?;
            Some(schemas.join(" "))
        };
        for (text, schemas) in [
            ("SELECT 1 FROM app.users u, App.USERS", "app app"),
            ("SELECT 1 FROM \"App\".users,x.\"users\"", "App x"),
            ("(app.users.id)=app.users.id", "app app"),
        ] {
            assert_eq!(read(text).as_deref(), Some(schemas), "{text}");
        }
        for text in [
            "SELECT 1 FROM users",
            "SELECT 1 FROM app.users, users",
            "SELECT 1 FROM app . users",
            "SELECT 1 FROM app./* */users",
            "SELECT 1 FROM x.app.users",
            "SELECT 1 FROM x. app.users",
            "SELECT 1 FROM \"a\"\"app\".users",
            "SELECT 1 FROM U&\"app\".users",
            "SELECT 1 FROM app.\"users\"\"x\"",
            "SELECT 1 FROM app.\"Users\"",
            "SELECT format('SELECT 1 FROM %I.users', 'public')",
            "SELECT 'app.users'::regclass",
            "SELECT 'FROM app' || '.users'",
            "SELECT 1 FROM äpp.users",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn longer_names_are_other_names() {
        assert!(!found("select * from customers_archive", "customers"));
    }
}
