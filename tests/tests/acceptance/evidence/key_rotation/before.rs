//! What was handed out before a rotation, and must work after it.

use acceptance::{Authenticator, Caller, Deployment, OTHER_PASSWORD, PASSWORD, Person};
use serde_json::{Value, json};

use crate::pages::visitor::{AUDIT, Visitor};

/// Everything that is handed out once and used later.
pub(crate) struct Before {
    ada: Person,
    pub(crate) session: Caller,
    eve: Person,
    authenticator: Authenticator,
    pub(crate) support: Caller,
    auditor: Caller,
    desk: Visitor,
    reset: String,
    unblock: String,
    verify: String,
    unlocked: String,
    unlock: String,
}

fn reason() -> Value {
    json!({ "reason": "lost the telephone", "ticket": "HELP-7" })
}

impl Before {
    pub(crate) async fn of(deployment: &Deployment) -> Self {
        let visitor = deployment.visitor();
        let ada = deployment.register("ada@example.com").await;
        let session = ada.sign_in(&visitor).await;
        let eve = deployment.create_account("eve@example.com").await;
        let owner = eve.sign_in(&visitor).await;
        let authenticator = eve.enable_two_factor(&owner, deployment.clock.now()).await;
        for (path, email) in [
            ("/password-reset", "ada@example.com"),
            ("/unblock", "eve@example.com"),
            ("/accounts", "new@example.com"),
        ] {
            let body = json!({ "email": email });
            visitor.post(path, body).await.expect(202);
        }
        let token = deployment.staff_token("auditor", "Uli").await;
        let mut desk = Visitor::new(deployment);
        desk.sit_down("audit", &token).await;
        let support = deployment.support().await;
        let bob = deployment.create_account("bob@example.com").await;
        let owner = bob.sign_in(&visitor).await;
        bob.enable_two_factor(&owner, deployment.clock.now()).await;
        let id = deployment.account_id(&bob.email).await;
        let unlock = format!("/support/accounts/{id}/unlock");
        let keyed = support.clone().with_header("idempotency-key", "case-7");
        Self {
            unlocked: keyed.post(&unlock, reason()).await.expect(200).text,
            unlock,
            reset: deployment.mailed_token(&ada.email, "reset").await,
            unblock: deployment.mailed_token(&eve.email, "unblock").await,
            verify: deployment.mailed_token("new@example.com", "verify").await,
            ada,
            session,
            eve,
            authenticator,
            support,
            auditor: visitor.with_bearer(&token),
            desk,
        }
    }

    /// All of it at the server of this number.
    pub(crate) async fn still_works(self, deployment: &Deployment, server: usize) {
        let url = &deployment.servers[server].url;
        let visitor = deployment.visitor_at(server);
        self.session.at(url).get("/session").await.expect(200);
        self.auditor.at(url).get("/audit/events").await.expect(200);
        assert!(self.desk.cookies.contains_key(AUDIT));
        let page = self.desk.at(url).get("/audit").await.expect(200);
        assert!(page.text.contains("Uli"), "{}", page.text);
        let keyed = self
            .support
            .at(url)
            .with_header("idempotency-key", "case-7");
        let again = keyed.post(&self.unlock, reason()).await.expect(200);
        assert_eq!(again.text, self.unlocked);

        // The device is known: what strangers did does not touch it.
        for _ in 0..6 {
            let wrong = json!({ "email": self.ada.email, "password": OTHER_PASSWORD });
            visitor.post("/login", wrong).await;
        }
        let answer = visitor.post("/login", self.ada.login()).await;
        assert_eq!(answer.status, 429, "{}", answer.text);
        visitor
            .post("/login", self.ada.login_known())
            .await
            .expect(200);

        deployment.clock.turn_to_next_step();
        let code = self.authenticator.code(deployment.clock.now());
        self.eve.sign_in_with(&visitor, &code).await;
        for (path, body) in [
            (
                "/unblock/confirm",
                json!({ "token": self.unblock, "transport": "bearer" }),
            ),
            (
                "/password-reset/confirm",
                json!({ "token": self.reset, "new_password": OTHER_PASSWORD }),
            ),
            (
                "/accounts/verify",
                json!({ "token": self.verify, "password": PASSWORD, "transport": "bearer" }),
            ),
        ] {
            let answer = visitor.post(path, body).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.text);
        }
    }
}
