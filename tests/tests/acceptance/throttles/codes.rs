//! Wrong codes: five a challenge, and a wait of the account's that grows across all challenges.

use acceptance::{Answer, Authenticator, Caller, Deployment, Person};
use chrono::{DateTime, Duration, Utc};
use futures::future::join_all;
use serde_json::json;

use crate::throttles::guessing::{
    Guesser, Timed, expect_code, retry_after, turn_to, two_servers_without_source_limits,
};
use crate::throttles::known_devices::reset;

/// An owner with two-factor on, and everybody who tries codes.
struct Codes<'a> {
    deployment: &'a Deployment,
    owner: Person,
    authenticator: Authenticator,
}

impl<'a> Codes<'a> {
    async fn of(deployment: &'a Deployment) -> Self {
        let owner = deployment.register("ada@example.com").await;
        let signed_in = owner.sign_in(&deployment.visitor()).await;
        let now = deployment.clock.now();
        let authenticator = owner.enable_two_factor(&signed_in, now).await;
        deployment.clock.turn(Duration::seconds(90));
        Self {
            deployment,
            owner,
            authenticator,
        }
    }

    fn server(&self, number: usize) -> Caller {
        self.deployment
            .visitor_at(number % self.deployment.servers.len())
    }

    async fn challenge(&self) -> String {
        let answer = self
            .server(0)
            .post("/login", self.owner.login_known())
            .await;
        answer.expect(200).text_at("/challenge/token")
    }

    async fn present(&self, server: usize, challenge: &str, code: &str) -> Timed {
        let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
        let began = self.deployment.clock.now();
        let answer = self.server(server).post("/login/second-factor", body).await;
        Timed {
            answer,
            began,
            ended: self.deployment.clock.now(),
        }
    }

    /// A wrong code for a new challenge, by the server of this number.
    async fn guess(&self, server: usize) -> Timed {
        let challenge = self.challenge().await;
        let wrong = self.authenticator.wrong_code(self.deployment.clock.now());
        self.present(server, &challenge, &wrong).await
    }

    async fn fail(&self, server: usize) -> Timed {
        let timed = self.guess(server).await;
        expect_code(&timed.answer, 401, "invalid_code");
        timed
    }

    /// To the instant at which a wait is over that a refusal told of.
    fn sit_out(&self, refused: &Timed) {
        let left = Duration::seconds(retry_after(&refused.answer));
        turn_to(self.deployment, refused.ended + left);
    }

    fn code(&self, at: DateTime<Utc>) -> String {
        self.authenticator.code(at)
    }
}

/// Checks: totp_guess_across_challenges (SFOV-6): five for one challenge.
#[tokio::test]
async fn a_challenge_is_spent_by_five_wrong_codes_even_for_the_right_one() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let codes = Codes::of(&deployment).await;
    let challenge = codes.challenge().await;
    let wrong = codes.authenticator.wrong_code(deployment.clock.now());
    for server in 0..5 {
        let rejected = codes.present(server, &challenge, &wrong).await;
        expect_code(&rejected.answer, 401, "invalid_code");
    }
    deployment.clock.turn(Duration::seconds(31));
    let right = codes.code(deployment.clock.now());
    let refused = codes.present(1, &challenge, &right).await;
    expect_code(&refused.answer, 401, "challenge_expired");
    // The code was not spent by it, and the wait of the account is over.
    let challenge = codes.challenge().await;
    codes
        .present(0, &challenge, &right)
        .await
        .answer
        .expect(200);
}

/// Checks: totp_guess_across_challenges (SFOV-6, RFC4226-7.3), throttle_as_documented.
#[tokio::test]
async fn wrong_codes_add_up_across_challenges_and_servers_to_a_wait_that_grows_to_a_day() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let codes = Codes::of(&deployment).await;
    for server in 0..4 {
        codes.fail(server).await;
    }
    let mut wait = Duration::seconds(30);
    for server in 0..14 {
        let failed = codes.fail(server).await;
        let refused = codes.guess(server + 1).await;
        refused.waits_since(&failed, wait);
        turn_to(&deployment, failed.began + wait - Duration::seconds(5));
        let refused = codes.guess(server).await;
        refused.waits_since(&failed, wait);
        codes.sit_out(&refused);
        wait = (wait * 2).min(Duration::hours(24));
    }
}

/// Checks: totp_guess_across_challenges (RFC4226-7.3): in parallel.
#[tokio::test]
async fn of_twenty_challenges_at_once_five_codes_are_evaluated() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let codes = Codes::of(&deployment).await;
    let mut challenges = Vec::new();
    for _ in 0..20 {
        challenges.push(codes.challenge().await);
    }
    let wrong = codes.authenticator.wrong_code(deployment.clock.now());
    let attempts = challenges.iter().enumerate();
    let attempts = attempts.map(|(server, challenge)| codes.present(server, challenge, &wrong));
    let answers = join_all(attempts).await;
    let with = |status: u16| {
        let answers = answers.iter();
        answers
            .filter(|timed| timed.answer.status == status)
            .count()
    };
    assert_eq!((with(401), with(429) + with(503)), (5, 15));
    deployment.verify().await;
}

