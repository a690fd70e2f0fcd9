//! Numbers, limits and parameters as JSON Schema has them.

use serde_json::{Map, Value, json};

use stagedoor_token::{Limits, SECOND_LOGIN_ALLOW_MAX, verifying_key::KID_BYTES_MAX};

use crate::{
    config::Config,
    routes::oauth::form::{NAME_BYTES_MAX, PARAMETERS_MAX},
};

/// Gives every integer the bounds of its type: what does not fit is refused, so the document says so. An unsigned
/// integer of 32 bits is no `int32`.
pub(super) fn numbers(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(numbers),
        Value::Object(fields) => {
            if is_integer(fields) {
                bounded(fields);
            }
            fields.values_mut().for_each(numbers);
        }
        _ => {}
    }
}

fn is_integer(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|of| of == "integer"),
        of => of.is_some_and(|of| of == "integer"),
    }
}

fn bounded(schema: &mut Map<String, Value>) {
    let is_unsigned = schema.contains_key("minimum");
    let is_short = schema.get("format").is_some_and(|format| format == "int32");
    let (min, max) = match (is_short, is_unsigned) {
        (true, true) => (0, i64::from(u32::MAX)),
        (true, false) => (i64::from(i32::MIN), i64::from(i32::MAX)),
        (false, true) => (0, i64::MAX),
        (false, false) => (i64::MIN, i64::MAX),
    };
    schema.insert("format".into(), "int64".into());
    schema.entry("minimum").or_insert(min.into());
    schema.entry("maximum").or_insert(max.into());
}

/// Limits of the configuration, and of names in tokens and rooms.
pub(super) fn limits(document: &mut Value, config: &Config) {
    let schemas = &mut document["components"]["schemas"];
    let of = Limits::DEFAULT;
    for (place, bytes_max) in [
        ("/NewToken/properties/room", of.room_bytes_max),
        ("/NewToken/properties/user", of.user_bytes_max),
        ("/UserInRoom/properties/room", of.room_bytes_max),
        ("/UserInRoom/properties/user", of.user_bytes_max),
        ("/RoleInRoom/properties/room", of.room_bytes_max),
        ("/Target/oneOf/0/properties/jti", of.jti_bytes_max),
        ("/Target/oneOf/1/properties/user", of.user_bytes_max),
        ("/Target/oneOf/3/properties/room", of.room_bytes_max),
        ("/Target/oneOf/6/properties/key", KID_BYTES_MAX),
    ] {
        schemas.pointer_mut(place).into_iter().for_each(|schema| text(schema, bytes_max));
    }
    for place in [
        "/NewToken/properties/role",
        "/NewMemberRole/properties/role",
        "/RoleInRoom/properties/role",
        "/Target/oneOf/5/properties/role",
        "/Then/oneOf/1/properties/demote",
        "/AtExp/oneOf/1/properties/demote",
    ] {
        if let Some(schema) = schemas.pointer_mut(place) {
            schema["pattern"] = "^[a-z0-9_-]{1,32}$".into();
        }
    }
    for name in ["Target", "Then", "To", "SecondLogin", "AtExp"] {
        let forms = schemas[name]["oneOf"].as_array_mut().into_iter().flatten();
        forms.filter(|form| form["type"] == "object").for_each(closed);
    }
    schemas["NewMessage"]["properties"]["topic"]["pattern"] = "^[0-9A-Za-z_.:-]{1,64}$".into();
    for name in ["UserInRoom", "RoleInRoom", "Until", "Confirmation"] {
        closed(&mut schemas[name]);
    }
    for (place, min, max) in [
        ("/SecondLogin/oneOf/2/properties/allow", 2, SECOND_LOGIN_ALLOW_MAX.into()),
        ("/AtExp/oneOf/2/properties/grace", 1, of.grace_s_max),
    ] {
        if let Some(schema) = schemas.pointer_mut(place) {
            (schema["minimum"], schema["maximum"]) = (min.into(), max.into());
        }
    }
    for name in ["TokenForm", "IntrospectionForm", "RevocationForm"] {
        form(&mut schemas[name]);
    }
    for name in ["NewApp", "AppChange", "NewApiKey"] {
        let field = &mut schemas[name]["properties"]["name"];
        text(field, config.name_bytes_max);
    }
    for (schema, field) in [("NewRevocation", "reason"), ("Removal", "reason")] {
        let field = &mut schemas[schema]["properties"][field];
        text(field, config.revocation_reason_bytes_max);
    }
    for (schema, field, max) in [
        ("NewApp", "ttl_s_max", config.ttl_s_max),
        ("NewApp", "ttl_s_default", config.ttl_s_max),
        ("AppChange", "ttl_s_max", config.ttl_s_max),
        ("AppChange", "ttl_s_default", config.ttl_s_max),
        ("ApiKeyRotation", "overlap_s", config.credential_overlap_s_max),
        ("NewRevocation", "margin_s", config.revocation_margin_s_max.into()),
    ] {
        schemas[schema]["properties"][field]["maximum"] = max.into();
    }
    pages(document, config.page_entries_max);
}

