//! What an owner is told by mail, and what not.

use acceptance::{Deployment, Mail, OTHER_PASSWORD, Options, PASSWORD};
use serde_json::json;

use super::protected::{Protected, change_password, login, reset, reset_link};
use super::shape::words;

const EMAIL: &str = "Ada@Example.com";
const STOPPED: &str = "A sign-in with your password was stopped";

async fn deployment() -> Deployment {
    let options = Options::default().setting("COUNTERSIGN_SUPPORT_CONTACT", "help@example.com");
    Deployment::with(options).await
}

/// When, whence, what to do if it was somebody else, and whom to ask.
#[track_caller]
fn assert_is_a_notice(mail: &Mail) {
    let text = words(&mail.text);
    assert_eq!(mail.to, EMAIL);
    for said in ["When: ", "If ", "help@example.com"] {
        assert!(text.contains(said), "{said} is missing: {text}");
    }
    assert!(!mail.text.contains("cs_"), "a token: {text}");
    for secret in [PASSWORD, OTHER_PASSWORD] {
        assert!(!text.contains(secret));
    }
}

fn count(deployment: &Deployment, subject: &str) -> usize {
    let mails = deployment.mails();
    mails
        .iter()
        .filter(|mail| mail.subject.contains(subject))
        .count()
}

/// Checks: change_mail (ASVS-6.3.7), change_mail_factor_added (NIST-4.1.2.1-C),
/// mail_has_instructions (NIST-4.6-G).
#[tokio::test]
async fn the_owner_is_told_of_every_change_of_a_credential() {
    let deployment = deployment().await;
    let person = deployment.create_account(EMAIL).await;
    let browser = deployment.visitor().with_header(
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
    );
    let owner = person.sign_in(&browser).await;
    change_password(&owner, PASSWORD, OTHER_PASSWORD)
        .await
        .expect(204);
    let mail = deployment.mail(EMAIL, "Your password was changed").await;
    assert_is_a_notice(&mail);
    assert!(words(&mail.text).contains("From: 127.0.0.1"));
    assert!(words(&mail.text).contains("Firefox"));
    change_password(&owner, OTHER_PASSWORD, PASSWORD)
        .await
        .expect(204);

    let ada = Protected::protect(&deployment, person).await;
    let mail = deployment
        .mail(EMAIL, "Two-factor authentication was turned on")
        .await;
    assert_is_a_notice(&mail);
    assert!(!mail.text.contains(&ada.authenticator.secret));
    ada.disable(&ada.owner).await.expect(204);
    let mail = deployment
        .mail(EMAIL, "Two-factor authentication was turned off")
        .await;
    assert_is_a_notice(&mail);
}

/// Checks: change_mail_recovery (NIST-4.2.3-A).
#[tokio::test]
async fn the_owner_is_told_of_a_reset_and_of_an_unlock() {
    let deployment = deployment().await;
    let person = deployment.create_account(EMAIL).await;
    let ada = Protected::protect(&deployment, person).await;
    let token = reset_link(&deployment, EMAIL, 1).await;
    reset(&ada.visitor, &token, OTHER_PASSWORD)
        .await
        .expect(200);
    let mail = deployment.mail(EMAIL, "Your password was reset").await;
    assert_is_a_notice(&mail);
    assert!(words(&mail.text).contains("Two-factor authentication is as it was before"));
    ada.unlock(&deployment).await.expect(200);
    let mail = deployment
        .mail(EMAIL, "Support unlocked your account")
        .await;
    assert_is_a_notice(&mail);
    assert!(words(&mail.text).contains("Two-factor authentication was turned off"));
    assert!(!mail.text.contains("Sam Support"));
}

/// Checks: suspicious_mail_second_factor (ASVS-6.3.5, OWASP-STUFF-2).
#[tokio::test]
async fn the_owner_is_told_at_the_first_wrong_code_after_a_right_password() {
    let deployment = deployment().await;
    let person = deployment.create_account(EMAIL).await;
    let ada = Protected::protect(&deployment, person).await;
    for _ in 0..3 {
        let wrong = ada.wrong_code(&deployment);
        ada.attempt(&wrong)
            .await
            .expect_problem(401, "invalid_code");
    }
    let mail = deployment.mail(EMAIL, STOPPED).await;
    assert_is_a_notice(&mail);
    // A completed sign-in, and the next wrong code is a first one again.
    let owner = ada.sign_in(&deployment).await;
    let wrong = ada.wrong_code(&deployment);
    ada.attempt(&wrong)
        .await
        .expect_problem(401, "invalid_code");
    ada.disable(&owner).await.expect(204);
    deployment.mail(EMAIL, "was turned off").await;
    assert_eq!(count(&deployment, STOPPED), 2);
}

/// Checks: no_mail_on_wrong_password (OWASP-STUFF-2).
#[tokio::test]
async fn plain_wrong_passwords_and_what_changed_nothing_are_not_mailed() {
    let deployment = deployment().await;
    let person = deployment.create_account(EMAIL).await;
    let visitor = deployment.visitor();
    let owner = person.sign_in(&visitor).await;
    for _ in 0..6 {
        let answer = login(&visitor, EMAIL, OTHER_PASSWORD).await;
        assert!([401, 429].contains(&answer.status.as_u16()));
    }
    change_password(&owner, OTHER_PASSWORD, OTHER_PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    change_password(&owner, PASSWORD, "short")
        .await
        .expect_problem(422, "password_rejected");
    person.start_enrollment(&owner).await;
    let body = json!({ "code": "no code" });
    owner
        .post(super::protected::CONFIRM, body)
        .await
        .expect_problem(401, "invalid_code");
    owner.delete(super::protected::ENROLLMENT).await.expect(204);
    owner.delete("/sessions").await.expect(204);
    // Mail goes out in the order of its causes: what is not there when this one comes, was none.
    change_password(&owner, PASSWORD, OTHER_PASSWORD)
        .await
        .expect(204);
    deployment.mail(EMAIL, "Your password was changed").await;
    assert_eq!(deployment.mails().len(), 1);
}
