//! Rows on their way to the client: which columns are masked, and how.
//!
//! A [`RowPlan`] is made from the decision's outputs and the server's own
//! description of the result, which must agree (the second witness): another
//! number of columns is a fault, and a protected origin that the analysis did
//! not announce is masked all the same and reported.
//!
//! Invariant: a row is written whole, masked as planned, or not at all.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use crate::audit::tally::Cells;
use crate::catalog::ColumnId;
use crate::catalog::guard::Guard;
use crate::mask::{self, Encoding, KeyRing, Mask, Masked, ValueType, Wire};
use crate::policy::ProtectedColumn;
use crate::policy::decide::OutputAction;
use crate::sql::Flow;
use crate::wire::backend::{DataRow, Field};
use crate::wire::frame::{self, backend as tag};

/// Why a row or a result can't be shown. Texts are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    #[error("the server returns {server} columns where the analysis found {analysis}")]
    ColumnCount { server: usize, analysis: usize },
    #[error("other columns stand behind * than the analysis found")]
    Moved,
    #[error("the server sent a malformed row")]
    Malformed,
    #[error("column {column} could not be masked")]
    Unreadable { column: usize },
    #[error("the row is longer than the limit")]
    TooLong,
}

/// A protected column that came without having been announced.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    pub column: Arc<ProtectedColumn>,
}

/// What happens to each column of a result.
pub struct RowPlan {
    masks: Vec<Option<Box<dyn Mask>>>,
    /// No column is masked.
    plain: bool,
    /// Values of protected columns in each row.
    cells: Cells,
}

/// What the server's description is held against.
pub struct Witness<'a> {
    pub guard: &'a Guard,
    pub keys: &'a KeyRing,
    pub encoding: Encoding,
    /// May this session see the column, although nobody announced it?
    pub sees: &'a dyn Fn(&ProtectedColumn) -> bool,
    /// What ran is what the server knows by a name, so its outputs need not be
    /// those that were announced.
    pub by_name: bool,
}

impl Witness<'_> {
    /// May a value of this field be masked as those of `column` are? One that the
    /// client chose must not be: its mask would tell which rows have it.
    fn is_its_own(&self, column: &ProtectedColumn, placed: bool, field: &Field) -> bool {
        if !self.by_name || !column.method.method().is_keyed() {
            return true;
        }
        // The server names no column for what was cast or united.
        let Some(origin) = field.origin else { return !placed && !self.guard.trusts_code };
        let same = |of: &Arc<ProtectedColumn>| of.domain == column.domain && of.method == column.method;
        protected_at(self.guard, origin).iter().any(same)
    }
}

