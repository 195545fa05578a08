//! Parse: a text is judged before the server sees it, and parsed in the form
//! that is allowed then.

use std::sync::Arc;

use bytes::Bytes;

use crate::audit::{Conceal, Sql};
use crate::error::{ClientError, sqlstate};
use crate::session::end_user::{self, Naming};
use crate::session::judge::{Judged, Knowledge, Stop, hangs_on_settings};
use crate::session::own::write_stand_in;
use crate::session::relay::{End, Hold, Relay, Step};
use crate::session::reports::{Gate, Translation};
use crate::session::runs::{Audience, Reply};
use crate::session::simple::may_copy_in;
use crate::session::state::{Change, Entry, Form, Kind, Known, Lineage, Prepared};
use crate::session::tokens::{Handed, form_of};
use crate::session::virtual_schema::VirtualStatement;
use crate::sql::StatementKind;
use crate::sql::analyser::too_long;
use crate::sql::classify::may_recode;
use crate::sql::splice;
use crate::wire::frontend::Parse;

impl Relay {
    pub(in crate::session) fn on_parse(&mut self, body: &[u8], frame: &[u8]) -> Result<Step, End> {
        let parse = Parse::read(body)?;
        if self.is_too_long_to_be_own(parse.text) {
            self.refuse_parse(parse.name, too_long());
            return Ok(Step::Done);
        }
        let text = Bytes::copy_from_slice(parse.text);
        let parsed = match (end_user::recognise(&text), self.own_statement(&text)) {
            (Some(naming), _) => self.parse_naming(&parse, text.clone(), naming),
            (None, Some(statement)) => self.parse_own(&parse, text.clone(), statement),
            (None, None) => self.parse(&parse, text.clone(), frame),
        };
        let stop = match parsed {
            Ok(()) => return Ok(Step::Done),
            Err(stop) => stop,
        };
        match stop {
            Stop::Hold(hold) => Ok(Step::Wait(hold)),
            Stop::Refuse(refusal) => {
                // Literals of a text that is refused may be anything.
                let misread = self.check_reading(&text, self.may_have_set()).is_err();
                let sql = Sql::whole(text, Conceal::AllLiterals);
                let sql = if misread { sql.doubtful() } else { sql };
                if let Some(wait) = self.hold_refused(&sql, &refusal) {
                    return Ok(wait);
                }
                let error = self.refused(sql, refusal);
                self.refuse_parse(parse.name, error);
                Ok(Step::Done)
            }
        }
    }

    fn parse(&mut self, parse: &Parse<'_>, text: Bytes, frame: &[u8]) -> Result<(), Stop> {
        self.check_spelling(parse.name)?;
        self.room_for_name(parse.name)?;
        let mut gate = Gate::Open;
        let types = Bytes::copy_from_slice(parse.parameter_types);
        let (known, form) = match self.knowledge(&text).map_err(Stop::Hold)? {
            Knowledge::Harmless => {
                self.check_letters(&text, false)?;
                self.check_unseen(&text, None)?;
                (Known::Harmless, Form::plain(&types))
            }
            Knowledge::Analysed(analysis) => {
                let named = analysis.statements.iter().any(|s| s.touches_protected);
                if analysis.statements.len() > 1 {
                    return Err(several_commands().into());
                }
                if named || hangs_on_settings(&text) {
                    // An earlier message may change what the text means.
                    self.need_answers()?;
                }
                self.check_unseen(&text, Some(&analysis))?;
                self.observed_reading(&text, self.may_have_set())?;
                let lineage = Lineage { analysis, index: 0, inner: false };
                // An empty text has no statement.
                let judged = match lineage.statement() {
                    Some(_) => self.judge_text(&lineage, Handed::open(&types))?,
                    None => Judged::plain(),
                };
                gate = judged.gate();
                let form = form_of(&judged, lineage.statement(), &types);
                (Known::Analysed(lineage), form)
            }
        };
        self.check_types(&types)?;
        let may_copy_in = may_copy_in(&text);
        let prepared = Prepared {
            weight: Some(self.kept.text(&text, &known)),
            parameter_types: types,
            version: self.guard.version,
            known,
            form: Some(form),
            by_sql: false,
            may_copy_in,
            may_recode: may_recode(&text) || self.guard.setters.are_in(&text),
            misread: self.check_reading(&text, self.may_have_set()).is_err(),
            misread_keys: self.may_misread_keys(&text),
            text,
        };
        self.send_parse(parse.name, Arc::new(prepared), frame, Audience::Client, gate);
        Ok(())
    }

    fn parse_own(
        &mut self,
        parse: &Parse<'_>,
        text: Bytes,
        statement: Result<Arc<VirtualStatement>, ClientError>,
    ) -> Result<(), Stop> {
        self.check_spelling(parse.name)?;
        self.room_for_name(parse.name)?;
        let statement = statement?;
        write_stand_in(&statement, parse, self.upstream.output());
        self.expect_own(parse, text, Known::Own(statement));
        Ok(())
    }

