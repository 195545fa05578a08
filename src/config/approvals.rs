//! Requests that nobody may approve: a role may ask, and no administrator and
//! no other person's role may say yes. `check` reports them; `serve` runs on.

use std::collections::HashSet;

use super::{ColumnPattern, Config, Fault, ProtectRule, Rights, Role, Scope};

/// One fault for each role and protect rule that can't meet.
pub fn unapprovable(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    for role in &config.roles {
        for rule in &config.protect {
            if role.request.iter().any(|s| covers(s, rule)) && !can_be_approved(config, role, rule) {
                faults.push(fault(config, role, rule));
            }
        }
    }
    faults
}

fn can_be_approved(config: &Config, asking: &Role, rule: &ProtectRule) -> bool {
    let approving: Vec<&Role> =
        config.roles.iter().filter(|r| r.approve.iter().any(|s| covers(s, rule))).collect();
    // Who is a member of a PostgreSQL role only the server knows.
    if approving.iter().any(|r| !r.member_roles.is_empty()) {
        return true;
    }
    let people: HashSet<&str> = approving
        .iter()
        .flat_map(|r| &r.members)
        .chain(config.admins.iter().filter(|a| a.rights == Rights::All).map(|a| &a.login))
        .map(String::as_str)
        .collect();
    let needed = usize::try_from(config.defaults.approvals).unwrap_or(usize::MAX);
    let others = |asker: &str| people.iter().filter(|p| **p != asker).count() >= needed;
    if asking.members.is_empty() { people.len() >= needed } else { asking.members.iter().all(|m| others(m)) }
}

fn fault(config: &Config, role: &Role, rule: &ProtectRule) -> Fault {
    let (file, line) = role.place.rsplit_once(':').unwrap_or((&role.place, "0"));
    let columns: Vec<String> = rule.columns.iter().map(ToString::to_string).collect();
    let people = match config.defaults.approvals {
        1 => "nobody else may approve it".to_owned(),
        n => format!("fewer than {n} others may approve it (defaults.approvals)"),
    };
    Fault {
        file: file.to_owned(),
        line: line.parse().unwrap_or(0),
        message: format!(
            "role \"{}\" may request {}, but {people}: give a role approve = [\"{}\"], or name an [[admin]]",
            role.name,
            columns.join(", "),
            rule.tags.first().map_or_else(|| columns.join("\", \""), |t| format!("tag:{t}")),
        ),
    }
}

/// May the scope name a column of this rule?
fn covers(scope: &Scope, rule: &ProtectRule) -> bool {
    match scope {
        Scope::Tag(tag) => rule.tags.contains(tag),
        Scope::Columns(pattern) => rule.columns.iter().any(|c| meet(pattern, c)),
    }
}

fn meet(a: &ColumnPattern, b: &ColumnPattern) -> bool {
    [(&a.schema, &b.schema), (&a.table, &b.table), (&a.column, &b.column)]
        .iter()
        .all(|(a, b)| a == b || *a == "*" || *b == "*")
}
