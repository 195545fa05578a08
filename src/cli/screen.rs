//! `requests --watch` on a terminal: a screen that an approver can leave open.
//! Drawn anew every second, in place, with what is left of each time.
//!
//! Invariant: what others wrote (reasons, names) is printed as
//! [`output::printable`] has it, and never moves the cursor.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;

use super::{ask, output, requests};
use crate::control::api::{GrantView, Items, RequestView};
use crate::control::client::Client;
use crate::grants::{RequestId, duration};

const PAUSE: Duration = Duration::from_secs(1);
/// Rows of each table; a terminal shows hardly more.
const SHOWN: usize = 30;

// ECMA-48: home, erase to the end of the line and of the screen; DECAWM:
// lines longer than the screen are cut instead of wrapped.
const HOME: &str = "\x1b[H";
const CLEAR: &str = "\x1b[2J";
const END_OF_LINE: &str = "\x1b[K\n";
const END_OF_SCREEN: &str = "\x1b[J";
const CUT_LINES: &str = "\x1b[?7l";
const WRAP_LINES: &str = "\x1b[?7h";
const BELL: &str = "\x07";

/// Runs until somebody ends it. A proxy that can't be reached is asked again.
///
/// # Errors
/// The terminal can't be written.
pub(super) fn run(client: &Client, user: Option<&str>) -> anyhow::Result<()> {
    let mut known: Option<HashSet<RequestId>> = None;
    output::raw(CLEAR.as_bytes())?;
    loop {
        let mut rings = false;
        let text = match look(client, user) {
            Ok((requests, grants)) => {
                let open: HashSet<RequestId> = requests.iter().map(|r| r.id).collect();
                rings = known.as_ref().is_some_and(|known| open.iter().any(|id| !known.contains(id)));
                known = Some(open);
                frame(&requests, &grants, Timestamp::now())
            }
            Err(fault) => format!("{}\n\nTrying again every second.\n", output::one_line(&fault)),
        };
        draw(&text, rings)?;
        std::thread::sleep(PAUSE);
    }
}

fn look(client: &Client, user: Option<&str>) -> anyhow::Result<(Vec<RequestView>, Vec<GrantView>)> {
    let requests: Items<RequestView> = client.get("/v1/requests")?;
    let grants: Items<GrantView> = client.get("/v1/grants?status=active")?;
    let (mut requests, mut grants) = (requests.items, grants.items);
    requests.retain(|r| requests::is_open(r) && user.is_none_or(|user| user == r.user));
    grants.retain(|g| user.is_none_or(|user| user == g.user));
    Ok((requests, grants))
}

fn draw(text: &str, rings: bool) -> anyhow::Result<()> {
    let body = text.replace('\n', END_OF_LINE);
    let bell = if rings { BELL } else { "" };
    let mut out = io::stdout().lock();
    write!(out, "{CUT_LINES}{HOME}{body}{END_OF_SCREEN}{WRAP_LINES}{bell}")?;
    Ok(out.flush()?)
}

/// What the screen shows at one moment.
fn frame(requests: &[RequestView], grants: &[GrantView], now: Timestamp) -> String {
    let mut text = format!(
        "{} UTC    {} to decide or review, {} grants in force    Ctrl-C ends this\n\n",
        now.strftime("%F %T"),
        requests.len(),
        grants.len()
    );
    let left = |until: Timestamp| {
        let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        duration::show(Duration::from_secs(left.as_secs()))
    };
    let header = ["ID", "STATUS", "LEFT", "USER", "COLUMNS", "FOR", "REASON", "TICKET", "APPROVALS"];
    text += &output::table(&header, requests.iter().take(SHOWN), |r| {
        let pending = r.status == "pending";
        vec![
            r.id.to_string(),
            requests::status(r),
            if pending { left(r.expires_at) } else { String::new() },
            r.user.clone(),
            requests::asked(r),
            duration::show(Duration::from_secs(r.duration_s)),
            r.reason.clone(),
            r.ticket.clone().unwrap_or_default(),
            r.approvals.iter().map(|a| a.by.as_str()).collect::<Vec<_>>().join(", "),
        ]
    });
    text += &more(requests.len());
    if !grants.is_empty() {
        text.push('\n');
        let header = ["GRANT", "LEFT", "USER", "COLUMNS", "USES", "APPROVED BY", "REASON"];
        text += &output::table(&header, grants.iter().take(SHOWN), |g| {
            vec![
                g.id.to_string(),
                duration::show(Duration::from_secs(g.seconds_left)),
                g.user.clone(),
                ask::columns(&g.columns),
                g.uses.to_string(),
                g.approved_by.clone(),
                g.reason.clone(),
            ]
        });
        text += &more(grants.len());
    }
    text
}

fn more(count: usize) -> String {
    match count.saturating_sub(SHOWN) {
        0 => String::new(),
        rest => format!("and {rest} more\n"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_screen_counts_down_and_nobody_paints_over_it() {
        let request: RequestView = serde_json::from_value(json!({
            "id": 7, "user": "ana", "session": null, "columns": ["public.customers.email"], "tags": [],
            "duration_s": 900, "reason": "x\u{1b}[2Jy\nz", "ticket": null, "once": true, "export": false,
            "max_rows": 3, "held": false, "break_glass": false, "needs_review": false, "reviewed_by": null,
            "reviewed_at": null, "review_note": null, "status": "pending", "requested_by": "ana",
            "approvals": [], "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T01:00:00Z",
            "decided_by": null, "decided_at": null, "decision_reason": null, "grant_id": null,
        }))
        .unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let early = frame(std::slice::from_ref(&request), &[], at("2026-01-01T00:10:00Z"));
        assert!(early.contains("1 to decide") && early.contains(" 50m "), "{early}");
        assert!(early.contains("once, 3 rows"), "{early}");
        assert!(!early.contains('\u{1b}') && early.contains(r"x\u{1b}[2Jy z"), "{early}");
        let late = frame(&[request], &[], at("2026-01-01T00:59:58Z"));
        assert!(late.contains(" 2s "), "{late}");
    }
}
