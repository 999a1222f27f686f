//! Somebody who tries passwords at one server after the other, and what they are answered.

use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance::{Answer, Caller, Deployment, Options, Person};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

/// A password that nobody has.
pub(crate) const WRONG: &str = "crimson meadow drifting 77";

/// Two servers, and the networks that tests call from count as trusted proxies.
pub(crate) fn two_servers() -> Options {
    Options::default()
        .servers(2)
        .setting("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.0/8,::1/128")
}

/// The same without limits by source, where a test is about an account's own.
pub(crate) fn two_servers_without_source_limits() -> Options {
    two_servers().setting("COUNTERSIGN_SOURCE_LIMITS", "off")
}

/// Tries passwords at one address, at every server of a deployment in turn.
#[derive(Debug)]
pub(crate) struct Guesser<'a> {
    deployment: &'a Deployment,
    servers: Vec<Caller>,
    turn: AtomicUsize,
    email: String,
    device_token: Option<String>,
}

/// An answer, with the instants between which it was decided.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) answer: Answer,
    pub(crate) began: DateTime<Utc>,
    pub(crate) ended: DateTime<Utc>,
}

impl<'a> Guesser<'a> {
    /// In a browser that is not known.
    pub(crate) fn stranger(deployment: &'a Deployment, email: &str) -> Self {
        let servers = (0..deployment.servers.len()).map(|n| deployment.visitor_at(n));
        Self {
            deployment,
            servers: servers.collect(),
            turn: AtomicUsize::new(0),
            email: email.to_owned(),
            device_token: None,
        }
    }

    /// In a browser that holds a device token, whatever it is worth.
    pub(crate) fn with_device(deployment: &'a Deployment, email: &str, token: &str) -> Self {
        Self {
            device_token: Some(token.to_owned()),
            ..Self::stranger(deployment, email)
        }
    }

    /// In the browser that verified the address.
    pub(crate) fn known(deployment: &'a Deployment, person: &Person) -> Self {
        Self::with_device(deployment, &person.email, &person.device_token)
    }

    /// Behind a trusted proxy that forwards for this address.
    pub(crate) fn behind(self, source: &str) -> Self {
        let servers = self.servers.into_iter();
        let servers = servers.map(|caller| caller.with_header("x-forwarded-for", source));
        Self {
            servers: servers.collect(),
            ..self
        }
    }

    pub(crate) async fn present(&self, password: &str) -> Timed {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let caller = &self.servers[turn % self.servers.len()];
        let mut body = json!({ "email": self.email, "password": password, "transport": "bearer" });
        if let Some(token) = &self.device_token {
            body["device_token"] = json!(token);
        }
        let began = self.deployment.clock.now();
        let answer = caller.post("/login", body).await;
        let ended = self.deployment.clock.now();
        Timed {
            answer,
            began,
            ended,
        }
    }

    pub(crate) async fn guess(&self) -> Timed {
        self.present(WRONG).await
    }

    /// A guess that is evaluated, and wrong.
    pub(crate) async fn fail(&self) -> Timed {
        let timed = self.guess().await;
        expect_code(&timed.answer, 401, "invalid_credentials");
        timed
    }

    /// So many of them; the last.
    pub(crate) async fn fail_times(&self, times: usize) -> Timed {
        let mut last = self.fail().await;
        for _ in 1..times {
            last = self.fail().await;
        }
        last
    }

    /// An attempt that is refused unseen.
    pub(crate) async fn refused(&self) -> Timed {
        let timed = self.guess().await;
        expect_code(&timed.answer, 429, "too_many_attempts");
        timed
    }

    /// An attempt with the right password; how it is answered.
    pub(crate) async fn signs_in(&self, password: &str) -> Answer {
        let answer = self.present(password).await.answer.expect(200);
        assert_eq!(answer.json["status"], "signed_in");
        answer
    }
}

#[track_caller]
pub(crate) fn expect_code(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (status, code),
        "{}",
        answer.text
    );
}

/// Of an answer that asks to wait.
#[track_caller]
pub(crate) fn retry_after(answer: &Answer) -> i64 {
    expect_code(answer, 429, "too_many_attempts");
    answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

impl Timed {
    /// The refusal names exactly the rest of a wait of this length that began with `cause`:
    /// rounded up, and as exactly as can be told from outside.
    #[track_caller]
    pub(crate) fn waits_since(&self, cause: &Self, wait: Duration) {
        let told = retry_after(&self.answer);
        let least = rounded_up(cause.began + wait - self.ended);
        let most = rounded_up(cause.ended + wait - self.began);
        assert!(
            (least..=most).contains(&told),
            "told {told} s instead of {least} to {most} s of a wait of {wait}"
        );
    }
}

fn rounded_up(left: Duration) -> i64 {
    (left.num_milliseconds() + 999).div_euclid(1000)
}

/// Lets time pass until shortly before the end of a wait that began with each guesser's failure,
/// lets them try, and then lets it pass to the very instant that the last refusal named.
pub(crate) async fn sit_out(waiting: &[(&Guesser<'_>, &Timed)], wait: Duration) {
    let deployment = waiting[0].0.deployment;
    turn_to(deployment, waiting[0].1.began + wait - Duration::seconds(5));
    let mut over = deployment.clock.now();
    for (guesser, cause) in waiting {
        let refused = guesser.refused().await;
        refused.waits_since(cause, wait);
        over = refused.ended + Duration::seconds(retry_after(&refused.answer));
    }
    turn_to(deployment, over);
}

pub(crate) fn turn_to(deployment: &Deployment, instant: DateTime<Utc>) {
    deployment.clock.turn(instant - deployment.clock.now());
}

/// What of an answer may not depend on whether an address has an account: everything but the id
/// of the request, the instant, and the rest of a wait.
pub(crate) fn without_its_request(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let own = ["date", "x-request-id", "retry-after"];
    let mut headers = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .collect::<Vec<_>>();
    headers.sort();
    let mut body = answer.json.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (answer.status.as_u16(), headers, body)
}

/// Waits until everything that visitors asked for was worked on and every mail has gone out.
pub(crate) async fn settle(deployment: &Deployment) {
    let began = std::time::Instant::now();
    loop {
        let waiting = figure(deployment, "countersign_jobs").await
            + figure(deployment, "countersign_outbox_mails").await;
        if waiting < 0.5 {
            return;
        }
        assert!(
            began.elapsed().as_secs() < 30,
            "{waiting} jobs and mails still wait"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A figure of the first server's, as operators see it.
pub(crate) async fn figure(deployment: &Deployment, name: &str) -> f64 {
    let url = format!("{}/metrics", deployment.servers[0].internal_url);
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

/// The token of another browser of the same owner's, made known by a sign-in.
pub(crate) async fn another_device(deployment: &Deployment, person: &Person) -> String {
    let stranger = Guesser::stranger(deployment, &person.email);
    stranger
        .signs_in(&person.password)
        .await
        .text_at("/device_token")
}
