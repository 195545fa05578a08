//! Errors of the control socket: `{"error": {"code", "message", "hint"}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::grants::Fault;

/// What went wrong, with its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

/// An error as it goes over the socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorBody {
    pub error: ErrorView,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorView {
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None }
    }
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    }
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let (status, code) = match &fault {
            Fault::Invalid { .. } | Fault::BadDuration { .. } => (StatusCode::BAD_REQUEST, "invalid"),
            Fault::UnknownColumn { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_column"),
            Fault::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
            Fault::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
            Fault::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            Fault::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Self { status, code, message: fault.to_string(), hint: fault.hint() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = ErrorView { code: self.code.to_owned(), message: self.message, hint: self.hint };
        (self.status, Json(ErrorBody { error: view })).into_response()
    }
}
