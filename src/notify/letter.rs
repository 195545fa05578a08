//! What one event becomes on the wire.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::template::{NAMES, Template};
use crate::control::api::{GrantView, RequestView};
use crate::grants::ColumnName;
use crate::grants::duration;
use crate::grants::engine::GrantState;
use crate::grants::event::Event;
use crate::grants::model::{Actor, Grant, Request};

/// One event on its way to one target.
#[derive(Debug, Clone)]
pub struct Letter {
    pub event: &'static str,
    pub request: Option<i64>,
    pub grant: Option<i64>,
    pub body: String,
}

/// None: nobody is told of it.
pub fn letter(event: &Event, template: Option<&Template>, at: Timestamp) -> Option<Letter> {
    let (subject, request, grant) = match event {
        Event::RequestCreated(r)
        | Event::RequestApproved(r)
        | Event::RequestDenied(r)
        | Event::RequestReviewed(r) => (Subject::Request(r), Some(r.id.0), r.grant_id.map(|g| g.0)),
        Event::GrantCreated(g) | Event::GrantExpired(g) | Event::GrantRevoked(g) => {
            (Subject::Grant(g), g.request.map(|r| r.0), Some(g.id.0))
        }
        Event::GrantUsed { .. } => return None,
    };
    let name = event.name();
    let body = match template {
        Some(template) => template.fill(&subject.values(name, at)),
        None => subject.whole(name, at).to_string(),
    };
    Some(Letter { event: name, request, grant, body })
}

enum Subject<'a> {
    Request(&'a Request),
    Grant(&'a Grant),
}

impl Subject<'_> {
    /// The control socket's own view.
    fn whole(&self, event: &str, at: Timestamp) -> Value {
        match self {
            Self::Request(r) => json!({ "event": event, "at": at, "request": RequestView::from(*r) }),
            Self::Grant(g) => {
                let left = Duration::try_from(g.expires_at.duration_since(at)).unwrap_or_default();
                let left = if g.ended.is_some() { Duration::ZERO } else { left };
                let view = GrantView::from(&GrantState { grant: (*g).clone(), left });
                json!({ "event": event, "at": at, "grant": view })
            }
        }
    }

    /// In the order of [`NAMES`].
    fn values(&self, event: &str, at: Timestamp) -> [String; NAMES.len()] {
        let number = |id: Option<i64>| id.map(|id| id.to_string()).unwrap_or_default();
        let name = |actor: Option<&Actor>| actor.map(|a| a.called().to_owned()).unwrap_or_default();
        match self {
            Self::Request(r) => [
                event.to_owned(),
                at.to_string(),
                r.id.to_string(),
                number(r.grant_id.map(|g| g.0)),
                r.user.clone(),
                columns(&r.columns),
                duration::show(r.agreed_duration),
                r.reason.clone(),
                r.ticket.clone().unwrap_or_default(),
                r.status.name().to_owned(),
                name(match &r.review {
                    Some(review) => Some(&review.by),
                    None => r.decided_by.as_ref().or(r.approvals.last().map(|a| &a.by)),
                }),
                r.expires_at.to_string(),
            ],
            Self::Grant(g) => [
                event.to_owned(),
                at.to_string(),
                number(g.request.map(|r| r.0)),
                g.id.to_string(),
                g.user.clone(),
                columns(&g.columns),
                duration::show(g.length()),
                g.reason.clone(),
                g.ticket.clone().unwrap_or_default(),
                g.status().to_owned(),
                name(Some(g.ended.as_ref().map_or(&g.approved_by, |ended| &ended.by))),
                g.expires_at.to_string(),
            ],
        }
    }
}

fn columns(columns: &[ColumnName]) -> String {
    columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
