//! Everything that can happen to an account, once, with every answer kept.

use acceptance::{Answer, Authenticator, Caller, Deployment, OTHER_PASSWORD, PASSWORD};
use chrono::Duration;
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const ADDRESS: &str = "canary.bird@example.com";
pub(crate) const WRONG_PASSWORD: &str = "never the right words 77";
pub(crate) const USER_AGENT: &str = "CanaryBrowser/7.31 (perched)";
pub(crate) const REASON: &str = "canary reason: phone in the lake";
pub(crate) const TICKET: &str = "CANARY-TICKET-4711";

/// What was issued or presented on the way.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Name and text of each token.
    pub(crate) tokens: Vec<(&'static str, String)>,
    /// Base32.
    pub(crate) seeds: Vec<String>,
    pub(crate) codes: Vec<String>,
    /// Request, headers and body of each answer.
    pub(crate) answers: Vec<String>,
    pub(crate) account: String,
}

impl Story {
    async fn call(
        &mut self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let answer = caller.send(method.clone(), path, body).await;
        self.answers.push(format!(
            "{method} {path} {:?} {}",
            answer.headers, answer.text
        ));
        answer
    }

    async fn post(&mut self, caller: &Caller, path: &str, body: Value, status: u16) -> Answer {
        let answer = self.call(caller, Method::POST, path, Some(body)).await;
        answer.expect(status)
    }

    fn keep(&mut self, name: &'static str, token: String) -> String {
        self.tokens.push((name, token.clone()));
        token
    }

    fn code(&mut self, deployment: &Deployment, authenticator: &Authenticator) -> String {
        deployment.clock.turn_to_next_step();
        let code = authenticator.code(deployment.clock.now());
        self.codes.push(code.clone());
        code
    }

    async fn mailed(&mut self, deployment: &Deployment, page: &'static str) -> String {
        let token = deployment.mailed_token(ADDRESS, page).await;
        self.keep(page, token)
    }

    async fn sign_in(&mut self, visitor: &Caller, password: &str, device: &str) -> Answer {
        let body = json!({
            "email": ADDRESS, "password": password, "transport": "bearer", "device_token": device,
        });
        self.post(visitor, "/login", body, 200).await
    }

    fn signed_in(&mut self, visitor: &Caller, answer: &Answer) -> Caller {
        let token = self.keep("session", answer.text_at("/session/token"));
        self.keep("device", answer.text_at("/device_token"));
        visitor.clone().with_bearer(&token)
    }

    /// From registration to unlock.
    pub(crate) async fn lived_in(deployment: &Deployment) -> Self {
        let mut story = Self::default();
        let visitor = deployment
            .visitor()
            .with_header("user-agent", USER_AGENT)
            .with_header("x-request-id", "canary-request-1");
        let device = story.open(deployment, &visitor).await;
        story.fail(&visitor).await;
        let answer = story.sign_in(&visitor, PASSWORD, &device).await;
        let owner = story.signed_in(&visitor, &answer);
        let authenticator = story.turn_on(deployment, &owner).await;
        story
            .second_factor(deployment, &visitor, &device, &authenticator)
            .await;
        story.change_and_reset(deployment, &visitor, &device).await;
        story.staff(deployment).await;
        story
    }

    async fn open(&mut self, deployment: &Deployment, visitor: &Caller) -> String {
        self.post(visitor, "/accounts", json!({ "email": ADDRESS }), 202)
            .await;
        let token = self.mailed(deployment, "verify").await;
        let weak = json!({ "token": token, "password": "countersign2026!", "transport": "bearer" });
        self.post(visitor, "/accounts/verify", weak, 422).await;
        let body = json!({ "token": token, "password": PASSWORD, "transport": "bearer" });
        let answer = self.post(visitor, "/accounts/verify", body, 200).await;
        self.keep("device", answer.text_at("/device_token"))
    }

    async fn fail(&mut self, visitor: &Caller) {
        let body = json!({ "email": ADDRESS, "password": WRONG_PASSWORD, "transport": "bearer" });
        self.post(visitor, "/login", body, 401).await;
        let nobody = json!({ "email": "nobody.canary@example.com", "password": WRONG_PASSWORD });
        self.post(visitor, "/login", nobody, 401).await;
        let unknown = json!({ "email": ADDRESS, "password": WRONG_PASSWORD, "no_such": 1 });
        self.post(visitor, "/login", unknown, 400).await;
    }

    async fn turn_on(&mut self, deployment: &Deployment, owner: &Caller) -> Authenticator {
        let path = "/settings/two-factor/enrollment";
        let body = json!({ "current_password": PASSWORD });
        // The first one is cancelled, the second never confirmed.
        for _ in 0..2 {
            let answer = self.post(owner, path, body.clone(), 201).await;
            self.seeds.push(answer.text_at("/secret"));
        }
        self.call(owner, Method::DELETE, path, None)
            .await
            .expect(204);
        let answer = self.post(owner, path, body, 201).await;
        let secret = answer.text_at("/secret");
        self.seeds.push(secret.clone());
        let authenticator = Authenticator { secret };
        let wrong = authenticator.wrong_code(deployment.clock.now());
        let confirm = "/settings/two-factor/enrollment/confirm";
        self.post(owner, confirm, json!({ "code": wrong }), 401)
            .await;
        let code = self.code(deployment, &authenticator);
        self.post(owner, confirm, json!({ "code": code }), 200)
            .await;
        authenticator
    }

