//! Rows that somebody who writes to the database made, moved or changed. None of them opens
//! anything (OWASP-ES-3: dba_forgery_suite).

use acceptance::{Caller, Deployment, OTHER_PASSWORD, PASSWORD, Person};
use chrono::Duration;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::evidence::support::{execute, owner, tables_found};

/// Two people, each signed in.
struct Scene {
    deployment: Deployment,
    ada: Person,
    eve: Person,
    ada_token: String,
    eve_token: String,
}

impl Scene {
    async fn begin() -> Self {
        let deployment = Deployment::start().await;
        let ada = deployment.create_account("ada@example.com").await;
        let eve = deployment.create_account("eve@example.com").await;
        let ada_token = token_of(&deployment, &ada).await;
        let eve_token = token_of(&deployment, &eve).await;
        Self {
            deployment,
            ada,
            eve,
            ada_token,
            eve_token,
        }
    }

    fn bearer(&self, token: &str) -> Caller {
        self.deployment.visitor().with_bearer(token)
    }

    /// The token opens nothing, and the server says in its log that somebody tried.
    async fn assert_refused(&self, token: &str) {
        for path in ["/session", "/settings", "/sessions"] {
            self.bearer(token)
                .get(path)
                .await
                .expect_problem(401, "unauthenticated");
        }
    }
}

async fn token_of(deployment: &Deployment, person: &Person) -> String {
    let answer = deployment.visitor().post("/login", person.login()).await;
    answer.expect(200).text_at("/session/token")
}

/// A token's account, id and secret.
fn parts(token: &str) -> (Uuid, Uuid, Vec<u8>) {
    let encoded = token.strip_prefix("cs_session_").unwrap();
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap();
    let id = |at: usize| Uuid::from_slice(&bytes[at..at + 16]).unwrap();
    (id(0), id(16), bytes[32..].to_vec())
}

fn token(account: Uuid, id: Uuid, secret: &[u8]) -> String {
    let bytes = [account.as_bytes().as_slice(), id.as_bytes(), secret].concat();
    format!("cs_session_{}", BASE64URL_NOPAD.encode(&bytes))
}

#[tokio::test]
async fn a_session_row_for_a_token_of_ones_own_making_is_no_session() {
    let scene = Scene::begin().await;
    let (ada, _, _) = parts(&scene.ada_token);
    let (_, eve_session, _) = parts(&scene.eve_token);
    let (own_id, secret) = (Uuid::from_u128(7), [7; 32]);
    let own = token(ada, own_id, &secret);
    assert_eq!(parts(&own), (ada, own_id, secret.to_vec()));
    let mut connection = owner(&scene.deployment).await;
    for hash in [
        Sha256::digest(own.as_bytes()).to_vec(),
        Sha256::digest(secret).to_vec(),
        secret.to_vec(),
    ] {
        let hash = HEXLOWER.encode(&hash);
        execute(
            &mut connection,
            &format!(
                "DELETE FROM sessions WHERE session_id = '{own_id}';
                INSERT INTO sessions SELECT '{ada}', '{own_id}', '\\x{hash}', created_at,
                    last_seen_at, expires_at, 'password,totp', ip, user_agent, mac, key_id
                FROM sessions WHERE session_id = '{eve_session}'"
            ),
        )
        .await;
        scene.assert_refused(&own).await;
    }
    assert_eq!(tables_found(&scene.deployment).await, ["sessions"]);
    let log = scene.deployment.log(0);
    assert!(log.contains("not what this service wrote"), "{log}");
    scene
        .bearer(&scene.ada_token)
        .get("/session")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_token_hash_that_was_moved_opens_nothing_in_its_new_place() {
    let scene = Scene::begin().await;
    let (ada, ada_session, _) = parts(&scene.ada_token);
    let (eve, eve_session, secret) = parts(&scene.eve_token);
    let mut connection = owner(&scene.deployment).await;
    // Eve's hash in Ada's row.
    execute(
        &mut connection,
        &format!(
            "UPDATE sessions SET token_hash = (
                SELECT token_hash FROM sessions WHERE session_id = '{eve_session}'
            ) WHERE session_id = '{ada_session}'"
        ),
    )
    .await;
    scene
        .assert_refused(&token(ada, ada_session, &secret))
        .await;
    scene.assert_refused(&scene.ada_token).await;
    scene
        .bearer(&scene.eve_token)
        .get("/session")
        .await
        .expect(200);
    // All of Eve's row but its account.
    execute(
        &mut connection,
        &format!("UPDATE sessions SET account_id = '{ada}' WHERE session_id = '{eve_session}'"),
    )
    .await;
    scene
        .assert_refused(&token(ada, eve_session, &secret))
        .await;
    scene
        .assert_refused(&token(eve, eve_session, &secret))
        .await;
    assert_eq!(tables_found(&scene.deployment).await, ["sessions"]);
}

