//! Errors and notices of the server, as a session without a full grant may
//! see them.
//!
//! `email::int` fails with the value in its message, a constraint shows the
//! failing row in its DETAIL. So for a statement that touches something
//! protected, what the server says is cut down to what does not depend on a
//! value: SQLSTATE, names of objects, the place in the client's text.
//!
//! Follows "Error and Notice Message Fields". Invariant: no text of the
//! server's passes here but that of errors raised while it read the
//! statement's own text.

use bytes::BytesMut;

use crate::sql::splice::Edit;
use crate::wire::backend::{ErrorFields, write_fields};
use crate::wire::condition::condition_name;
use crate::wire::frame::backend as tag;

/// Syntax and name errors: their messages quote the statement, not data.
const QUOTE_THE_STATEMENT: &[&str] = &[
    "42601", // syntax_error
    "42703", // undefined_column
    "42P01", // undefined_table
    "42883", // undefined_function
    "42704", // undefined_object
    "42P02", // undefined_parameter
    "3F000", // invalid_schema_name
    "42702", // ambiguous_column
    "42725", // ambiguous_function
    "42P09", // ambiguous_alias
    "42712", // duplicate_alias
    "42803", // grouping_error
    "42804", // datatype_mismatch
    "42P18", // indeterminate_datatype
];

/// Messages that say the same whatever the rows hold.
const ALWAYS_THE_SAME: &[&str] = &[
    "25P02", // in_failed_sql_transaction
    "26000", // invalid_sql_statement_name
    "34000", // invalid_cursor_name
    "40001", // serialization_failure
    "40P01", // deadlock_detected
    "57014", // query_canceled
];

/// They quote a literal, where they stand beside its place in the text.
const OF_LITERALS: &[&str] = &[
    "22003", // numeric_value_out_of_range
    "22007", // invalid_datetime_format
    "22008", // datetime_field_overflow
    "22P02", // invalid_text_representation
];

/// Fields that name objects: schema, table, column, data type, constraint.
const NAMES: &[u8] = b"stcdn";

/// The text a message was sent for, and what was edited in it.
#[derive(Debug, Clone)]
pub struct Translation {
    /// What went upstream.
    pub sent: Vec<u8>,
    /// The edits that made it of the client's text, which is `original`.
    pub edits: Vec<Edit>,
    pub original: bytes::Bytes,
}

impl Translation {
    /// The place in the client's text for one in what was sent, both in
    /// characters from 1. None: inside a splice.
    fn back(&self, position: usize) -> Option<usize> {
        let sent = std::str::from_utf8(&self.sent).ok()?;
        let original = std::str::from_utf8(&self.original).ok()?;
        let at = match sent.char_indices().nth(position.checked_sub(1)?) {
            Some((at, _)) => at,
            None => sent.len(),
        };
        // Walk both texts up to the place.
        let mut edits: Vec<&Edit> = self.edits.iter().collect();
        edits.sort_by_key(|edit| (edit.start, edit.end));
        let (mut sent_at, mut original_at) = (0_usize, 0_usize);
        for edit in edits {
            let same = edit.start.checked_sub(original_at)?;
            if at < sent_at + same {
                break;
            }
            sent_at += same + edit.spelled().len();
            original_at = edit.end;
            if at < sent_at {
                return None;
            }
        }
        let place = original_at + at.checked_sub(sent_at)?;
        Some(original.get(..place)?.chars().count() + 1)
    }
}

/// How a report reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// As it came, but for its position.
    Open,
    /// Filtered.
    Closed,
}

/// Appends an ErrorResponse as the client may see it.
pub fn put_error(
    fields: &ErrorFields<'_>,
    gate: Gate,
    translation: Option<&Translation>,
    out: &mut BytesMut,
) {
    let position = position(fields, translation);
    let quotes = QUOTE_THE_STATEMENT.contains(&fields.sqlstate())
        && fields.get(b'P').is_some()
        && [b'p', b'q', b'W'].iter().all(|code| fields.get(*code).is_none());
    let plain = is_plain(fields);
    let condition = condition_name(fields.sqlstate());
    let kept = fields.0.iter().filter_map(|(code, value)| {
        let value: &[u8] = match (code, gate) {
            (b'P', _) => position.as_deref()?.as_bytes(),
            (_, Gate::Open) => value,
            (b'S' | b'V' | b'C', Gate::Closed) => value,
            (b'M', Gate::Closed) if quotes || plain => value,
            // Where in the server's source.
            (b'F' | b'L' | b'R', Gate::Closed) if plain => value,
            (b'M', Gate::Closed) => condition.as_bytes(),
            (b'H', Gate::Closed) if quotes => value,
            (code, Gate::Closed) if NAMES.contains(code) => value,
            (_, Gate::Closed) => return None,
        };
        Some((*code, value))
    });
    write_fields(tag::ERROR_RESPONSE, kept, out);
}

