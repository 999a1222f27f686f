//! Commands about people: accounts, staff and support.

use std::process::Output;

use acceptance::{Deployment, Options, PASSWORD};
use serde_json::{Value, json};

use crate::evidence::command_line::{fails, said, said_json};
use crate::evidence::support::{each, execute, owner, tables_found};

#[tokio::test]
async fn account_create_makes_an_active_account_with_the_password_from_standard_input() {
    let deployment = Deployment::start().await;
    let create = ["account", "create", "--email", "ada@example.com"];
    for (input, words) in [
        ("kurz und gut", "the password is not taken"),
        ("", "the password is not taken"),
        ("countersign2026!", "the password is not taken"),
    ] {
        let output = deployment.run(&create, input).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(words), "{stderr}");
        assert!(input.is_empty() || !stderr.contains(input), "{stderr}");
    }
    let input = format!("{PASSWORD}\r\nand a second line\n");
    let output = deployment
        .run(&[&create[..], &["--json"]].concat(), &input)
        .await;
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["email"], "ada@example.com");
    let line = "account create --email ADA@example.com";
    fails(&deployment, line, 1, "an account with this address exists").await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "transport": "bearer" });
    let answer = deployment.visitor().post("/login", body).await.expect(200);
    let owner = deployment
        .visitor()
        .with_bearer(&answer.text_at("/session/token"));
    let session = owner.get("/session").await.expect(200);
    assert_eq!(session.json["account"]["id"], told["id"]);
    assert!(deployment.mails().is_empty());
}

#[tokio::test]
async fn account_erase_takes_an_id_once_and_works_without_a_server() {
    let mut deployment = Deployment::with(Options::default().embedded()).await;
    let mut ids = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        deployment.create_account(email).await;
        ids.push(deployment.account_id(email).await);
    }
    let [ada, bob] = &ids[..] else { panic!() };
    let nobody = "account erase 0193a3c4-0000-7000-8000-000000000001";
    fails(&deployment, nobody, 1, "there is no account 0193a3c4").await;
    fails(&deployment, "account erase ada@example.com", 2, "id").await;
    let told = said(&deployment, &format!("account erase {ada}")).await;
    assert_eq!(told, format!("{ada} is erased. Its owner is mailed.\n"));
    deployment.mail("ada@example.com", "erased").await;
    let again = format!("account erase {ada}");
    fails(&deployment, &again, 1, "the account was erased already").await;

    deployment.servers[0].terminate().await;
    let told = said_json(&deployment, &format!("account erase {bob}")).await;
    let erased = json!({ "id": bob, "status": "erased", "mailed": true });
    assert_eq!(told, erased);
    deployment.restart(0).await;
    deployment.mail("bob@example.com", "erased").await;
    let history = said_json(&deployment, &format!("audit history {bob}")).await;
    assert_eq!(
        each(&history["events"], "type"),
        ["AccountOpened", "AccountErased"]
    );
    let state = said_json(&deployment, &format!("audit state {bob}")).await;
    assert!(state["state"]["erased_at"].is_string(), "{state}");
    deployment.verify().await;
}

#[tokio::test]
async fn account_erase_asks_on_a_terminal_and_erases_nothing_unless_the_id_is_typed() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    let id = deployment.account_id("ada@example.com").await;
    for (typed, code, words) in [
        ("yes\n", 1, "nothing was erased"),
        ("\n", 1, "nothing was erased"),
        (&format!("{id}\n"), 0, "is erased"),
    ] {
        let output = deployment
            .run_on_a_terminal(&["account", "erase", &id], typed)
            .await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains("This cannot be undone."), "{shown}");
        assert!(shown.contains(words), "{shown}");
    }
}

/// An account whose key or login was lost can be erased as well.
#[tokio::test]
async fn account_erase_does_not_need_what_it_destroys() {
    let deployment = Deployment::start().await;
    let mut connection = owner(&deployment).await;
    for (damage, mailed) in [
        (
            "DELETE FROM data_keys WHERE owner_id::text IN (SELECT account_id::text FROM logins)",
            false,
        ),
        ("UPDATE data_keys SET wrapped = sha256(wrapped)", false),
        ("DELETE FROM logins", true),
        ("DELETE FROM states WHERE aggregate_type = 'account'", true),
        ("UPDATE states SET mac = sha256(mac)", true),
    ] {
        deployment.create_account("ada@example.com").await;
        let id = deployment.account_id("ada@example.com").await;
        execute(&mut connection, damage).await;
        let told = said_json(&deployment, &format!("account erase {id}")).await;
        assert_eq!(told["mailed"], mailed, "{damage}");
        let left = tables_found(&deployment).await;
        assert!(
            left.is_empty() || damage.contains("states"),
            "{damage}: {left:?}"
        );
    }
}

