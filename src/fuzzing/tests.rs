//! The fuzz targets, bounded and by seed: bytes of no form, and well-formed
//! input with a few faults. `FUZZ_SEED` and `FUZZ_CASES` vary and lengthen.

use super::*;

const ATTACKS: &str = include_str!("../../tests/interference_data/attacks.sql");
const USABLE: &str = include_str!("../../tests/interference_data/usable.sql");

/// Bytes that tend to matter where they are put.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\xff\xff\xff\xff",
    b"\0\0\0\x04",
    b"\x7f\xff\xff\xff",
    b"'",
    b"\"",
    b"\\",
    b"--",
    b"/*",
    b"$$",
    b"(",
    b")",
    b",",
    b";",
    b"\xc3\xa9",
    b" customers ",
    b" email ",
    b" ssn ",
    b" FROM ",
    b" SELECT ",
    b" UNION ",
    b" ORDER BY ",
    b"::text",
    b"U&\"",
    b" AS ",
    b"*",
    b"{",
    b"}",
    b"NULL",
    b"-",
    b".",
    b"@",
    b"1",
    b"\x01",
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end.max(1)
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(60)).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

/// What a failing case was, for a replay.
struct Case<'a> {
    target: &'a str,
    seed: u64,
    data: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { target, seed, data } = self;
            eprintln!("{target}, FUZZ_SEED={seed}: {:?}\n{data:?}", String::from_utf8_lossy(data));
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().unwrap())
}

/// Makes a case of the corpus.
type Change = fn(&mut Random, &[Vec<u8>]) -> Vec<u8>;

/// Each case has a seed of its own, so that one replays without the others.
fn drive(target: &str, cases: u64, corpus: &[Vec<u8>], change: Change, run: fn(&[u8]) -> bool) {
    let mut worth = 0;
    let first = setting("FUZZ_SEED", 1);
    let cases = setting("FUZZ_CASES", cases);
    for seed in first..first + cases {
        let mut random = Random(seed);
        let data = match random.below(5) {
            0 => random.bytes(),
            _ => change(&mut random, corpus),
        };
        let _case = Case { target, seed, data: &data };
        worth += u64::from(run(&data));
    }
    for data in corpus {
        let _case = Case { target, seed: 0, data };
        run(data);
    }
    eprintln!("{target}: {worth} of {cases} cases were worth something");
    assert!(
        cases < 100 || worth * 10 > cases,
        "{target}: only {worth} of {cases} cases were worth something"
    );
}

fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    for _ in 0..random.below(5) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 if at < data.len() => data[at] = u8::try_from(random.below(256)).unwrap(),
            1 => data.truncate(at),
            2 => drop(data.splice(at..at, random.bytes())),
            3 => {
                let end = (at + random.below(8)).min(data.len());
                data.drain(at..end);
            }
            4 => {
                let other = &corpus[random.below(corpus.len())];
                let tail = other[random.below(other.len() + 1)..].to_vec();
                data.truncate(at);
                data.extend(tail);
            }
            _ => drop(data.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
        }
    }
    data
}

fn framed(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], &length[..], body].concat()
}

#[test]
fn any_stream_of_frames() {
    let stream = [framed(b'Q', b"SELECT 1\0"), framed(b'S', b""), framed(b'D', &[7; 40])].concat();
    let corpus = [[vec![0], stream.clone()].concat(), [vec![6], stream].concat()];
    drive("frames", 3_000, &corpus, mutated, frames);
}

#[test]
fn any_opening_of_a_connection() {
    let untagged = |body: &[u8]| framed(0, body)[1..].to_vec();
    let corpus = [
        untagged(b"\0\x03\0\0user\0ana\0database\0shop\0\0"),
        untagged(b"\0\x03\0\x02user\0ana\0_pq_.x\x001\0\0"),
        untagged(b"\x04\xd2\x16\x2f"),
        untagged(b"\x04\xd2\x16\x2e\0\0\0\x07secretsecret"),
        b"\0\x03\0\0\0\0\0\x01_pq_.x\0".to_vec(),
        b"\0\0\0\x07\0\0\0\x08".to_vec(),
    ];
    drive("startup", 3_000, &corpus, mutated, startup);
}

