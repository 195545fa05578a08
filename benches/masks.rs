//! What a masked value costs: nanoseconds, values a second and allocations for
//! each method and format, next to the bare HMAC or AES-SIV of the same input,
//! which is the physical limit. Run with `cargo bench --bench masks`, or with
//! `-- token` for the methods whose name holds that.
//!
//! Ends with status 1 if a method that must not allocate does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aes::Aes256Enc;
use aes_siv::siv::CmacSiv;
use bauta::catalog::Oid;
use bauta::mask::{
    self, DocumentPath, DocumentRule, FieldType, Format, KeyRing, Mask, MethodSpec, ValueType,
};
use bytes::BytesMut;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const EMAIL: &[u8] = b"alice.liddell@example.com";
const UUID: &[u8] = b"12345678-1234-4234-9234-123456789abc";
const KEYS: &str = "1 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

struct Measured {
    nanoseconds: f64,
    allocations: f64,
}

/// Runs `each` for about `budget`, after warming up.
fn measure(budget: Duration, mut each: impl FnMut()) -> Measured {
    for _ in 0..1000 {
        each();
    }
    let (mut rounds, allocations, start) = (0_u32, ALLOCATIONS.load(Ordering::Relaxed), Instant::now());
    while start.elapsed() < budget {
        for _ in 0..1000 {
            each();
        }
        rounds += 1;
    }
    let (elapsed, values) = (start.elapsed(), f64::from(rounds) * 1000.0);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - allocations;
    Measured {
        nanoseconds: elapsed.as_secs_f64() * 1e9 / values,
        allocations: f64::from(u32::try_from(allocations).unwrap_or(u32::MAX)) / values,
    }
}

fn print(name: &str, format: &str, measured: &Measured) {
    println!(
        "{name:<24} {format:<8} {:>10.1} {:>14.0} {:>10.2}",
        measured.nanoseconds,
        1e9 / measured.nanoseconds,
        measured.allocations
    );
}

fn scalar(oid: u32, name: &str) -> ValueType {
    ValueType { oid: Oid(oid), name: name.into(), modifier: -1, element: None, kind: 'b', fields: None }
}

