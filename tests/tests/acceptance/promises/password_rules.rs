//! The rules for choosing a password, on every way to set one: verifying an address, changing,
//! resetting, and the command line.

use acceptance::{Answer, Caller, Deployment, Options, PASSWORD};
use serde_json::json;

use super::protected::{change_password, login, nth_link, reset, reset_link};
use super::shape::members;

/// Fourteen code points, in more than fourteen bytes, as written and after NFC.
const FOURTEEN: [&str; 3] = [
    "velvet tractor",
    "vélvèt träctör",
    "ve\u{301}lve\u{300}t tractor",
];
const FIFTEEN: &str = "velvet tractors";

/// What is refused on every way, and a word of the reason.
fn refused() -> Vec<(String, &'static str)> {
    let mut refused = FOURTEEN
        .iter()
        .map(|password| ((*password).to_owned(), "short"))
        .collect::<Vec<_>>();
    refused.extend([
        (String::new(), "short"),
        ("🦊".repeat(14), "short"),
        ("vx ".repeat(86), "long"),
        ("🦊".repeat(257), "long"),
        ("123456789987654321".to_owned(), "common"),
        ("Xlmgr6n5zyqwHv4".to_owned(), "common"),
        ("grace.hopper@navy.example".to_owned(), "address"),
        ("gracehopper1906!!".to_owned(), "address"),
        ("Countersign2026!".to_owned(), "service"),
        (format!("{FIFTEEN} \u{378}"), "Unicode"),
    ]);
    refused
}

const EMAIL: &str = "grace.hopper@navy.example";

