//! `[[protect]]` and `[[role]]`: what is protected, how, and who may see it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::fault::suggestion;
use super::raw::{Given, Located, Reader, Section};
use super::read::{LONGEST_GRANT, refusal, ticket_pattern};
use super::{Allow, ColumnPattern, Config, ProtectRule, Role, Scope};
use crate::mask::{DocumentPath, MOST_PATHS, MethodFault, MethodSpec};

/// PostgreSQL cuts longer names (NAMEDATALEN).
const LONGEST_NAME: usize = 63;

pub(super) fn protect(sections: Vec<Section<'_, '_>>) -> Vec<ProtectRule> {
    sections.into_iter().filter_map(protect_rule).collect()
}

fn protect_rule(mut section: Section<'_, '_>) -> Option<ProtectRule> {
    let place = format!("{}:{}", section.reader.file, section.line);
    let database = section.text("database").map_or_else(|| "*".to_owned(), |d| d.value);
    let columns = columns(&mut section);
    let path = path(&mut section);
    let method = section.text("method");
    section.demand("method");
    let domain = section.text("domain");
    let tags = tags(&mut section);
    let allow = allow(&mut section);
    let method = match method {
        Some(name) => method_spec(&mut section, &name),
        None => {
            mistyped_keys(&mut section);
            None
        }
    };
    if let (Some(domain), Some(method)) = (&domain, &method)
        && !method.method().takes_domain()
    {
        let mend = format!("method \"{}\" has no domain: remove the key", method.name());
        section.fault(domain.line, "domain", format_args!("does not fit: {mend}"));
    }
    if path.is_some() && method == Some(MethodSpec::Show) {
        let mend = "what no path names is shown already: remove the rule";
        let message = format_args!("\"show\" does not fit a path: {mend}");
        section.fault(section.line_of("method"), "method", message);
    }
    section.finish();
    let domain = domain.map(|d| d.value);
    Some(ProtectRule { place, database, columns, path, method: method?, domain, tags, allow })
}

fn path(section: &mut Section<'_, '_>) -> Option<DocumentPath> {
    let found = section.text("path")?;
    match DocumentPath::parse(&found.value) {
        Ok(path) => Some(path),
        Err(fault) => {
            section.fault(found.line, "path", format_args!("{fault}, not {:?}", found.value));
            None
        }
    }
}

fn columns(section: &mut Section<'_, '_>) -> Vec<ColumnPattern> {
    let (one, many) = (section.list("column"), section.list("columns"));
    match (&one, &many) {
        (None, None) => section.fault(section.line, "column", "is missing: \"schema.table.column\""),
        (Some(_), Some(many)) => section.fault(many.line, "columns", "and protect.column exclude each other"),
        _ => {}
    }
    let mut patterns = Vec::new();
    for (key, found) in [("column", one), ("columns", many)] {
        let Some(found) = found else { continue };
        if found.value.is_empty() {
            section.fault(found.line, key, "must name at least one column");
        }
        patterns.extend(found.value.iter().filter_map(|text| pattern(section, key, found.line, text)));
    }
    patterns
}

fn pattern(section: &Section<'_, '_>, key: &str, line: usize, text: &str) -> Option<ColumnPattern> {
    let parsed = parse_pattern(text);
    if parsed.is_none() {
        section.fault(
            line,
            key,
            format_args!(
                "must be \"schema.table.column\" with * for any part (double quotes around a name with a dot), not {text:?}"
            ),
        );
    }
    parsed
}

/// Reads `schema.table.column`; `*` for any part. Names are as the catalog
/// has them, not folded; `"a.b"` in double quotes is one name.
pub fn parse_pattern(text: &str) -> Option<ColumnPattern> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (name, after) = quoted.split_once('"')?;
                (name, after)
            }
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        let is_name = !part.is_empty()
            && part.len() <= LONGEST_NAME
            && !part.contains(|c: char| c.is_control() || c == '"')
            && (part == "*" || !part.contains('*'));
        if !is_name || part.trim() != part {
            return None;
        }
        parts.push(part.to_owned());
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => break,
            None => return None,
        }
    }
    let [schema, table, column] = <[String; 3]>::try_from(parts).ok()?;
    Some(ColumnPattern { schema, table, column })
}

fn tags(section: &mut Section<'_, '_>) -> Vec<String> {
    let Some(found) = section.list("tags") else { return Vec::new() };
    for tag in &found.value {
        if tag.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',' || c == ':') {
            section.fault(
                found.line,
                "tags",
                format_args!("must be words without spaces, commas and colons, not {tag:?}"),
            );
        }
    }
    found.value
}

