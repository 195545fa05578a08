//! OpenTelemetry logs: OTLP over HTTP, JSON encoding (opentelemetry-proto,
//! `ExportLogsServiceRequest`; "OTLP/HTTP" in its specification).

use serde_json::{Value, json};

use super::follow::Shipment;
use super::{Failure, Outlet, PATIENCE};
use crate::config::OtlpSink;
use crate::notify::post::roots;

/// An answer is read up to here.
const LARGEST_ANSWER: u64 = 64 << 10;

/// `SeverityNumber`
const INFO: u32 = 9;
const WARN: u32 = 13;
const ERROR: u32 = 17;

pub(super) struct Otlp {
    to: OtlpSink,
    agent: ureq::Agent,
}

impl Otlp {
    pub fn new(to: OtlpSink) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("bauta/", env!("CARGO_PKG_VERSION")))
            .tls_config(ureq::tls::TlsConfig::builder().root_certs(roots()).build())
            .build()
            .into();
        Self { to, agent }
    }
}

impl Outlet for Otlp {
    fn send(&mut self, records: &[Shipment]) -> Result<(), Failure> {
        let mut request =
            self.agent.post(self.to.endpoint.expose()).header("Content-Type", "application/json");
        for (name, value) in &self.to.headers {
            request = request.header(name.as_str(), value.expose());
        }
        let answer = request.send(body(records).to_string().as_bytes());
        match answer.map(|answer| (answer.status().as_u16(), answer)) {
            Ok((200..=299, mut answer)) => {
                let text = answer.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string();
                warn_of_rejected(&text.unwrap_or_default());
                Ok(())
            }
            Ok((status, _)) => Err(Failure(format!("the collector answered with HTTP status {status}"))),
            // Its text may hold the URL, and that a secret.
            Err(fault) => Err(Failure(fault.to_string().replace(self.to.endpoint.expose(), &self.to.host))),
        }
    }
}

/// Records that the collector refuses for good: the specification forbids to
/// send them again.
fn warn_of_rejected(answer: &str) {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let partial = answer.get("partialSuccess");
    let text = |name| partial.and_then(|p| p.get(name)).map(ToString::to_string).unwrap_or_default();
    let rejected = text("rejectedLogRecords");
    if !matches!(rejected.trim_matches('"'), "" | "0" | "null") {
        tracing::warn!(rejected, message = text("errorMessage"), "the collector rejected audit records");
    }
}

fn body(records: &[Shipment]) -> Value {
    let node = records.first().map(|record| record.facts.node.as_str()).unwrap_or_default();
    json!({ "resourceLogs": [{
        "resource": { "attributes": [text("service.name", "bauta"), text("host.name", node)] },
        "scopeLogs": [{
            "scope": { "name": "bauta.audit", "version": env!("CARGO_PKG_VERSION") },
            "logRecords": records.iter().map(log_record).collect::<Vec<_>>(),
        }],
    }] })
}

fn log_record(record: &Shipment) -> Value {
    let facts = &record.facts;
    let (number, name) = match facts.event.as_str() {
        "tripwire" | "log.head_lost" => (ERROR, "ERROR"),
        "auth.failed" | "log.resumed" | "log.recovered" | "notify.failed" => (WARN, "WARN"),
        _ if facts.refused => (WARN, "WARN"),
        _ => (INFO, "INFO"),
    };
    let mut attributes = vec![int("bauta.audit.seq", record.head.seq), text("event.name", &facts.event)];
    attributes.extend(facts.user.as_deref().map(|user| text("user.name", user)));
    attributes.extend(facts.database.as_deref().map(|name| text("db.namespace", name)));
    attributes.extend(facts.session.map(|id| text("session.id", &id.to_string())));
    let nanoseconds = facts.at.as_nanosecond().to_string();
    json!({
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": number,
        "severityText": name,
        "eventName": facts.event,
        "body": { "stringValue": record.line },
        "attributes": attributes,
    })
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// 64-bit integers are texts in protobuf's JSON.
fn int(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}
