//! Makes a failing script small: drops steps, then clauses, list items and
//! parts of conditions. An ORDER BY stays, with its items: without it a
//! result may depend on the order of rows.

use super::play::Script;

/// How many shorter scripts are tried.
const TRIES: usize = 400;

pub fn shrink(mut script: Script, fails: &mut dyn FnMut(&Script) -> bool) -> Script {
    let mut tries = 0;
    loop {
        let before = tries;
        let shorter = shorter(&script).into_iter().find(|shorter| {
            tries += 1;
            tries <= TRIES && fails(shorter)
        });
        match shorter {
            Some(shorter) => script = shorter,
            None => return script,
        }
        if before > TRIES {
            return script;
        }
    }
}

fn shorter(script: &Script) -> Vec<Script> {
    let mut all = Vec::new();
    for at in (0..script.steps.len()).rev() {
        let mut fewer = script.clone();
        fewer.steps.remove(at);
        all.push(fewer);
    }
    for (at, step) in script.steps.iter().enumerate() {
        for sql in step.way.sql().map(|sql| simpler(sql)).unwrap_or_default() {
            let mut other = script.clone();
            if let Some(place) = other.steps[at].way.sql_mut() {
                *place = sql;
            }
            all.push(other);
        }
    }
    all.retain(|script| !script.steps.is_empty());
    all
}

/// A word, a literal or a sign, and how deep in parentheses it stands.
struct Token<'a> {
    text: &'a str,
    start: usize,
    depth: usize,
}

impl Token<'_> {
    fn is(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.text.eq_ignore_ascii_case(word))
    }
    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(first) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let length = match first {
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        if first == ')' {
            depth = depth.saturating_sub(1);
        }
        if !first.is_whitespace() {
            tokens.push(Token { text: &rest[..length], start: at, depth });
        }
        if first == '(' {
            depth += 1;
        }
        at += length;
    }
    tokens
}

const CLAUSES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "FETCH",
    "OFFSET",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "RETURNING",
    "WINDOW",
    "FOR",
    "JOIN",
    "LEFT",
    "VALUES",
    "SET",
    "USING",
    "ON",
];

/// The same text with something left out or put plainly.
fn simpler(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let without = |from: usize, to: usize, instead: &str| format!("{}{instead}{}", &sql[..from], &sql[to..]);
    let end_of = |at: usize, stop: &dyn Fn(&Token<'_>) -> bool| -> usize {
        let depth = tokens[at].depth;
        let later = tokens[at + 1..].iter();
        let end = later.clone().find(|t| t.depth < depth || t.depth == depth && (t.text == ")" || stop(t)));
        end.map_or(sql.len(), |token| token.start)
    };
    let mut all = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let clause = tokens[..at].iter().rev().find(|t| t.depth == token.depth && t.is(CLAUSES));
        let ordering = clause.is_some_and(|clause| clause.is(&["ORDER"]));
        if token.is(&["UNION", "INTERSECT", "EXCEPT"]) {
            all.push(without(token.start, end_of(at, &|t| t.is(&["ORDER", "LIMIT"])), ""));
        }
        if token.is(&["WHERE", "GROUP", "HAVING", "JOIN", "LEFT", "RETURNING"]) {
            let words = |t: &Token<'_>| {
                t.is(CLAUSES) && !(token.is(&["JOIN", "LEFT"]) && t.is(&["ON", "USING", "JOIN"]))
            };
            all.push(without(token.start, end_of(at, &words), ""));
        }
        if token.is(&["AND", "OR"]) {
            all.push(without(token.start, end_of(at, &|t| t.is(&["AND", "OR"]) || t.is(CLAUSES)), ""));
        }
        if token.text == "," && !ordering {
            all.push(without(token.start, end_of(at, &|t| t.text == "," || t.is(CLAUSES)), ""));
        }
        if token.is(&["SELECT"]) {
            let first =
                tokens[at + 1..].iter().find(|t| t.depth == token.depth && (t.text == "," || t.is(CLAUSES)));
            if let Some(comma) = first.filter(|t| t.text == ",") {
                all.push(without(token.end(), comma.end(), ""));
            }
        }
        if token.text == "(" {
            let close = tokens[at + 1..].iter().find(|t| t.text == ")" && t.depth == token.depth);
            if let Some(close) = close.filter(|_| !ordering) {
                for plain in ["'x'", "1", "true"] {
                    all.push(without(token.start, close.end(), plain));
                }
                all.push(sql[token.start + 1..close.start].to_owned());
                all.push(without(
                    token.start,
                    close.end(),
                    &format!(" {} ", &sql[token.start + 1..close.start]),
                ));
            }
        }
    }
    all.retain(|other| other.len() < sql.len() && !other.trim().is_empty());
    all.sort_by_key(String::len);
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::super::play::{Step, Way};
    use super::*;

    fn script(statements: &[&str]) -> Script {
        let steps = statements.iter().map(|sql| Step {
            session: 0,
            ordered: false,
            way: Way::Simple((*sql).to_owned()),
        });
        Script { seed: 0, steps: steps.collect() }
    }

    #[test]
    fn what_does_not_matter_goes_and_the_order_stays() {
        let long = script(&[
            "BEGIN",
            "SELECT a, (SELECT max(leak) FROM q WHERE z > 1), b FROM t JOIN u ON u.x = t.x WHERE c = 1 ORDER BY a, b",
            "COMMIT",
        ]);
        let mut fails = |script: &Script| {
            script.steps.iter().filter_map(|step| step.way.sql()).any(|sql| sql.contains("leak"))
        };
        let small = shrink(long, &mut fails);
        assert_eq!(small.steps.len(), 1);
        let sql = small.steps[0].way.sql().unwrap();
        assert!(sql.len() < 30, "{sql}");
        let ordered = script(&["SELECT leak, x FROM t ORDER BY a, b LIMIT 1"]);
        let sql = shrink(ordered, &mut fails).steps[0].way.sql().unwrap().clone();
        assert!(sql.contains("ORDER BY a, b LIMIT 1"), "{sql}");
    }
}
