//! Examples of requests and answers, by operation: what a server said, with secrets left out. Pure.

use serde_json::{Map, Value};

/// All of them, by the operation's id: a `request`, where it has a body, and a `response`.
pub(super) fn all() -> Map<String, Value> {
    serde_json::from_str(include_str!("examples.json")).unwrap_or_default()
}

/// Puts an operation's examples where they belong, and takes them out of `examples`.
pub(super) fn add(operation: &mut Map<String, Value>, examples: &mut Map<String, Value>) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let Some(mut example) = examples.remove(id) else { return };
    put(operation.get_mut("requestBody"), example["request"].take());
    let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
    let good = answers.into_iter().flatten().find(|(status, _)| status.starts_with('2'));
    put(good.map(|(_, answer)| answer), example["response"].take());
}

fn put(body: Option<&mut Value>, example: Value) {
    let content = body.and_then(|body| body.pointer_mut("/content")?.as_object_mut());
    let content = content.and_then(|kinds| kinds.values_mut().next());
    if let Some(content) = content.filter(|_| !example.is_null()) {
        content["example"] = example;
    }
}
