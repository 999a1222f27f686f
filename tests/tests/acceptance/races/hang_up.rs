//! Clients that hang up in mid-request leave nothing half done.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use acceptance::{Authenticator, Caller, Deployment, OTHER_PASSWORD, Options, PASSWORD, Person};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::races::crash::{count, wait_for_positions};
use crate::races::crowd::{empty_mailbox, figure};

/// Somebody whose last call may or may not have been carried out.
struct Impatient {
    person: Person,
    authenticator: Option<Authenticator>,
    visitor: Caller,
}

impl Impatient {
    /// Signs in, with whichever password and as many factors as it now takes.
    async fn sign_in(&mut self, deployment: &Deployment) -> Caller {
        let mut answer = self.visitor.post("/login", self.person.login()).await;
        if answer.status == 401 {
            let other = [PASSWORD, OTHER_PASSWORD]
                .into_iter()
                .find(|password| *password != self.person.password);
            other.unwrap().clone_into(&mut self.person.password);
            answer = self.visitor.post("/login", self.person.login()).await;
        }
        let mut answer = answer.expect(200);
        if answer.json["status"] == "second_factor_required" {
            let body = self.code_for(deployment, &answer.text_at("/challenge/token"));
            answer = self
                .visitor
                .post("/login/second-factor", body)
                .await
                .expect(200);
        }
        self.visitor
            .clone()
            .with_bearer(&answer.text_at("/session/token"))
    }

    fn code_for(&self, deployment: &Deployment, challenge: &str) -> Value {
        let authenticator = self.authenticator.as_ref().unwrap();
        let code = authenticator.code(deployment.clock.now());
        json!({ "challenge": challenge, "code": code, "transport": "bearer" })
    }

    async fn two_factor_is_on(&self, owner: &Caller) -> bool {
        let settings = owner.get("/settings").await.expect(200);
        settings.json["two_factor"]["status"] == "enabled"
    }

    /// The call of this round, for which everything is ready but the call itself.
    async fn prepare(&mut self, round: u64, deployment: &Deployment) -> Interrupted {
        let owner = self.sign_in(deployment).await;
        let password = json!({ "current_password": self.person.password });
        let (visitor, on) = (self.visitor.clone(), self.two_factor_is_on(&owner).await);
        match round % 7 {
            0 => Interrupted(visitor, Method::POST, "/login", Some(self.person.login())),
            1 if on => {
                deployment.clock.turn_to_next_step();
                let challenge = self.person.challenge(&visitor).await;
                let body = self.code_for(deployment, &challenge);
                Interrupted(visitor, Method::POST, "/login/second-factor", Some(body))
            }
            2 if on => Interrupted(
                owner,
                Method::POST,
                "/settings/two-factor/disable",
                Some(password),
            ),
            1..=3 if !on => {
                let authenticator = self.person.start_enrollment(&owner).await;
                deployment.clock.turn_to_next_step();
                let body = json!({ "code": authenticator.code(deployment.clock.now()) });
                self.authenticator = Some(authenticator);
                let path = "/settings/two-factor/enrollment/confirm";
                Interrupted(owner, Method::POST, path, Some(body))
            }
            3 | 4 => {
                let new = [PASSWORD, OTHER_PASSWORD].into_iter();
                let new = new.filter(|new| *new != self.person.password);
                let new = new.collect::<String>();
                let body = json!({ "current_password": self.person.password, "new_password": new });
                Interrupted(owner, Method::PUT, "/settings/password", Some(body))
            }
            5 => {
                let email = json!({ "email": self.person.email });
                visitor.post("/password-reset", email).await.expect(202);
                let token = deployment.mailed_token(&self.person.email, "reset").await;
                let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
                Interrupted(visitor, Method::POST, "/password-reset/confirm", Some(body))
            }
            _ => Interrupted(owner, Method::DELETE, "/sessions", None),
        }
    }
}