impl RowPlan {
    /// `outputs`: None for a statement that names nothing protected.
    ///
    /// # Errors
    /// [`RowFault::ColumnCount`].
    pub fn new(
        outputs: Option<&[OutputAction]>,
        fields: &[Field],
        witness: &Witness<'_>,
    ) -> Result<(Self, Vec<Trip>), RowFault> {
        if let Some(outputs) = outputs.filter(|outputs| outputs.len() != fields.len()) {
            return Err(RowFault::ColumnCount { server: fields.len(), analysis: outputs.len() });
        }
        let mut trips = Vec::new();
        let mut masks = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            let action = outputs.and_then(|outputs| outputs.get(index)).unwrap_or(&OutputAction::Pass);
            masks.push(column_mask(action, field, witness, &mut trips));
        }
        let plain = masks.iter().all(Option::is_none);
        let reveals = |action: &&OutputAction| matches!(action, OutputAction::Reveal { .. });
        let revealed = outputs.unwrap_or_default().iter().filter(reveals).count();
        let masked = masks.iter().flatten().count();
        let cells =
            Cells { masked: masked.try_into().unwrap_or(0), revealed: revealed.try_into().unwrap_or(0) };
        Ok((Self { masks, plain, cells }, trips))
    }

    /// Every row passes as it came.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    pub fn cells(&self) -> Cells {
        self.cells
    }

    pub fn columns(&self) -> usize {
        self.masks.len()
    }

    /// Appends the masked DataRow to `out`; on a fault `out` is as it was.
    pub fn rewrite(&self, body: &[u8], out: &mut BytesMut) -> Result<(), RowFault> {
        let start = out.len();
        let mut result = Ok(());
        let put = frame::put(out, tag::DATA_ROW, |out| result = self.put_values(body, out));
        if put.is_err() {
            result = Err(RowFault::TooLong);
        }
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn put_values(&self, body: &[u8], out: &mut BytesMut) -> Result<(), RowFault> {
        let mut row = DataRow::read(body).map_err(|_| RowFault::Malformed)?;
        if row.columns != self.masks.len() {
            return Err(RowFault::ColumnCount { server: row.columns, analysis: self.masks.len() });
        }
        out.put_u16(u16::try_from(row.columns).map_err(|_| RowFault::Malformed)?);
        for (index, mask) in self.masks.iter().enumerate() {
            let value = row.next_value().map_err(|_| RowFault::Malformed)?;
            put_value(value, mask.as_deref(), out).map_err(|fault| fault.in_column(index + 1))?;
        }
        row.finish().map_err(|_| RowFault::Malformed)
    }

    /// Masks one value (never NULL) of column `index`; None: it is NULL now.
    pub(super) fn mask_value(
        &self,
        index: usize,
        value: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<()>, RowFault> {
        match self.masks.get(index) {
            Some(Some(mask)) => match mask.apply(value, out) {
                Ok(Masked::Value) => Ok(Some(())),
                Ok(Masked::Null) => Ok(None),
                Err(_) => Err(RowFault::Unreadable { column: index + 1 }),
            },
            Some(None) => {
                out.put_slice(value);
                Ok(Some(()))
            }
            None => Err(RowFault::ColumnCount { server: index + 1, analysis: self.masks.len() }),
        }
    }

    pub(super) fn is_masked(&self, index: usize) -> bool {
        matches!(self.masks.get(index), Some(Some(_)))
    }
}

impl RowFault {
    fn in_column(self, column: usize) -> Self {
        match self {
            Self::Unreadable { .. } => Self::Unreadable { column },
            other => other,
        }
    }
}

/// Appends a value with its length word.
fn put_value(value: Option<&[u8]>, mask: Option<&dyn Mask>, out: &mut BytesMut) -> Result<(), RowFault> {
    let Some(value) = value else {
        out.put_i32(-1);
        return Ok(());
    };
    let at = out.len();
    out.put_i32(-1);
    match mask {
        None => out.put_slice(value),
        Some(mask) => match mask.apply(value, out) {
            Ok(Masked::Value) => {}
            Ok(Masked::Null) => return Ok(()),
            Err(_) => return Err(RowFault::Unreadable { column: 0 }),
        },
    }
    let length = i32::try_from(out.len().saturating_sub(at + 4)).map_err(|_| RowFault::TooLong)?;
    if let Some(word) = out.get_mut(at..at + 4) {
        word.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn column_mask(
    action: &OutputAction,
    field: &Field,
    witness: &Witness<'_>,
    trips: &mut Vec<Trip>,
) -> Option<Box<dyn Mask>> {
    let wire = Wire { format: field.format, encoding: witness.encoding };
    let ty = || ValueType::resolve(&witness.guard.snapshot, field.type_oid, field.modifier);
    match action {
        OutputAction::Mask { column, placed } if witness.is_its_own(column, *placed, field) => {
            Some(own_mask(column, &ty(), wire, witness.keys))
        }
        OutputAction::Mask { .. } => Some(mask::plan_redact(&ty(), wire)),
        OutputAction::Redact { .. } => Some(mask::plan_redact(&ty(), wire)),
        OutputAction::Reveal { .. } => None,
        OutputAction::Pass => {
            let found = field.origin.map(|origin| protected_at(witness.guard, origin)).unwrap_or_default();
            let column = found.iter().find(|column| !(witness.sees)(column))?.clone();
            let alone = found.len() == 1 && is_own(witness.guard, field.origin);
            trips.push(Trip { column: column.clone() });
            Some(if alone {
                own_mask(&column, &ty(), wire, witness.keys)
            } else {
                mask::plan_redact(&ty(), wire)
            })
        }
    }
}

/// The column's own method, or `redact` where that doesn't fit what the
/// statement made of the type (a cast to text of an int column).
fn own_mask(column: &ProtectedColumn, ty: &ValueType, wire: Wire, keys: &KeyRing) -> Box<dyn Mask> {
    mask::plan(&column.method, &column.domain, ty, wire, keys).unwrap_or_else(|_| mask::plan_redact(ty, wire))
}

/// The origin is the protected column itself, not a view's output.
fn is_own(guard: &Guard, origin: Option<ColumnId>) -> bool {
    origin.is_some_and(|origin| guard.column(origin).is_some())
}

/// Are there rows of these fields to be looked at, although nothing protected was
/// announced?
pub fn has_protected(guard: &Guard, fields: &[Field]) -> bool {
    let mut origins = fields.iter().filter_map(|field| field.origin);
    origins.any(|origin| !protected_at(guard, origin).is_empty())
}

/// Protected columns that an origin stands for: the column itself, what a
/// view's output comes from, or, for a whole row (attribute 0), all of them.
pub fn protected_at(guard: &Guard, origin: ColumnId) -> Vec<Arc<ProtectedColumn>> {
    if let Some(column) = guard.column(origin) {
        return vec![column.clone()];
    }
    let flows = guard.view_flows.get(&origin.relation);
    if origin.attribute == 0 {
        let own = guard.protected.iter().filter(|(id, _)| id.relation == origin.relation);
        let own = own.map(|(_, column)| column.clone());
        return own.chain(flows.into_iter().flatten().flat_map(columns_of).cloned()).collect();
    }
    let index = usize::try_from(origin.attribute).ok().and_then(|attribute| attribute.checked_sub(1));
    let flow = flows.zip(index).and_then(|(flows, index)| flows.get(index));
    flow.map(|flow| columns_of(flow).to_vec()).unwrap_or_default()
}

fn columns_of(flow: &Flow) -> &[Arc<ProtectedColumn>] {
    match flow {
        Flow::Clean => &[],
        Flow::Plain { columns, .. }
        | Flow::Derived { columns, .. }
        | Flow::Mixed { columns }
        | Flow::Computed { columns } => columns,
    }
}
