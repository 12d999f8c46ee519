//! `docs/openapi.json` against the running service: every path is called, and every answer is what the document says.

use super::service::Service;
use super::support::http::{Answer, get, post};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What of `value` is not as `schema` says: JSON Schema as far as the document uses it.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).ok_or(format!("{reference} leads nowhere"))?;
        return check(document, target, value, place);
    }
    let bad = |why: String| Err(format!("{place}: {why}: {value}"));
    if let Some(options) = schema["anyOf"].as_array() {
        let fits = options.iter().any(|option| check(document, option, value, place).is_ok());
        return if fits { Ok(()) } else { bad("none of anyOf".into()) };
    }
    if let Some(values) = schema["enum"].as_array() {
        return if values.contains(value) { Ok(()) } else { bad("none of enum".into()) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return bad(format!("the schema has no type: {schema}")),
    };
    let fits = allowed.contains(&kind) || kind == "integer" && allowed.contains(&"number");
    if !fits {
        return bad(format!("not {allowed:?}"));
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], element, &format!("{place}[{index}]"))?;
    }
    let Some(object) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            return bad(format!("lacks {name}"));
        }
    }
    for (name, field) in object {
        let further = if schema["properties"][name].is_null() {
            &schema["additionalProperties"]
        } else {
            &schema["properties"][name]
        };
        match further {
            Value::Bool(false) => return bad(format!("{name} is not in the document")),
            Value::Object(_) => check(document, further, field, &format!("{place}.{name}"))?,
            _ => {}
        }
    }
    Ok(())
}

/// Checks an answer to an operation, such as `/paths/~1v1~1users/get`.
#[track_caller]
fn fits(document: &Value, operation: &str, answer: &Answer) {
    let responses = document.pointer(&format!("{operation}/responses")).unwrap_or_else(|| panic!("no {operation}"));
    let status = answer.status.to_string();
    let response = if responses[&status].is_null() { &responses["default"] } else { &responses[&status] };
    let schema = &response["content"]["application/json"]["schema"];
    check(document, schema, &answer.json(), operation).unwrap();
}