#[tokio::test]
async fn staff_issue_prints_the_token_and_nothing_else_and_revoke_ends_it_at_once() {
    let deployment = Deployment::start().await;
    let arguments = [
        "staff",
        "issue",
        "--role",
        "auditor",
        "--name",
        "Alex of Audit",
    ];
    let output = deployment.run(&arguments, "").await;
    let token = String::from_utf8(output.stdout).unwrap();
    assert_eq!(token.lines().count(), 1);
    let token = token.trim();
    assert!(token.starts_with("cs_staff_"), "{token}");
    assert!(!String::from_utf8(output.stderr).unwrap().contains(token));
    let auditor = deployment.visitor().with_bearer(token);
    auditor.get("/audit/events").await.expect(200);

    let told = said_json(
        &deployment,
        "staff issue --role support --name Bo --expires 1h",
    )
    .await;
    assert!(told["token"].as_str().unwrap().starts_with("cs_staff_"));
    let list = said(&deployment, "staff list").await;
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(
        list.contains("Alex of Audit") && !list.contains("cs_staff_"),
        "{list}"
    );
    let list = said_json(&deployment, "staff list").await;
    assert!(!list.to_string().contains("cs_staff_"));
    assert_eq!(each(&list["staff"], "name"), ["Bo", "Alex of Audit"]);
    let id = list["staff"][1]["id"].as_str().unwrap();
    let revoked = said_json(&deployment, &format!("staff revoke {id}")).await;
    assert_eq!(revoked, json!({ "id": id, "status": "revoked" }));
    auditor
        .get("/audit/events")
        .await
        .expect_problem(401, "unauthenticated");
    said(&deployment, &format!("staff revoke {id}")).await;
    let list = said_json(&deployment, "staff list").await;
    assert!(list["staff"][1]["revoked_at"].is_string());
    let nobody = "staff revoke 0193a3c4-0000-7000-8000-000000000001";
    fails(&deployment, nobody, 1, "nothing with this id").await;

    let support = deployment
        .visitor()
        .with_bearer(told["token"].as_str().unwrap());
    let search = json!({ "email": "ada@example.com" });
    let path = "/support/accounts/search";
    support.post(path, search.clone()).await.expect(200);
    deployment.clock.turn(chrono::Duration::hours(1));
    support
        .post(path, search)
        .await
        .expect_problem(401, "unauthenticated");
}

/// `support …` under a token, against the first server.
async fn support(deployment: &Deployment, token: &str, words: &[&str]) -> Output {
    let server = ["--server", deployment.servers[0].url.as_str()];
    let arguments = [&["support"], words, &server].concat();
    // A client needs neither database nor key.
    let variables = [
        ("COUNTERSIGN_TOKEN", token),
        ("DATABASE_URL", ""),
        ("COUNTERSIGN_MIGRATION_DATABASE_URL", ""),
        ("COUNTERSIGN_SEQUENCER_DATABASE_URL", ""),
        ("COUNTERSIGN_MASTER_KEY_FILE", "/nowhere/master.key"),
    ];
    deployment.run_with(&arguments, "", &variables).await
}

async fn support_json(deployment: &Deployment, token: &str, words: &[&str]) -> Value {
    let output = support(deployment, token, &[words, &["--json"]].concat()).await;
    assert!(output.status.success(), "{words:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn support_finds_shows_and_unlocks_over_http_under_the_caller_s_own_token() {
    let deployment = Deployment::start().await;
    let clock = &deployment.clock;
    let token = said_json(&deployment, "staff issue --role support --name Sam").await;
    let token = token["token"].as_str().unwrap();
    let mut ids = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        let person = deployment.create_account(email).await;
        let session = person.sign_in(&deployment.visitor()).await;
        person.enable_two_factor(&session, clock.now()).await;
        let found = support_json(&deployment, token, &["find", email]).await;
        ids.push((
            person,
            found["accounts"][0]["id"].as_str().unwrap().to_owned(),
        ));
    }
    let show = support_json(&deployment, token, &["show", &ids[0].1]).await;
    assert_eq!(show["unlock"]["turns_off_two_factor"], true);
    let people = support(&deployment, token, &["show", &ids[0].1]).await;
    let people = String::from_utf8(people.stdout).unwrap();
    assert!(people.contains("email: ada@example.com"), "{people}");
    // The same reason for both, and once more after it was needed again.
    let unlock = |id: &str| {
        ["unlock", id, "--reason", "phone lost", "--ticket", "HD-1"].map(ToOwned::to_owned)
    };
    for round in 0..2 {
        for (person, id) in &ids {
            if round == 1 {
                let session = person.sign_in(&deployment.visitor()).await;
                clock.turn_to_next_step();
                person.enable_two_factor(&session, clock.now()).await;
            }
            let words = unlock(id);
            let words = words.each_ref().map(String::as_str);
            let answer = support_json(&deployment, token, &words).await;
            assert_eq!(answer["account"]["two_factor"], "disabled");
            person.sign_in(&deployment.visitor()).await;
        }
    }
    let words = unlock(&ids[0].1);
    let again = support(&deployment, token, &words.each_ref().map(String::as_str)).await;
    assert_eq!(again.status.code(), Some(1));
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert!(
        stderr.contains("409") && stderr.contains("(request "),
        "{stderr}"
    );
    let refused = support(&deployment, "cs_staff_nobody", &["find", "ada@example.com"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(
        stderr.contains("401") && !stderr.contains("cs_staff_nobody"),
        "{stderr}"
    );
    let auditor = deployment.auditor().await;
    let events = deployment.events(&auditor, &ids[0].1).await;
    let unlocked = events
        .iter()
        .filter(|event| event["type"] == "AccountUnlocked");
    let names = unlocked.map(|event| event["actor"]["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["Sam", "Sam"]);
}

#[tokio::test]
async fn support_says_when_the_server_cannot_be_reached() {
    let deployment = Deployment::start().await;
    let words = [
        "support",
        "find",
        "ada@example.com",
        "--server",
        "http://127.0.0.1:1",
    ];
    let variables = [("COUNTERSIGN_TOKEN", "cs_staff_any")];
    let output = deployment.run_with(&words, "", &variables).await;
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("is --server right?"), "{stderr}");
    let plain = [
        "support",
        "find",
        "ada@example.com",
        "--server",
        "http://id.example.com",
    ];
    let output = deployment.run_with(&plain, "", &variables).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
