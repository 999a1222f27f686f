//! What `countersign audit` tells of an account: its history, its states, and how they differ.

use acceptance::Deployment;
use serde_json::{Value, json};

use crate::evidence::command_line::{fails, said, said_json};
use crate::evidence::support::each;

#[tokio::test]
async fn audit_tells_the_history_and_the_state_now_at_a_sequence_and_at_an_instant() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    let account = session
        .get("/session")
        .await
        .expect(200)
        .text_at("/account/id");
    deployment.clock.turn(chrono::Duration::hours(1));
    ada.enable_two_factor(&session, deployment.clock.now())
        .await;

    let history = said_json(&deployment, &format!("audit history {account}")).await;
    let types = each(&history["events"], "type");
    assert_eq!(types.first(), Some(&"AccountOpened"));
    assert!(types.contains(&"TwoFactorEnabled"), "{types:?}");
    let auditor = deployment.auditor().await;
    let told = deployment.events(&auditor, &account).await;
    assert_eq!(history["events"].as_array().unwrap().len(), told.len());
    let people = said(&deployment, &format!("audit history {account}")).await;
    assert_eq!(people.lines().count(), told.len());

    let at = |when: String| format!("audit state {account} --at {when}");
    let status = |state: &Value| state["state"]["two_factor"]["status"].clone();
    let now = said_json(&deployment, &format!("audit state {account}")).await;
    assert_eq!(status(&now), "enabled");
    assert_eq!(now["sequence"], told.len());
    let first = said_json(&deployment, &at("1".to_owned())).await;
    assert_eq!(
        (&first["sequence"], status(&first)),
        (&json!(1), json!("disabled"))
    );
    let signed_in = told
        .iter()
        .rfind(|event| event["type"] == "SignedIn")
        .unwrap();
    let instant = signed_in["recorded_at"].as_str().unwrap().to_owned();
    let then = said_json(&deployment, &at(instant)).await;
    assert_eq!(status(&then), "disabled");
    assert_eq!(then["state"]["sessions"].as_array().unwrap().len(), 1);

    let beyond = at((told.len() + 1).to_string());
    fails(&deployment, &beyond, 1, "does not reach that far").await;
    fails(
        &deployment,
        &at("2100-01-01T00:00:00Z".to_owned()),
        1,
        "does not reach",
    )
    .await;
    fails(
        &deployment,
        &at("yesterday".to_owned()),
        2,
        "write a sequence number",
    )
    .await;
    let nobody = "0193a3c4-0000-7000-8000-000000000001";
    for command in ["history", "state", "diff --from 1"] {
        let line = format!("audit {command} {nobody}");
        fails(&deployment, &line, 1, "there is no account").await;
    }
}

#[tokio::test]
async fn audit_speaks_in_words_of_a_history_a_state_and_how_two_states_differ() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let session = ada.sign_in(&deployment.visitor()).await;
    let session = session.with_header("user-agent", "curl/8.5.0");
    let answer = session.get("/session").await.expect(200);
    let account = answer.text_at("/account/id");
    let before = deployment.clock.now().to_rfc3339();
    deployment.clock.turn(chrono::Duration::hours(1));
    ada.enable_two_factor(&session, deployment.clock.now())
        .await;

    let history = said(&deployment, &format!("audit history {account}")).await;
    for words in [
        "the system opened the account of ada@example.com on the command line",
        "the owner turned two-factor on, from 127.0.0.1, curl",
    ] {
        assert!(history.contains(words), "{words}: {history}");
    }
    let state = said(&deployment, &format!("audit state {account}")).await;
    assert!(
        state.contains("two-factor          enabled since "),
        "{state}"
    );

    let line = format!("audit diff {account} --from {before}");
    let diff = said_json(&deployment, &line).await;
    let fields = each(&diff["changes"], "field");
    assert_eq!(fields, ["two_factor", "sessions"], "{diff}");
    let told = said_json(&deployment, &format!("audit history {account}")).await;
    let told = told["events"].as_array().unwrap();
    let from = diff["from"]["sequence"].as_u64().unwrap();
    let later = told
        .iter()
        .filter(|event| event["sequence"].as_u64() > Some(from));
    let later = later.collect::<Vec<_>>();
    assert_eq!(
        diff["events"]
            .as_array()
            .unwrap()
            .iter()
            .collect::<Vec<_>>(),
        later
    );
    assert_eq!(diff["to"]["sequence"], told.len());
    let people = said(&deployment, &line).await;
    assert!(
        people.contains("two-factor: disabled -> enabled since "),
        "{people}"
    );
    assert!(people.contains("sessions: ~1\n"), "{people}");
    assert!(
        people.contains("the owner turned two-factor on"),
        "{people}"
    );

    let nothing = said(
        &deployment,
        &format!("audit diff {account} --from 2 --to 2"),
    )
    .await;
    assert!(nothing.contains("Changed:\nnothing\n"), "{nothing}");
    let backwards = format!("audit diff {account} --from 3 --to 2");
    fails(&deployment, &backwards, 1, "turn them round").await;
    fails(&deployment, &format!("audit diff {account}"), 2, "--from").await;
}