#[test]
fn every_path_answers_as_the_document_says() {
    let (service, document) = (Service::start(), document());
    let socket = service.path("socket");
    let mut called = BTreeSet::new();
    let mut see = |path: &str, method: &str, answer: Answer, status: u16| {
        called.insert(path.to_owned());
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        fits(&document, &format!("/paths/{}/{method}", path.replace('/', "~1")), &answer);
        answer.json()
    };
    let add = |entity: &str, set: Value| json!({ "action": "add", "entity": entity, "set": set });
    let changes = json!({ "changes": [
        add("account", json!({ "name": "a", "description": "one" })),
        add("user", json!({ "name": ["u", "v"], "account": "a" })),
        add("qos", json!({ "name": "high", "grptres": { "cpu": 4, "gres/gpu": 1 }, "flags": "DenyOnLimit" })),
        add("coordinator", json!({ "name": "u", "account": "a" })),
        { "action": "modify", "entity": "user", "where": { "name": "u" },
          "set": { "grptres": { "cpu": 4 }, "maxjobs": 7, "qos+": ["high"], "fairshare": "parent" } },
    ] });
    let rehearsed = json!({ "changes": changes["changes"], "dry_run": true });
    assert_eq!(see("/v1/changes", "post", post(&socket, "/v1/changes", &rehearsed), 200)["failed"], Value::Null);
    assert_eq!(get(&socket, "/v1/users").json()["rows"].as_array().unwrap().len(), 1, "a dry run keeps nothing");
    see("/v1/changes", "post", post(&socket, "/v1/changes", &changes), 200);
    let half = json!({ "changes": [add("account", json!({ "name": "b" })), add("user", json!({ "name": "w", "account": "nope" }))] });
    let refused = see("/v1/changes", "post", post(&socket, "/v1/changes", &half), 409);
    assert_eq!(refused["failed"], 1);
    assert!(refused["results"][1]["stderr"].as_str().unwrap().contains("doesn't exist"), "{refused}");

    for name in ["accounts", "associations", "clusters", "qos", "transactions", "tres", "users"] {
        let path = format!("/v1/{name}");
        let all = see(&path, "get", get(&socket, &path), 200)["rows"].clone();
        let all = all.as_array().unwrap();
        assert!(!all.is_empty(), "{name}");
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let page = get(&socket, &format!("{path}?limit=2{after}")).json();
            paged.extend(page["rows"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={}", next.replace('/', "%2F"));
        }
        assert_eq!(&paged, all, "{name} in pages");
        see(&path, "get", get(&socket, &format!("{path}?bogus=1")), 400);
    }
    let rows = |query: &str| get(&socket, &format!("/v1/{query}")).json()["rows"].clone();
    assert_eq!(rows("accounts?name=a,b").as_array().unwrap().len(), 1, "of the refused batch nothing was kept");
    let user = &rows("associations?user=u")[0];
    assert_eq!(user["limits"], json!({ "grp_tres": { "cpu": 4 }, "max_jobs": 7 }));
    assert_eq!((&user["shares"], &user["account"]), (&Value::Null, &json!("a")));
    assert_eq!(rows("users?coordinates=a")[0]["name"], "u");
    assert_eq!(rows("transactions?actor=root&action=Add%20Users")[0]["actor"], "root");

    let show = json!({ "argv": ["-nP", "show", "user", "format=user"] });
    let said = see("/v1/slurm/{command}", "post", post(&socket, "/v1/slurm/sacctmgr", &show), 200);
    assert_eq!(said["stdout"], "root\nu\nv\n");
    see("/v1/slurm/{command}", "post", post(&socket, "/v1/slurm/sacctmgr", &json!({ "argv": 1 })), 400);
    let job = json!({ "user": "u", "tres": { "cpu": 8 }, "minutes": 60, "enforce": "limits" });
    let waits = see("/v1/admission", "post", post(&socket, "/v1/admission", &job), 200);
    assert_eq!((&waits["submit"]["admitted"], &waits["start"]["reason"]), (&json!(true), &json!("AssocGrpCpuLimit")));
    see("/v1/admission", "post", post(&socket, "/v1/admission", &json!({ "tres": { "bogus": 1 } })), 400);
    let question = json!({ "argv": ["add", "account", "c"] });
    assert!(
        see("/v1/slurm/{command}", "post", post(&socket, "/v1/slurm/sacctmgr", &question), 200)["question"].is_string()
    );
    let jobs = json!({ "heading": "JobID|User|Account|Submit|Start|End|State|AllocTRES", "delimiter": "|", "zone": "UTC",
        "lines": ["7|u|a|2026-01-01T00:00:00|2026-01-01T00:00:00|2026-01-01T01:00:00|COMPLETED|cpu=2"] });
    let imported = see("/v1/import/jobs", "post", post(&socket, "/v1/import/jobs", &jobs), 200);
    assert_eq!((&imported["added"], &imported["without_association"]), (&json!(1), &json!(0)), "{imported}");
    see("/v1/import/jobs", "post", post(&socket, "/v1/import/jobs", &json!({ "lines": [] })), 400);
    let events = json!({ "heading": "NodeName|TimeStart|TimeEnd|StateRaw|TRES", "zone": "UTC",
        "lines": ["n1|2026-01-01T00:00:00|2026-01-01T01:00:00|1|cpu=2"] });
    let imported = see("/v1/import/events", "post", post(&socket, "/v1/import/events", &events), 200);
    assert_eq!(imported["added"], json!(1), "{imported}");
    see("/v1/import/events", "post", post(&socket, "/v1/import/events", &json!({ "lines": [] })), 400);
    // This service has no nodes.
    let job = json!({ "request": { "batch": { "script": "#!/bin/sh\n" } } });
    let refused = see("/v1/jobs/submit", "post", post(&socket, "/v1/jobs/submit", &job), 200);
    assert_eq!(refused["refused"], "No partition specified or system default partition");
    see("/v1/jobs/submit", "post", post(&socket, "/v1/jobs/submit", &json!({ "request": {} })), 400);
    see("/v1/why", "post", post(&socket, "/v1/why", &json!({ "job": "1" })), 404);
    see("/v1/jobs/wait", "post", post(&socket, "/v1/jobs/wait", &json!({ "job": 1 })), 404);
    let finish = json!({ "job": 1, "exit": { "code": 0, "signal": 0 } });
    see("/v1/jobs/finish", "post", post(&socket, "/v1/jobs/finish", &finish), 409);
    let step = json!({ "job": 1, "request": {}, "program": { "programs": [{ "ranks": null, "argv": ["true"] }] } });
    see("/v1/steps/create", "post", post(&socket, "/v1/steps/create", &step), 404);
    let stream = json!({ "job": 1, "step": { "Number": 0 }, "owner": true });
    see("/v1/steps/stream", "post", post(&socket, "/v1/steps/stream", &stream), 426);
    see("/v1/node/stream", "post", post(&socket, "/v1/node/stream", &stream), 426);
    let session = json!({ "node": "n1", "session": 1 });
    let with = |key: &str, value: Value| {
        let mut body = session.clone();
        body[key] = value;
        body
    };
    let hello = json!({ "node": "n1", "version": "1" });
    see("/v1/node/connect", "post", post(&socket, "/v1/node/connect", &hello), 404);
    let hardware = json!({ "cpus": 1, "threads_per_core": 1, "memory": 1, "gres": [] });
    let registration = with("registration", json!({ "boot": 1, "hardware": hardware, "runs": [] }));
    see("/v1/node/register", "post", post(&socket, "/v1/node/register", &registration), 409);
    see("/v1/node/orders", "post", post(&socket, "/v1/node/orders", &session), 410);
    let reports = with("reports", json!([]));
    see("/v1/node/reports", "post", post(&socket, "/v1/node/reports", &reports), 200);
    let usage = with("parts", json!([]));
    see("/v1/node/usage", "post", post(&socket, "/v1/node/usage", &usage), 410);
    assert_eq!(see("/v1/openapi.json", "get", get(&socket, "/v1/openapi.json"), 200), document);
    let health = see("/v1/health", "get", get(&socket, "/v1/health"), 200);
    assert!(health["last_commit"].as_i64().unwrap() > 1_700_000_000, "{health}");
    let metrics = get(&socket, "/metrics").body;
    for sample in [
        "enlist_request_seconds_count{command=\"changes\",result=\"done\"} 2",
        "enlist_request_seconds_count{command=\"changes\",result=\"refused\"} 1",
        "enlist_rows{kind=\"users\"} 3",
        "# TYPE enlist_store_bytes gauge",
        "# TYPE enlist_resident_bytes gauge",
    ] {
        assert!(metrics.lines().any(|line| line == sample), "{sample}\n{metrics}");
    }
    called.insert("/metrics".into());
    let documented: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(called, documented);
}