#[track_caller]
fn assert_rejected(answer: Answer, pointer: &str, word: &str, password: &str) {
    let answer = answer.expect_problem(422, "password_rejected");
    let errors = answer.json["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(members(&errors[0]), ["detail", "pointer"]);
    assert_eq!(errors[0]["pointer"], pointer);
    let detail = answer.text_at("/errors/0/detail");
    assert!(detail.contains(word), "{password}: {detail}");
    assert!(password.is_empty() || !answer.text.contains(password));
}

/// Checks: pw_min_length (ASVS-6.2.1), pw_common_list (NIST-3.1.1.1-B), reason_given
/// (NIST-3.1.1.2-C), chk_nist_3_1_1_2_a.
#[tokio::test]
async fn verifying_an_address_keeps_the_rules_and_a_refusal_does_not_spend_the_link() {
    let deployment = Deployment::start().await;
    let visitor = deployment.visitor();
    let body = json!({ "email": EMAIL });
    visitor.post("/accounts", body).await.expect(202);
    let token = nth_link(&deployment, EMAIL, "verify", 1).await;
    let verify = async |password: &str| {
        let body = json!({ "token": token, "password": password, "transport": "bearer" });
        visitor.post("/accounts/verify", body).await
    };
    for (password, word) in refused() {
        assert_rejected(verify(&password).await, "/password", word, &password);
    }
    verify(FIFTEEN).await.expect(200);
    login(&visitor, EMAIL, FIFTEEN).await.expect(200);
    verify(FIFTEEN).await.expect_problem(410, "token_expired");
}

/// Checks: pw_min_length (ASVS-6.2.1).
#[tokio::test]
async fn changing_a_password_keeps_the_rules() {
    let deployment = Deployment::start().await;
    let grace = deployment.create_account(EMAIL).await;
    let visitor = deployment.visitor();
    let owner = grace.sign_in(&visitor).await;
    for (password, word) in refused() {
        let answer = change_password(&owner, PASSWORD, &password).await;
        assert_rejected(answer, "/new_password", word, &password);
    }
    login(&visitor, EMAIL, PASSWORD).await.expect(200);
    change_password(&owner, PASSWORD, FIFTEEN).await.expect(204);
    login(&visitor, EMAIL, FIFTEEN).await.expect(200);
}

/// Checks: pw_min_length (ASVS-6.2.1), reset_weak_pw_keeps_token (OWASP-RESET-6).
#[tokio::test]
async fn resetting_a_password_keeps_the_rules_and_a_refusal_does_not_spend_the_link() {
    let deployment = Deployment::start().await;
    let grace = deployment.create_account(EMAIL).await;
    let visitor = deployment.visitor();
    let owner = grace.sign_in(&visitor).await;
    let token = reset_link(&deployment, EMAIL, 1).await;
    for (password, word) in refused() {
        let answer = reset(&visitor, &token, &password).await;
        assert_rejected(answer, "/new_password", word, &password);
    }
    owner.get("/session").await.expect(200);
    reset(&visitor, &token, FIFTEEN).await.expect(200);
    login(&visitor, EMAIL, FIFTEEN).await.expect(200);
}

/// Checks: pw_min_length (ASVS-6.2.1).
#[tokio::test]
async fn the_command_line_keeps_the_rules() {
    let deployment = Deployment::start().await;
    let create = async |password: &str| {
        let arguments = ["account", "create", "--email", EMAIL];
        deployment.run(&arguments, password).await
    };
    for (password, word) in [
        (FOURTEEN[1], "short"),
        ("123456789987654321", "common"),
        ("gracehopper1906!!", "address"),
    ] {
        let output = create(password).await;
        assert_eq!(output.status.code(), Some(1), "{password}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(word), "{said}");
        assert!(!said.contains(password));
    }
    assert!(create(FIFTEEN).await.status.success());
    login(&deployment.visitor(), EMAIL, FIFTEEN)
        .await
        .expect(200);
    assert_eq!(create(FIFTEEN).await.status.code(), Some(1));
}

#[tokio::test]
async fn the_least_length_is_a_setting() {
    let options = Options::default().setting("COUNTERSIGN_PASSWORD_MIN_LENGTH", "9");
    let deployment = Deployment::with(options).await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let answer = change_password(&owner, PASSWORD, "tbq wxyz").await;
    assert_rejected(answer, "/new_password", "at least 9", "tbq wxyz");
    let answer = change_password(&owner, PASSWORD, "sunshine1").await;
    assert_rejected(answer, "/new_password", "common", "sunshine1");
    change_password(&owner, PASSWORD, "tbq wxyzs")
        .await
        .expect(204);
}

/// Each is set from the one before, signs in, and differs from what is nearly the same.
async fn changes_to(owner: &Caller, visitor: &Caller, passwords: &[(String, String)]) {
    let mut present = PASSWORD.to_owned();
    for (next, nearly) in passwords {
        change_password(owner, &present, next).await.expect(204);
        login(visitor, "ada@example.com", next).await.expect(200);
        login(visitor, "ada@example.com", nearly)
            .await
            .expect_problem(401, "invalid_credentials");
        next.clone_into(&mut present);
    }
}

/// Checks: pw_64_and_256 (ASVS-6.2.9), pw_any_composition (NIST-3.1.1.2-5),
/// chk_nist_3_1_1_1_c, chk_nist_3_1_1_2_4, chk_nist_3_1_1_2_b.
#[tokio::test]
async fn long_passwords_any_characters_and_spaces_at_the_ends_are_taken_as_they_are() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let family = "👨\u{200d}👩\u{200d}👧".repeat(3);
    let pairs = [
        ("🦊".repeat(64), format!("{}🐺", "🦊".repeat(63))),
        ("🦊".repeat(256), format!("{}🐺", "🦊".repeat(255))),
        ("w".repeat(17), "w".repeat(16)),
        (format!("  {FIFTEEN} "), FIFTEEN.to_owned()),
        (FIFTEEN.to_owned(), format!("{FIFTEEN} ")),
        ("velvet TRACTORS".to_owned(), FIFTEEN.to_owned()),
        (
            "päßwörter genügen".to_owned(),
            "passworter genugen".to_owned(),
        ),
        (family, "👨👩👧".repeat(3)),
        ("a\u{0}b velvet tractor".to_owned(), "a".to_owned()),
        (
            "qwertyuiop velvet tractor".to_owned(),
            "qwertyuiop".to_owned(),
        ),
    ];
    changes_to(&owner, &visitor, &pairs).await;
}

/// Checks: nfc_stable (NIST-3.1.1.2-nfc). NFC and nothing more.
#[tokio::test]
async fn a_password_is_the_same_from_two_keyboards_and_not_from_a_look_alike() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let decomposed = "cafe\u{301} am Hafen ﬁnden";
    let composed = "café am Hafen ﬁnden";
    change_password(&owner, PASSWORD, decomposed)
        .await
        .expect(204);
    for same in [decomposed, composed] {
        login(&visitor, &ada.email, same).await.expect(200);
    }
    for other in ["cafe am Hafen ﬁnden", "café am Hafen finden"] {
        login(&visitor, &ada.email, other)
            .await
            .expect_problem(401, "invalid_credentials");
    }
}
