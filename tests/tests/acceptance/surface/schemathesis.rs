//! What a program finds that reads nothing but the published description, as everybody who may
//! call: no answer is a fault of ours, and none differs from what the description promises.

use std::process::Stdio;

use acceptance::{Deployment, Options};
use tokio::process::Command;

use crate::surface::world::{World, account_id, staff_token};

/// Left out are checks that a valid request is taken (a token, a password or an id that was made
/// up is of the right form and refused all the same), and those of calls that make a resource,
/// of which there are none here.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,\
    missing_required_header,unsupported_method,allow_header_conformance,ignored_auth";

/// Which calls are tried, and how many they are.
struct Scope(u32, &'static [&'static str]);

const EVERYTHING: Scope = Scope(29, &[]);
const SUPPORT: Scope = Scope(3, &["--include-tag", "support"]);
const AUDIT: Scope = Scope(7, &["--include-tag", "audit"]);
/// What an owner calls, but for the two that end the session and with it what can be found out.
/// A bad cookie beside a good bearer token is no bad proof, since the token alone counts.
const OWNERS: Scope = Scope(
    9,
    &[
        "--include-tag",
        "owners",
        "--exclude-path",
        "/api/v1/logout",
        "--exclude-path",
        "/api/v1/sessions/{id}",
        "--exclude-checks",
        "ignored_auth",
    ],
);
const LEAVING: Scope = Scope(
    2,
    &[
        "--include-path",
        "/api/v1/logout",
        "--include-path",
        "/api/v1/sessions/{id}",
        "--exclude-checks",
        "ignored_auth",
    ],
);

async fn run(deployment: &Deployment, token: Option<&str>, Scope(calls, scope): Scope) {
    let folder = tempfile::tempdir().unwrap();
    let description = format!("{}/openapi.json", deployment.servers[0].url);
    let mut command = Command::new("schemathesis");
    command
        .current_dir(folder.path())
        .args(["run", &description, "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", "8", "--generation-deterministic"])
        .args(["--no-shrink", "--suppress-health-check", "all"])
        .args(["--warnings", "off", "--no-color", "--request-timeout", "20"])
        .args(scope)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(token) = token {
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let output = command.output().await;
    let output = output.expect("schemathesis is missing: run scripts/test");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains(&format!("Tested: {calls}")), "{text}");
}

/// Without limits that would answer all but the first requests with 429.
async fn unlimited() -> World {
    World::with(Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off")).await
}

/// Checks: schemathesis_negative_data (ASVS-2.2.1), content_type_everywhere (ASVS-4.1.1).
#[tokio::test]
async fn schemathesis_finds_nothing_as_nobody() {
    let world = unlimited().await;
    run(&world.deployment, None, EVERYTHING).await;
    world.deployment.verify().await;
}

#[tokio::test]
async fn schemathesis_finds_nothing_as_an_owner() {
    let world = unlimited().await;
    let visitor = world.deployment.visitor();
    let signed_in = visitor.post("/login", world.ada.login()).await.expect(200);
    let token = signed_in.text_at("/session/token");
    run(&world.deployment, Some(&token), OWNERS).await;
    let owner = visitor.with_bearer(&token);
    assert_eq!(account_id(&owner).await, world.ada_id);
    run(&world.deployment, Some(&token), LEAVING).await;
    world.deployment.verify().await;
}

#[tokio::test]
async fn schemathesis_finds_nothing_as_support() {
    let world = unlimited().await;
    let token = staff_token(&world.deployment, "support", "Sam", "90d").await;
    run(&world.deployment, Some(&token), SUPPORT).await;
    world.deployment.verify().await;
}

#[tokio::test]
async fn schemathesis_finds_nothing_as_an_auditor() {
    let world = unlimited().await;
    let token = staff_token(&world.deployment, "auditor", "Max", "90d").await;
    run(&world.deployment, Some(&token), AUDIT).await;
    world.deployment.verify().await;
}
