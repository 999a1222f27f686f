//! What a code is, and for how long: the window, the spellings, and what is no code.

use acceptance::{Deployment, Options, forged};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::protected::{CONFIRM, Protected, confirm, turn_to};
use super::shape::{problem_without_request, retry_after};

const STEP: i64 = 30;

/// The first instant of the step that is this many steps after that of `at`.
fn start_of_step(at: DateTime<Utc>, after: i64) -> DateTime<Utc> {
    let step = at.timestamp().div_euclid(STEP) + after;
    DateTime::from_timestamp(step * STEP, 0).unwrap()
}

/// Checks: totp_window_exact (RFC6238-5.2-delay). One step early or late, and not two.
#[tokio::test]
async fn a_code_is_accepted_one_step_early_or_late_and_not_two() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let just_before = Duration::seconds(10);
    // The code's own step begins at zero; when it is presented, and whether it is accepted.
    let presented = [
        (start_of_step(DateTime::UNIX_EPOCH, -1) - just_before, false),
        (start_of_step(DateTime::UNIX_EPOCH, -1), true),
        (start_of_step(DateTime::UNIX_EPOCH, 0), true),
        (start_of_step(DateTime::UNIX_EPOCH, 2) - just_before, true),
        (start_of_step(DateTime::UNIX_EPOCH, 2), false),
    ];
    for (offset, accepted) in presented {
        let offset = offset - DateTime::UNIX_EPOCH;
        let step = start_of_step(deployment.clock.now(), 10);
        turn_to(&deployment, step + offset);
        let answer = ada.attempt(&ada.authenticator.code(step)).await;
        let told = if accepted { 200 } else { 401 };
        assert_eq!(answer.status, told, "at {offset}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_window_is_the_same_when_an_enrollment_is_confirmed() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.start_enrollment(&owner).await;
    for (steps, accepted) in [(-2, false), (2, false), (-1, true)] {
        deployment.clock.turn_to_next_step();
        let at = deployment.clock.now() + Duration::seconds(STEP * steps);
        let answer = confirm(&owner, &authenticator.code(at)).await;
        assert_eq!(answer.status == 200, accepted, "{steps}: {}", answer.text);
    }
    ada.challenge(&deployment.visitor()).await;
    let off = json!({ "current_password": ada.password });
    owner
        .post("/settings/two-factor/disable", off)
        .await
        .expect(204);
    deployment.clock.turn(Duration::minutes(5));
    deployment.clock.turn_to_next_step();
    let authenticator = ada.start_enrollment(&owner).await;
    let at = deployment.clock.now() + Duration::seconds(STEP);
    confirm(&owner, &authenticator.code(at)).await.expect(200);
}

#[tokio::test]
async fn spaces_and_dashes_in_a_code_are_ignored_at_enrollment_and_at_sign_in() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let authenticator = ada.start_enrollment(&owner).await;
    let spellings = [
        |code: &str| format!("{} {}", &code[..3], &code[3..]),
        |code: &str| format!(" {}-{} ", &code[..3], &code[3..]),
        |code: &str| code.chars().flat_map(|c| [c, ' ']).collect::<String>(),
    ];
    for (number, spelling) in spellings.into_iter().enumerate() {
        deployment.clock.turn_to_next_step();
        let code = spelling(&authenticator.code(deployment.clock.now()));
        if number == 0 {
            confirm(&owner, &code).await.expect(200);
        } else {
            ada.sign_in_with(&visitor, &code).await;
        }
    }
}

/// A plain refusal, never a fault of the server's.
#[tokio::test]
async fn rubbish_as_a_code_reads_like_any_wrong_code() {
    let deployment = Deployment::start().await;
    let ada = deployment.create_account("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.start_enrollment(&owner).await;
    let wrong = authenticator.wrong_code(deployment.clock.now());
    let expected = confirm(&owner, &wrong).await;
    let expected = problem_without_request(&expected.expect_problem(401, "invalid_code"));
    let rubbish = [
        "",
        "      ",
        "12345",
        "1234567",
        "１２３４５６",
        "٣٤٥٦٧٨",
        "abcdef",
        "🔑🔑🔑🔑🔑🔑",
    ];
    for code in rubbish {
        let answer = confirm(&owner, code).await;
        let answer = answer.expect_problem(401, "invalid_code");
        assert_eq!(problem_without_request(&answer), expected, "{code}");
    }
}

#[tokio::test]
async fn rubbish_as_a_code_is_a_wrong_code_at_sign_in_as_well() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let expected = ada.attempt(&ada.wrong_code(&deployment)).await;
    let expected = problem_without_request(&expected.expect_problem(401, "invalid_code"));
    for code in ["", "１２３４５６", "\u{0}\u{1}"] {
        let answer = ada.attempt(code).await.expect_problem(401, "invalid_code");
        assert_eq!(problem_without_request(&answer), expected, "{code}");
    }
}