#[test]
fn any_message() {
    let description = b"\0\x02id\0\0\0\x75\x31\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01e\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
    let row = b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x03abc";
    let shown = [&[4, u8::try_from(description.len()).unwrap()], &description[..], row].concat();
    let with = |which: u8, body: &[u8]| [&[which], body].concat();
    let corpus = [
        with(0, b"s1\0select $1\0\0\x01\0\0\0\x17"),
        with(1, b"p\0s\0\0\x01\0\0\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x01\0\x01"),
        with(2, b"Sname\0"),
        with(3, b"SERROR\0C42601\0Mwrong\0P7\0\0"),
        shown,
        with(5, b"\0\0\x02\0\0\0\0"),
        with(5, b"SELECT 12\0"),
        with(6, b"SELECT 1\0"),
        with(7, b"p\0\0\0\0\x05"),
        with(8, description),
    ];
    drive("messages", 6_000, &corpus, mutated, messages);
}

/// Words change places between statements, so that many still parse.
fn any_words(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let line = |random: &mut Random| -> Vec<String> {
        let text = String::from_utf8_lossy(&corpus[random.below(corpus.len())]).into_owned();
        text.split(' ').map(str::to_owned).collect()
    };
    let mut words = line(random);
    for _ in 0..random.below(3) {
        let other = line(random);
        let word = other[random.below(other.len())].clone();
        let at = random.below(words.len());
        match random.below(4) {
            0 => words.insert(at, word),
            1 if words.len() > 1 => drop(words.remove(at)),
            2 => words.truncate(at + 1),
            _ => words[at] = word,
        }
    }
    words.join(" ").into_bytes()
}

#[test]
fn any_statement() {
    const TABLES: [&str; 5] = ["customers", "staff", "orders", "scratch", "v_all"];
    let lines = ATTACKS.lines().chain(USABLE.lines()).filter(|line| !line.starts_with("=="));
    let corpus: Vec<Vec<u8>> = lines
        .filter(|line| TABLES.iter().any(|table| line.contains(table)))
        .map(|line| line.as_bytes().to_vec())
        .collect();
    drive("analyser", 1_500, &corpus, any_words, analyser);
    drive("analyser, bytes", 500, &corpus, mutated, |data| {
        analyser(data);
        true
    });
}

/// Values by type: in text format, then in binary.
const VALUES: &[(&str, &[u8], &[u8])] = &[
    ("text", b"anna@example.com", b"4111-1111-1111-1111"),
    ("varchar", b"Anna B", b"anna@example.com"),
    ("bpchar", b"ab  ", b"x"),
    ("name", b"someone", b"someone"),
    ("int2", b"-12", b"\0\x07"),
    ("int4", b"12345", b"\0\0\0\x07"),
    ("int8", b"-9007199254740993", b"\0\0\0\0\0\0\0\x07"),
    ("numeric", b"-7.50", b"\0\x02\0\0\0\0\0\x02\0\x01\x13\x88"),
    ("float4", b"1.5", b"\x3f\xc0\0\0"),
    ("float8", b"-1e10", b"\xc2\x02\xa0\x5f\x20\0\0\0"),
    ("uuid", b"00000000-0000-4000-8000-000000000001", b"0123456789abcdef"),
    ("bytea", b"\\x0a0b", b"\x0a\x0b"),
    ("date", b"2024-02-29", b"\0\0\x22\x7a"),
    ("timestamp", b"2024-02-29 12:34:56.789", b"\0\x02\xb5\x6f\x1c\x2d\0\0"),
    ("timestamptz", b"2024-02-29 12:34:56+02", b"\0\x02\xb5\x6f\x1c\x2d\0\0"),
    ("inet", b"10.1.2.3/24", b"\x02\x18\0\x04\x0a\x01\x02\x03"),
    ("cidr", b"2001:db8::/32", b"\x02\x18\x01\x04\x0a\x01\x02\0"),
    ("jsonb", b"{\"a\": 1}", b"\x01{}"),
    ("bool", b"t", b"\x01"),
];

#[test]
fn any_value_under_any_mask() {
    let mut random = Random(7);
    let mut corpus = Vec::new();
    for _ in 0..40 {
        for (name, text, binary) in VALUES {
            let place = masks::TYPES.iter().position(|(known, ..)| known == name).unwrap();
            let mut choice = || u8::try_from(random.below(256)).unwrap();
            let (array, length, method, encoding) = (choice(), choice(), choice(), choice());
            let kind = u8::try_from(place).unwrap();
            let head = |format: u8, array: u8| [kind, array, length, method, format, encoding];
            corpus.push([&head(0, array | 1), *text].concat());
            corpus.push([&head(1, array | 1), *binary].concat());
            corpus.push([&head(0, array & !3), b"{".as_slice(), *text, b",NULL}"].concat());
        }
    }
    drive("masks", 8_000, &corpus, mutated, masks);
}
