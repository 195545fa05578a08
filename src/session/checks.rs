//! What may keep a statement from going upstream besides the policy: settings,
//! names, and DDL that is not committed, which make its text mean something
//! else to the server than to bauta.

use std::sync::Arc;

use super::judge::{Stop, hangs_on_settings};
use super::relay::{Hold, Relay};
use super::runs::Run;
use super::state::RESERVED;
use super::tokens::tokens_far_away;
use crate::catalog::Oid;
use crate::error::{ClientError, sqlstate};
use crate::policy::{Access, Permits, ProtectedColumn};
use crate::sql::analysis::CatalogChange;
use crate::sql::classify::{changed_by_owner, uncommitted_code, uncommitted_names};
use crate::sql::{Analysis, Statement, StatementKind, parse, prefilter};
use crate::wire::backend::TransactionStatus;
use crate::wire::reader::Reader;

/// Bytes of a name at most: `NAMEDATALEN` less its end.
pub(super) const MAX_NAME: usize = 63;

impl Relay {
    /// An original is a parameter, never text: a foreign table's server is sent
    /// it as text.
    pub(super) fn need_near_tables(&self, statement: &Statement) -> Result<(), Stop> {
        let table = |column: &ProtectedColumn| self.guard.snapshot.relation(&column.schema, &column.table);
        let far = |column: &&Arc<ProtectedColumn>| {
            table(column).is_some_and(|relation| self.guard.far_tables.contains(&relation.oid))
        };
        match statement.named.iter().find(far) {
            Some(column) => Err(tokens_far_away(column).into()),
            None => Ok(()),
        }
    }

    /// After DDL that is not committed, a name may mean a table that the client fills: an
    /// original must not be compared with its rows.
    pub(super) fn need_settled_names(&mut self) -> Result<(), Stop> {
        self.need_done_ddl()?;
        match self.uncommitted.change() >= CatalogChange::Temporary && self.is_in_block() {
            true => Err(uncommitted_code().into()),
            false => Ok(()),
        }
    }

    /// After such DDL a table may have other columns than those by which it was told
    /// apart, or there may be another one of its name. Any other relation changes
    /// nothing of that, as long as the number of columns does not hang on it.
    pub(super) fn need_settled_meaning(&mut self, statement: &Statement) -> Result<(), Stop> {
        if statement.chooses.names.is_empty() {
            return Ok(());
        }
        self.need_done_ddl()?;
        match self.uncommitted.unsettles(&statement.chooses) && self.is_in_block() {
            true => Err(uncommitted_names(statement).into()),
            false => Ok(()),
        }
    }