/// A call that nobody waits for to its end.
struct Interrupted(Caller, Method, &'static str, Option<Value>);

impl Interrupted {
    /// Hangs up after so long; whether that was before the answer.
    async fn send(self, patience: Duration) -> bool {
        let Self(caller, method, path, body) = self;
        let sent = caller.try_send(method, path, body);
        tokio::time::timeout(patience, sent).await.is_err()
    }
}

/// Scenario:
/// 1. Two servers, three people. In each round everybody signs in, and makes one call: a sign-in, a
///    code, a confirmation of an enrollment, two-factor off, another password, a reset, the end of
///    all other sessions. They hang up while it is under way, each time after another while.
/// 2. Forty-two rounds: the next sign-in tells whether the call was carried out, and works either way.
/// 3. In the end read models and histories agree, every session row has its `SignedIn` event and
///    every session of the replayed state its row, and every event its position.
///
/// Checks: ASVS-2.3.3.
#[tokio::test]
async fn clients_that_hang_up_in_mid_request_leave_nothing_half_done() {
    let options = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let mut people = Vec::new();
    for (number, name) in ["ada", "ben", "cleo"].into_iter().enumerate() {
        people.push(Impatient {
            person: deployment
                .create_account(&format!("{name}@example.com"))
                .await,
            authenticator: None,
            visitor: deployment.visitor_at(number % 2),
        });
    }
    let mut interrupted = 0;
    for round in 0..42 {
        interrupted += one_round(&deployment, &mut people, round).await;
    }
    assert!(
        interrupted > 40,
        "only {interrupted} of 126 were interrupted"
    );
    settled(&deployment).await;
    for person in &mut people {
        next_code(&deployment);
        person.sign_in(&deployment).await;
    }
    every_session_is_an_event(&deployment).await;
    deployment.verify().await;
}

/// Beyond every code that may have been spent, and every limit of mails.
fn next_code(deployment: &Deployment) {
    deployment.clock.turn(chrono::Duration::minutes(1));
    deployment.clock.turn_to_next_step();
}

async fn one_round(deployment: &Deployment, people: &mut [Impatient], round: u64) -> usize {
    if round % 7 == 5 {
        deployment.clock.turn(chrono::Duration::hours(3));
        empty_mailbox(deployment);
    }
    let mut calls = JoinSet::new();
    for (number, person) in (0..).zip(people) {
        next_code(deployment);
        let call = person.prepare(round, deployment).await;
        let patience = (round * 131 + number * 37) % 25;
        calls.spawn(call.send(Duration::from_millis(patience)));
    }
    let interrupted = calls.join_all().await;
    interrupted
        .into_iter()
        .filter(|interrupted| *interrupted)
        .count()
}

/// Until nothing is hashed and no statement runs any more for those who have gone.
async fn settled(deployment: &Deployment) {
    let mut connection = deployment.connection("countersign_owner").await;
    let running = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()";
    let began = Instant::now();
    loop {
        let mut busy = count(&mut connection, running).await;
        for server in &deployment.servers {
            busy += figure(&server.internal_url, "countersign_hashing_running").await;
        }
        if busy == 0 {
            return wait_for_positions(&mut connection).await;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "still busy");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn every_session_is_an_event(deployment: &Deployment) {
    let mut connection = deployment.connection("countersign_owner").await;
    let strays = "SELECT count(*) FROM sessions s WHERE NOT EXISTS (
        SELECT FROM events e WHERE e.aggregate_id = s.account_id::text
            AND e.event_type = 'SignedIn'
            AND e.payload #>> '{SignedIn,session}' = s.session_id::text)";
    assert_eq!(
        count(&mut connection, strays).await,
        0,
        "a session without its event"
    );

    let rows = sqlx::query_scalar::<_, String>("SELECT session_id::text FROM sessions")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let rows = rows.into_iter().collect::<BTreeSet<_>>();
    let accounts = sqlx::query_scalar::<_, String>("SELECT account_id::text FROM logins")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let auditor = deployment.auditor().await;
    let mut replayed = BTreeSet::new();
    for account in accounts {
        let path = format!("/audit/accounts/{account}/state");
        let state = auditor.get(&path).await.expect(200);
        let sessions = state.json.pointer("/state/sessions").unwrap();
        let ids = sessions.as_array().unwrap().iter();
        replayed.extend(ids.map(|session| session["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(rows, replayed);
    assert!(!rows.is_empty());
}