#[tokio::test]
async fn a_session_row_of_which_any_column_was_changed_is_no_session() {
    let scene = Scene::begin().await;
    let (_, session, _) = parts(&scene.ada_token);
    let mut connection = owner(&scene.deployment).await;
    for change in [
        "expires_at = expires_at + interval '10 years'",
        "last_seen_at = last_seen_at + interval '1 day'",
        "created_at = created_at - interval '1 second'",
        "expires_at = 'infinity'",
        "last_seen_at = '-infinity'",
        "created_at = '294276-01-01'",
        "factors = 'password,totp'",
        "factors = ''",
        "mac = sha256(mac)",
        "mac = ''",
        "token_hash = ''",
        "key_id = key_id + 1",
        "key_id = -1",
    ] {
        execute(
            &mut connection,
            &format!(
                "DROP TABLE IF EXISTS kept; CREATE TEMP TABLE kept AS TABLE sessions;
                UPDATE sessions SET {change} WHERE session_id = '{session}'"
            ),
        )
        .await;
        scene.assert_refused(&scene.ada_token).await;
        let found = tables_found(&scene.deployment).await;
        assert_eq!(found, ["sessions"], "{change}");
        execute(
            &mut connection,
            "DELETE FROM sessions; INSERT INTO sessions TABLE kept",
        )
        .await;
        scene
            .bearer(&scene.ada_token)
            .get("/session")
            .await
            .expect(200);
    }
    scene.deployment.verify().await;
}

/// Checks: aad_swap_fails on a whole deployment (ASVS-11.2.5: corrupted_row_denies).
#[tokio::test]
async fn a_password_hash_of_one_account_in_the_row_of_another_lets_nobody_in() {
    let scene = Scene::begin().await;
    let changed = scene
        .bearer(&scene.eve_token)
        .put(
            "/settings/password",
            json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD }),
        )
        .await;
    changed.expect(204);
    let mut connection = owner(&scene.deployment).await;
    let (ada, _, _) = parts(&scene.ada_token);
    let (eve, _, _) = parts(&scene.eve_token);
    execute(
        &mut connection,
        &format!(
            "UPDATE secrets a SET wrapped_key = e.wrapped_key, sealed = e.sealed
            FROM secrets e WHERE a.account_id = '{ada}' AND e.account_id = '{eve}'"
        ),
    )
    .await;
    let visitor = scene.deployment.visitor();
    let as_ada = |password: &str| json!({ "email": scene.ada.email, "password": password, "transport": "bearer" });
    for password in [PASSWORD, OTHER_PASSWORD] {
        let answer = visitor.post("/login", as_ada(password)).await;
        assert!(!answer.status.is_success(), "{}", answer.text);
    }
    // With the key that opens Eve's as well.
    execute(
        &mut connection,
        &format!(
            "UPDATE data_keys a SET wrapped = e.wrapped
            FROM data_keys e WHERE a.owner_id = '{ada}' AND e.owner_id = '{eve}'"
        ),
    )
    .await;
    for password in [PASSWORD, OTHER_PASSWORD] {
        let answer = visitor.post("/login", as_ada(password)).await;
        assert!(!answer.status.is_success(), "{}", answer.text);
    }
    scene
        .bearer(&scene.eve_token)
        .get("/session")
        .await
        .expect(200);
    let found = tables_found(&scene.deployment).await;
    assert!(found.contains(&"data_keys"), "{found:?}");
}

#[tokio::test]
async fn the_seed_of_ones_own_authenticator_in_the_row_of_a_victim_makes_no_code_right() {
    let scene = Scene::begin().await;
    let clock = &scene.deployment.clock;
    let (ada, eve) = (
        scene.bearer(&scene.ada_token),
        scene.bearer(&scene.eve_token),
    );
    scene.ada.enable_two_factor(&ada, clock.now()).await;
    let known = scene.eve.enable_two_factor(&eve, clock.now()).await;
    let mut connection = owner(&scene.deployment).await;
    let (ada, eve) = (parts(&scene.ada_token).0, parts(&scene.eve_token).0);
    execute(
        &mut connection,
        &format!(
            "UPDATE secrets a SET wrapped_key = e.wrapped_key, sealed = e.sealed
            FROM secrets e WHERE a.account_id = '{ada}' AND e.account_id = '{eve}'
                AND a.kind = 'totp' AND e.kind = 'totp'"
        ),
    )
    .await;
    clock.turn_to_next_step();
    let visitor = scene.deployment.visitor();
    let challenge = scene.ada.challenge(&visitor).await;
    let code = known.code(clock.now());
    let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
    let answer = visitor.post("/login/second-factor", body).await;
    assert!(!answer.status.is_success(), "{}", answer.text);
}

