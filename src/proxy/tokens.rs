//! One token led back to its value, or one value to its token, for somebody
//! at the control socket. Leading back takes what a session would need to see
//! the value: live access of the caller's own login. Both are in the audit
//! log, durable before the answer, as statements outside of a session.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::Proxy;
use crate::audit::{Conceal, Event, Record, Sql, StatementEnd, StatementStart, Ticket, Who};
use crate::catalog::ColumnId;
use crate::catalog::guard::Guard;
use crate::control::api::{TokenBody, TokenView};
use crate::control::problem::Problem;
use crate::grants::GrantId;
use crate::grants::model::Actor;
use crate::mask::{self, Format, Masked, Method, ValueType};
use crate::policy::decide::{ColumnDecision, What};
use crate::policy::{Access, Basis, Permits, ProtectedColumn};

/// A column and what is needed to turn its tokens.
struct Found {
    guard: Arc<Guard>,
    column: Arc<ProtectedColumn>,
    ty: ValueType,
}

impl Proxy {
    pub(super) async fn token(&self, body: TokenBody, by: Actor) -> Result<TokenView, Problem> {
        let found = self.reversible(&body).await?;
        match (&body.token, &body.value) {
            (Some(token), None) => self.lead_back(&found, token, &by).await,
            (None, Some(value)) => self.token_of(&found, value, &by).await,
            _ => Err(Problem::invalid("give either a token or a value")),
        }
    }

    async fn reversible(&self, body: &TokenBody) -> Result<Found, Problem> {
        let find = || self.databases.guards().into_iter().find_map(|guard| found_in(guard, body));
        let found = match find() {
            Some(found) => Some(found),
            None => {
                self.databases.meet().await;
                find()
            }
        };
        let found =
            found.ok_or_else(|| Problem::not_found(format!("no protected column is {}", body.column)))?;
        match found.column.method.method() {
            Method::Token | Method::Fpe => Ok(found),
            method => Err(Problem::invalid(format!(
                "{} is masked by {}, which does not lead back",
                found.column.name,
                method.name()
            ))),
        }
    }

    async fn lead_back(&self, found: &Found, token: &str, by: &Actor) -> Result<TokenView, Problem> {
        let Some(login) = &by.login else {
            return Err(Problem::forbidden("no login is mapped to the caller")
                .with_hint("add [[admin]] with os_user and login to the configuration"));
        };
        let who = who(login, &found.guard);
        let seen = self.seen(&who, found).await?;
        let start = self.intend(&who, "resolve", found, seen).await?;
        let (column, keys) = (&found.column, &*self.keys.load_full());
        let original =
            mask::original(&column.method, &column.domain, &found.ty, Format::Text, token.as_bytes(), keys);
        self.ended(who, start, original.is_some());
        let original = original.and_then(|value| String::from_utf8(value.to_vec()).ok());
        match original {
            Some(value) => Ok(TokenView { column: column.name.to_string(), token: token.to_owned(), value }),
            None => Err(Problem::not_found(format!("this is no token of {}", column.name))),
        }
    }

    async fn token_of(&self, found: &Found, value: &str, by: &Actor) -> Result<TokenView, Problem> {
        let who = who(by.login.as_deref().unwrap_or(&by.name), &found.guard);
        let told = ColumnDecision { column: found.column.clone(), use_: "equality", what: What::Disclosed };
        let start = self.intend(&who, "of", found, vec![told]).await?;
        let (column, keys) = (&found.column, &*self.keys.load_full());
        let mask = mask::plan(&column.method, &column.domain, &found.ty, Format::Text, keys);
        let mut out = BytesMut::new();
        let masked = mask.ok().and_then(|mask| mask.apply(value.as_bytes(), &mut out).ok());
        // What can't be led back, such as `***`, is no token.
        let leads_back =
            || mask::original(&column.method, &column.domain, &found.ty, Format::Text, &out, keys).is_some();
        let made = masked == Some(Masked::Value) && leads_back();
        self.ended(who, start, made);
        match String::from_utf8(out.to_vec()) {
            Ok(token) if made => {
                Ok(TokenView { column: column.name.to_string(), token, value: value.to_owned() })
            }
            Ok(_) | Err(_) => Err(Problem::invalid(format!("{} has no token for this value", column.name))),
        }
    }

