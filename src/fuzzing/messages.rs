//! Frames and messages: nothing is read past a frame's end, and what reads
//! well is written back as it was.

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;

use super::{Choices, catalog};
use crate::mask::{Encoding, KeyRing};
use crate::policy::decide::OutputAction;
use crate::session::rows::{RowPlan, Witness};
use crate::wire::backend::{self, DataRow, ErrorFields, Field};
use crate::wire::frame::{self, Header};
use crate::wire::frontend::{self, Bind, Execute, Parse, Target};

const LIMIT: usize = 4_096;

/// A stream gives the same frames however it is cut on the way, and none of
/// its bytes is lost, moved or seen twice.
pub fn frames(data: &[u8]) -> bool {
    let mut choices = Choices { rest: data };
    let step = usize::from(choices.byte()) + 1;
    let stream = choices.rest;
    let (mut whole, mut taken) = (BytesMut::from(stream), Vec::new());
    let ended = loop {
        let header = Header::peek(&whole, LIMIT);
        match frame::cut(&mut whole, LIMIT) {
            Ok(Some(frame)) => {
                let header = header.expect("the same answer").expect("a header");
                assert_eq!((header.tag, header.total), (frame.tag(), frame.whole().len()));
                assert_eq!(header.body(), frame.body().len());
                assert!(frame.whole().len() <= LIMIT);
                taken.push(frame);
            }
            Ok(None) => break Ok(()),
            Err(fault) => break Err(fault),
        }
    };
    let read: Vec<u8> = taken.iter().flat_map(|frame| frame.whole().to_vec()).chain(whole.to_vec()).collect();
    assert_eq!(read, stream);

    let (mut arriving, mut again) = (BytesMut::new(), Vec::new());
    let mut ended_again = Ok(());
    'stream: for chunk in stream.chunks(step) {
        arriving.extend_from_slice(chunk);
        loop {
            match frame::cut(&mut arriving, LIMIT) {
                Ok(Some(frame)) => again.push(frame),
                Ok(None) => break,
                Err(fault) => {
                    ended_again = Err(fault);
                    break 'stream;
                }
            }
        }
    }
    assert_eq!(again, taken);
    assert_eq!(ended_again, ended);
    !taken.is_empty()
}

/// The body of a message, by the first byte of the input.
pub fn messages(data: &[u8]) -> bool {
    let mut choices = Choices { rest: data };
    let which = choices.byte() % 9;
    let body = choices.rest;
    match which {
        0 => parse(body),
        1 => bind(body),
        2 => target(body),
        3 => fields(body),
        4 => rows(body),
        5 => {
            let tag = backend::command_tag(body).map(backend::tag_rows);
            backend::copy_response(body).is_ok() || backend::parameter_status(body).is_ok() || tag.is_ok()
        }
        6 => {
            let Ok(text) = frontend::query(body) else { return false };
            let mut out = BytesMut::new();
            frontend::write_query(text, &mut out);
            assert_eq!(&out[frame::HEADER..], body);
            true
        }
        7 => Execute::read(body).is_ok_and(|execute| execute.portal.len() < body.len()),
        _ => backend::row_description(body).is_ok() || backend::TransactionStatus::read(body).is_ok(),
    }
}

fn parse(body: &[u8]) -> bool {
    let Ok(parse) = Parse::read(body) else { return false };
    let mut out = BytesMut::new();
    parse.write(&mut out);
    assert_eq!(&out[frame::HEADER..], body);
    true
}

fn bind(body: &[u8]) -> bool {
    let Ok(bind) = Bind::read(body) else { return false };
    assert_eq!(Bind::names(body), Some((bind.portal, bind.statement)));
    // Two zero bytes and a count stand beside what the parts hold.
    let parts =
        bind.portal.len() + bind.statement.len() + bind.parameters.len() + bind.result_formats.0.len();
    assert_eq!(parts + 4, body.len());
    true
}

fn target(body: &[u8]) -> bool {
    let Ok(target) = Target::read(body) else { return false };
    let mut out = BytesMut::new();
    target.write(b'D', &mut out);
    assert_eq!(&out[frame::HEADER..], body);
    true
}

fn fields(body: &[u8]) -> bool {
    let Ok(fields) = ErrorFields::read(body) else { return false };
    let mut out = BytesMut::new();
    backend::write_fields(b'E', fields.0.iter().copied(), &mut out);
    assert_eq!(&out[frame::HEADER..], body);
    true
}

static KEYS: LazyLock<KeyRing> = LazyLock::new(super::masks::keys);

/// A description and a row, parted by the description's own length: a row
/// that is redacted keeps its shape and tells of its values only which are NULL.
fn rows(body: &[u8]) -> bool {
    let mut choices = Choices { rest: body };
    let split = usize::from(choices.byte()).min(choices.rest.len());
    let (description, row) = choices.rest.split_at(split);
    let fields: Vec<Field> = match backend::row_description(description) {
        Ok(fields) => fields,
        Err(_) => return false,
    };
    let guard = catalog::guard();
    let column = guard.protected.values().next().expect("a protected column");
    let witness =
        Witness { guard: &guard, keys: &KEYS, encoding: Encoding::Utf8, sees: &|_| false, by_name: false };
    let redact = OutputAction::Redact { columns: vec![Arc::clone(column)] };
    let outputs = vec![redact; fields.len()];
    let (plan, _) = RowPlan::new(Some(&outputs), &fields, &witness).expect("as many outputs as fields");
    let mut out = BytesMut::from("before");
    if plan.rewrite(row, &mut out).is_err() {
        assert_eq!(&out[..], b"before");
        return false;
    }
    let masked = out.split_off(b"before".len());
    let (before, after) = (nulls(row), nulls(&masked[frame::HEADER..]));
    assert_eq!(before.len(), after.len());
    assert!(before.iter().zip(&after).all(|(was, is)| *is || !*was), "a NULL became a value");
    let mut other = BytesMut::new();
    plan.rewrite(&same_nulls(&before), &mut other).expect("a row of empty values");
    assert_eq!(masked, other, "the redacted row depends on a value");
    true
}

/// Which values of a row are NULL. The row must read well.
fn nulls(row: &[u8]) -> Vec<bool> {
    let mut walk = DataRow::read(row).expect("a row");
    let nulls = (0..walk.columns).map(|_| walk.next_value().expect("a value").is_none()).collect();
    walk.finish().expect("the row's end");
    nulls
}

/// A row with NULLs in the same places and other values.
fn same_nulls(nulls: &[bool]) -> Vec<u8> {
    let mut row = u16::try_from(nulls.len()).expect("a count").to_be_bytes().to_vec();
    for is_null in nulls {
        let length: i32 = if *is_null { -1 } else { 1 };
        row.extend(length.to_be_bytes());
        if !is_null {
            row.push(b'1');
        }
    }
    row
}
