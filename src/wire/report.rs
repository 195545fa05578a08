//! ErrorResponse and NoticeResponse: [`ClientError`] to bytes.
//!
//! Follows "Error and Notice Message Fields" in PostgreSQL's documentation.
//! Invariant: what bauta says on its own account is made here, from a
//! [`ClientError`] and nothing else.

use bytes::{BufMut, BytesMut};

use super::frame::{self, backend};
use crate::error::ClientError;

/// Fields `S` and `V`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
    Notice,
    Warning,
}

impl Severity {
    fn text(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
            Severity::Notice => "NOTICE",
            Severity::Warning => "WARNING",
        }
    }

    fn tag(self) -> u8 {
        match self {
            Severity::Error | Severity::Fatal => backend::ERROR_RESPONSE,
            Severity::Notice | Severity::Warning => backend::NOTICE_RESPONSE,
        }
    }
}

/// Appends the report as an ErrorResponse or a NoticeResponse.
pub fn put(out: &mut BytesMut, severity: Severity, report: &ClientError) {
    // The fields are bauta's own short texts and fit a frame; were one ever
    // beyond 2 GB, `put` would append nothing.
    let _ = frame::put(out, severity.tag(), |body| {
        field(body, b'S', severity.text());
        field(body, b'V', severity.text());
        field(body, b'C', &report.code);
        field(body, b'M', &report.message);
        if let Some(detail) = &report.detail {
            field(body, b'D', detail);
        }
        if let Some(hint) = &report.hint {
            field(body, b'H', hint);
        }
        if let Some(position) = report.position {
            field(body, b'P', &position.to_string());
        }
        body.put_u8(0);
    });
}

/// A zero byte inside a text would end the field early, so it is left out.
fn field(body: &mut BytesMut, kind: u8, text: &str) {
    body.put_u8(kind);
    for part in text.split('\0') {
        body.put_slice(part.as_bytes());
    }
    body.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_its_fields_in_postgresqls_order() {
        let mut out = BytesMut::new();
        let report = ClientError::new("42501", "no").with_detail("d\0d").with_hint("h").at(7);
        put(&mut out, Severity::Error, &report);
        assert_eq!(out.split_to(5)[0], b'E');
        assert_eq!(&out[..], b"SERROR\0VERROR\0C42501\0Mno\0Ddd\0Hh\0P7\0\0");
    }

    #[test]
    fn a_notice_is_not_an_error() {
        let mut out = BytesMut::new();
        put(&mut out, Severity::Notice, &ClientError::new("00000", "well"));
        assert_eq!(out[0], b'N');
    }
}
