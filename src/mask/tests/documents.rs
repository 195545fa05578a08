//! Documents: masked at their paths, untouched elsewhere. A document is drawn
//! at random, with blanks, doubled keys and escapes, and written twice: as the
//! server sends it, and as it must look afterwards by a plain recursion over
//! the paths. Both must agree byte for byte, and serde_json must read the rest.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::mask::document::DocumentRule;
use crate::mask::document::path::DocumentPath;

fn rule(path: &str, method: MethodSpec) -> DocumentRule {
    let path = if path == "$" { DocumentPath::whole() } else { DocumentPath::parse(path).unwrap() };
    DocumentRule { path, method, domain: "d".into() }
}

fn redacted(paths: &[&str]) -> MethodSpec {
    MethodSpec::Document(paths.iter().map(|path| rule(path, MethodSpec::of(Method::Redact))).collect())
}

fn document(spec: &MethodSpec, type_name: &str, format: Format, value: &[u8]) -> Vec<u8> {
    masked(spec, &of(type_name, -1), format, value).unwrap()
}

fn json(spec: &MethodSpec, value: &str) -> String {
    String::from_utf8(document(spec, "json", Format::Text, value.as_bytes())).unwrap()
}

/// The value at `$.v`, masked.
fn leaf(method: &str, options: &str, value: &str) -> String {
    let spec = MethodSpec::Document([rule("$.v", spec(method, options))].into());
    let shown = json(&spec, &format!("{{\"v\":{value}}}"));
    shown.strip_prefix("{\"v\":").unwrap().strip_suffix('}').unwrap().to_owned()
}

fn fails(spec: &MethodSpec, type_name: &str, format: Format, value: &[u8]) -> bool {
    let mask = plan(spec, "d", &of(type_name, -1), format, &keys()).unwrap();
    let mut out = BytesMut::from("before");
    let failed = mask.apply(value, &mut out).is_err();
    assert!(!failed || &*out == b"before", "something of the value was written");
    failed
}

#[test]
fn everything_but_the_paths_stays_as_it_is() {
    let spec = redacted(&["$.user.email", "$.items[*].price", "$.tags[*]"]);
    assert_eq!(
        json(
            &spec,
            "{ \"b\": 1.50,\"user\" :{\"email\":\"ana@x.org\" , \"email\" : 7,\"n\":null},\n\t\"items\":\
             [{\"price\":[1,{}],\"sku\":\"a\"},[{\"price\":2}],3], \"tags\" : [ \"x\",null , [\"y\"]], \"email\":\"free\"} "
        ),
        "{ \"b\": 1.50,\"user\" :{\"email\":\"***\" , \"email\" : \"***\",\"n\":null},\n\t\"items\":\
         [{\"price\":\"***\",\"sku\":\"a\"},[{\"price\":\"***\"}],3], \"tags\" : [ \"***\",null , \"***\"], \"email\":\"free\"} "
    );
}

