//! What the document says of jobs and compute nodes.

use super::{answer, body, object, optional};
use serde_json::{Value, json};

/// Paths of jobs and nodes, each with what a POST does.
pub fn paths() -> Vec<(&'static str, Value)> {
    let node = |summary: &str, schema: &str| {
        json!({
            "summary": format!("{summary} Only compute nodes, by their certificates, and root of the master's host"),
            "requestBody": body(schema),
            "responses": {
                "200": { "description": "It", "content": { "application/json": { "schema": { "type": "object" } } } },
                "410": answer("The session is over: the node connects anew", "Error"),
                "default": answer("Why not", "Error"),
            },
        })
    };
    let submit = json!({
        "summary": "Submits a job as the caller",
        "requestBody": body("SubmitJob"),
        "responses": {
            "200": answer("Its number, or why it is not taken in Slurm's words", "SubmittedJob"),
            "default": answer("Why not", "Error"),
        },
    });
    let why = json!({
        "summary": "What a job waits for, when it starts at the latest, and what would start it",
        "requestBody": body("AskWhy"),
        "responses": { "200": answer("What is known of it", "Why"), "default": answer("Why not", "Error") },
    });
    let post = |summary: &str, schema: &str, said: &str, meaning: &str| {
        json!({
            "summary": summary,
            "requestBody": body(schema),
            "responses": { "200": answer(meaning, said), "default": answer("Why not", "Error") },
        })
    };
    let stream = |summary: &str, schema: &str| {
        json!({
            "summary": format!("{summary} The request says Upgrade: enlist-step/1, and becomes a stream of frames"),
            "requestBody": body(schema),
            "responses": { "101": { "description": "From here on frames go both ways" }, "default": answer("Why not", "Error") },
        })
    };
    let wait = "Waits until a job has started, or is over; answered after a while as it is then";
    let create = "Starts a step of a job, or waits for its part of it; its user and root alone";
    vec![
        ("/v1/jobs/submit", submit),
        ("/v1/jobs/wait", post(wait, "WaitForJob", "JobStanding", "How it stands")),
        ("/v1/jobs/finish", post("Gives an allocation without a script back", "FinishJob", "Nothing", "It is over")),
        ("/v1/steps/create", post(create, "CreateStep", "CreatedStep", "The step, or why there is none yet")),
        ("/v1/steps/stream", stream("What the tasks of a step read and write; its user and root alone.", "StreamStep")),
        ("/v1/node/stream", stream("What the tasks of a step read and write on a node. Only that node.", "NodeStream")),
        ("/v1/why", why),
        ("/v1/node/connect", node("A node wants a session.", "NodeConnect")),
        ("/v1/node/register", node("A node says what it is, once in each session.", "NodeRegister")),
        ("/v1/node/orders", node("A node waits for orders; a heartbeat.", "NodePoll")),
        ("/v1/node/reports", node("A node says what became of runs.", "NodeReports")),
        ("/v1/node/usage", node("A node says what its runs and steps use, when it was asked.", "NodeUsage")),
    ]
}

/// Their bodies. Those of nodes, and what jobs ask for, are `compute::protocol` and `scheduling::request`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    let text = || json!({ "type": "string" });
    let number = || json!({ "type": "integer" });
    let any = |meaning: &str| json!({ "type": "object", "description": meaning });
    let list = || json!({ "type": "array", "items": { "type": "object" } });
    let session = || [("node", text()), ("session", number())];
    let texts = json!({ "type": "array", "items": text() });
    let ask = object(&[
        ("request", any("`JobRequest` of crates/scheduling/src/request.rs")),
        ("test_only", json!({ "type": "boolean" })),
        ("cluster", json!({ "type": "string" })),
    ]);
    let said = object(&[("job", number()), ("refused", text()), ("notes", texts), ("cluster", text())]);
    let maybe = || json!({ "type": ["string", "null"] });
    let sentences = || json!({ "type": "array", "items": { "type": "string" } });
    let why = object(&[
        ("job", text()),
        ("name", text()),
        ("user", text()),
        ("account", text()),
        ("partition", text()),
        ("state", text()),
        ("reason", maybe()),
        ("waits_for", sentences()),
        ("starts_by", maybe()),
        ("remedies", sentences()),
    ]);
    let exit = || object(&[("code", number()), ("signal", number())]);
    let truth = || json!({ "type": "boolean" });
    let of_step = || json!({ "description": "`StepId`: `{\"Number\": 0}`, `\"Interactive\"`" });
    let wait = object(&[("job", number()), ("over", truth())]);
    let standing =
        [("job", number()), ("state", text()), ("reason", text()), ("allocation", any("`Allocated`, or null"))];
    let standing = object(&[&standing[..], &[("exit", exit())]].concat());
    let create = [("job", number()), ("request", any("`StepRequest`")), ("program", any("`StepProgram`"))];
    let create = object(&[&create[..], &[("immediate", truth())]].concat());
    let created = object(&[
        ("step", any("`StepId` and `StepNode`s, or null")),
        ("waits", maybe()),
        ("job", any("`JobStanding`")),
    ]);
    let node_stream = [("job", number()), ("attempt", number()), ("step", of_step())];
    vec![
        ("WaitForJob", optional(wait, &["over"])),
        ("JobStanding", optional(standing, &["exit"])),
        ("FinishJob", object(&[("job", number()), ("exit", exit())])),
        ("Nothing", object(&[])),
        ("CreateStep", optional(create, &["immediate"])),
        ("CreatedStep", created),
        ("StreamStep", object(&[("job", number()), ("step", of_step()), ("owner", truth())])),
        ("NodeStream", object(&[&session()[..], &node_stream].concat())),
        ("AskWhy", object(&[("job", text())])),
        ("Why", why),
        ("SubmitJob", optional(ask, &["test_only", "cluster"])),
        ("SubmittedJob", optional(said, &["job", "refused", "notes"])),
        ("NodeConnect", object(&[("node", text()), ("version", text())])),
        ("NodeRegister", object(&[&session()[..], &[("registration", any("`Registration`"))]].concat())),
        ("NodePoll", object(&session())),
        ("NodeReports", object(&[&session()[..], &[("reports", list())]].concat())),
        ("NodeUsage", object(&[&session()[..], &[("parts", list())]].concat())),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::reference;
    use super::*;

    #[test]
    fn every_body_that_is_named_is_there() {
        let known: Vec<_> = schemas().into_iter().map(|(name, _)| reference(name).to_string()).collect();
        for (path, post) in paths() {
            let named = post["requestBody"]["content"]["application/json"]["schema"].to_string();
            assert!(known.contains(&named), "{path}");
        }
    }
}