    fn parse_naming(
        &mut self,
        parse: &Parse<'_>,
        text: Bytes,
        naming: Result<Naming, ClientError>,
    ) -> Result<(), Stop> {
        self.check_spelling(parse.name)?;
        self.room_for_name(parse.name)?;
        let naming = Arc::new(naming?);
        self.write_naming(&naming, parse);
        self.expect_own(parse, text, Known::Naming(naming));
        Ok(())
    }

    /// A stand-in was parsed for a statement that bauta answers.
    fn expect_own(&mut self, parse: &Parse<'_>, text: Bytes, known: Known) {
        let types = Bytes::copy_from_slice(parse.parameter_types);
        let prepared = Prepared {
            weight: Some(self.kept.text(&text, &known)),
            form: Some(Form::plain(&types)),
            parameter_types: types,
            version: self.guard.version,
            known,
            by_sql: false,
            may_copy_in: false,
            may_recode: false,
            misread: false,
            misread_keys: false,
            text,
        };
        let set = Change::SetStatement(Bytes::copy_from_slice(parse.name), Arc::new(prepared));
        self.expect(Entry::new(Kind::Parse, Reply::new(Audience::Client)).with_change(set));
    }

    /// Judges a text that is to be parsed. EXECUTE and FETCH are judged when
    /// they run.
    pub(super) fn judge_text(&mut self, lineage: &Lineage, handed: Handed<'_>) -> Result<Judged, Stop> {
        match lineage.statement().map(|statement| &statement.kind) {
            Some(
                StatementKind::Execute { .. }
                | StatementKind::ExplainExecute { .. }
                | StatementKind::Fetch { .. },
            ) => Ok(Judged::plain()),
            Some(_) | None => self.judge(lineage, handed),
        }
    }

    /// `frame`: the client's own message, sent as it is where nothing is edited.
    pub(super) fn send_parse(
        &mut self,
        name: &[u8],
        prepared: Arc<Prepared>,
        frame: &[u8],
        audience: Audience,
        gate: Gate,
    ) {
        let mut reply = Reply { gate, ..Reply::new(audience) };
        let plain = || Form::plain(&prepared.parameter_types);
        let form = prepared.form.clone().unwrap_or_else(plain);
        if form == plain() && !frame.is_empty() {
            self.upstream.queue(frame);
        } else {
            let sent = splice::apply(&prepared.text, &form.edits);
            Parse { name, text: &sent, parameter_types: &form.types }.write(self.upstream.output());
            let original = prepared.text.clone();
            reply.translation = Some(Arc::new(Translation { sent, edits: form.edits, original }));
        }
        let set = Change::SetStatement(Bytes::copy_from_slice(name), prepared);
        self.expect(Entry::new(Kind::Parse, reply).with_change(set));
    }

    /// Waits while statements that run, or ran in this pipeline, could change
    /// how a text is read.
    fn need_answers(&mut self) -> Result<(), Stop> {
        if self.state.is_calling() { Err(Stop::Hold(Hold::Quiet)) } else { Ok(()) }
    }

    /// The server is sent the text once more: it must read it as it did when the
    /// client sent it.
    pub(super) fn check_parse_again(&mut self, prepared: &Prepared) -> Result<(), Stop> {
        if hangs_on_settings(&prepared.text) {
            self.need_answers()?;
            // It may itself be in the pipeline, and a literal in it set something when
            // it was read: what then reads a backslash as another sign.
            let counts_itself = prepared.text.contains(&b'\\') && self.guard.snapshot.literals_may_set();
            let may_have_set = match counts_itself {
                true => self.may_have_set(),
                false => self.pipeline_sets || self.reads.has_others(&prepared.text),
            };
            self.observed_reading(&prepared.text, may_have_set)?;
        }
        Ok(())
    }

    pub(super) fn parse_again(&mut self, name: &[u8], prepared: Arc<Prepared>) -> Result<(), Stop> {
        match self.known(&prepared)? {
            Known::Harmless | Known::Own(_) | Known::Naming(_) => {
                let form = Form::plain(&prepared.parameter_types);
                self.in_form(name, prepared, None, form)?
            }
            Known::Analysed(lineage) => {
                let types = prepared.parameter_types.clone();
                let judged = self.judge_text(&lineage, Handed::open(&types))?;
                let form = form_of(&judged, lineage.statement(), &types);
                self.in_form(name, prepared, Some(&lineage), form)?
            }
        };
        Ok(())
    }
}

/// PostgreSQL's own words (`exec_parse_message` in `postgres.c`).
fn several_commands() -> ClientError {
    ClientError::new(sqlstate::SYNTAX_ERROR, "cannot insert multiple commands into a prepared statement")
}