#[test]
fn an_array_that_the_rule_did_not_foresee_hides_nothing_from_it() {
    let spec = redacted(&["$.user.email"]);
    assert_eq!(
        json(&spec, r#"[[{"user":[{"email":"a"},{"email":"b"}]}]]"#),
        r#"[[{"user":[{"email":"***"},{"email":"***"}]}]]"#
    );
    // And a single value where elements were expected.
    assert_eq!(json(&redacted(&["$.tags[*]"]), r#"{"tags":"a"}"#), r#"{"tags":"***"}"#);
    assert_eq!(json(&redacted(&["$.tags[*]"]), r#"{"tags":{"a":1}}"#), r#"{"tags":"***"}"#);
}

#[test]
fn an_escaped_key_is_the_key_it_stands_for() {
    let spec = redacted(&["$.email", r#"$."a\"b""#, r#"$."😀""#]);
    assert_eq!(json(&spec, r#"{"em\u0061il":"x"}"#), r#"{"em\u0061il":"***"}"#);
    assert_eq!(json(&spec, r#"{"a\"b":"x"}"#), r#"{"a\"b":"***"}"#);
    assert_eq!(json(&spec, r#"{"\ud83d\ude00":"x"}"#), r#"{"\ud83d\ude00":"***"}"#);
    assert_eq!(json(&spec, r#"{"\ud83d":"x","email\u0000":1}"#), r#"{"\ud83d":"x","email\u0000":1}"#);
}

#[test]
fn methods_mask_the_text_that_the_accessor_would_give() {
    assert_eq!(leaf("email", "", r#""alice@example.com""#), r#""a***@e***.com""#);
    assert_eq!(leaf("email", "", r#""\u0061lice@example.com""#), r#""a***@e***.com""#);
    assert_eq!(leaf("partial", "first = 3", r#""a\"\nxyz""#), r#""a\"\n***""#);
    assert_eq!(leaf("partial", "first = 2", "12345"), r#""12***""#);
    assert_eq!(leaf("redact", "", "true"), r#""***""#);
    assert_eq!(leaf("redact", "value = 0", "17"), "0");
    assert_eq!(leaf("redact", "value = false", "17"), "false");
    assert_eq!(leaf("redact", "value = 'a\"b'", "17"), r#""a\"b""#);
    assert_eq!(leaf("null", "", "17"), "null");
    assert_eq!(leaf("generalize", "bucket = 10", "17.5"), "10");
    assert_eq!(leaf("generalize", "bucket = 10", "\"17\""), "10");
    assert_eq!(leaf("fake", "kind = 'card'", "17").len(), leaf("fake", "kind = 'card'", "\"17\"").len());
    for method in ["hash", "token", "fpe"] {
        assert_eq!(leaf(method, "", "1234567"), leaf(method, "", "\"1234567\""), "{method}");
    }
    let noisy: f64 = leaf("noise", "", "100.0").parse().unwrap();
    assert!((90.0..=110.0).contains(&noisy));
}

#[test]
fn a_json_null_stays_null_under_every_method() {
    for method in ["redact", "null", "partial", "email", "hash", "token", "fpe", "noise"] {
        assert_eq!(leaf(method, "", "null"), "null", "{method}");
    }
}

/// Their text's ends would be shown, which nobody meant.
#[test]
fn objects_and_arrays_show_no_ends() {
    for value in [r#"{"a":"x@y.com"}"#, "[1,2]", r#""{x@y.com""#] {
        assert_eq!(leaf("partial", "last = 4", value), r#""***""#);
        assert_eq!(leaf("email", "", value), r#""***""#);
    }
    assert_eq!(leaf("noise", "", "[1]"), r#""***""#);
}

/// A mask of numbers must not make what JSON can't read.
#[test]
fn numbers_that_a_mask_of_numbers_does_not_read_are_hidden() {
    for value in ["1e5", "\"NaN\"", "\"007\"", "\"1.\"", "\"\"", "\"x\"", "true"] {
        assert_eq!(leaf("generalize", "bucket = 10", value), r#""***""#, "{value}");
    }
}

#[test]
fn a_string_that_is_no_text_is_hidden() {
    for value in [r#""\ud800""#, r#""\udc00x""#, r#""\ud800\u0041""#] {
        assert_eq!(leaf("partial", "", value), r#""***""#, "{value}");
    }
}

#[test]
fn what_an_accessor_took_out_shows_what_the_document_shows() {
    for (method, options, value) in [
        ("email", "", "alice@example.com"),
        ("email", "", "{\"a\":\"x@y.com\"}"),
        ("partial", "first = 3", "[1,2]"),
        ("redact", "value = 0", "17"),
        ("generalize", "bucket = 10", "17"),
    ] {
        let spec = MethodSpec::Document([rule("$", spec(method, options))].into());
        let text = masked(&spec, &of("text", -1), Format::Text, value.as_bytes()).unwrap();
        let inside = json(&spec, &serde_json::Value::from(value).to_string());
        let shown: serde_json::Value = serde_json::from_str(&inside).unwrap();
        let shown = shown.as_str().map_or_else(|| shown.to_string(), str::to_owned);
        assert_eq!(String::from_utf8(text).unwrap(), shown);
    }
}

#[test]
fn binary_jsonb_is_a_version_and_the_text() {
    let spec = redacted(&["$.a"]);
    assert_eq!(document(&spec, "jsonb", Format::Binary, b"\x01{\"a\": 1}"), b"\x01{\"a\": \"***\"}");
    assert_eq!(document(&spec, "json", Format::Binary, b"{\"a\": 1}"), b"{\"a\": \"***\"}");
    assert!(fails(&spec, "jsonb", Format::Binary, b"\x02{\"a\": 1}"));
    assert!(fails(&spec, "jsonb", Format::Binary, b"{\"a\": 1}"));
    assert!(fails(&spec, "jsonb", Format::Binary, b""));
}

#[test]
fn what_is_not_json_ends_the_session() {
    let spec = redacted(&["$.a"]);
    for value in [
        "",
        " ",
        "{",
        "[",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "[1,]",
        "[1 2]",
        "{\"a\":1]",
        "[1}",
        "{\"a\":\"x",
        "{\"a\":\"x\\",
        "nul",
        "{\"b\":tru}",
        "1 2",
        "{} x",
        "\"x\"y",
        "-",
        "@",
        "{\"b\":{\"c\":[1,{\"d\":}]}}",
        "{\"b\":[1,2}",
    ] {
        assert!(fails(&spec, "json", Format::Text, value.as_bytes()), "{value:?}");
    }
    assert!(fails(&spec, "json", Format::Text, "[".repeat(70_000).as_bytes()));
    let deep = format!("{}{}", "[".repeat(70_000), "]".repeat(70_000));
    assert!(fails(&spec, "json", Format::Text, deep.as_bytes()));
    let deep = format!("{{\"b\":{}{}}}", "[".repeat(70_000), "]".repeat(70_000));
    assert!(fails(&spec, "json", Format::Text, deep.as_bytes()));
}

#[test]
fn deep_documents_are_read() {
    let deep = |value: &str| format!("{}{{\"a\":{value}}}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(json(&redacted(&["$.a"]), &deep("1")), deep("\"***\""));
}

#[test]
fn arrays_of_documents_are_masked_one_by_one() {
    let value = br#"{"{\"a\": \"x\"}",NULL,"{\"b\": 1}"}"#;
    let shown = masked(&redacted(&["$.a"]), &array_of("jsonb"), Format::Text, value).unwrap();
    assert_eq!(String::from_utf8(shown).unwrap(), r#"{"{\"a\": \"***\"}",NULL,"{\"b\": 1}"}"#);
}

/// In another encoding a name has other bytes, and would not be found.
#[test]
fn a_key_that_the_encoding_spells_otherwise_hides_the_document() {
    let wire = Wire { format: Format::Text, encoding: Encoding::SingleByte };
    let shown = |paths: &[&str], value: &[u8]| {
        run(&*plan(&redacted(paths), "d", &of("json", -1), wire, &keys()).unwrap(), value).unwrap()
    };
    assert_eq!(shown(&["$.größe"], b"{\"gr\xf6\xdfe\":1}"), b"{}");
    assert_eq!(shown(&["$.a"], b"{\"a\":1,\"\xf6\":\"\xdf\"}"), b"{\"a\":\"***\",\"\xf6\":\"\xdf\"}");
    let hash = MethodSpec::Document([rule("$.a", MethodSpec::of(Method::Hash))].into());
    let mask = plan(&hash, "d", &of("json", -1), wire, &keys()).unwrap();
    assert_eq!(run(&*mask, br#"{"a":"\u00f6"}"#).unwrap(), br#"{"a":"***"}"#);
}

#[test]
fn paths_and_methods_that_fit_no_document() {
    for ty in [of("text", -1), of("xml", -1), of("int4", -1)] {
        let fault = fits(&redacted(&["$.a"]), &ty).unwrap_err();
        assert!(fault.mend.contains("json, jsonb and composite types only"), "{fault}");
    }
    let year = MethodSpec::Document([rule("$.a", spec("generalize", "to = 'year'"))].into());
    let fault = fits(&year, &of("jsonb", -1)).unwrap_err();
    assert_eq!(fault.mend, "inside a document it takes \"bucket\" only, for numbers");
    let many: Arc<[DocumentRule]> =
        (0..65).map(|n| rule(&format!("$.k{n}"), MethodSpec::of(Method::Redact))).collect();
    assert!(fits(&MethodSpec::Document(many), &of("jsonb", -1)).is_err());
}

#[derive(Debug, Clone)]
enum Drawn {
    Bare(&'static str),
    Text(String),
    List(Vec<Drawn>),
    Members(Vec<(&'static str, Drawn)>),
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let bare = prop::sample::select(vec!["null", "true", "false", "0", "-1.5e+3", "12345678901234567890.10"]);
    let leaf = prop_oneof![bare.prop_map(Drawn::Bare), "[a{\\[\"\\\\é😀\n,:]{0,6}".prop_map(Drawn::Text)];
    leaf.prop_recursive(6, 60, 5, |inner| {
        let key = prop::sample::select(vec!["user", "email", "items", "a b", "ÿ", ""]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Drawn::List),
            prop::collection::vec((key, inner), 0..5).prop_map(Drawn::Members),
        ]
    })
}

/// The same blanks and escapes for both texts.
struct Writer {
    seed: u32,
    sent: String,
    shown: String,
    /// Inside of what is replaced.
    hidden: bool,
}

impl Writer {
    fn draw(&mut self, below: u32) -> u32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.seed >> 16) % below
    }

    fn put(&mut self, text: &str) {
        self.sent.push_str(text);
        if !self.hidden {
            self.shown.push_str(text);
        }
    }

    fn blanks(&mut self) {
        let blanks = ["", "", " ", "\n\t", "\r "][self.draw(5) as usize];
        self.put(blanks);
    }

    fn string(&mut self, text: &str) {
        let mut written = String::from("\"");
        for character in text.chars() {
            let must = matches!(character, '"' | '\\') || u32::from(character) < 0x20;
            if must || self.draw(4) == 0 {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    written.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                written.push(character);
            }
        }
        written.push('"');
        self.put(&written);
    }

    fn value(&mut self, value: &Drawn, paths: &[DocumentPath]) {
        let is_list = matches!(value, Drawn::List(_));
        let ends = paths.iter().any(|path| path.keys.is_empty() && (!path.each || !is_list));
        if ends && !self.hidden {
            let is_null = matches!(value, Drawn::Bare("null"));
            self.shown.push_str(if is_null { "null" } else { "\"***\"" });
            self.hidden = true;
            self.inside(value, &[]);
            self.hidden = false;
        } else {
            self.inside(value, paths);
        }
    }

    fn inside(&mut self, value: &Drawn, paths: &[DocumentPath]) {
        match value {
            Drawn::Bare(word) => self.put(word),
            Drawn::Text(text) => self.string(text),
            Drawn::List(items) => {
                let paths: Vec<DocumentPath> = paths.iter().filter_map(DocumentPath::in_element).collect();
                self.put("[");
                for (at, item) in items.iter().enumerate() {
                    self.put(if at > 0 { "," } else { "" });
                    self.blanks();
                    self.value(item, &paths);
                    self.blanks();
                }
                self.put("]");
            }
            Drawn::Members(members) => {
                self.put("{");
                for (at, (key, member)) in members.iter().enumerate() {
                    self.put(if at > 0 { "," } else { "" });
                    self.blanks();
                    self.string(key);
                    self.blanks();
                    self.put(":");
                    self.blanks();
                    let paths: Vec<DocumentPath> = paths.iter().filter_map(|path| path.behind(key)).collect();
                    self.value(member, &paths);
                    self.blanks();
                }
                self.put("}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_document_is_masked_at_its_paths_alone(value in drawn(), seed: u32) {
        let paths = ["$.user.email", "$.email[*]", "$.items.user", "$.\"a b\".\"\".ÿ", "$.\"\""];
        let read: Vec<DocumentPath> = paths.iter().map(|path| DocumentPath::parse(path).unwrap()).collect();
        let mut writer = Writer { seed, sent: String::new(), shown: String::new(), hidden: false };
        writer.blanks();
        writer.value(&value, &read);
        writer.blanks();
        let shown = json(&redacted(&paths), &writer.sent);
        prop_assert_eq!(&shown, &writer.shown);
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&shown).is_ok());
        let mut binary = vec![1];
        binary.extend_from_slice(writer.sent.as_bytes());
        let binary = document(&redacted(&paths), "jsonb", Format::Binary, &binary);
        prop_assert_eq!(&binary[1..], shown.as_bytes());
    }

    /// Whatever comes: no panic, and nothing that serde_json reads is refused.
    #[test]
    fn any_bytes_are_masked_or_an_error(value in "[\\[\\]{},:\"\\\\ a1tn-]{0,24}") {
        let spec = redacted(&["$.a", "$.n[*]"]);
        let mask = plan(&spec, "d", &of("json", -1), Format::Text, &keys()).unwrap();
        let mut out = BytesMut::new();
        let masked = mask.apply(value.as_bytes(), &mut out);
        if serde_json::from_str::<serde::de::IgnoredAny>(&value).is_ok() {
            prop_assert!(masked.is_ok());
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
        }
    }
}
