//! People who go on with their lives at two servers, of whom nobody may notice anything.

use std::sync::atomic::{AtomicBool, Ordering};

use acceptance::{Authenticator, Caller, Deployment, OTHER_PASSWORD, Person};
use serde_json::json;

use crate::evidence::key_rotation::SHORT;

pub(crate) struct Traffic<'d> {
    deployment: &'d Deployment,
    done: AtomicBool,
    pub(crate) person: Person,
    pub(crate) session: Caller,
    with_codes: Person,
    authenticator: Authenticator,
    support: Caller,
}

impl<'d> Traffic<'d> {
    pub(crate) async fn of(deployment: &'d Deployment) -> Self {
        let person = deployment.create_account("cleo@example.com").await;
        let session = person.sign_in(&deployment.visitor()).await;
        let with_codes = deployment.create_account("dora@example.com").await;
        let owner = with_codes.sign_in(&deployment.visitor()).await;
        let now = deployment.clock.now();
        Self {
            deployment,
            done: AtomicBool::new(false),
            person,
            session,
            authenticator: with_codes.enable_two_factor(&owner, now).await,
            with_codes,
            support: deployment.support().await,
        }
    }

    /// All of it, over and over, until `meanwhile` has come to its end. Every call must succeed.
    pub(crate) async fn during<T>(&self, meanwhile: impl Future<Output = T>) -> T {
        let meanwhile = async {
            let output = meanwhile.await;
            self.done.store(true, Ordering::Relaxed);
            output
        };
        let counts = async {
            tokio::join!(
                self.again_and_again(|n| self.sign_in_and_out(n)),
                self.again_and_again(|n| self.look_at_settings(n)),
                self.again_and_again(|n| self.sign_in_with_a_code(n)),
                self.again_and_again(|n| self.search(n)),
                self.again_and_again(|n| self.register_and_reset(n)),
            )
        };
        let (output, counts) = tokio::join!(meanwhile, counts);
        let counts: [usize; 5] = counts.into();
        assert!(counts.iter().all(|count| *count > 3), "{counts:?}");
        output
    }

    async fn again_and_again<F: Future>(&self, act: impl Fn(usize) -> F) -> usize {
        let mut times = 0;
        while !self.done.load(Ordering::Relaxed) {
            act(times).await;
            times += 1;
        }
        times
    }

    /// One server or the other.
    fn visitor(&self, number: usize) -> Caller {
        self.deployment.visitor_at(number % 2)
    }

    fn at(&self, caller: &Caller, number: usize) -> Caller {
        caller.at(&self.deployment.servers[number % 2].url)
    }

    async fn sign_in_and_out(&self, n: usize) {
        let session = self.person.sign_in(&self.visitor(n)).await;
        let elsewhere = self.at(&session, n + 1);
        elsewhere.get("/session").await.expect(200);
        session.post("/logout", json!({})).await.expect(204);
        elsewhere.get("/session").await.expect(401);
    }

    async fn look_at_settings(&self, n: usize) {
        let session = self.at(&self.session, n);
        session.get("/settings").await.expect(200);
        tokio::time::sleep(SHORT).await;
    }

    async fn sign_in_with_a_code(&self, n: usize) {
        let clock = &self.deployment.clock;
        clock.turn_to_next_step();
        let challenge = self.with_codes.challenge(&self.visitor(n)).await;
        let code = self.authenticator.code(clock.now());
        let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
        let visitor = self.visitor(n + 1);
        let answer = visitor.post("/login/second-factor", body).await;
        answer.expect(200);
        tokio::time::sleep(SHORT * 25).await;
    }

    async fn search(&self, n: usize) {
        let body = json!({ "email": self.person.email });
        let support = self.at(&self.support, n);
        let answer = support.post("/support/accounts/search", body).await;
        answer.expect(200);
        tokio::time::sleep(SHORT).await;
    }

    async fn register_and_reset(&self, n: usize) {
        let email = format!("person{n}@example.com");
        let person = self.deployment.register(&email).await;
        let asked = json!({ "email": email });
        let answer = self.visitor(n).post("/password-reset", asked).await;
        answer.expect(202);
        let token = self.deployment.mailed_token(&email, "reset").await;
        let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
        let visitor = self.visitor(n + 1);
        let answer = visitor.post("/password-reset/confirm", body).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        let person = Person {
            password: OTHER_PASSWORD.to_owned(),
            ..person
        };
        let answer = visitor.post("/login", person.login()).await;
        answer.expect(200);
    }
}
