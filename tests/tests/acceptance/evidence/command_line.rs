//! Every command, as an operator types it: what all have in common, and those about settings and
//! read models.

use std::process::Output;

use acceptance::{Deployment, PASSWORD};
use serde_json::{Value, json};

use crate::evidence::support::{each, execute, owner};

const SECRET: &str = "S3CR3T-in-a-url";

pub(crate) async fn run(deployment: &Deployment, line: &str) -> Output {
    let words = line.split_whitespace().collect::<Vec<_>>();
    deployment.run(&words, PASSWORD).await
}

/// What a command that has to succeed prints.
pub(crate) async fn said(deployment: &Deployment, line: &str) -> String {
    let output = run(deployment, line).await;
    assert!(output.status.success(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.ends_with('\n') && !text.ends_with("\n\n"),
        "{line}: {text:?}"
    );
    text
}

pub(crate) async fn said_json(deployment: &Deployment, line: &str) -> Value {
    let text = said(deployment, &format!("{line} --json")).await;
    assert_eq!(text.lines().count(), 1, "{line}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// How a command fails, and with which words.
pub(crate) async fn fails(deployment: &Deployment, line: &str, code: i32, words: &str) {
    let output = run(deployment, line).await;
    assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
    assert!(output.stdout.is_empty(), "{line}: {output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(words), "{line}: {stderr}");
}

#[tokio::test]
async fn keys_generate_makes_a_file_for_its_owner_alone_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt;
    let deployment = Deployment::start().await;
    let kept = std::fs::read(crate::evidence::support::master_key_file(&deployment)).unwrap();
    fails(&deployment, "keys generate", 1, "is not overwritten").await;
    let now = std::fs::read(crate::evidence::support::master_key_file(&deployment)).unwrap();
    assert_eq!(now, kept);
    let other = deployment.data_dir().join("other.key");
    let line = format!("keys generate --output {}", other.display());
    let told = said_json(&deployment, &line).await;
    assert_eq!(told["master_key_file"], other.to_str().unwrap());
    let mode = std::fs::metadata(&other).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    fails(&deployment, &line, 1, "is not overwritten").await;
}

#[tokio::test]
async fn config_tells_every_setting_with_its_origin_and_no_secret() {
    let deployment = Deployment::start().await;
    let file = deployment.data_dir().join("here.toml");
    std::fs::write(&file, "issuer = \"From a file\"\nsession_idle = \"1h\"\n").unwrap();
    let variables = [
        (
            "DATABASE_URL",
            format!("postgres://app:{SECRET}@localhost/d"),
        ),
        (
            "COUNTERSIGN_MIGRATION_DATABASE_URL",
            format!("postgres://own:{SECRET}@localhost/d"),
        ),
        (
            "COUNTERSIGN_SMTP_URL",
            format!("smtps://me:{SECRET}@mail.example.com"),
        ),
        ("COUNTERSIGN_MAIL_FROM", "accounts@example.com".to_owned()),
        ("COUNTERSIGN_SUPPORT_CONTACT", "help@example.com".to_owned()),
        ("COUNTERSIGN_SESSION_IDLE", "2h".to_owned()),
        ("COUNTERSIGN_LISTEN", "127.0.0.1:1".to_owned()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let arguments = [
        "config",
        "--listen",
        "127.0.0.1:7",
        "--config",
        file.to_str().unwrap(),
    ];
    let table = deployment.run_with(&arguments, "", &variables).await;
    let json = [&arguments[..], &["--json"]].concat();
    let json = deployment.run_with(&json, "", &variables).await;
    for output in [&table, &json] {
        assert!(output.status.success(), "{output:?}");
        let text = format!("{output:?}");
        assert!(!text.contains(SECRET), "{text}");
    }
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let setting = |key: &str| {
        let settings = json["settings"].as_array().unwrap();
        settings
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap()
            .clone()
    };
    assert_eq!(setting("listen")["value"], "127.0.0.1:7");
    assert_eq!(
        setting("listen")["origin"],
        json!({ "kind": "flag", "name": "--listen" })
    );
    assert_eq!(
        setting("session_idle")["origin"]["name"],
        "COUNTERSIGN_SESSION_IDLE"
    );
    assert_eq!(setting("issuer")["value"], "From a file");
    assert_eq!(setting("issuer")["origin"]["kind"], "file");
    assert_eq!(
        setting("reset_lifetime")["origin"],
        json!({ "kind": "default" })
    );
    assert!(
        setting("database_url")["value"]
            .as_str()
            .unwrap()
            .contains("localhost")
    );
    let table = String::from_utf8(table.stdout).unwrap();
    for key in each(&json["settings"], "key") {
        let line = table
            .lines()
            .find(|line| line.split_whitespace().next() == Some(key));
        assert!(line.is_some(), "{key}: {table}");
    }
    let line = table
        .lines()
        .find(|line| line.starts_with("listen "))
        .unwrap();
    assert!(line.ends_with("flag --listen"), "{line}");
}

#[tokio::test]
async fn a_wrong_setting_or_usage_is_exit_2_and_says_what_is_wrong() {
    let deployment = Deployment::start().await;
    for (line, words) in [
        ("", "Usage"),
        ("no-such-command", "unrecognized subcommand"),
        ("serve --no-such-flag", "unexpected argument"),
        ("account create", "--email"),
        ("account create --email nobody", "invalid value 'nobody'"),
        ("staff issue --role boss --name B", "invalid value 'boss'"),
        (
            "staff issue --role support --name B --expires soon",
            "--expires",
        ),
        ("staff revoke 12", "ids look like"),
        ("audit state 12", "ids look like"),
        ("mail test nobody", "invalid value 'nobody'"),
        (
            "support find ada@example.com",
            "COUNTERSIGN_TOKEN is not set",
        ),
        ("config --listen nowhere", "listen"),
    ] {
        fails(&deployment, line, 2, words).await;
    }
    let typo = [("COUNTERSIGN_SESION_IDLE", "1h")];
    let output = deployment.run_with(&["config"], "", &typo).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("COUNTERSIGN_SESSION_IDLE"), "{stderr}");
    for line in ["--help", "--version", "serve --help"] {
        said(&deployment, line).await;
    }
}

#[tokio::test]
async fn projections_check_fails_on_a_difference_and_rebuild_repairs_it() {
    let deployment = Deployment::start().await;
    deployment.create_account("ada@example.com").await;
    said(&deployment, "staff issue --role support --name Bo").await;
    let report = said_json(&deployment, "projections check").await;
    assert_eq!(
        report,
        json!({ "accounts": 1, "staff": 1, "events": 2, "found": 0, "findings": [] })
    );
    let people = said(&deployment, "projections check").await;
    assert!(
        people.contains("1 accounts") && people.contains("0 findings"),
        "{people}"
    );
    let mut connection = owner(&deployment).await;
    execute(
        &mut connection,
        "UPDATE settings SET two_factor = 'enabled', enabled_at = now()",
    )
    .await;
    for json in [false, true] {
        let line = format!("projections check{}", if json { " --json" } else { "" });
        let output = run(&deployment, &line).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let (stdout, stderr) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert!(stdout.contains("settings"), "{stdout}");
        assert!(
            stderr.contains("countersign projections rebuild"),
            "{stderr}"
        );
    }
    let rebuilt = said_json(&deployment, "projections rebuild").await;
    assert_eq!(rebuilt, json!({ "accounts": 1 }));
    assert!(
        said(&deployment, "projections rebuild")
            .await
            .contains("1 accounts")
    );
    deployment.verify().await;
}

#[tokio::test]
async fn mail_test_sends_one_mail_through_the_transport_in_use() {
    let deployment = Deployment::start().await;
    let told = said_json(&deployment, "mail test ada@example.com").await;
    assert_eq!(told["status"], "sent");
    let mail = deployment.mail("ada@example.com", "").await;
    assert!(!mail.subject.is_empty());
    let nobody = [
        ("COUNTERSIGN_SMTP_URL", "smtp://127.0.0.1:1?tls=none"),
        ("COUNTERSIGN_MAIL_FROM", "a@example.com"),
        ("COUNTERSIGN_SUPPORT_CONTACT", "b@example.com"),
    ];
    let output = deployment
        .run_with(&["mail", "test", "ada@example.com"], "", &nobody)
        .await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.to_lowercase().contains("refused"), "{stderr}");
}
