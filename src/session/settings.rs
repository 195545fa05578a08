//! The session's settings that change what its bytes mean, as the server
//! reports them (ParameterStatus).

use crate::error::{ClientError, sqlstate};
use crate::mask::Encoding;

/// See the module. Both settings are reported by every supported server.
#[derive(Debug, Clone)]
pub struct Settings {
    standard_strings: bool,
    encoding: Known,
    client: Vec<u8>,
    server: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Utf8,
    /// One byte a character, ASCII below 128.
    SingleByte,
    /// A character may hold a byte that means something else in ASCII, or
    /// takes several bytes that masks would cut.
    Unsafe,
}

/// Bytes of any encoding, converted to none.
const SQL_ASCII: &[u8] = b"SQL_ASCII";

impl Settings {
    pub fn new<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut settings =
            Self { standard_strings: true, encoding: Known::Unsafe, client: Vec::new(), server: Vec::new() };
        for (name, value) in parameters {
            settings.set(name.as_bytes(), value.as_bytes());
        }
        settings
    }

    /// The server says that `name` is `value` now.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"standard_conforming_strings" => self.standard_strings = value == b"on",
            b"client_encoding" => {
                self.encoding = known(value);
                self.client = value.to_vec();
            }
            b"server_encoding" => self.server = value.to_vec(),
            _ => {}
        }
    }

    pub fn encoding(&self) -> Encoding {
        match self.encoding {
            Known::Utf8 => Encoding::Utf8,
            // Nothing is converted: values have the letters that the server stores.
            Known::SingleByte | Known::Unsafe if self.client == SQL_ASCII && self.has_utf8_server() => {
                Encoding::Utf8
            }
            Known::SingleByte | Known::Unsafe => Encoding::SingleByte,
        }
    }

    /// None: whether a token's original can be sent would tell what letters it has.
    pub fn encoding_of_tokens(&self) -> Option<Encoding> {
        self.lossy_output().is_none().then(|| self.encoding())
    }

    /// Nothing is converted on the way.
    pub fn is_utf8_throughout(&self) -> bool {
        self.encoding == Known::Utf8 && self.has_utf8_server()
    }

    /// The server reads other letters than ASCII as they are sent, in UTF8.
    pub fn reads_as_sent(&self) -> bool {
        self.has_utf8_server() && (self.encoding == Known::Utf8 || self.client == SQL_ASCII)
    }

    /// The server takes a literal for the letters that it has in UTF8.
    pub fn reads_letters(&self) -> bool {
        let converts_one_to_one = self.encoding == Known::Utf8 && known(&self.server) == Known::SingleByte;
        self.reads_as_sent() || (converts_one_to_one && self.server != SQL_ASCII)
    }

    /// Some of its letters become ASCII signs (`~`), which end a word.
    pub fn becomes_ascii(&self) -> bool {
        self.client == b"SHIFT_JIS_2004"
    }

    pub fn has_utf8_server(&self) -> bool {
        known(&self.server) == Known::Utf8
    }

    /// Why a statement that names something protected can't be read safely.
    pub fn unsafe_reading(&self) -> Option<ClientError> {
        if !self.standard_strings {
            return Some(
                refusal("standard_conforming_strings = off")
                    .with_hint("SET standard_conforming_strings = on."),
            );
        }
        (self.encoding == Known::Unsafe)
            .then(|| refusal("this client_encoding").with_hint("SET client_encoding = 'UTF8'."))
    }

    /// Why masked values can't be shown: the server converts the originals
    /// first, and fails where the client's encoding lacks one of their
    /// characters, or where they are none of what the server takes them for; or it
    /// doesn't, and masks would count the bytes of a character.
    pub fn lossy_output(&self) -> Option<ClientError> {
        let of_any_bytes = self.server == SQL_ASCII;
        let lossless = match &*self.client {
            b"UTF8" | b"UNICODE" => !of_any_bytes,
            SQL_ASCII => known(&self.server) != Known::Unsafe,
            client => client == self.server,
        };
        let (why, mend) = match of_any_bytes {
            true => (
                "masked columns of a database in SQL_ASCII cannot be read with another client_encoding",
                "SET client_encoding = 'SQL_ASCII'.",
            ),
            false => (
                "masked columns cannot be read with a client_encoding that lacks characters of the server's",
                "SET client_encoding = 'UTF8'.",
            ),
        };
        (!lossless).then(|| ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, why).with_hint(mend))
    }
}

/// What is set in the same message is reported after it.
pub fn unheard_encoding() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "masked columns cannot be read, nor tokens be used, in a message or pipeline that may set client_encoding",
    )
    .with_hint("Send what sets it by itself, and this statement after it.")
}

fn refusal(what: &str) -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        format!("a statement that may name protected data cannot run with {what}"),
    )
}

fn known(encoding: &[u8]) -> Known {
    let single = [&b"LATIN"[..], b"WIN", b"ISO_8859_", b"KOI8", b"SQL_ASCII"];
    match encoding {
        b"UTF8" | b"UNICODE" => Known::Utf8,
        // Names of Windows code pages for multi-byte encodings (aliases).
        b"WIN932" | b"WIN936" | b"WIN949" | b"WIN950" => Known::Unsafe,
        name if single.iter().any(|start| name.starts_with(start)) => Known::SingleByte,
        _ => Known::Unsafe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversion_that_could_fail_on_a_value_is_not_run() {
        let with = |client, server| {
            let all = [("client_encoding", client), ("server_encoding", server)];
            Settings::new(all.into_iter()).lossy_output().is_some()
        };
        assert!(with("LATIN1", "UTF8"));
        assert!(with("WIN1252", "LATIN1"));
        assert!(!with("UTF8", "UTF8"));
        assert!(!with("UTF8", "LATIN1"));
        assert!(!with("LATIN1", "LATIN1"));
        assert!(!with("SQL_ASCII", "UTF8"));
        assert!(!with("SQL_ASCII", "SQL_ASCII"));
        assert!(with("UTF8", "SQL_ASCII"));
        assert!(with("SQL_ASCII", "EUC_JP"));
        assert!(!with("UTF8", "EUC_JP"));
    }

    #[test]
    fn what_is_not_converted_has_the_servers_letters() {
        let with = |client, server| {
            let all = [("client_encoding", client), ("server_encoding", server)];
            Settings::new(all.into_iter()).encoding()
        };
        assert_eq!(with("SQL_ASCII", "UTF8"), Encoding::Utf8);
        assert_eq!(with("SQL_ASCII", "LATIN1"), Encoding::SingleByte);
        assert_eq!(with("SQL_ASCII", "SQL_ASCII"), Encoding::SingleByte);
        assert_eq!(with("LATIN1", "UTF8"), Encoding::SingleByte);
    }

    #[test]
    fn text_that_means_something_else_to_the_server_is_not_read() {
        let with = |strings, encoding| {
            let all = [("standard_conforming_strings", strings), ("client_encoding", encoding)];
            Settings::new(all.into_iter()).unsafe_reading().is_some()
        };
        assert!(!with("on", "UTF8"));
        assert!(!with("on", "LATIN1"));
        assert!(!with("on", "WIN1252"));
        assert!(with("off", "UTF8"));
        for encoding in ["SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004", "EUC_JP"] {
            assert!(with("on", encoding), "{encoding}");
        }
        assert!(Settings::new(std::iter::empty()).unsafe_reading().is_some());
    }
}
