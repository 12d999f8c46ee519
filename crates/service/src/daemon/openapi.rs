//! `docs/openapi.json`, made from the tables that the service itself works by.

mod jobs;

use super::changes::ENTITIES;
use super::resources::{self, Field, Kind, Resource};
use commands::SlurmProgram;
use serde_json::{Map, Value, json};

/// The whole document.
pub fn document() -> Value {
    let mut paths = Map::new();
    paths.insert("/v1/health".into(), json!({ "get": get("Whether the service is well", "Health", &json!([])) }));
    paths.insert("/v1/openapi.json".into(), json!({ "get": {
        "summary": "This document",
        "responses": { "200": { "description": "It", "content": { "application/json": { "schema": { "type": "object" } } } } },
    } }));
    paths.insert("/metrics".into(), json!({ "get": {
        "summary": "What the service did, in Prometheus' text format",
        "responses": { "200": { "description": "Samples", "content": { "text/plain": { "schema": { "type": "string" } } } } },
    } }));
    paths.insert("/v1/slurm/{command}".into(), json!({ "post": slurm() }));
    paths.insert("/v1/changes".into(), json!({ "post": changes() }));
    paths.insert("/v1/admission".into(), json!({ "post": admission() }));
    let mut schemas = schemas();
    paths.insert("/v1/import/events".into(), json!({ "post": import_events() }));
    paths.insert("/v1/import/jobs".into(), json!({ "post": import_jobs() }));
    for (path, post) in jobs::paths() {
        paths.insert(path.into(), json!({ "post": post }));
    }
    for resource in resources::ALL {
        let (path, page) = (format!("/v1/{}", resource.name), format!("{}_page", resource.name));
        paths.insert(path, json!({ "get": get(resource.meaning, &page, &parameters(resource)) }));
        schemas.insert(page, page_schema(resource));
        schemas.insert(resource.name.into(), object(&fields(resource)));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "enlist serve",
            "version": "1",
            "description": "Made by `ENLIST_BLESS=1 cargo test -p enlist-service daemon::openapi`. Who asks is said by the kernel (unix \
                socket) or by a login node's certificate, never by the request. What a caller may see and change is what \
                sacctmgr would let them.",
        },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn answer(description: &str, schema: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": reference(schema) } } })
}

fn get(summary: &str, schema: &str, parameters: &Value) -> Value {
    json!({
        "summary": summary,
        "parameters": parameters,
        "responses": { "200": answer("It", schema), "default": answer("Why not", "Error") },
    })
}

fn body(schema: &str) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": reference(schema) } } })
}

fn slurm() -> Value {
    let names: Vec<_> = SlurmProgram::ALL.into_iter().map(SlurmProgram::name).collect();
    json!({
        "summary": "Runs one of Slurm's commands; what it says and its exit code come back",
        "parameters": [{ "name": "command", "in": "path", "required": true, "schema": { "enum": names } }],
        "requestBody": body("Command"),
        "responses": { "200": answer("What it says", "Said"), "default": answer("Why not", "Error") },
    })
}

fn changes() -> Value {
    json!({
        "summary": "Makes several changes, all or none",
        "requestBody": body("Batch"),
        "responses": {
            "200": answer("All were made", "Changed"),
            "409": answer("One was refused, so none was made", "Changed"),
            "default": answer("Why not", "Error"),
        },
    })
}

fn import_events() -> Value {
    json!({
        "summary": "Takes in lines of another site's `sacctmgr -P show event`, all or none; administrators only",
        "requestBody": body("ImportEvents"),
        "responses": { "200": answer("What became of them", "ImportedEvents"), "default": answer("Why not", "Error") },
    })
}

fn import_jobs() -> Value {
    json!({
        "summary": "Takes in lines of another site's `sacct -P`, all or none; administrators only",
        "requestBody": body("ImportJobs"),
        "responses": { "200": answer("What became of them", "ImportedJobs"), "default": answer("Why not", "Error") },
    })
}

fn admission() -> Value {
    json!({
        "summary": "Whether a job may be submitted and started, and each limit that says something about it",
        "requestBody": body("AdmissionAsk"),
        "responses": { "200": answer("Yes, or why not", "Admission"), "default": answer("Why not", "Error") },
    })
}

