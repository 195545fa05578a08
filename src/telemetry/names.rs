//! Every metric's name and what it counts, in one place: dashboards, alerts
//! and `docs/OPERATIONS.md` lean on them.
//!
//! Follows Prometheus' "Metric and label naming": base units, `_total` on
//! counters.

/// A metric as it is exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    pub name: &'static str,
    /// Without the full stop, which the encoder adds.
    pub help: &'static str,
}

macro_rules! names {
    ($($constant:ident = $name:literal, $help:literal;)*) => {
        $(pub const $constant: Name = Name { name: $name, help: $help };)*
        /// All of them.
        pub const ALL: &[Name] = &[$($constant),*];
    };
}

names! {
    BUILD_INFO = "bauta_build_info", "1; the label says which version runs";
    AUDIT_WRITABLE = "bauta_audit_writable", "1 while the audit log can be written, else 0 and statements are refused";
    OBSERVING = "bauta_observing", "1 under mode = \"observe\": nothing is masked or refused, nothing is protected";
    CONNECTIONS = "bauta_connections", "Client connections, those that are logging in included";
    SESSIONS = "bauta_sessions", "Sessions that are established";
    SESSIONS_STARTED = "bauta_sessions_started_total", "Sessions that began";
    LOGINS_REFUSED = "bauta_logins_refused_total", "Connections that did not become sessions, by how far they came";
    LOGIN_TIME = "bauta_upstream_login_duration_seconds", "Time to connect and log in to the server for a session";
    SERVER_TIME = "bauta_upstream_response_duration_seconds", "Time from what was sent to the server to the first bytes of its answer";
    STATEMENTS = "bauta_statements_total", "Statements that ended, by the strongest decision about a column of theirs";
    OBSERVED = "bauta_observed_statements_total", "Statements that ran as they came under mode = \"observe\", by what would have been decided; not in bauta_statements_total";
    STATEMENT_TIME = "bauta_statement_duration_seconds", "Time of a statement from its intent record to its outcome";
    STATEMENT_ERRORS = "bauta_statement_errors_total", "Statements that ended in an error of the server or of bauta, refusals apart";
    ROWS = "bauta_rows_total", "Rows sent to clients or affected";
    CELLS = "bauta_cells_total", "Values of protected columns in rows sent, NULLs included, by treatment";
    REFUSALS = "bauta_refusals_total", "Refused uses of protected columns; use=\"statement\": a statement refused as a whole";
    TRIPWIRES = "bauta_tripwires_total", "Protected columns that came unannounced and were masked";
    ANALYSES = "bauta_analysis_lookups_total", "Texts of statements, by what was known of them";
    ANALYSIS_TIME = "bauta_analysis_duration_seconds", "Time to analyse a text that was not known";
    GRANTS = "bauta_grants", "Grants that are in force";
    REQUESTS = "bauta_requests_pending", "Requests that wait for a decision";
    GRANT_EVENTS = "bauta_grant_events_total", "Requests and grants, by what happened";
    STATE_ERRORS = "bauta_state_errors_total", "Attempts to store or record a request or grant that failed";
    STATE_STALE = "bauta_state_stale_seconds", "Seconds since a shared state store last answered; 0 with a store of one's own";
    AUDIT_RECORDS = "bauta_audit_records_total", "Records written and synced";
    AUDIT_BYTES = "bauta_audit_bytes_total", "Bytes of the audit log written and synced";
    AUDIT_TIME = "bauta_audit_write_duration_seconds", "Time to write and sync a group of records";
    AUDIT_FAILURES = "bauta_audit_failures_total", "Groups of records that could not be written";
    AUDIT_QUEUE = "bauta_audit_queue_records", "Records that wait to be written";
    SINK_LAG = "bauta_audit_sink_lag_records", "Durable records that a sink of the audit log has not taken yet";
    SINK_RECORDS = "bauta_audit_sink_records_total", "Records that a sink of the audit log took";
    SINK_FAILURES = "bauta_audit_sink_failures_total", "Attempts to give records to a sink that failed";
    CATALOGS = "bauta_catalogs", "Databases whose catalog is loaded";
    CATALOG_PROBLEMS = "bauta_catalog_problems", "Faults in the fit of policy and catalog, as bauta status lists them";
    START_TIME = "process_start_time_seconds", "Start of the process, seconds since 1970";
    RESIDENT_MEMORY = "process_resident_memory_bytes", "Resident memory";
    OPEN_FDS = "process_open_fds", "Open file descriptors";
}