/// Neither a crash nor a second way round the check for spent codes.
#[tokio::test]
async fn a_code_that_is_no_json_string_is_refused_and_spends_nothing() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let challenge = ada.challenge().await;
    deployment.clock.turn_to_next_step();
    let code = ada.authenticator.code(deployment.clock.now());
    let number = code.parse::<u64>().unwrap();
    let others = [
        json!(number),
        json!(f64::from(u32::try_from(number).unwrap())),
        json!([code]),
        json!({ "code": code }),
        json!(true),
        Value::Null,
    ];
    for other in others {
        let body = json!({ "challenge": challenge, "code": other, "transport": "bearer" });
        let answer = ada.visitor.post("/login/second-factor", body).await;
        let answer = answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.json["errors"][0]["pointer"], "/code");
        let body = json!({ "code": other });
        let answer = ada.owner.post(CONFIRM, body).await;
        answer.expect_problem(400, "invalid_request");
    }
    ada.present(&challenge, &code).await.expect(200);
}

/// A wrong code leaves the caller anonymous and the sign-in pending; a right one completes it.
#[tokio::test]
async fn a_wrong_code_costs_another_try_for_the_same_challenge_until_five_have_failed() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let challenge = ada.challenge().await;
    for _ in 0..2 {
        let wrong = ada.wrong_code(&deployment);
        let answer = ada.present(&challenge, &wrong).await;
        let answer = answer.expect_problem(401, "invalid_code");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    let code = ada.fresh_code(&deployment);
    ada.present(&challenge, &code).await.expect(200);
    let code = ada.fresh_code(&deployment);
    ada.present(&challenge, &code)
        .await
        .expect_problem(401, "challenge_expired");

    let challenge = ada.challenge().await;
    let wrong = ada.wrong_code(&deployment);
    for _ in 0..5 {
        ada.present(&challenge, &wrong)
            .await
            .expect_problem(401, "invalid_code");
    }
    let code = ada.fresh_code(&deployment);
    deployment.clock.turn(Duration::minutes(2));
    let answer = ada.present(&challenge, &code).await;
    answer.expect_problem(401, "challenge_expired");
}

/// Checks: totp_guess_across_challenges (RFC4226-7.3), one after another.
#[tokio::test]
async fn wrong_codes_count_for_the_account_whatever_the_challenge() {
    let deployment = Deployment::with(Options::default().servers(2)).await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let wrong = ada.wrong_code(&deployment);
    for number in 0..5 {
        let visitor = deployment.visitor_at(number % 2);
        let challenge = ada.person.challenge(&visitor).await;
        super::protected::present(&visitor, &challenge, &wrong)
            .await
            .expect_problem(401, "invalid_code");
    }
    // The right password still gets its challenge, and even the right code has to wait.
    let challenge = ada.challenge().await;
    let code = ada
        .authenticator
        .code(deployment.clock.now() + Duration::seconds(STEP));
    let answer = ada.present(&challenge, &code).await;
    let answer = answer.expect_problem(429, "too_many_attempts");
    assert!(retry_after(&answer) <= Duration::seconds(30));
    let events_before = code_rejections(&deployment, &ada).await;
    ada.present(&challenge, &wrong)
        .await
        .expect_problem(429, "too_many_attempts");
    assert_eq!(code_rejections(&deployment, &ada).await, events_before);

    deployment.clock.turn(Duration::seconds(31));
    let wrong = ada.wrong_code(&deployment);
    ada.attempt(&wrong)
        .await
        .expect_problem(401, "invalid_code");
    let answer = ada.attempt(&wrong).await;
    let answer = answer.expect_problem(429, "too_many_attempts");
    assert!(retry_after(&answer) > Duration::seconds(30), "it grows");
}

async fn code_rejections(deployment: &Deployment, ada: &Protected) -> usize {
    let account = deployment.account_id(&ada.person.email).await;
    let auditor = deployment.auditor().await;
    let events = deployment.events(&auditor, &account).await;
    let rejections = events
        .iter()
        .filter(|event| event["type"] == "CodeRejected");
    rejections.count()
}

/// Nobody without the password can use up the budget for codes.
#[tokio::test]
async fn codes_without_the_password_count_for_nobody() {
    let deployment = Deployment::start().await;
    let ada = Protected::open(&deployment, "ada@example.com").await;
    let real = ada.challenge().await;
    let forged = forged(&real);
    let wrong = ada.wrong_code(&deployment);
    for _ in 0..12 {
        ada.present(&forged, &wrong)
            .await
            .expect_problem(401, "challenge_expired");
    }
    assert_eq!(code_rejections(&deployment, &ada).await, 0);
    let code = ada.fresh_code(&deployment);
    ada.present(&real, &code).await.expect(200);
}
