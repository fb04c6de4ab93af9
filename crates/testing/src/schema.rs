//! JSON Schemas, and what they have against a document.

use jsonschema::Validator;
use serde_json::Value;

/// A schema of draft 2020-12, as ours are.
pub fn ours(schema: &Value) -> Validator {
    jsonschema::draft202012::new(schema).unwrap()
}

/// A schema of somebody else's, of the draft that it names; formats count.
pub fn foreign(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// Everything that a schema has against a document.
pub fn against(schema: &Validator, document: &Value) -> Vec<String> {
    schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