fn allow(section: &mut Section<'_, '_>) -> Vec<Allow> {
    const WORDS: [(&str, Allow); 4] = [
        ("equality", Allow::Equality),
        ("order", Allow::Order),
        ("search", Allow::Search),
        ("write", Allow::Write),
    ];
    let Some(found) = section.list("allow") else { return Vec::new() };
    let mut allowed = Vec::new();
    for text in &found.value {
        match WORDS.iter().find(|(word, _)| word == text) {
            Some((_, allow)) => allowed.push(*allow),
            None => {
                let mend = suggestion(text, WORDS.map(|(word, _)| word));
                section.fault(found.line, "allow", format_args!("can't be {text:?}{mend}"));
            }
        }
    }
    allowed
}

/// The method with its options: all keys that are not the rule's own.
fn method_spec(section: &mut Section<'_, '_>, name: &Located<String>) -> Option<MethodSpec> {
    let mut lines = HashMap::new();
    let mut options = BTreeMap::new();
    for (key, found) in section.rest() {
        lines.insert(key.clone(), found.line);
        if let Some(value) = option_value(found.value) {
            options.insert(key, value);
        } else {
            section.fault(found.line, &key, "must be a text, number, boolean, date or list");
        }
    }
    loop {
        let fault = match MethodSpec::parse(&name.value, &options) {
            Ok(spec) => return Some(spec),
            Err(fault) => fault,
        };
        let line = match &fault {
            MethodFault::UnknownMethod { .. } => name.line,
            MethodFault::UnknownOption { given, .. } => lines.get(given).copied().unwrap_or(name.line),
            MethodFault::BadOption { option, .. } => lines.get(*option).copied().unwrap_or(name.line),
        };
        section.reader.fault(line, own_key(section, &fault).unwrap_or_else(|| fault.to_string()));
        // One fault a key: without it, the next one shows.
        let bad = match &fault {
            MethodFault::UnknownMethod { .. } => return None,
            MethodFault::UnknownOption { given, .. } => given.as_str(),
            MethodFault::BadOption { option, .. } => option,
        };
        options.remove(bad)?;
    }
}

/// Without a method, a key may be an option of the one that is missing; only
/// those near to the rule's own keys are surely mistyped.
fn mistyped_keys(section: &mut Section<'_, '_>) {
    for (key, found) in section.rest() {
        if let Some(near) = super::fault::nearest(&key, section.known().iter().copied()) {
            let message = format!("unknown key \"{key}\" in [protect]: did you mean \"{near}\"?");
            section.reader.fault(found.line, message);
        }
    }
}

/// A mistyped key may be one of the rule's own rather than the method's.
fn own_key(section: &Section<'_, '_>, fault: &MethodFault) -> Option<String> {
    let MethodFault::UnknownOption { given, nearest: None, method } = fault else { return None };
    let own = section.known().iter().copied();
    Some(match super::fault::nearest(given, own.clone()) {
        Some(near) => format!("unknown key \"{given}\" in [protect]: did you mean \"{near}\"?"),
        None => format!(
            "unknown key \"{given}\" in [protect]: neither a key of a rule ({}) nor an option of method \"{method}\"",
            own.collect::<Vec<_>>().join(", ")
        ),
    })
}

/// What `MethodSpec::parse` takes: text from the environment or a file is a
/// number if it reads as one.
fn option_value(given: Given<'_>) -> Option<toml::Value> {
    match given {
        Given::Text(text) => Some(match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => toml::Value::Integer(number),
            _ => toml::Value::String(text),
        }),
        Given::Toml(value) => <toml::Value as serde::Deserialize>::deserialize(
            toml::de::ValueDeserializer::from(toml::Spanned::new(0..0, value)),
        )
        .ok(),
    }
}

pub(super) fn roles(sections: Vec<Section<'_, '_>>) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    for mut section in sections {
        let line = section.line;
        if let Some(role) = role(&mut section) {
            if let Some(other) = roles.iter().find(|r| r.name == role.name) {
                section.fault(
                    line,
                    "name",
                    format_args!("{:?} is taken by the role at {}", role.name, other.place),
                );
            }
            roles.push(role);
        }
        section.finish();
    }
    roles
}

fn role(section: &mut Section<'_, '_>) -> Option<Role> {
    let place = format!("{}:{}", section.reader.file, section.line);
    let name = section.text("name");
    section.demand("name");
    let members = section.list("members");
    let (mut logins, mut postgres_roles) = (Vec::new(), Vec::new());
    for member in members.iter().flat_map(|m| &m.value) {
        match member.strip_prefix("pg:") {
            Some("") => {
                section.fault(section.line_of("members"), "members", "has \"pg:\" without a role's name")
            }
            Some(role) => postgres_roles.push(role.to_owned()),
            None => logins.push(member.clone()),
        }
    }
    let unmask = scopes(section, "unmask");
    let request = scopes(section, "request");
    let approve = scopes(section, "approve");
    let max_duration = section.duration("max_duration", Duration::from_secs(1)..=LONGEST_GRANT, None);
    let refusal = refusal(section);
    let ticket_pattern = ticket_pattern(section);
    let export = section.boolean("export").unwrap_or(false);
    let exempt = section.boolean("exempt").unwrap_or(false);
    let break_glass = section.boolean("break_glass").unwrap_or(false);
    Some(Role {
        place,
        name: name?.value,
        members: logins,
        member_roles: postgres_roles,
        unmask,
        request,
        approve,
        max_duration,
        refusal,
        ticket_pattern,
        export,
        break_glass,
        exempt,
    })
}

