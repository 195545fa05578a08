//! Sharing an analysis among texts that differ in literals changes nothing.
//!
//! Goal: what bauta decides, sends upstream, writes to the audit log and says
//! of places in a text is the same with sharing and without. All of it is made
//! of the text's analysis, so these are compared. Method: every statement of
//! the usability and interference corpora and generated ones, each with its
//! literals varied several times, over the catalogs that they are for: one
//! analyser shares, and each text is also analysed by itself.

use std::collections::HashSet;
use std::sync::Arc;

use bauta::catalog::guard::Guard;
use bauta::sql::analyser::{Analyser, Verdict, analyse};
use bauta::sql::remembered::Sharing;
use bytes::Bytes;
use pg_query::protobuf::Token;

use crate::harness::Server;
use crate::interference::{self, databases};
use crate::oracle::{generated, guard_of, on_deep_stack, written};
use crate::usable::{self, make_databases};

const DEPTH: usize = 1_000;

/// What literals are replaced by, in turns. Some name outputs, relations or
/// columns, some are paths.
const NUMBERS: &[&str] = &["1", "2", "0", "73", "12345", "4000000000", "0.25", "007"];
const STRINGS: &[&str] =
    &["'x'", "'customers'", "'{a,b}'", "''", "'a@example.com'", "'it''s'", "'email'", "'2024-02-29'", "'7'"];
/// Statements of the oracle's generator.
const GENERATED: usize = 500;
/// Texts made of each.
const VARIANTS: usize = 2;

/// The text with each literal replaced.
fn varied(text: &str, turn: usize) -> Option<String> {
    let tokens = pg_query::scan(text).ok()?.tokens;
    let (mut out, mut copied) = (String::new(), 0);
    for (place, token) in tokens.iter().enumerate() {
        let pool = match token.token() {
            Token::Iconst | Token::Fconst => NUMBERS,
            Token::Sconst => STRINGS,
            _ => continue,
        };
        out.push_str(&text[copied..token.start as usize]);
        out.push_str(pool[(place * 7 + turn * 5) % pool.len()]);
        copied = token.end as usize;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

#[derive(Default)]
struct Count {
    texts: usize,
    shared: usize,
}

/// `statements` and what varying them gives.
fn compare(guard: &Arc<Guard>, statements: &[String], count: &mut Count) {
    let analyser = Analyser::start(1, 64 << 20, DEPTH, Sharing::ByOutline).expect("threads");
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let mut seen = HashSet::new();
    for statement in statements {
        let variants = (0..VARIANTS).filter_map(|turn| varied(statement, turn));
        for text in std::iter::once(statement.clone()).chain(variants) {
            if !seen.insert(text.clone()) {
                continue;
            }
            count.texts += 1;
            let bytes = Bytes::from(text);
            let analysis = match analyser.look_up(guard, &bytes) {
                Verdict::Harmless => continue,
                // It was never asked for: what it gives was made for another.
                Verdict::Known(analysis) => {
                    count.shared += 1;
                    analysis
                }
                Verdict::Unknown => runtime.block_on(analyser.analyse(guard, &bytes, usize::MAX)),
            };
            let own = analyse(guard, &bytes, DEPTH);
            assert_eq!(format!("{analysis:?}"), format!("{own:?}"), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn texts_that_share_an_analysis_have_what_is_their_own() {
    on_deep_stack(|| {
        let server = Server::start();
        let mut count = Count::default();
        let [_, database] = databases(&server);
        let guard = guard_of(&server, database[0], interference::POLICY);
        compare(&guard, &written(), &mut count);
        compare(&guard, &generated()[..GENERATED], &mut count);
        let server = Server::start();
        make_databases(&server);
        let policy = format!("{}\n{}", interference::POLICY, usable::POLICY);
        for (_, database, text) in usable::FILES {
            let statements: Vec<String> = usable::blocks(text)
                .into_iter()
                .flat_map(|block| block.statements)
                .map(str::to_owned)
                .collect();
            compare(&guard_of(&server, database, &policy), &statements, &mut count);
        }
        println!("{} texts, {} of them by another's analysis", count.texts, count.shared);
        assert!(count.texts > 3_500 && count.shared > 250, "{} {}", count.texts, count.shared);
    });
}