    /// As [`changed_by_owner`].
    pub(super) fn need_kept_readings(&self, statement: &Statement, has_originals: bool) -> Result<(), Stop> {
        match changed_by_owner(statement, &self.guard.snapshot, &self.who.user, has_originals) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// DDL that is under way may change what names mean.
    fn need_done_ddl(&mut self) -> Result<(), Stop> {
        let changes = |run: &Run| {
            run.guarded.as_ref().is_some_and(|guarded| guarded.catalog_change >= CatalogChange::Temporary)
        };
        match self.state.entries_mut().any(|entry| entry.run.runs.iter().any(changes)) {
            true => Err(Stop::Hold(Hold::Quiet)),
            false => Ok(()),
        }
    }

    fn is_in_block(&self) -> bool {
        self.state.status() != TransactionStatus::Idle || self.pipeline_open
    }

    /// The types that a Parse declares its parameters to be, as they stand there:
    /// a Bind makes values of them.
    pub(super) fn check_types(&self, types: &[u8]) -> Result<(), Stop> {
        let mut declared = types.chunks_exact(4).map(|oid| Oid(Reader::new(oid).u32().unwrap_or(0)));
        match declared.any(|oid| !oid.is_builtin() && self.guard.is_opaque_type(oid)) && !self.observes() {
            true => Err(opaque_parameter().into()),
            false => Ok(()),
        }
    }

    /// What DDL over protected data changed is in no snapshot until it commits:
    /// a query that may name it runs for those who see everything.
    pub(super) fn check_unseen(&mut self, text: &[u8], analysis: Option<&Analysis>) -> Result<(), Stop> {
        let statements = analysis.map_or(&[][..], |analysis| &analysis.statements);
        let within = statements.iter().any(|s| s.names.unseen && !s.names.runs_nothing);
        let spelled = self.uncommitted.hides_name_in(text);
        if (!within && !spelled) || self.observes() {
            return Ok(());
        }
        if analysis.is_none() && prefilter::begins_with(text, &["grant", "revoke", "comment"]) {
            return Ok(());
        }
        if statements.iter().all(|s| s.names.runs_nothing) && !statements.is_empty() {
            // What it makes of it is no better known.
            let since = self.state.answered();
            for statement in statements {
                self.uncommitted.hide(since, statement.names.changed.clone(), statement.catalog_change);
            }
            return Ok(());
        }
        self.fresh_permits();
        let now = self.proxy.clock.now();
        let sees = |column: &ProtectedColumn| {
            matches!(self.permits.access(column, now), Access::Revealed { counted: false, .. })
        };
        match self.guard.protected.values().all(|column| sees(column)) {
            true => Ok(()),
            false => Err(uncommitted_name().into()),
        }
    }

    /// Things of the session that make the text mean something else.
    pub(super) fn check_session(&self, statement: &Statement) -> Result<(), Stop> {
        let settings = self.settings.unsafe_reading().filter(|_| statement.touches_protected);
        if let Some(why) = settings {
            return Err(why.into());
        }
        let in_block = self.state.status() != TransactionStatus::Idle || self.pipeline_open;
        let counts = statement.touches_protected || statement.spells_counted;
        // DDL runs no function or operator that the client made meanwhile. What DDL of
        // a role that is `exempt` made may read what is protected by itself.
        let runs = !statement.names.runs_nothing;
        let is_settled = statement.settled && !self.uncommitted.hides_code();
        if counts && runs && !is_settled && self.uncommitted.change() == CatalogChange::Code && in_block {
            return Err(uncommitted_code().into());
        }
        Ok(())
    }

    /// May a message since the last Sync have set anything?
    pub(super) fn may_have_set(&self) -> bool {
        self.pipeline_sets || !self.reads.has_none()
    }

    /// A text that was held up must have been read as the server reads it. One
    /// that settings read differently may look harmless in our reading only,
    /// so its analysis has no say here. In an open pipeline the server has not
    /// reported yet what earlier messages set, if they may have (`may_have_set`).
    pub(super) fn check_reading(&self, text: &[u8], may_have_set: bool) -> Result<(), Stop> {
        if !hangs_on_settings(text) {
            return Ok(());
        }
        if let Some(why) = self.settings.unsafe_reading() {
            return Err(why.into());
        }
        self.check_letters(text, true)?;
        if !may_have_set {
            return Ok(());
        }
        let error = ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "a statement that may name protected data and holds a backslash or non-ASCII text cannot follow \
             others in one pipeline",
        );
        Err(error.with_hint("Send Sync before it.").into())
    }

