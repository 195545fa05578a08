//! The two pumps: each works on what is buffered, without waiting, until it
//! needs more bytes, room, or an answer. A frame that is too large to be kept
//! is passed on, looked at or dropped in parts.

use bytes::{Buf, Bytes};

use super::extended::execute::is_begin;
use super::relay::{End, HIGH_WATER, Hold, LARGE_FRAME, Relay, ShapeRef, Step};
use super::reports::Gate;
use super::runs::Reply;
use super::state::{Change, Entry, Kind};
use crate::wire::frame::{HEADER, Header, backend, frontend as tag};
use crate::wire::frontend::{Bind, write_bare};
use crate::wire::reader::Malformed;

impl Relay {
    /// Client to server, as far as it goes without waiting.
    pub(super) fn pump_client(&mut self) -> Result<(), End> {
        let mut input = std::mem::take(&mut self.client.input);
        let mut at = 0;
        let result = self.take_client_frames(&input, &mut at);
        input.advance(at);
        self.client.input = input;
        result
    }

    fn take_client_frames(&mut self, input: &[u8], at: &mut usize) -> Result<(), End> {
        let limit = self.proxy.config.load().limits.message_bytes;
        while self.hold.is_none() && self.upstream.queued() < HIGH_WATER {
            let rest = input.get(*at..).unwrap_or_default();
            if self.client_pass > 0 || self.client_drop > 0 || self.client_copy > 0 {
                if rest.is_empty() {
                    break;
                }
                *at += self.take_part(rest);
                continue;
            }
            let Some(header) = Header::peek(rest, limit)? else { break };
            let Some(frame) = rest.get(..header.total) else {
                let head = rest.get(HEADER..).unwrap_or_default();
                if self.take_head(header, head)? {
                    if self.client_copy > 0 {
                        *at += HEADER;
                    }
                    continue;
                }
                break;
            };
            let body = frame.get(HEADER..).unwrap_or_default();
            match self.on_client_frame(header.tag, body, frame)? {
                Step::Done => {
                    *at += header.total;
                    self.held = None;
                }
                Step::Wait(hold) => {
                    self.wait_for(hold);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Passes or drops what is there of a frame taken in parts.
    fn take_part(&mut self, rest: &[u8]) -> usize {
        if self.client_drop > 0 {
            let count = rest.len().min(self.client_drop);
            self.client_drop -= count;
            return count;
        }
        if self.client_copy > 0 {
            let (part, _) = rest.split_at_checked(self.client_copy).unwrap_or((rest, b""));
            self.client_copy -= part.len();
            self.take_copy_data(part);
            if self.copy_stream.is_none() {
                self.client_drop = std::mem::take(&mut self.client_copy);
            }
            return part.len();
        }
        let count = rest.len().min(self.client_pass);
        self.upstream.queue(rest.get(..count).unwrap_or_default());
        self.client_pass -= count;
        count
    }

    /// Decides on a frame of which only the head is there. True: it is taken
    /// in parts from here.
    fn take_head(&mut self, header: Header, head: &[u8]) -> Result<bool, End> {
        match header.tag {
            tag::COPY_DATA if header.total > LARGE_FRAME && self.takes_copy_data() => {
                self.forget_sync(header.tag);
                if self.copy_in_has_lost_access() {
                    self.lose_copy_in();
                    self.client_drop = header.total;
                } else if self.copy_stream.is_some() {
                    self.client_copy = header.body();
                } else {
                    self.client_pass = header.total;
                }
                Ok(true)
            }
            tag::BIND if header.total > LARGE_FRAME => match Bind::names(head) {
                Some((portal, statement)) if self.pass_bind(portal, statement)? => {
                    self.client_pass = header.total;
                    Ok(true)
                }
                Some(_) | None => Ok(false),
            },
            _ => Ok(false),
        }
    }

    /// Takes the rest of a frame without keeping it.
    pub(super) fn drop_frame(&mut self, total: usize) {
        self.client_drop = total;
    }

    /// May a message of bauta's own follow what was sent upstream?
    pub(super) fn is_between_frames(&self) -> bool {
        self.client_pass == 0
    }

    /// Stops reading the client's messages; has the server answer what it has.
    pub(super) fn wait_for(&mut self, hold: Hold) {
        self.hold = Some(hold);
        if hold == Hold::Quiet && self.state.awaits_flush() {
            write_bare(tag::FLUSH, self.upstream.output());
            self.state.flush();
            self.flushed = true;
        }
    }

    /// Remembers a message that was queued upstream.
    pub(super) fn expect(&mut self, entry: Entry<Reply, ShapeRef>) {
        self.at_rest = false;
        self.flushed = false;
        self.may_fill |= entry.changes.iter().any(|(_, change)| change.leans());
        self.note_grounds(&entry.run.runs);
        self.note_changes(&entry.run.runs);
        match entry.kind {
            Kind::Execute => self.pipeline_open = true,
            Kind::Parse => self.reads.add(registered(&entry)),
            Kind::DescribeStatement => self.reads = Reads::Several,
            Kind::Query | Kind::Sync | Kind::Bind | Kind::DescribePortal | Kind::Close => {}
        }
        self.state.expect(entry);
    }

    /// Server to client, as far as it goes without waiting.
    pub(super) fn pump_upstream(&mut self) -> Result<(), End> {
        if self.upstream.input.is_empty() || self.review.is_some() {
            return Ok(());
        }
        let mut input = std::mem::take(&mut self.upstream.input);
        let mut at = 0;
        let result = self.take_server_frames(&input, &mut at);
        input.advance(at);
        self.upstream.input = input;
        result
    }

    fn take_server_frames(&mut self, input: &[u8], at: &mut usize) -> Result<(), End> {
        // What passes as it is, from `run` to `at`, is copied at once.
        let mut run = *at;
        let limit = self.proxy.config.load().limits.message_bytes;
        let newest = self.database.newest();
        let result = loop {
            let rest = input.get(*at..).unwrap_or_default();
            if self.upstream_pass > 0 {
                let count = rest.len().min(self.upstream_pass);
                *at += count;
                self.upstream_pass -= count;
                if self.upstream_pass > 0 {
                    break Ok(());
                }
                continue;
            }
            if self.client.queued().saturating_add(*at - run) >= HIGH_WATER {
                break Ok(());
            }
            let header = match Header::peek(rest, usize::MAX) {
                Ok(Some(header)) => header,
                Ok(None) => break Ok(()),
                Err(fault) => break Err(fault.into()),
            };
            if self.awaits_client() && (!self.joins_batch(header.tag) || self.rows_are_used_up()) {
                break Ok(());
            }
            // A small one waits until it is whole: after a part of it, nothing
            // could be said to the client if the server went away.
            if rest.len() < header.total && header.total <= LARGE_FRAME {
                break Ok(());
            }
            match self.is_reviewed(header.tag, newest) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(end) => break Err(end),
            }
            if header.total > limit && !self.is_rewritten(header.tag) {
                break Err(Malformed::TooLong { length: header.total, limit }.into());
            }
            if self.passes_unseen(header) {
                self.upstream_pass = header.total;
                continue;
            }
            let Some(frame) = rest.get(..header.total) else { break Ok(()) };
            // What comes before it goes first.
            self.client.queue(input.get(run..*at).unwrap_or_default());
            *at += header.total;
            run = *at;
            if let Err(end) = self.on_server_frame(header.tag, frame.get(HEADER..).unwrap_or_default(), frame)
            {
                break Err(end);
            }
        };
        self.client.queue(input.get(run..*at).unwrap_or_default());
        result
    }

    /// May the client see less of the frame than the server sends? Its length may
    /// tell that of an original then: the limit is held against what is shown.
    fn is_rewritten(&mut self, tag: u8) -> bool {
        match tag {
            backend::DATA_ROW | backend::COPY_DATA => {
                self.state.front().is_some_and(|entry| entry.run.cut) || self.current_guarded().is_some()
            }
            backend::ERROR_RESPONSE | backend::NOTICE_RESPONSE => self.front_gate() == Gate::Closed,
            _ => false,
        }
    }

    /// Rows that nobody has to look at; counted for the audit log.
    fn passes_unseen(&mut self, header: Header) -> bool {
        if !matches!(header.tag, backend::DATA_ROW | backend::COPY_DATA) {
            return false;
        }
        let Some(entry) = self.state.front_mut() else { return false };
        let reply = &mut entry.run;
        if reply.is_silent() || !reply.takes_rows(entry.kind) {
            return false;
        }
        let Some(run) = reply.runs.get_mut(reply.current) else { return false };
        if run.guarded.is_some() {
            return false;
        }
        run.rows += 1;
        run.bytes += u64::try_from(header.total).unwrap_or(0);
        true
    }
}

/// The text of a Parse, if it is the client's.
fn registered(entry: &Entry<Reply, ShapeRef>) -> Option<&Bytes> {
    entry.changes.iter().find_map(|(_, change)| match change {
        Change::SetStatement(_, prepared) => Some(&prepared.text),
        _ => None,
    })
}

/// Texts that the server reads between two Syncs: what checks their literals may set
/// something.
#[derive(Default)]
pub(super) enum Reads {
    #[default]
    Nothing,
    One(Bytes),
    Several,
}

impl Reads {
    fn add(&mut self, text: Option<&Bytes>) {
        let Some(text) = text.filter(|text| !is_begin(text)) else { return };
        *self = match self {
            Self::Nothing => Self::One(text.clone()),
            Self::One(read) if read == text => return,
            Self::One(_) | Self::Several => Self::Several,
        };
    }

    /// A Sync is answered: what is left came behind it.
    pub(super) fn part(&mut self, is_reading: bool) {
        *self = if is_reading { Self::Several } else { Self::Nothing };
    }

    pub(super) fn has_none(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Is any read but this one?
    pub(super) fn has_others(&self, text: &Bytes) -> bool {
        match self {
            Self::Nothing => false,
            Self::One(read) => read != text,
            Self::Several => true,
        }
    }
}