    /// A token may be of any column of its domain: whoever leads it back must
    /// see all of them.
    async fn seen(&self, who: &Arc<Who>, found: &Found) -> Result<Vec<ColumnDecision>, Problem> {
        let permits = self.permits(who, &found.guard);
        let now = self.clock.now();
        let columns = found.guard.facts().domain_of(&found.column);
        let mut seen = Vec::with_capacity(columns.len());
        let mut grants: Vec<GrantId> = Vec::new();
        for column in columns {
            let access = permits.access(&column, now);
            match &access {
                Access::Masked => {
                    return Err(Problem::forbidden(format!(
                        "{} has no live grant on {}",
                        who.user,
                        column.label()
                    ))
                    .with_hint("a token may be of any column of its domain: it takes a grant on each"));
                }
                Access::Revealed { basis: Basis::Grant(id), .. } if !grants.contains(id) => grants.push(*id),
                Access::Revealed { .. } => {}
            }
            seen.push(ColumnDecision { column, use_: "output", what: What::Revealed(access) });
        }
        let leases = self.grants.used(&grants, who.session).await?;
        match leases.iter().find(|lease| !lease.take_ahead(1)) {
            Some(lease) => Err(Problem::forbidden(format!("grant {} has no rows left", lease.grant()))),
            None => Ok(seen),
        }
    }

    /// Writes what is about to be told; neither the token nor the value.
    async fn intend(
        &self,
        who: &Arc<Who>,
        verb: &str,
        found: &Found,
        columns: Vec<ColumnDecision>,
    ) -> Result<Ticket, Problem> {
        let text = format!("bauta token {verb} --column {}", found.column.name);
        let sql = Sql::whole(Bytes::from(text), Conceal::Nothing);
        let event = Event::StatementStart(StatementStart { sql, columns: columns.into(), observed: None });
        let unwritten = |fault: crate::audit::AuditError| Problem::unavailable(fault.to_string());
        let ticket = self.audit.submit(Record { who: who.clone(), event }).await.map_err(unwritten)?;
        self.audit.durable(ticket).await.map_err(unwritten)?;
        Ok(ticket)
    }

    fn ended(&self, who: Arc<Who>, start: Ticket, found: bool) {
        let event = Event::StatementEnd(StatementEnd {
            start,
            rows: u64::from(found),
            bytes: 0,
            elapsed: Duration::ZERO,
            sqlstate: None,
            refused: false,
        });
        // The log keeps outcomes until it can write them.
        let _ = self.audit.post(Record { who, event });
    }
}

fn who(login: &str, guard: &Guard) -> Arc<Who> {
    let database = guard.snapshot.database.to_string();
    Arc::new(Who {
        user: login.into(),
        database: database.into(),
        client: "[control]".into(),
        ..Who::default()
    })
}

fn found_in(guard: Arc<Guard>, body: &TokenBody) -> Option<Found> {
    if body.database.as_deref().is_some_and(|wanted| *wanted != *guard.snapshot.database) {
        return None;
    }
    let (id, column) = guard.protected.iter().find(|(_, column)| *column.name == *body.column)?;
    let (ty, column) = (value_type(&guard, *id)?, column.clone());
    Some(Found { guard, column, ty })
}

fn value_type(guard: &Guard, id: ColumnId) -> Option<ValueType> {
    let relation = guard.snapshot.relations.get(&id.relation)?;
    let column = relation.columns.iter().find(|column| column.attribute == id.attribute)?;
    Some(ValueType::resolve(&guard.snapshot, column.type_oid, column.type_modifier))
}