fn admission_schemas() -> [(&'static str, Value); 2] {
    let text = || json!({ "type": "string" });
    let maybe = |kind: &str| json!({ "type": [kind, "null"] });
    let number = || json!({ "type": "integer" });
    let ask = object(&[
        ("user", text()),
        ("cluster", maybe("string")),
        ("account", maybe("string")),
        ("partition", text()),
        ("qos", maybe("string")),
        ("tres", json!({ "type": "object", "additionalProperties": number() })),
        ("minutes", maybe("integer")),
        ("tasks", maybe("integer")),
        ("enforce", maybe("string")),
    ]);
    let all = ["user", "cluster", "account", "partition", "qos", "tres", "minutes", "tasks", "enforce"];
    let verdict = object(&[("admitted", json!({ "type": "boolean" })), ("reason", text()), ("text", text())]);
    let verdict = optional(verdict, &["reason", "text"]);
    let line = object(&[
        ("stage", json!({ "enum": ["submit", "start"] })),
        ("limit", text()),
        ("tres", text()),
        ("set_by", text()),
        ("value", number()),
        ("used", maybe("integer")),
        ("asked", maybe("integer")),
        ("reason", text()),
        ("open", json!({ "type": "boolean" })),
    ]);
    let line = optional(line, &["tres", "reason", "open"]);
    let checks = json!({ "type": "array", "items": line });
    let verdicts = [("submit", verdict.clone()), ("start", verdict.clone()), ("checks", checks.clone())];
    let mut enforced = object(&verdicts);
    enforced["type"] = json!(["object", "null"]);
    let answer = object(&[
        ("user", text()),
        ("cluster", text()),
        ("partition", maybe("string")),
        ("account", maybe("string")),
        ("qos", maybe("string")),
        ("enforce", text()),
        ("submit", verdict.clone()),
        ("start", verdict),
        ("checks", checks),
        ("enforced", enforced),
        ("missing", maybe("string")),
    ]);
    [("AdmissionAsk", optional(ask, &all)), ("Admission", answer)]
}

fn parameters(resource: &Resource) -> Value {
    let parameter = |name: &str, meaning: &str, schema: Value| json!({ "name": name, "in": "query", "description": meaning, "schema": schema });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": resources::MOST });
    let mut all = vec![
        parameter("limit", "The most rows; 1000 unless given", limit),
        parameter("after", "`next` of the page before", json!({ "type": "string" })),
    ];
    let filters = resource.fields.iter().filter(|field| field.kind.can_be_filtered());
    all.extend(filters.map(|field| {
        let meaning = format!("Only rows with one of these (a comma list); {}", field.meaning);
        parameter(field.name, &meaning, json!({ "type": "string" }))
    }));
    Value::Array(all)
}

fn fields(resource: &Resource) -> Vec<(&'static str, Value)> {
    let schema = |field: &Field| {
        let mut schema = kind(field.kind);
        schema["description"] = field.meaning.into();
        (field.name, schema)
    };
    resource.fields.iter().map(schema).collect()
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::MaybeText => json!({ "type": ["string", "null"] }),
        Kind::Number => json!({ "type": "integer" }),
        Kind::MaybeNumber => json!({ "type": ["integer", "null"] }),
        Kind::MaybeReal => json!({ "type": ["number", "null"] }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::TextByName => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Limits => {
            let by_tres = json!({ "type": "object", "additionalProperties": { "type": "integer" } });
            json!({ "type": "object", "additionalProperties": { "anyOf": [{ "type": "integer" }, by_tres] } })
        }
    }
}

/// An object that has all of these and nothing else.
fn object(fields: &[(&str, Value)]) -> Value {
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let properties: Map<_, _> = fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// The same, where some may be left out.
fn optional(mut object: Value, names: &[&str]) -> Value {
    if let Some(required) = object["required"].as_array_mut() {
        required.retain(|name| !names.iter().any(|optional| name == optional));
    }
    object
}

fn page_schema(resource: &Resource) -> Value {
    object(&[
        ("rows", json!({ "type": "array", "items": reference(resource.name) })),
        ("next", json!({ "type": ["string", "null"] })),
        ("revision", json!({ "type": "integer" })),
    ])
}

fn schemas() -> Map<String, Value> {
    let text = || json!({ "type": "string" });
    let number = || json!({ "type": "integer" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let words = || json!({ "type": "object" });
    let said = [("stdout", text()), ("stderr", text()), ("code", number())];
    let command = object(&[
        ("argv", texts()),
        ("answers", json!({ "type": "array", "items": { "type": "boolean" } })),
        ("asked", text()),
        ("rehearse", json!({ "type": ["array", "null"], "items": texts() })),
        ("without_jobs_of", json!({ "type": "array", "items": { "type": "integer", "minimum": 0 } })),
        ("together", json!({ "type": "array", "items": texts() })),
        ("files", json!({ "type": "array", "items": reference("CallerFile") })),
        ("environment", json!({ "type": "object", "additionalProperties": text() })),
    ]);
    let flag = || json!({ "type": "boolean" });
    let import = object(&[
        ("heading", text()),
        ("delimiter", text()),
        ("zone", text()),
        ("cluster", text()),
        ("lines", texts()),
        ("skip_bad", flag()),
        ("check", flag()),
    ]);
    let import_events = object(&[
        ("heading", text()),
        ("zone", text()),
        ("cluster", text()),
        ("lines", texts()),
        ("skip_bad", flag()),
        ("check", flag()),
    ]);
    let bad = object(&[("line", number()), ("column", number()), ("what", text())]);
    let events = [("added", number()), ("changed", number()), ("unchanged", number())];
    let imported_events = object(
        &[
            &events[..],
            &[
                ("passed_over", json!({ "type": "array", "items": bad.clone() })),
                ("bad", bad.clone()),
                ("refused", text()),
            ],
        ]
        .concat(),
    );
    let counts = ["added", "changed", "unchanged", "steps", "without_association", "without_qos"];
    let counts: Vec<_> = counts.iter().map(|name| (*name, number())).collect();
    let bad = json!({ "type": "array", "items": bad });
    let imported = object(&[&counts[..], &[("bad", bad), ("refused", text())]].concat());
    let change = object(&[
        ("action", json!({ "enum": ["add", "modify", "delete"] })),
        ("entity", json!({ "enum": ENTITIES })),
        ("where", words()),
        ("set", words()),
    ]);
    let file = object(&[("path", text()), ("text", text()), ("error", text())]);
    let writes = json!({ "type": "array", "items": object(&[("path", text()), ("text", text())]) });
    let all = [
        ("CallerFile", optional(file, &["text", "error"])),
        ("Error", object(&[("error", text())])),
        (
            "Health",
            object(&[
                ("status", json!({ "enum": ["ok"] })),
                ("revision", number()),
                ("last_commit", json!({ "type": ["integer", "null"], "description": "Seconds since 1970" })),
                ("version", text()),
            ]),
        ),
        (
            "Command",
            optional(command, &["answers", "asked", "rehearse", "without_jobs_of", "together", "files", "environment"]),
        ),
        ("ImportEvents", optional(import_events, &["cluster", "skip_bad", "check"])),
        ("ImportedEvents", optional(imported_events, &["passed_over", "bad", "refused"])),
        ("ImportJobs", optional(import, &["cluster", "skip_bad", "check"])),
        ("ImportedJobs", optional(imported, &["refused"])),
        (
            "Said",
            optional(
                object(
                    &[
                        &said[..],
                        &[
                            ("question", text()),
                            ("asked", text()),
                            ("reads", text()),
                            ("writes", writes),
                            ("revision", number()),
                        ],
                    ]
                    .concat(),
                ),
                &["question", "asked", "reads", "writes"],
            ),
        ),
        ("Change", optional(change, &["where", "set"])),
        (
            "Batch",
            optional(
                object(&[
                    ("changes", json!({ "type": "array", "items": reference("Change") })),
                    ("dry_run", json!({ "type": "boolean" })),
                ]),
                &["dry_run"],
            ),
        ),
        (
            "Changed",
            object(&[
                ("results", json!({ "type": "array", "items": object(&said) })),
                ("failed", json!({ "type": ["integer", "null"], "description": "Which one was refused, from 0" })),
                ("revision", number()),
            ]),
        ),
    ];
    all.into_iter()
        .chain(admission_schemas())
        .chain(jobs::schemas())
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_document_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let text = format!("{:#}\n", document());
        if std::env::var_os("ENLIST_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "run it again with ENLIST_BLESS=1");
    }
}