fn scopes(section: &mut Section<'_, '_>, key: &'static str) -> Vec<Scope> {
    let Some(found) = section.list(key) else { return Vec::new() };
    let mut scopes = Vec::new();
    for text in &found.value {
        match text.strip_prefix("tag:") {
            Some("") => section.fault(found.line, key, "has \"tag:\" without a tag's name"),
            Some(tag) => scopes.push(Scope::Tag(tag.to_owned())),
            None => match parse_pattern(text) {
                Some(pattern) => scopes.push(Scope::Columns(pattern)),
                None => section.fault(
                    found.line,
                    key,
                    format_args!(
                        "must be \"tag:NAME\" or \"schema.table.column\" with * for any part, not {text:?}"
                    ),
                ),
            },
        }
    }
    scopes
}

/// What only shows when all rules are read.
pub(super) fn cross_check(reader: &Reader<'_>, config: &Config, all_rules: bool) {
    one_rule_a_column(reader, config);
    one_method_a_domain(reader, config);
    if all_rules {
        tags_exist(reader, config);
    }
}

/// The line of a rule's or role's place.
fn line_of(place: &str) -> usize {
    place.rsplit_once(':').and_then(|(_, line)| line.parse().ok()).unwrap_or(0)
}

fn one_rule_a_column(reader: &Reader<'_>, config: &Config) {
    let mut seen: HashMap<(&str, &ColumnPattern), Vec<&ProtectRule>> = HashMap::new();
    for rule in &config.protect {
        for column in &rule.columns {
            let others = seen.entry((&rule.database, column)).or_default();
            let too_many =
                || (others.len() == MOST_PATHS).then(|| format!("has more than {MOST_PATHS} paths"));
            if let Some(fault) = others.iter().find_map(|other| clash(other, rule)).or_else(too_many) {
                reader.fault(line_of(&rule.place), format!("protect.column {column} {fault}"));
            }
            others.push(rule);
        }
    }
}

/// Why two rules can't both speak for one column.
fn clash(first: &ProtectRule, second: &ProtectRule) -> Option<String> {
    let place = &first.place;
    match (&first.path, &second.path) {
        (None, None) => Some(format!("is named by the rule at {place} already")),
        (None, Some(_)) => Some(format!("is named as a whole by the rule at {place}: remove one")),
        (Some(path), None) => Some(format!("is named with path {path} by the rule at {place}: remove one")),
        (Some(a), Some(b)) if a == b => Some(format!("has path {a} in the rule at {place} already")),
        (Some(a), Some(b)) => a.overlaps(b).then(|| {
            format!("has path {b}, which leads through or into {a} at {place}: one of them is enough")
        }),
    }
}

fn one_method_a_domain(reader: &Reader<'_>, config: &Config) {
    let mut seen: HashMap<&str, &ProtectRule> = HashMap::new();
    for rule in &config.protect {
        let Some(domain) = &rule.domain else { continue };
        let first = *seen.entry(domain).or_insert(rule);
        if first.method != rule.method {
            let message = format!(
                "protect.domain \"{domain}\" has method \"{}\" here and \"{}\" at {}: one domain has one method and its options",
                rule.method.name(),
                first.method.name(),
                first.place
            );
            reader.fault(line_of(&rule.place), message);
        }
    }
}

fn tags_exist(reader: &Reader<'_>, config: &Config) {
    let known: Vec<&str> = config.protect.iter().flat_map(|r| &r.tags).map(String::as_str).collect();
    for role in &config.roles {
        for (key, scopes) in
            [("unmask", &role.unmask), ("request", &role.request), ("approve", &role.approve)]
        {
            for scope in scopes {
                let Scope::Tag(tag) = scope else { continue };
                if !known.contains(&tag.as_str()) {
                    let mend = super::fault::nearest(tag, known.iter().copied())
                        .map_or_else(String::new, |near| format!(": did you mean \"tag:{near}\"?"));
                    let message = format!("role.{key} names \"tag:{tag}\", which no protect rule has{mend}");
                    reader.fault(line_of(&role.place), message);
                }
            }
        }
    }
}
