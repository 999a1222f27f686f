//! The worked example of `docs/log-format.md`.

use crate::sample::{ACCOUNT, History, STAFF, commit};
use crate::script::proved;

const DOCUMENT: &str = include_str!("../../../../docs/log-format.md");

fn history() -> History {
    let mut history = History::default();
    let payload = format!(
        r#"{{"AccountOpened":{{"address":{{"commit":"{}","sealed":"AA=="}}}}}}"#,
        commit([2; 32], "ada@example.org")
    );
    let metadata = r#"{"actor":{"kind":"system"}}"#;
    history.append(ACCOUNT, &payload, metadata);
    history.append(STAFF, r#"{"StaffIssued":{}}"#, metadata);
    history.append(ACCOUNT, r#"{"SignedOut":{}}"#, metadata);
    for (event, name) in
        history
            .events
            .iter_mut()
            .zip(["AccountOpened", "StaffIssued", "SignedOut"])
    {
        name.clone_into(&mut event.event_type);
    }
    history.chain();
    let mut revealed = History::sample().events[0].revealed.remove(0);
    "/payload/AccountOpened/address".clone_into(&mut revealed.pointer);
    "ada@example.org".clone_into(&mut revealed.value);
    history.events[0].revealed = vec![revealed];
    history
}

#[test]
fn the_documented_example_is_what_the_code_makes() {
    let bundle = history().stream_bundle(ACCOUNT);
    proved(&bundle.bytes(), &[]);
    proved(&history().log_bundle().bytes(), &[]);
    let files = bundle.files();
    let staff = data_encoding::HEXLOWER.encode(&history().events[1].hash);
    let example = [
        "bundle.json",
        "keys",
        "checkpoint",
        "head",
        "events/000000.ndjson",
    ]
    .map(|name| {
        format!(
            "`{name}`:\n\n```text\n{}\n```\n",
            files.text(name).trim_end()
        )
    });
    let example = format!(
        "{}\nThe event between them, of `{STAFF}`, has the hash\n`{staff}`.\n",
        example.join("\n")
    );
    assert!(
        DOCUMENT.ends_with(&example),
        "the document should end with\n{example}"
    );
}
