//! `SET bauta.end_user = '<token>'`: who is behind a shared login. bauta answers
//! it itself; a stand-in that changes nothing goes upstream, so transaction
//! state and errors are the server's own, and the token stays here.
//!
//! From then on permits, requests and the audit log are that person's. It takes
//! effect when it runs, whatever becomes of the transaction around it; `RESET`,
//! `RESET ALL` and `DISCARD ALL` return to the login.
//!
//! Invariant: nothing decided for one person is shown to another: statements
//! wait for what runs, and every Execute and FETCH is judged anew.

use std::sync::Arc;

use bytes::Bytes;
use pg_query::NodeEnum;
use pg_query::protobuf::{Token, VariableSetKind, VariableSetStmt, a_const};

use super::handshake::Established;
use super::judge::{Refusal, Stop};
use super::relay::{Hold, Relay, Step};
use super::runs::{Audience, Reply};
use super::state::{Entry, Kind};
use super::virtual_schema;
use crate::audit::{Conceal, Sql, Who};
use crate::auth::end_user;
use crate::error::{ClientError, sqlstate};
use crate::proxy::Proxy;
use crate::sql::parse::{self, Tokens};
use crate::wire::backend::TransactionStatus;
use crate::wire::frontend::{Parse, write_query};

/// The setting's name.
pub const NAME: &str = "bauta.end_user";
/// A token is short.
const MAX_TEXT: usize = 64 * 1024;
const MAX_DEPTH: usize = 20;

/// What a statement does to the name of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// A token.
    Name(String),
    Forget,
}

impl Naming {
    /// What goes upstream: the same command tag, no effect.
    fn stand_in(&self) -> &'static [u8] {
        match self {
            Self::Name(_) => b"SET bauta.end_user TO DEFAULT",
            Self::Forget => b"RESET bauta.end_user",
        }
    }
}

/// Whether `text` is such a statement. None: it is not.
///
/// # Errors
/// It is one, in a form that is not answered.
pub fn recognise(text: &[u8]) -> Option<Result<Naming, ClientError>> {
    if !virtual_schema::mentions(text) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let tokens = Tokens::scan(text).ok()?;
    if !begins_so(text, &tokens) {
        return None;
    }
    if text.len() > MAX_TEXT {
        return Some(Err(unsupported("a text this long")));
    }
    let parsed = match parse::parse(text, MAX_DEPTH) {
        Ok(parsed) => parsed,
        Err(error) => return Some(Err(error)),
    };
    Some(match parsed.statements.as_slice() {
        [only] => match &only.node {
            NodeEnum::VariableSetStmt(set) => naming(set),
            _ => Err(unsupported("this form of the statement")),
        },
        _ => Err(unsupported("several statements in one text")),
    })
}

/// Some statement of the text begins with SET or RESET of the setting.
fn begins_so(text: &str, tokens: &Tokens) -> bool {
    let tokens: Vec<_> = tokens.within(&(0..text.len())).collect();
    let starts = tokens.split(|(_, token)| *token == Token::Ascii59);
    starts.into_iter().any(|statement| {
        let mut rest = statement.iter();
        let begins = rest.next().is_some_and(|(_, token)| matches!(token, Token::Set | Token::Reset));
        let words = rest
            .skip_while(|(_, token)| matches!(token, Token::Session | Token::Local))
            .map(|(span, _)| text.get(span.clone()).unwrap_or_default().trim_matches('"'));
        let is_name = |name: String| name.eq_ignore_ascii_case(NAME);
        // In one quoted word, or in three.
        begins && (is_name(words.clone().take(1).collect()) || is_name(words.take(3).collect()))
    })
}

fn naming(set: &VariableSetStmt) -> Result<Naming, ClientError> {
    if !set.name.eq_ignore_ascii_case(NAME) {
        return Err(unsupported("this form of the statement"));
    }
    if set.is_local {
        return Err(unsupported("SET LOCAL"));
    }
    match (set.kind(), set.args.as_slice()) {
        (VariableSetKind::VarReset | VariableSetKind::VarSetDefault, []) => Ok(Naming::Forget),
        (VariableSetKind::VarSetValue, [only]) => match &only.node {
            Some(NodeEnum::AConst(constant)) => match &constant.val {
                Some(a_const::Val::Sval(text)) => Ok(Naming::Name(text.sval.clone())),
                _ => Err(unsupported("a value that is no text")),
            },
            _ => Err(unsupported("a value that is no text")),
        },
        _ => Err(unsupported("this form of the statement")),
    }
}

fn unsupported(what: &str) -> ClientError {
    ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, format!("{NAME} does not support {what}"))
        .with_hint("Send SET bauta.end_user = '<token>' or RESET bauta.end_user as a statement of its own.")
}

/// The person that a session of `login` names by a token.
fn person(proxy: &Proxy, login: &str, token: &str) -> Result<Arc<str>, ClientError> {
    let config = proxy.config.load();
    let Some(shared) = config.end_users.iter().find(|shared| *shared.login == *login) else {
        return Err(ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: \"{login}\" may not name end users"),
        )
        .with_hint("It takes an [[end_user]] section with this login in the configuration."));
    };
    let named =
        end_user::person(token, shared, proxy.clock.now().wall).map_err(end_user::TokenFault::report)?;
    Ok(named.into())
}

