//! Who sees a column, who may ask for it, who may approve: what roles and
//! grants come to. Pure.

use std::sync::Arc;

use super::api::PowerView;
use crate::config::{Config, EndUser, Rights, Role, Scope};
use crate::grants::engine::GrantState;
use crate::grants::{ColumnName, Roles, break_glass, scope};
use crate::policy::ProtectedColumn;

/// Each power once, the columns in order, those who see first. A login that
/// must name its end user sees nothing and asks for nothing by itself.
pub(super) fn powers(
    columns: &[Arc<ProtectedColumn>],
    roles: &Roles,
    config: &Config,
    grants: &[GrantState],
) -> Vec<PowerView> {
    let mut found = Vec::new();
    for column in columns {
        let name = ColumnName::of(column);
        for role in roles.all() {
            found.extend(of_role(column, &name, role, roles));
        }
        found.extend(config.admins.iter().filter(|a| a.rights == Rights::All).map(|admin| PowerView {
            column: name.to_string(),
            who: admin.login.clone(),
            can: "approve".to_owned(),
            by: "[[admin]]".to_owned(),
            max_duration_s: None,
            until: None,
        }));
        for state in grants.iter().filter(|state| state.grant.columns.contains(&name)) {
            let grant = &state.grant;
            found.push(PowerView {
                column: name.to_string(),
                who: grant.user.clone(),
                can: "see".to_owned(),
                by: match grant.session {
                    Some(session) => format!("grant {}, in session {session}", grant.id),
                    None => format!("grant {}", grant.id),
                },
                max_duration_s: None,
                until: Some(grant.expires_at),
            });
        }
    }
    found.retain_mut(|power| is_had(power, &config.end_users));
    let rank =
        |p: &PowerView| ["see", "request", "break the glass", "approve"].iter().position(|c| *c == p.can);
    found.sort_by(|a, b| (&a.column, rank(a), &a.who, &a.by).cmp(&(&b.column, rank(b), &b.who, &b.by)));
    found.dedup();
    found
}

/// Does the login have this power by itself? Approving happens outside its
/// sessions.
fn is_had(power: &mut PowerView, shared: &[EndUser]) -> bool {
    let Some(login) = shared.iter().find(|login| login.login == power.who) else { return true };
    if power.can == "approve" {
        return true;
    }
    power.by.push_str(", while it names no end user");
    !login.required
}

fn of_role(column: &ProtectedColumn, name: &ColumnName, role: &Role, roles: &Roles) -> Vec<PowerView> {
    let covers = |scopes: &[Scope]| scopes.iter().any(|s| scope::covers(s, column));
    let longest = role.max_duration.unwrap_or(roles.max_duration);
    let mut can = Vec::new();
    if covers(&role.unmask) {
        can.push(("see", None));
    }
    if covers(&role.request) {
        can.push(("request", Some(longest)));
        if role.break_glass {
            can.push(("break the glass", Some(longest.min(break_glass::LONGEST))));
        }
    }
    if covers(&role.approve) {
        can.push(("approve", None));
    }
    let members = role.members.iter().cloned().chain(role.member_roles.iter().map(|pg| format!("pg:{pg}")));
    let power = |who: &str, (what, longest): (&str, Option<std::time::Duration>)| PowerView {
        column: name.to_string(),
        who: who.to_owned(),
        can: what.to_owned(),
        by: format!("role {}", role.name),
        max_duration_s: longest.map(|d| d.as_secs()),
        until: None,
    };
    members.flat_map(|who| can.iter().map(|c| power(&who, *c)).collect::<Vec<_>>()).collect()
}