fn main() -> ExitCode {
    // Under `cargo test --benches`, only that everything runs.
    let full = std::env::args().any(|a| a == "--bench");
    let budget = Duration::from_millis(if full { 500 } else { 1 });
    println!(
        "{:<24} {:<8} {:>10} {:>14} {:>10}",
        "method and type", "format", "ns/value", "values/s", "allocs"
    );
    bare(budget);
    // What cargo passes begins with dashes.
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    if masks(budget, &wanted) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The cryptography alone, with its key schedule made before.
fn bare(budget: Duration) {
    let keyed = Hmac::<Sha256>::new_from_slice(&[7; 64]).expect("any length is a key");
    let hmac = |input: &[u8]| {
        black_box(keyed.clone().chain_update(black_box(input)).finalize());
    };
    print("(bare HMAC-SHA-256)", "25 B", &measure(budget, || hmac(EMAIL)));
    print("(bare HMAC-SHA-256)", "8 B", &measure(budget, || hmac(&[1; 8])));
    let mut siv = CmacSiv::<Aes256Enc>::new(&[7; 64].into());
    let mut block = [0_u8; 32];
    let sealed = measure(budget, || {
        let none: [&[u8]; 0] = [];
        black_box(siv.encrypt_inout_detached(none, black_box(&mut block[..]).into())).expect("no headers");
    });
    print("(bare AES-256-SIV)", "32 B", &sealed);
}

/// A method, its options, a type, a value in text and in binary.
type Case = (&'static str, &'static str, ValueType, &'static [u8], &'static [u8]);

fn cases() -> Vec<Case> {
    const SSN: &[u8] = b"123-45-6789";
    const ID: (&[u8], &[u8]) = (b"1234567", &[0, 18, 214, 135]);
    vec![
        ("redact", "", scalar(25, "text"), EMAIL, EMAIL),
        ("redact", "", scalar(1700, "numeric"), b"12.5", &[0; 8]),
        ("null", "", scalar(25, "text"), EMAIL, EMAIL),
        ("partial", "", scalar(25, "text"), EMAIL, EMAIL),
        (
            "partial",
            "",
            ValueType { element: Some(Oid(25)), ..scalar(1009, "text") },
            b"{alice,bob,carol}",
            ARRAY,
        ),
        ("email", "", scalar(25, "text"), EMAIL, EMAIL),
        ("hash", "", scalar(25, "text"), EMAIL, EMAIL),
        ("hash", "", scalar(23, "int4"), ID.0, ID.1),
        ("hash", "", scalar(2950, "uuid"), UUID, &[7; 16]),
        ("hash", "", scalar(17, "bytea"), b"\\x0102030405060708", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("token", "", scalar(25, "text"), EMAIL, EMAIL),
        ("token", "", scalar(23, "int4"), ID.0, ID.1),
        ("token", "", scalar(2950, "uuid"), UUID, &[7; 16]),
        ("fpe", "", scalar(25, "text"), SSN, SSN),
        ("fpe", "", scalar(25, "text"), EMAIL, EMAIL),
        ("generalize", "to = 'month'", scalar(1082, "date"), b"2024-08-31", &[0, 0, 35, 40]),
        ("generalize", "bucket = 1000", scalar(23, "int4"), ID.0, ID.1),
        ("generalize", "bucket = 1000", scalar(1700, "numeric"), b"12345.67", NUMERIC),
        ("generalize", "prefix = 24", scalar(869, "inet"), b"192.0.2.17", &[2, 32, 0, 4, 192, 0, 2, 17]),
        ("noise", "", scalar(1700, "numeric"), b"12345.67", NUMERIC),
        ("fake", "kind = 'name'", scalar(25, "text"), EMAIL, EMAIL),
    ]
}

/// As `cases`, at a path of a document or a composite value.
fn inside() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["redact", "null", "partial", "email", "hash", "token"] {
        cases.push((method, "$.user.email", scalar(114, "json"), DOCUMENT, DOCUMENT));
        cases.push((method, "$.user.email", scalar(3802, "jsonb"), DOCUMENT, JSONB));
        cases.push((method, "$.email", person(), b"(7,alice.liddell@example.com,Oxford)", PERSON));
    }
    cases
}

/// `(id int, email text, city text)`.
fn person() -> ValueType {
    let text = |name: &str| FieldType { name: name.into(), declared: Oid(25), ty: scalar(25, "text") };
    let id = FieldType { name: "id".into(), declared: Oid(23), ty: scalar(23, "int4") };
    let fields = Some([id, text("email"), text("city")].into());
    ValueType { kind: 'c', fields, ..scalar(90_000, "person") }
}

const DOCUMENT: &[u8] =
    br#"{"id": 7, "user": {"name": "Alice", "email": "alice.liddell@example.com"}, "tags": ["a", "b"]}"#;
/// As `jsonb_send` writes it.
const JSONB: &[u8] =
    b"\x01{\"id\": 7, \"user\": {\"name\": \"Alice\", \"email\": \"alice.liddell@example.com\"}, \"tags\": [\"a\", \"b\"]}";
/// As `record_send` writes it.
const PERSON: &[u8] = b"\0\0\0\x03\0\0\0\x17\0\0\0\x04\0\0\0\x07\
    \0\0\0\x19\0\0\0\x19alice.liddell@example.com\0\0\0\x19\0\0\0\x06Oxford";

/// Methods whose libraries allocate: texts of FF1, made-up values for
/// their texts.
fn may_allocate(method: &str) -> bool {
    matches!(method, "fpe" | "fake")
}

fn masks(budget: Duration, wanted: &str) -> bool {
    let keys = KeyRing::parse(KEYS).expect("keys");
    let mut sound = true;
    let whole = cases().into_iter().map(|(method, options, ty, text, binary)| {
        let options: toml::Table = options.parse().expect("options");
        let spec = MethodSpec::parse(method, &options.into_iter().collect()).expect("a method");
        (method, spec, ty, text, binary)
    });
    let parts = inside().into_iter().map(|(method, path, ty, text, binary)| {
        let rule = DocumentRule {
            path: DocumentPath::parse(path).expect("a path"),
            method: MethodSpec::parse(method, &BTreeMap::new()).expect("a method"),
            domain: "domain".into(),
        };
        (method, MethodSpec::Document([rule].into()), ty, text, binary)
    });
    let wanted = |method: &str| method.contains(wanted);
    for (method, spec, ty, text, binary) in whole.chain(parts).filter(|case| wanted(case.0)) {
        for (format, name, value) in [(Format::Text, "text", text), (Format::Binary, "binary", binary)] {
            let mask = mask::plan(&spec, "domain", &ty, format, &keys).expect("it fits");
            let measured = one(&*mask, value, budget);
            let brackets = match (ty.element.is_some(), spec.method()) {
                (true, _) => "[3]",
                (false, mask::Method::Document) => " path",
                (false, _) => "",
            };
            print(&format!("{method} {}{brackets}", ty.name), name, &measured);
            if measured.allocations > 0.0 && !may_allocate(method) {
                eprintln!("{method} {} allocates for each value", ty.name);
                sound = false;
            }
        }
    }
    sound
}

/// 12345.67 as `numeric_send` writes it.
const NUMERIC: &[u8] = &[0, 3, 0, 1, 0, 0, 0, 2, 0, 1, 9, 41, 26, 44];

/// `{alice,bob,carol}` as `array_send` writes it.
const ARRAY: &[u8] = b"\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x03\0\0\0\x01\
    \0\0\0\x05alice\0\0\0\x03bob\0\0\0\x05carol";

fn one(mask: &dyn Mask, value: &[u8], budget: Duration) -> Measured {
    let mut out = BytesMut::with_capacity(4096);
    measure(budget, || {
        out.clear();
        black_box(mask.apply(black_box(value), &mut out)).expect("a value of the type");
    })
}