/// The limit of a page of a list.
fn pages(document: &mut Value, entries_max: impl Into<Value> + Copy) {
    let operations = document["paths"].as_object_mut().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    let parameters = operations.filter_map(|(_, operation)| operation.get_mut("parameters"));
    for parameter in parameters.flat_map(|list| list.as_array_mut().into_iter().flatten()) {
        if parameter["name"] == "limit" {
            parameter["schema"]["minimum"] = 1.into();
            parameter["schema"]["maximum"] = entries_max.into();
        }
    }
}

/// A text without control characters. Its limit is in bytes, of which a character may have several.
fn text(schema: &mut Value, bytes_max: usize) {
    schema["minLength"] = 1.into();
    schema["maxLength"] = bytes_max.into();
    schema["pattern"] = NO_CONTROL.into();
}

/// A form: texts alone. One without a value counts as left out, and those that are not known are ignored.
fn form(schema: &mut Value) {
    let required = schema["required"].clone();
    let is_required =
        |name: &str| required.as_array().is_some_and(|all| all.contains(&name.into()));
    let maybe_empty = NO_CONTROL.replace('+', "*");
    for (name, field) in schema["properties"].as_object_mut().into_iter().flatten() {
        // There is no `null` in a form.
        field["type"] = "string".into();
        let pattern = if is_required(name) { NO_CONTROL } else { &maybe_empty };
        field["pattern"] = pattern.into();
    }
    schema["additionalProperties"] = json!({ "type": "string", "pattern": maybe_empty });
    schema["propertyNames"] = json!({ "pattern": format!("^[!-~]{{1,{NAME_BYTES_MAX}}}$") });
    schema["maxProperties"] = PARAMETERS_MAX.into();
}

/// An object without further fields.
fn closed(schema: &mut Value) {
    schema["additionalProperties"] = false.into();
}

const NO_CONTROL: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

/// Names what stands in a generic schema as it stands among the components: a generator makes one type of it.
pub(super) fn references(document: &mut Value) {
    let named = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    for (own, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if own.contains('_') {
            named_in(schema, &named);
        }
    }
}

fn named_in(value: &mut Value, named: &Map<String, Value>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| name_or_enter(value, named)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| name_or_enter(value, named));
        }
        _ => {}
    }
}

fn name_or_enter(value: &mut Value, named: &Map<String, Value>) {
    let is_type = value.get("type").or_else(|| value.get("allOf")).is_some();
    match named.iter().find(|(_, schema)| is_type && *schema == value) {
        Some((name, _)) => *value = reference(name),
        None => named_in(value, named),
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The header of a creation that happens once.
pub(super) fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "Asked again with it, and with the same request, nothing is made twice: the first answer comes again, with `Idempotency-Replayed` and without its secret.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" },
    })
}

/// The header of a change of what its caller saw.
pub(super) fn if_match() -> Value {
    json!({
        "name": "If-Match", "in": "header", "required": false,
        "description": "The `ETag` of what is to be changed; refused with 412 `etag_mismatch` if it is another one now. `*` and a list of tags are taken too.",
        "schema": { "type": "string", "pattern": r#"^"[0-9]+-[0-9]+"$"# },
    })
}

/// A parameter is there or not; none is `null`. `has_numbers`: whether a list is continued by a number.
pub(super) fn parameter(parameter: &mut Value, has_numbers: bool) {
    let schema = &mut parameter["schema"];
    let types = schema["type"].as_array();
    if let Some(of) = types.and_then(|types| types.iter().find(|of| *of != "null")) {
        schema["type"] = of.clone();
    }
    let is_text = schema["type"] == "string";
    match (parameter["in"].as_str(), parameter["name"].as_str()) {
        (Some("query"), Some("after")) if has_numbers => {
            parameter["schema"]["pattern"] = "^[0-9]{1,20}$".into();
        }
        (Some("path"), Some(name)) => {
            let words = PATH_PARTS.iter().find(|(part, _)| *part == name).map(|(_, words)| *words);
            parameter["description"] = words.into();
            if is_text {
                parameter["schema"]["minLength"] = 1.into();
            }
        }
        _ => {}
    }
}

/// An issuer's id, which its app chooses.
pub(super) fn issuer(parameter: &mut Value) {
    if parameter["name"] == "id" {
        parameter["description"] = "The issuer's id.".into();
        parameter["schema"]["pattern"] = "^[0-9A-Za-z_.-]{1,32}$".into();
    }
}

/// What stands in paths.
const PATH_PARTS: [(&str, &str); 12] = [
    ("operator", "The operator's id."),
    ("session", "The session's id."),
    ("token", "The personal token's id."),
    ("app", "The AppID."),
    ("kid", "The key's id."),
    ("line", "The line of keys."),
    ("id", "The API key's id."),
    ("role", "The role's name."),
    ("room", "The room's name."),
    ("user", "The user id."),
    ("version", "The version of the roles."),
    ("generation", "The revocation's number."),
];