#[tokio::test]
async fn a_challenge_and_a_reset_link_end_when_history_says_whatever_their_rows_say() {
    let scene = Scene::begin().await;
    let deployment = &scene.deployment;
    let ada = scene.bearer(&scene.ada_token);
    let authenticator = scene
        .ada
        .enable_two_factor(&ada, deployment.clock.now())
        .await;
    let visitor = deployment.visitor();
    let challenge = scene.ada.challenge(&visitor).await;
    let asked = json!({ "email": scene.ada.email });
    visitor.post("/password-reset", asked).await.expect(202);
    let reset = deployment.mailed_token(&scene.ada.email, "reset").await;
    let mut connection = owner(deployment).await;
    let changed = "UPDATE tokens SET expires_at = expires_at + interval '1 year'";
    assert_eq!(execute(&mut connection, changed).await, 2);
    assert_eq!(tables_found(deployment).await, ["tokens"]);
    deployment.clock.turn(Duration::minutes(31));
    deployment.clock.turn_to_next_step();
    let code = authenticator.code(deployment.clock.now());
    let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
    visitor
        .post("/login/second-factor", body)
        .await
        .expect_problem(401, "challenge_expired");
    let body = json!({ "token": reset, "new_password": OTHER_PASSWORD });
    visitor
        .post("/password-reset/confirm", body)
        .await
        .expect_problem(410, "token_expired");
}

#[tokio::test]
async fn a_login_that_was_pointed_at_another_account_opens_only_the_account_whose_password_it_is() {
    let scene = Scene::begin().await;
    let (ada, eve) = (parts(&scene.ada_token).0, parts(&scene.eve_token).0);
    let changed = scene
        .bearer(&scene.eve_token)
        .put(
            "/settings/password",
            json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD }),
        )
        .await;
    changed.expect(204);
    let mut connection = owner(&scene.deployment).await;
    execute(
        &mut connection,
        &format!(
            "CREATE TEMP TABLE kept AS TABLE logins;
            UPDATE logins SET address_hash = sha256(address_hash);
            UPDATE logins l SET address_hash = k.address_hash FROM kept k
            WHERE (l.account_id, k.account_id) IN (('{ada}', '{eve}'), ('{eve}', '{ada}'))"
        ),
    )
    .await;
    let visitor = scene.deployment.visitor();
    // Ada's address leads to Eve's account, and shows it as what it is.
    let body =
        json!({ "email": scene.ada.email, "password": OTHER_PASSWORD, "transport": "bearer" });
    let answer = visitor.post("/login", body).await.expect(200);
    let session = scene.bearer(&answer.text_at("/session/token"));
    let told = session.get("/session").await.expect(200);
    assert_eq!(told.text_at("/account/email"), scene.eve.email);
    assert_eq!(told.text_at("/account/id"), eve.to_string());
    visitor
        .post("/login", scene.ada.login())
        .await
        .expect_problem(401, "invalid_credentials");
    let found = tables_found(&scene.deployment).await;
    assert!(found.contains(&"logins"), "{found:?}");
    // And both come to their own again.
    let rebuilt = scene.deployment.run(&["projections", "rebuild"], "").await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    visitor.post("/login", scene.ada.login()).await.expect(200);
    scene.deployment.verify().await;
}

#[tokio::test]
async fn a_row_of_settings_changes_no_session_and_a_lost_one_is_a_fault_and_signs_nobody_out() {
    let scene = Scene::begin().await;
    let ((ada, ..), (eve, ..)) = (parts(&scene.ada_token), parts(&scene.eve_token));
    let mut database = owner(&scene.deployment).await;
    let signed_in = scene.bearer(&scene.ada_token);
    let swapped = format!(
        "UPDATE settings SET email = (SELECT email FROM settings WHERE account_id = '{eve}')
        WHERE account_id = '{ada}'"
    );
    for change in [
        swapped,
        format!("DELETE FROM settings WHERE account_id = '{ada}'"),
    ] {
        execute(&mut database, &change).await;
        let answer = signed_in.get("/session").await.expect(200);
        assert_eq!(answer.text_at("/account/email"), scene.ada.email);
        let told = signed_in.get("/settings").await;
        told.expect_problem(500, "internal");
    }
    let log = scene.deployment.log(0);
    assert!(log.contains("the row of settings for"), "{log}");
}
