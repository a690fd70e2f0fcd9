//! `spec/openapi.json` is what the code generates.

#[test]
fn the_specs_openapi_document_is_the_generated_one() {
    let spec = include_str!("../../spec/openapi.json");
    assert!(
        spec == stagedoor_server::openapi(),
        "run: cargo run -p stagedoor -- openapi > spec/openapi.json"
    );
    for path in [
        "/v1/apps/{app}/tokens",
        "/v1/apps/{app}/tokens/verify",
        "/v1/apps/{app}/rooms/{room}/members/{user}/kick",
    ] {
        assert!(spec.contains(path), "{path}");
    }
}