    async fn second_factor(
        &mut self,
        deployment: &Deployment,
        visitor: &Caller,
        device: &str,
        authenticator: &Authenticator,
    ) {
        let answer = self.sign_in(visitor, PASSWORD, device).await;
        let challenge = self.keep("challenge", answer.text_at("/challenge/token"));
        let spent = self.codes.last().unwrap().clone();
        let path = "/login/second-factor";
        let body =
            |code: &str| json!({ "challenge": challenge, "code": code, "transport": "bearer" });
        self.post(visitor, path, body(&spent), 401).await;
        let code = self.code(deployment, authenticator);
        let answer = self.post(visitor, path, body(&code), 200).await;
        let owner = self.signed_in(visitor, &answer);
        for path in ["/session", "/sessions", "/settings"] {
            self.call(&owner, Method::GET, path, None).await.expect(200);
        }
        self.call(&owner, Method::DELETE, "/sessions", None)
            .await
            .expect(204);
        self.post(&owner, "/logout", json!({}), 204).await;
        // One that is never answered, and so is in the database at the end.
        let answer = self.sign_in(visitor, PASSWORD, device).await;
        self.keep("challenge", answer.text_at("/challenge/token"));
    }

    async fn change_and_reset(&mut self, deployment: &Deployment, visitor: &Caller, device: &str) {
        for (path, page) in [("/unblock", "unblock"), ("/password-reset", "reset")] {
            self.post(visitor, path, json!({ "email": ADDRESS }), 202)
                .await;
            let token = self.mailed(deployment, page).await;
            if page == "unblock" {
                let confirm = json!({ "token": token, "transport": "bearer" });
                let answer = self.post(visitor, "/unblock/confirm", confirm, 200).await;
                self.keep("device", answer.text_at("/device_token"));
            } else {
                let confirm = json!({
                    "token": token, "new_password": OTHER_PASSWORD, "transport": "bearer",
                });
                let answer = self
                    .post(visitor, "/password-reset/confirm", confirm, 200)
                    .await;
                self.keep("device", answer.text_at("/device_token"));
            }
        }
        let old = json!({
            "email": ADDRESS, "password": PASSWORD, "transport": "bearer", "device_token": device,
        });
        self.post(visitor, "/login", old, 401).await;
        // Past the hour, in which no more than three mails go to one address.
        deployment.clock.turn(Duration::hours(2));
        for (path, page) in [("/unblock", "unblock"), ("/password-reset", "reset")] {
            let before = deployment.mails().len();
            self.post(visitor, path, json!({ "email": ADDRESS }), 202)
                .await;
            while deployment.mails().len() == before {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            // Left unused.
            self.mailed(deployment, page).await;
        }
    }

    async fn staff(&mut self, deployment: &Deployment) {
        let visitor = deployment.visitor();
        let mut callers = Vec::new();
        for role in ["support", "auditor"] {
            let arguments = ["staff", "issue", "--role", role, "--name", "Robin Staff"];
            let output = deployment.run(&arguments, "").await;
            assert!(output.status.success(), "{output:?}");
            let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
            callers.push(visitor.clone().with_bearer(&self.keep("staff", token)));
        }
        let (support, auditor) = (&callers[0], &callers[1]);
        let search = json!({ "email": ADDRESS });
        let answer = self
            .post(support, "/support/accounts/search", search, 200)
            .await;
        self.account = answer.text_at("/accounts/0/id");
        let nobody = json!({ "email": "searched.canary@example.com" });
        self.post(support, "/support/accounts/search", nobody, 200)
            .await;
        let account = self.account.clone();
        let path = format!("/support/accounts/{account}");
        self.call(support, Method::GET, &path, None)
            .await
            .expect(200);
        let keyed = support
            .clone()
            .with_header("idempotency-key", "canary-key-1");
        for _ in 0..2 {
            let body = json!({ "reason": REASON, "ticket": TICKET });
            self.post(&keyed, &format!("{path}/unlock"), body, 200)
                .await;
        }
        for path in [
            format!("/audit/accounts/{account}/events?limit=500"),
            format!("/audit/accounts/{account}/state"),
            "/audit/events?limit=500".to_owned(),
        ] {
            self.call(auditor, Method::GET, &path, None)
                .await
                .expect(200);
        }
        self.call(support, Method::GET, "/audit/events", None)
            .await
            .expect(403);
        let body = json!({ "email": ADDRESS, "password": OTHER_PASSWORD, "transport": "bearer" });
        let answer = self.post(&visitor, "/login", body, 200).await;
        self.signed_in(&visitor, &answer);
    }
}