/// Appends a NoticeResponse as the client may see it, if it may.
pub fn put_notice(
    fields: &ErrorFields<'_>,
    gate: Gate,
    translation: Option<&Translation>,
    out: &mut BytesMut,
) {
    let position = position(fields, translation);
    if gate == Gate::Closed && !matches!(fields.severity(), b"NOTICE" | b"WARNING") {
        return;
    }
    let condition = condition_name(fields.sqlstate());
    let kept = fields.0.iter().filter_map(|(code, value)| {
        let value: &[u8] = match (code, gate) {
            (b'P', Gate::Open) => position.as_deref()?.as_bytes(),
            (_, Gate::Open) => value,
            (b'S' | b'V' | b'C', Gate::Closed) => value,
            (b'M', Gate::Closed) => condition.as_bytes(),
            (_, Gate::Closed) => return None,
        };
        Some((*code, value))
    });
    write_fields(tag::NOTICE_RESPONSE, kept, out);
}

/// The server's own words, which quote no more than a name of the statement's
/// own text, unless a function said them.
fn is_plain(fields: &ErrorFields<'_>) -> bool {
    // What they say of portals has codes that others have too.
    let of_portals = matches!(fields.get(b'R'), Some(b"MarkPortalActive" | b"PortalRunFetch"));
    // A literal that its type does not take: read before there are any rows,
    // which a place in the text shows.
    let of_literal = OF_LITERALS.contains(&fields.sqlstate()) && fields.get(b'P').is_some();
    let of_privilege = fields.sqlstate() == "42501" && fields.get(b'R') == Some(b"aclcheck_error");
    let is_known = of_portals || of_literal || of_privilege || ALWAYS_THE_SAME.contains(&fields.sqlstate());
    is_known && [b'p', b'q', b'W'].iter().all(|code| fields.get(*code).is_none())
}

/// Where the server makes rows, and what it makes them of.
const OF_SIZE: &[(&str, &[&str])] = &[
    ("54000", &["enlargeStringInfo", "pg_do_encoding_conversion", "perform_default_encoding_conversion"]),
    ("53200", ALLOCATING),
    ("XX000", ALLOCATING),
];

/// `mcxt.c`, by the names of all its versions.
const ALLOCATING: &[&str] = &[
    "MemoryContextAlloc",
    "MemoryContextAllocZero",
    "MemoryContextAllocZeroAligned",
    "MemoryContextAllocExtended",
    "MemoryContextAllocHuge",
    "MemoryContextAllocAligned",
    "MemoryContextAllocationFailure",
    "MemoryContextSizeFailure",
    "palloc",
    "palloc0",
    "palloc_extended",
    "repalloc",
    "repalloc0",
    "repalloc_extended",
    "repalloc_huge",
];

/// Has the server no room for what it was to make?
pub fn is_of_size(fields: &ErrorFields<'_>) -> bool {
    let routine = fields.get(b'R').and_then(|routine| std::str::from_utf8(routine).ok());
    let known = OF_SIZE.iter().find(|(code, _)| *code == fields.sqlstate());
    known.zip(routine).is_some_and(|((_, routines), routine)| routines.contains(&routine))
}

