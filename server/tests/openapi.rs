//! The document in `spec/` is the one that the code makes.

#[test]
fn the_document_in_the_spec_is_the_one_that_the_code_makes() {
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