/// A right code during a wait is refused unseen: neither counted nor spent.
#[tokio::test]
async fn the_right_code_is_refused_during_a_wait_and_accepted_after_it() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let codes = Codes::of(&deployment).await;
    let mut failed = codes.fail(0).await;
    for server in 1..5 {
        failed = codes.fail(server).await;
    }
    let challenge = codes.challenge().await;
    let right = codes.code(failed.began + Duration::seconds(30));
    for server in 0..10 {
        let refused = codes.present(server, &challenge, &right).await;
        refused.waits_since(&failed, Duration::seconds(30));
    }
    codes.sit_out(&codes.present(0, &challenge, &right).await);
    codes
        .present(1, &challenge, &right)
        .await
        .answer
        .expect(200);
    // A completed sign-in clears the count: five more, and the first wait again.
    for server in 0..4 {
        codes.fail(server).await;
    }
    let fifth = codes.fail(0).await;
    codes
        .guess(1)
        .await
        .waits_since(&fifth, Duration::seconds(30));
}

#[tokio::test]
async fn a_reset_lifts_the_wait_for_codes_but_forgets_none_and_an_unlock_forgets_them() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let mut codes = Codes::of(&deployment).await;
    for server in 0..4 {
        codes.fail(server).await;
    }
    for _ in 0..2 {
        codes.fail(0).await;
        let refused = codes.guess(1).await;
        codes.sit_out(&refused);
    }
    // Six are counted; the seventh begins a wait of two minutes.
    let seventh = codes.fail(1).await;
    codes
        .guess(0)
        .await
        .waits_since(&seventh, Duration::seconds(120));
    codes.owner = reset(&deployment, &codes.owner).await;
    let eighth = codes.fail(1).await;
    codes
        .guess(0)
        .await
        .waits_since(&eighth, Duration::seconds(240));

    let support = deployment.support().await;
    let account = deployment.account_id(&codes.owner.email).await;
    let seen = support
        .get(&format!("/support/accounts/{account}"))
        .await
        .expect(200);
    assert!(
        seen.text.contains("\"code\""),
        "support sees why: {}",
        seen.text
    );
    let unlock = json!({ "reason": "lost the phone" });
    let path = format!("/support/accounts/{account}/unlock");
    support.post(&path, unlock).await.expect(200);
    let owner = codes.owner.sign_in(&deployment.visitor()).await;
    let now = deployment.clock.now();
    codes.authenticator = codes.owner.enable_two_factor(&owner, now).await;
    for server in 0..4 {
        codes.fail(server).await;
    }
    let fifth = codes.fail(0).await;
    codes
        .guess(1)
        .await
        .waits_since(&fifth, Duration::seconds(30));
    deployment.verify().await;
}

/// Checks: throttle_as_documented (NIST RL-2): also a hundred wrong codes close, and a reset, which
/// needs no code, gives one more try and no hundred.
#[tokio::test]
async fn a_hundred_wrong_codes_close_the_second_factor_until_support_unlocks() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let mut codes = Codes::of(&deployment).await;
    for failures in 1..=100 {
        codes.fail(failures).await;
        if (5..100).contains(&failures) {
            codes.sit_out(&codes.guess(failures).await);
        }
    }
    let closed = async |codes: &Codes<'_>| {
        for days in [0, 1, 30] {
            deployment.clock.turn(Duration::days(days));
            let challenge = codes.challenge().await;
            let right = codes.code(deployment.clock.now());
            let refused = codes.present(0, &challenge, &right).await;
            assert_eq!(retry_after(&refused.answer), 24 * 3600);
        }
    };
    closed(&codes).await;
    codes.owner = reset(&deployment, &codes.owner).await;
    codes.fail(0).await;
    closed(&codes).await;

    let support = deployment.support().await;
    let account = deployment.account_id(&codes.owner.email).await;
    let unlock = json!({ "reason": "an owner with a passport" });
    let path = format!("/support/accounts/{account}/unlock");
    support.post(&path, unlock).await.expect(200);
    codes.owner.sign_in(&deployment.visitor()).await;
    deployment.verify().await;
}

/// The owner is told once that somebody knows the password, not for each code.
#[tokio::test]
async fn the_first_wrong_code_after_the_right_password_is_mailed_to_the_owner() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let codes = Codes::of(&deployment).await;
    for server in 0..5 {
        codes.fail(server).await;
    }
    crate::throttles::guessing::settle(&deployment).await;
    let notices = deployment.mails().into_iter();
    let notices = notices.filter(|mail| mail.subject.contains("was stopped"));
    assert_eq!(notices.count(), 1);
}

/// An enrollment has its own ten tries, and they are no business of sign-in's.
#[tokio::test]
async fn codes_for_an_unfinished_enrollment_have_ten_tries_before_they_wait() {
    let deployment = Deployment::with(two_servers_without_source_limits()).await;
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&deployment.visitor()).await;
    let authenticator = ada.start_enrollment(&owner).await;
    let confirm = async |code: String| -> Answer {
        let path = "/settings/two-factor/enrollment/confirm";
        owner.post(path, json!({ "code": code })).await
    };
    for _ in 0..10 {
        let wrong = authenticator.wrong_code(deployment.clock.now());
        confirm(wrong).await.expect_problem(401, "invalid_code");
    }
    let right = authenticator.code(deployment.clock.now());
    let refused = confirm(right).await;
    assert!((25..=30).contains(&retry_after(&refused)));
    deployment.clock.turn(Duration::seconds(30));
    confirm(authenticator.code(deployment.clock.now()))
        .await
        .expect(200);
    let stranger = Guesser::stranger(&deployment, &ada.email);
    stranger.fail_times(4).await;
}