    /// A server whose encoding is not UTF8 folds and cuts names of other letters
    /// than ASCII by rules of its own, and one that converts a text cuts them by
    /// what it has made of them: what they mean can't be told, and so neither
    /// whether a text names something protected. `is_held`: it may.
    pub(super) fn check_letters(&self, text: &[u8], is_held: bool) -> Result<(), Stop> {
        if text.is_ascii() || self.guard.protected.is_empty() || self.observes() {
            return Ok(());
        }
        self.need_encoding()?;
        let is_unheard = self.may_have_recoded();
        if self.settings.reads_as_sent() && !is_unheard {
            return Ok(());
        }
        let hides_name = self.guard.prefilter.hangs_on_encoding() && !self.settings.reads_as_sent();
        let may_differ = is_unheard || hides_name || self.settings.becomes_ascii();
        let asks = is_held || !self.settings.has_utf8_server();
        let is_long = || text.len() > self.proxy.config.load().limits.statement_bytes;
        let names_others = || asks && (is_long() || parse::names_other_letters(text));
        if !may_differ && !names_others() {
            return Ok(());
        }
        let error = ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "a name with other letters than ASCII cannot be read as the server reads it, unless both use UTF8",
        );
        let hint = match self.settings.has_utf8_server() {
            true => "SET client_encoding = 'UTF8', by itself.",
            false => "Use names of ASCII letters.",
        };
        Err(error.with_hint(hint).into())
    }

    /// A key of a document must be the one that the server reads: else what seems to
    /// be another may be a protected one.
    pub(super) fn check_keys(&self, statement: &Statement) -> Result<(), Stop> {
        if !statement.spells_letters || self.observes() {
            return Ok(());
        }
        self.need_encoding()?;
        if self.reads_keys() {
            return Ok(());
        }
        let error = ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "a document's key with other letters than ASCII cannot be read as the server reads it",
        );
        Err(error.with_hint("SET client_encoding = 'UTF8', by itself.").into())
    }

    /// May the server use another `client_encoding` by now than it has reported?
    fn may_have_recoded(&self) -> bool {
        self.pipeline_recodes || (self.pipeline_open && self.end_recodes())
    }

    fn reads_keys(&self) -> bool {
        self.settings.reads_letters() && !self.may_have_recoded()
    }

    /// May the server have read other keys in it than those that it spells?
    pub(super) fn may_misread_keys(&self, text: &[u8]) -> bool {
        !text.is_ascii() && !self.reads_keys()
    }

    /// Statements whose meaning hangs on what earlier ones did wait for them.
    pub(super) fn need_quiet(&self) -> Result<(), Stop> {
        if self.state.is_quiet() { Ok(()) } else { Err(Stop::Hold(Hold::Quiet)) }
    }

    /// A name that the server and bauta read alike: the server cuts it at 63
    /// bytes (`NAMEDATALEN`), and converts other letters than ASCII to its own
    /// encoding first.
    pub(super) fn check_spelling(&self, name: &[u8]) -> Result<(), Stop> {
        if name.starts_with(RESERVED) {
            // bauta's own statements stand under them.
            return Err(ClientError::new("42939", "names that begin with \"bauta: \" are reserved").into());
        }
        if name.len() > MAX_NAME {
            let error =
                ClientError::new("42622", "names of prepared statements and cursors have 63 bytes at most");
            return Err(error.into());
        }
        if name.is_ascii() {
            return Ok(());
        }
        self.need_quiet()?;
        if self.may_have_set() {
            // What a pipeline sets is reported at its end.
            return Err(ClientError::new(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "a name with other letters than ASCII cannot follow other messages in one pipeline",
            )
            .with_hint("Send Sync before it.")
            .into());
        }
        match self.settings.is_utf8_throughout() {
            true => Ok(()),
            false => Err(ClientError::new(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "names of prepared statements and cursors have ASCII letters only, unless client and server both use UTF8",
            )
            .into()),
        }
    }

    /// The names that a statement makes, uses or takes away.
    pub(super) fn check_names(&self, kind: &StatementKind) -> Result<(), Stop> {
        let name = match kind {
            StatementKind::Prepare { name, .. }
            | StatementKind::DeclareCursor { name, .. }
            | StatementKind::Execute { name }
            | StatementKind::ExplainExecute { name }
            | StatementKind::Fetch { cursor: name, .. } => Some(name),
            StatementKind::Deallocate { name } | StatementKind::ClosePortal { name } => name.as_ref(),
            _ => None,
        };
        name.map_or(Ok(()), |name| self.check_spelling(name.as_bytes()))
    }
}

fn uncommitted_name() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "a name that DDL over protected data changed cannot be used before that is committed",
    )
    .with_hint("Commit the DDL first.")
}

fn opaque_parameter() -> ClientError {
    ClientError::new(
        sqlstate::INSUFFICIENT_PRIVILEGE,
        "permission denied: a parameter's type has a CHECK that may read protected data unseen",
    )
    .with_hint("Declare the type that the domain is over, or leave it to the server.")
}
