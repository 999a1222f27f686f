//! Commands in any order: whatever happens to an account, its sessions and its settings are what a
//! small model says, and replay, state row and read models agree.

use std::collections::BTreeSet;

use acceptance::{Authenticator, Caller, Deployment, OTHER_PASSWORD, Options, PASSWORD};
use chrono::{DateTime, Duration, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::evidence::support::{store, tables_found_by};

const STEPS: u32 = 20;
const WRONG_PASSWORD: &str = "never the right words 77";

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % sides).unwrap()
    }
}

#[derive(Clone, Debug)]
enum TwoFactor {
    Off,
    Enrolling(Authenticator, DateTime<Utc>),
    On(Authenticator),
}

/// What is true of one account.
struct Model<'a> {
    deployment: &'a Deployment,
    support: &'a Caller,
    email: String,
    id: String,
    password: &'static str,
    two_factor: TwoFactor,
    live: Vec<Caller>,
    ended: Vec<Caller>,
    wrong: u32,
    has_reset: bool,
    told: Vec<String>,
}

impl Model<'_> {
    fn two_factor_now(&self) -> TwoFactor {
        match &self.two_factor {
            TwoFactor::Enrolling(_, end) if *end <= self.deployment.clock.now() => TwoFactor::Off,
            other => other.clone(),
        }
    }

    fn end_others(&mut self, kept: Option<usize>) {
        let live = std::mem::take(&mut self.live);
        for (number, session) in live.into_iter().enumerate() {
            if Some(number) == kept {
                self.live.push(session);
            } else {
                self.ended.push(session);
            }
        }
        if matches!(self.two_factor, TwoFactor::Enrolling(..)) {
            self.two_factor = TwoFactor::Off;
        }
    }

    fn code(&self, authenticator: &Authenticator) -> String {
        self.deployment.clock.turn_to_next_step();
        authenticator.code(self.deployment.clock.now())
    }

    async fn present(&mut self, password: &str) -> acceptance::Answer {
        let body = json!({ "email": self.email, "password": password, "transport": "bearer" });
        self.deployment.visitor().post("/login", body).await
    }

    fn begin(&mut self, answer: &acceptance::Answer) {
        let token = answer.text_at("/session/token");
        self.live
            .push(self.deployment.visitor().with_bearer(&token));
    }

    async fn sign_in(&mut self) {
        let password = self.password;
        let answer = self.present(password).await.expect(200);
        let TwoFactor::On(authenticator) = self.two_factor_now() else {
            assert_eq!(answer.json["status"], "signed_in");
            return self.begin(&answer);
        };
        let challenge = answer.text_at("/challenge/token");
        let body =
            |code: &str| json!({ "challenge": challenge, "code": code, "transport": "bearer" });
        let code = self.code(&authenticator);
        let path = "/login/second-factor";
        let answer = self.deployment.visitor().post(path, body(&code)).await;
        self.begin(&answer.expect(200));
        // Nothing of it works twice.
        let again = self.deployment.visitor().post(path, body(&code)).await;
        again.expect_problem(401, "challenge_expired");
    }

    async fn fail(&mut self) {
        if self.wrong >= 3 {
            return;
        }
        self.wrong += 1;
        if let TwoFactor::On(authenticator) = self.two_factor_now() {
            let password = self.password;
            let answer = self.present(password).await.expect(200);
            let code = authenticator.wrong_code(self.deployment.clock.now());
            let challenge = answer.text_at("/challenge/token");
            let body = json!({ "challenge": challenge, "code": code });
            let answer = self
                .deployment
                .visitor()
                .post("/login/second-factor", body)
                .await;
            answer.expect_problem(401, "invalid_code");
        } else {
            let answer = self.present(WRONG_PASSWORD).await;
            answer.expect_problem(401, "invalid_credentials");
        }
    }

    async fn enroll(&mut self, session: usize) {
        let body = json!({ "current_password": self.password });
        let path = "/settings/two-factor/enrollment";
        let answer = self.live[session].post(path, body).await;
        if matches!(self.two_factor, TwoFactor::On(_)) {
            answer.expect_problem(409, "two_factor_already_enabled");
            return;
        }
        let answer = answer.expect(201);
        let secret = answer.text_at("/secret");
        let end = answer.text_at("/expires_at").parse().unwrap();
        self.two_factor = TwoFactor::Enrolling(Authenticator { secret }, end);
    }

    async fn confirm(&mut self, session: usize, right: bool) {
        let path = "/settings/two-factor/enrollment/confirm";
        if let TwoFactor::Enrolling(authenticator, _) = self.two_factor.clone() {
            let code = if right {
                self.code(&authenticator)
            } else {
                authenticator.wrong_code(self.deployment.clock.now())
            };
            let answer = self.live[session].post(path, json!({ "code": code })).await;
            if !matches!(self.two_factor_now(), TwoFactor::Enrolling(..)) {
                answer.expect_problem(409, "no_enrollment");
            } else if right {
                answer.expect(200);
                self.end_others(Some(session));
                self.two_factor = TwoFactor::On(authenticator);
            } else {
                answer.expect_problem(401, "invalid_code");
            }
        } else {
            let answer = self.live[session]
                .post(path, json!({ "code": "123456" }))
                .await;
            answer.expect_problem(409, "no_enrollment");
        }
    }

    async fn disable(&mut self, session: usize) {
        let body = json!({ "current_password": self.password });
        let answer = self.live[session]
            .post("/settings/two-factor/disable", body)
            .await;
        if matches!(self.two_factor, TwoFactor::On(_)) {
            answer.expect(204);
            self.end_others(Some(session));
            self.two_factor = TwoFactor::Off;
        } else {
            answer.expect_problem(409, "two_factor_not_enabled");
        }
    }

    async fn change_password(&mut self, session: usize) {
        let new = if self.password == PASSWORD {
            OTHER_PASSWORD
        } else {
            PASSWORD
        };
        let wrong = json!({ "current_password": WRONG_PASSWORD, "new_password": new });
        let path = "/settings/password";
        if self.wrong < 3 {
            self.wrong += 1;
            let answer = self.live[session].put(path, wrong).await;
            answer.expect_problem(401, "invalid_credentials");
        }
        let body = json!({ "current_password": self.password, "new_password": new });
        self.live[session].put(path, body).await.expect(204);
        self.password = new;
        self.end_others(Some(session));
    }

    async fn reset(&mut self) {
        if std::mem::replace(&mut self.has_reset, true) {
            return;
        }
        let visitor = self.deployment.visitor();
        let body = json!({ "email": self.email });
        visitor.post("/password-reset", body).await.expect(202);
        let token = self.deployment.mailed_token(&self.email, "reset").await;
        let new = if self.password == PASSWORD {
            OTHER_PASSWORD
        } else {
            PASSWORD
        };
        let body = json!({ "token": token, "new_password": new, "transport": "bearer" });
        let path = "/password-reset/confirm";
        visitor.post(path, body.clone()).await.expect(200);
        visitor
            .post(path, body)
            .await
            .expect_problem(410, "token_expired");
        self.password = new;
        self.end_others(None);
    }

    async fn unlock(&mut self) {
        let path = format!("/support/accounts/{}/unlock", self.id);
        let answer = self.support.post(&path, json!({ "reason": "any" })).await;
        if matches!(self.two_factor, TwoFactor::On(_)) {
            answer.expect(200);
            self.end_others(None);
            self.two_factor = TwoFactor::Off;
        } else {
            answer.expect_problem(409, "nothing_to_unlock");
        }
    }

    async fn step(&mut self, dice: &mut Dice) {
        let minutes = i64::try_from(dice.below(4)).unwrap();
        self.deployment.clock.turn(Duration::minutes(minutes));
        let action = if self.live.is_empty() {
            0
        } else {
            dice.below(14)
        };
        let session = dice.below(self.live.len().max(1) as u64);
        self.told
            .push(format!("{action} by {session}, {:?}", self.two_factor));
        match action {
            0 | 1 => self.sign_in().await,
            2 => self.fail().await,
            3 | 4 => self.enroll(session).await,
            5 | 6 => self.confirm(session, true).await,
            7 => self.confirm(session, false).await,
            8 => self.disable(session).await,
            9 => self.change_password(session).await,
            10 => self.reset().await,
            11 => self.unlock().await,
            12 => {
                let path = "/settings/two-factor/enrollment";
                let cancelled = self.live[session].send(Method::DELETE, path, None).await;
                cancelled.expect(204);
                if matches!(self.two_factor, TwoFactor::Enrolling(..)) {
                    self.two_factor = TwoFactor::Off;
                }
            }
            _ => {
                let left = self.live.remove(session);
                left.send(Method::POST, "/logout", None).await.expect(204);
                self.ended.push(left);
            }
        }
    }

    /// What is live lives, what has ended is dead, and settings say what is so.
    async fn look(&self) {
        let told = self.told.join("\n");
        for session in self.ended.iter().rev().take(4) {
            let answer = session.get("/session").await;
            assert_eq!(answer.status, 401, "an ended session lives\n{told}");
        }
        for session in &self.live {
            let answer = session.get("/session").await;
            assert_eq!(answer.status, 200, "a live session is dead\n{told}");
        }
        if let Some(session) = self.live.last() {
            let settings = session.get("/settings").await.expect(200);
            let status = match self.two_factor_now() {
                TwoFactor::Off => "disabled",
                TwoFactor::Enrolling(..) => "enrolling",
                TwoFactor::On(_) => "enabled",
            };
            assert_eq!(settings.text_at("/two_factor/status"), status, "\n{told}");
        }
    }
}

