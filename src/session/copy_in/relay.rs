//! A COPY … FROM STDIN in the relay: its data is led through the stream, and
//! what must not be stored ends it.

use super::CopyInStream;
use crate::error::{ClientError, sqlstate};
use crate::mask::Format;
use crate::session::relay::{CopyIn, Hold, Relay};
use crate::session::runs::{Audience, refuse_run};
use crate::sql::analysis::{CopyFormat, CopyIn as Copy};
use crate::wire::frame::{self, frontend as tag};
use crate::wire::frontend::write_copy_fail;

impl Relay {
    /// The server reads data from now on. False: it is not to get any.
    pub(in crate::session) fn begin_copy_in(&mut self, format: Format, columns: usize) -> bool {
        self.copy_in = CopyIn::On { sync: false };
        match self.copy_stream_of(format, columns) {
            Ok(stream) => {
                self.copy_stream = stream;
                true
            }
            Err(error) => {
                self.fail_copy_in(error);
                false
            }
        }
    }

    /// None: no column of it is looked at.
    fn copy_stream_of(
        &mut self,
        format: Format,
        columns: usize,
    ) -> Result<Option<Box<CopyInStream>>, ClientError> {
        let encoding = self.settings.encoding();
        let keys = self.proxy.keys.load_full();
        let Some((copy, streamed)) = self.current_guarded().and_then(|guarded| guarded.copy_in.as_ref())
        else {
            return Ok(None);
        };
        if columns != copy.columns || is_binary(copy) != (format == Format::Binary) {
            return Err(ClientError::new(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "the table has just changed, and the COPY was not run",
            )
            .with_hint("Try again."));
        }
        CopyInStream::new(copy, streamed, &keys, encoding).map(|stream| Some(Box::new(stream)))
    }

    /// The next part of the client's data.
    pub(in crate::session) fn take_copy_data(&mut self, data: &[u8]) {
        if let Some(stream) = self.copy_stream.take() {
            self.send_copied(stream, |stream, out| stream.take(data, out));
        }
    }

    /// The client has sent all of it. False: the COPY fails.
    pub(in crate::session) fn end_copy_data(&mut self) -> bool {
        if let Some(stream) = self.copy_stream.take() {
            self.send_copied(stream, CopyInStream::finish);
        }
        self.copy_stream.take().is_some()
    }

    fn send_copied(
        &mut self,
        mut stream: Box<CopyInStream>,
        step: impl FnOnce(&mut CopyInStream, &mut bytes::BytesMut) -> Result<(), ClientError>,
    ) {
        let out = self.upstream.output();
        let start = out.len();
        let mut taken = Ok(());
        let put = frame::put(out, tag::COPY_DATA, |out| taken = step(&mut stream, out));
        let is_empty = out.len() <= start.saturating_add(frame::HEADER);
        if is_empty || taken.is_err() || put.is_err() {
            out.truncate(start);
        }
        match taken.and(put.map_err(ClientError::from)) {
            Ok(()) => self.copy_stream = Some(stream),
            Err(error) => self.fail_copy_in(error),
        }
    }

    /// Access that the COPY was let in by must last as long as it does.
    pub(in crate::session) fn copy_in_has_lost_access(&mut self) -> bool {
        let leans = self.current_guarded().is_some_and(|guarded| !guarded.bases.is_empty());
        if !leans {
            return false;
        }
        self.fresh_permits();
        let (now, permits) = (self.proxy.clock.now(), self.permits.clone());
        self.current_guarded().is_some_and(|guarded| {
            !guarded.bases.iter().all(|(basis, column)| permits.holds(basis, column, now))
        })
    }

    pub(in crate::session) fn lose_copy_in(&mut self) {
        let error = ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            "the grant that this COPY runs under has ended",
        );
        self.fail_copy_in(error.with_hint("Nothing was stored. Request access anew."));
    }

    /// Has the server fail the COPY; the client sees `error` in the place of
    /// the server's, and what it still sends is dropped.
    pub(in crate::session) fn fail_copy_in(&mut self, error: ClientError) {
        let (proxy, who) = (self.proxy.clone(), self.who.clone());
        if let Some(run) = self.current_run() {
            refuse_run(&proxy.audit, &who, run, &error.code);
        }
        self.end_copy_in(error);
    }

    /// The same for one that ran, and is none of those that are refused.
    pub(in crate::session) fn end_copy_in(&mut self, error: ClientError) {
        self.copy_stream = None;
        write_copy_fail(b"refused", self.upstream.output());
        if let Some(entry) = self.state.front_mut() {
            entry.run.audience = Audience::Refusal(Box::new(error));
        }
        self.wait_for(Hold::Quiet);
    }
}

fn is_binary(copy: &Copy) -> bool {
    copy.format.as_ref().is_ok_and(|format| format.format == CopyFormat::Binary)
}