/// The person that a connection names when it begins.
pub(super) fn at_start(proxy: &Proxy, session: &Established) -> Result<Option<Arc<str>>, ClientError> {
    let Some(token) = session.startup.setting(NAME) else { return Ok(None) };
    person(proxy, &session.login, &String::from_utf8_lossy(&token)).map(Some)
}

impl Relay {
    /// A Query that names the person. None: it does not.
    pub(super) fn on_naming_query(&mut self, text: &Bytes) -> Option<Step> {
        let recognised = recognise(text)?;
        if !self.state.is_quiet() {
            return Some(Step::Wait(Hold::Quiet));
        }
        let sql = || Sql::whole(text.clone(), Conceal::AllLiterals);
        let error = match recognised.map_err(Stop::from).and_then(|naming| self.run_naming(&naming, sql())) {
            Ok((run, stand_in)) => {
                self.part_from_flush();
                write_query(stand_in, self.upstream.output());
                self.expect(Entry::new(Kind::Query, Reply::new(Audience::Client).with_run(run)));
                return Some(Step::Done);
            }
            Err(Stop::Hold(hold)) => return Some(Step::Wait(hold)),
            Err(Stop::Refuse(refusal)) => self.refused(sql(), refusal),
        };
        self.refuse_query(error);
        Some(Step::Done)
    }

    /// The text that is parsed upstream for a Parse that names the person.
    pub(super) fn write_naming(&mut self, naming: &Naming, parse: &Parse<'_>) {
        Parse { text: naming.stand_in(), ..*parse }.write(self.upstream.output());
    }

    /// Has it take effect, and writes its intent, under the new name.
    pub(super) fn run_naming(
        &mut self,
        naming: &Naming,
        sql: Sql,
    ) -> Result<(super::runs::Run, &'static [u8]), Stop> {
        self.need_quiet()?;
        // The server refuses the stand-in of a failed transaction.
        if self.state.status() == TransactionStatus::Failed {
            if self.pipeline_open {
                // It may have been rolled back meanwhile: then the stand-in runs.
                return Err(unsupported("a pipeline behind a failed transaction").into());
            }
            return Ok((self.intend(sql, Arc::default())?, naming.stand_in()));
        }
        let named = match naming {
            Naming::Name(token) => Some(person(&self.proxy, &self.who.user, token)?),
            Naming::Forget => None,
        };
        let before = self.who.clone();
        self.become_person(named);
        match self.intend(sql, Arc::default()) {
            Ok(run) => Ok((run, naming.stand_in())),
            Err(stop) => {
                self.become_person(before.end_user.clone());
                Err(stop)
            }
        }
    }

    /// From here on the session is this person's; None: the login's.
    pub(super) fn become_person(&mut self, person: Option<Arc<str>>) {
        if self.who.end_user == person {
            return;
        }
        self.seat.set_end_user(person.clone());
        // What the one was to be told is not for the other.
        drop(self.seat.take_notices());
        self.who = Arc::new(Who { end_user: person, ..(*self.who).clone() });
        self.permits = self.proxy.permits(&self.who, &self.guard);
        // An error at the end of this transaction may be about what another
        // person could see.
        if self.state.status() != TransactionStatus::Idle || self.pipeline_open {
            // Whatever is rolled back.
            self.tainted = Some(0);
        }
        self.own_rows = None;
    }
}

/// Refuses to run it by EXECUTE.
pub(super) fn by_name() -> Stop {
    Stop::Refuse(Refusal::of(unsupported("EXECUTE"), Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Result<Naming, String>> {
        recognise(text.as_bytes()).map(|naming| naming.map_err(|error| error.code.into_owned()))
    }

    #[test]
    fn every_spelling_of_the_statement_is_answered_here() {
        let named = || Some(Ok(Naming::Name("t".into())));
        for text in [
            "SET bauta.end_user = 't'",
            "set Bauta.END_USER to 't' ;",
            "/* c */ SET SESSION bauta.end_user -- d\n = 't'",
            "SET \"bauta\".\"end_user\" = 't'",
            "SET \"bauta.end_user\" = 't'",
            "SET bauta.end_user = E'\\x74'",
            "SET bauta . end_user = 't'",
        ] {
            assert_eq!(read(text), named(), "{text}");
        }
        for text in ["RESET bauta.end_user", "SET bauta.end_user TO DEFAULT", "reset \"bauta\".end_user;"] {
            assert_eq!(read(text), Some(Ok(Naming::Forget)), "{text}");
        }
    }

    #[test]
    fn what_is_not_answered_does_not_go_upstream_with_its_token() {
        for text in [
            "SET LOCAL bauta.end_user = 't'",
            "SET bauta.end_user = 't'; SELECT 1",
            "SELECT 1; SET bauta.end_user = 't'",
            "SET bauta.end_user = 't', 'u'",
            "SET bauta.end_user = 7",
            // The server takes no parameter there either.
            "SET bauta.end_user = $1",
            "SET bauta.end_user FROM CURRENT",
        ] {
            assert_eq!(read(text), Some(Err("0A000".into())), "{text}");
        }
        assert!(matches!(read("SET bauta.end_user = a.b.c"), Some(Err(code)) if code == "42601"));
    }

    #[test]
    fn other_statements_are_none_of_it() {
        for text in [
            "SET work_mem = '4MB'",
            "SET bauta.end_users = 't'",
            "SELECT 'SET bauta.end_user = x'",
            "SELECT * FROM bauta.whoami()",
            "UPDATE t SET bauta.end_user = 1",
            "SHOW bauta.end_user",
            "RESET ALL",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