/// The state at an instant is that after the last event up to it, also where several events are of
/// one instant.
async fn look_back(deployment: &Deployment, auditor: &Caller, account: &str) {
    let events = deployment.events(auditor, account).await;
    let told = |event: &Value| event["recorded_at"].as_str().unwrap().to_owned();
    let state = async |at: &str| {
        let path = format!("/audit/accounts/{account}/state?at={at}");
        auditor.get(&path).await.expect(200).json
    };
    let instants = events.iter().map(told).collect::<BTreeSet<_>>();
    assert!(
        instants.len() < events.len(),
        "no two events are of one instant"
    );
    for instant in instants {
        let last = events.iter().rfind(|event| told(event) == instant).unwrap();
        let sequence = last["sequence"].to_string();
        assert_eq!(state(&instant).await, state(&sequence).await, "{instant}");
    }
}

async fn run(seeds: std::ops::Range<u64>) {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let (support, auditor) = (deployment.support().await, deployment.auditor().await);
    let store = store(&deployment).await;
    for seed in seeds {
        let email = format!("seed{seed}@example.com");
        deployment.create_account(&email).await;
        let search = json!({ "email": email });
        let found = support.post("/support/accounts/search", search).await;
        let mut model = Model {
            deployment: &deployment,
            support: &support,
            id: found.expect(200).text_at("/accounts/0/id"),
            email,
            password: PASSWORD,
            two_factor: TwoFactor::Off,
            live: Vec::new(),
            ended: Vec::new(),
            wrong: 0,
            has_reset: false,
            told: vec![format!("seed {seed}")],
        };
        let mut dice = Dice((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for _ in 0..STEPS {
            model.step(&mut dice).await;
            model.look().await;
        }
        let told = model.told.join("\n");
        let found = tables_found_by(&store, &deployment).await;
        assert!(found.is_empty(), "{found:?}\n{told}");
        let path = format!("/audit/accounts/{}/state", model.id);
        let state = auditor.get(&path).await.expect(200);
        let sessions = state.json["state"]["sessions"].as_array().unwrap().len();
        assert_eq!(sessions, model.live.len(), "{told}");
        look_back(&deployment, &auditor, &model.id).await;
    }
    deployment.verify().await;
}

#[tokio::test]
async fn any_sequence_of_commands_leaves_replay_state_row_and_read_models_equal() {
    run(0..6).await;
}

#[tokio::test]
async fn any_other_sequence_of_commands_does_so_too() {
    run(6..12).await;
}