fn position(fields: &ErrorFields<'_>, translation: Option<&Translation>) -> Option<String> {
    let text = std::str::from_utf8(fields.get(b'P')?).ok()?;
    let Some(translation) = translation else { return Some(text.to_owned()) };
    translation.back(text.parse().ok()?).map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(put: impl FnOnce(&mut BytesMut)) -> Vec<(u8, String)> {
        let mut out = BytesMut::new();
        put(&mut out);
        if out.is_empty() {
            return Vec::new();
        }
        let fields = ErrorFields::read(&out[5..]).unwrap();
        fields.0.iter().map(|(c, v)| (*c, String::from_utf8_lossy(v).into_owned())).collect()
    }

    fn fields<'a>(list: &[(u8, &'a str)]) -> ErrorFields<'a> {
        ErrorFields(list.iter().map(|(c, v)| (*c, v.as_bytes())).collect())
    }

    #[test]
    fn a_failed_cast_does_not_show_the_value() {
        let error = fields(&[
            (b'S', "ERROR"),
            (b'V', "ERROR"),
            (b'C', "22P02"),
            (b'M', "invalid input syntax for type integer: \"ana@x.org\""),
            (b'D', "secret"),
            (b'H', "secret"),
            (b'W', "secret"),
            (b'q', "secret"),
            (b't', "customers"),
        ]);
        let shown = seen(|out| put_error(&error, Gate::Closed, None, out));
        assert_eq!(
            shown,
            [
                (b'S', "ERROR".into()),
                (b'V', "ERROR".into()),
                (b'C', "22P02".into()),
                (b'M', "invalid_text_representation".into()),
                (b't', "customers".into()),
            ]
        );
    }

    #[test]
    fn a_name_error_stays_readable_only_where_it_quotes_the_statement() {
        let own = fields(&[(b'C', "42703"), (b'M', "column \"x\" does not exist"), (b'H', "h"), (b'P', "8")]);
        let shown = seen(|out| put_error(&own, Gate::Closed, None, out));
        assert!(shown.contains(&(b'M', "column \"x\" does not exist".into())));
        assert!(shown.contains(&(b'H', "h".into())));
        let dynamic = fields(&[(b'C', "42703"), (b'M', "secret"), (b'P', "8"), (b'W', "PL/pgSQL …")]);
        let shown = seen(|out| put_error(&dynamic, Gate::Closed, None, out));
        assert!(shown.contains(&(b'M', "undefined_column".into())));
        let aborted = fields(&[(b'C', "25P02"), (b'M', "current transaction is aborted"), (b'D', "secret")]);
        let shown = seen(|out| put_error(&aborted, Gate::Closed, None, out));
        assert_eq!(shown, [(b'C', "25P02".into()), (b'M', "current transaction is aborted".into())]);
        let raised = fields(&[(b'C', "25P02"), (b'M', "secret"), (b'W', "PL/pgSQL …")]);
        let shown = seen(|out| put_error(&raised, Gate::Closed, None, out));
        assert!(shown.contains(&(b'M', "in_failed_sql_transaction".into())));
        let tsquery = fields(&[(b'C', "42601"), (b'M', "syntax error in tsquery: \"secret\"")]);
        let shown = seen(|out| put_error(&tsquery, Gate::Closed, None, out));
        assert!(shown.contains(&(b'M', "syntax_error".into())));
    }

    #[test]
    fn what_quotes_the_text_or_a_privilege_stays_readable() {
        let message = "invalid input syntax for type integer: \"abc\"";
        let shows = |list: &[(u8, &str)], message: &str| {
            let shown = seen(|out| put_error(&fields(list), Gate::Closed, None, out));
            shown.contains(&(b'M', message.into()))
        };
        let of_text = [(b'C', "22P02"), (b'M', message), (b'P', "31")];
        assert!(shows(&of_text, message));
        // Of a row, or of a function's own text.
        assert!(!shows(&of_text[..2], message));
        assert!(!shows(&[&of_text[..], &[(b'W', "PL/pgSQL …")]].concat(), message));
        assert!(!shows(&[&of_text[..], &[(b'q', "SELECT …")]].concat(), message));
        let denied = "permission denied for table customers";
        let by_server = [(b'C', "42501"), (b'M', denied), (b'R', "aclcheck_error")];
        assert!(shows(&by_server, denied));
        assert!(!shows(&by_server[..2], denied));
        assert!(!shows(&[&by_server[..], &[(b'W', "PL/pgSQL …")]].concat(), denied));
    }

    #[test]
    fn what_the_server_has_no_room_for_is_known_by_where_it_fails() {
        for (code, routine, is_of) in [
            ("54000", "enlargeStringInfo", true),
            ("XX000", "palloc", true),
            ("XX000", "MemoryContextSizeFailure", true),
            ("53200", "MemoryContextAllocationFailure", true),
            // repeat() of too much, in the client's own text.
            ("54000", "repeat", false),
            ("22003", "palloc", false),
        ] {
            let error = fields(&[(b'C', code), (b'R', routine), (b'M', "1073741825")]);
            assert_eq!(is_of_size(&error), is_of, "{code} {routine}");
        }
        assert!(!is_of_size(&fields(&[(b'C', "54000"), (b'M', "out of memory")])));
    }

    #[test]
    fn a_log_message_under_client_min_messages_is_dropped() {
        for severity in ["LOG", "DEBUG1", "INFO", "DEBUG", ""] {
            let notice = fields(&[(b'S', severity), (b'V', severity), (b'M', "secret"), (b'C', "00000")]);
            assert!(seen(|out| put_notice(&notice, Gate::Closed, None, out)).is_empty(), "{severity}");
        }
        let notice = fields(&[(b'S', "NOTICE"), (b'V', "NOTICE"), (b'C', "00000"), (b'M', "secret")]);
        let shown = seen(|out| put_notice(&notice, Gate::Closed, None, out));
        assert!(!shown.iter().any(|(_, v)| v.contains("secret")));
    }

    #[test]
    fn positions_are_those_of_the_clients_text() {
        let translation = Translation {
            sent: "SELECT é, (CASE WHEN false THEN c END), zz".into(),
            edits: vec![Edit::new(11..12, "(CASE WHEN false THEN c END)")],
            original: bytes::Bytes::from("SELECT é, c, zz"),
        };
        assert_eq!(translation.back(8), Some(8));
        assert_eq!(translation.back(13), None);
        assert_eq!(translation.back(41), Some(14));
        assert_eq!(translation.back(1), Some(1));
        let error = fields(&[(b'C', "42703"), (b'M', "m"), (b'P', "13")]);
        assert!(
            !seen(|out| put_error(&error, Gate::Open, Some(&translation), out)).iter().any(|f| f.0 == b'P')
        );
    }
}
