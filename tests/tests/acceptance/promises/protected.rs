//! Somebody whose account has two-factor on, and other people that many tests begin with.

use acceptance::{Answer, Authenticator, Caller, Deployment, Person};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub(crate) const ENROLLMENT: &str = "/settings/two-factor/enrollment";
pub(crate) const CONFIRM: &str = "/settings/two-factor/enrollment/confirm";
pub(crate) const DISABLE: &str = "/settings/two-factor/disable";
pub(crate) const PASSWORD_SETTING: &str = "/settings/password";

#[derive(Debug)]
pub(crate) struct Protected {
    pub(crate) person: Person,
    pub(crate) visitor: Caller,
    /// The session that turned two-factor on.
    pub(crate) owner: Caller,
    pub(crate) authenticator: Authenticator,
}

impl Protected {
    /// Opens an account and turns two-factor on, spending the present step.
    pub(crate) async fn open(deployment: &Deployment, email: &str) -> Self {
        let person = deployment.register(email).await;
        Self::protect(deployment, person).await
    }

    pub(crate) async fn protect(deployment: &Deployment, person: Person) -> Self {
        let visitor = deployment.visitor();
        let owner = person.sign_in(&visitor).await;
        deployment.clock.turn_to_next_step();
        let authenticator = person
            .enable_two_factor(&owner, deployment.clock.now())
            .await;
        Self {
            person,
            visitor,
            owner,
            authenticator,
        }
    }

    /// Waits for a step of which nothing is spent; its code.
    pub(crate) fn fresh_code(&self, deployment: &Deployment) -> String {
        deployment.clock.turn_to_next_step();
        self.authenticator.code(deployment.clock.now())
    }

    pub(crate) async fn sign_in(&self, deployment: &Deployment) -> Caller {
        let code = self.fresh_code(deployment);
        self.person.sign_in_with(&self.visitor, &code).await
    }

    pub(crate) async fn challenge(&self) -> String {
        self.person.challenge(&self.visitor).await
    }

    pub(crate) async fn present(&self, challenge: &str, code: &str) -> Answer {
        present(&self.visitor, challenge, code).await
    }

    /// A challenge of its own, and the answer to this code for it.
    pub(crate) async fn attempt(&self, code: &str) -> Answer {
        self.present(&self.challenge().await, code).await
    }

    pub(crate) fn wrong_code(&self, deployment: &Deployment) -> String {
        self.authenticator.wrong_code(deployment.clock.now())
    }

    pub(crate) async fn disable(&self, owner: &Caller) -> Answer {
        owner.post(DISABLE, current(&self.person)).await
    }

    pub(crate) async fn unlock(&self, deployment: &Deployment) -> Answer {
        unlock(deployment, &self.person).await
    }
}

pub(crate) async fn present(visitor: &Caller, challenge: &str, code: &str) -> Answer {
    let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
    visitor.post("/login/second-factor", body).await
}

pub(crate) async fn unlock(deployment: &Deployment, person: &Person) -> Answer {
    let id = deployment.account_id(&person.email).await;
    let path = format!("/support/accounts/{id}/unlock");
    let body = json!({ "reason": "lost the phone; passport checked" });
    deployment.support().await.post(&path, body).await
}

/// The body that proves the current password.
pub(crate) fn current(person: &Person) -> Value {
    json!({ "current_password": person.password })
}

pub(crate) async fn change_password(owner: &Caller, from: &str, to: &str) -> Answer {
    let body = json!({ "current_password": from, "new_password": to });
    owner.put(PASSWORD_SETTING, body).await
}

pub(crate) async fn confirm(owner: &Caller, code: &str) -> Answer {
    owner.post(CONFIRM, json!({ "code": code })).await
}

/// Asks for a reset, and waits for the mail with the link of this number, from one.
pub(crate) async fn reset_link(deployment: &Deployment, email: &str, number: usize) -> String {
    deployment
        .visitor()
        .post("/password-reset", json!({ "email": email }))
        .await
        .expect(202);
    nth_link(deployment, email, "reset", number).await
}

pub(crate) async fn nth_link(
    deployment: &Deployment,
    email: &str,
    page: &str,
    number: usize,
) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let mails = deployment.mails();
        let to_them = mails.iter().filter(|mail| mail.to == email);
        let mut tokens = to_them.filter_map(|mail| mail.token(page));
        if let Some(token) = tokens.nth(number - 1) {
            return token;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "no {number}. mail with a link to {page}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

pub(crate) async fn reset(visitor: &Caller, token: &str, new_password: &str) -> Answer {
    let body = json!({ "token": token, "new_password": new_password, "transport": "bearer" });
    visitor.post("/password-reset/confirm", body).await
}

/// Asks for a login with these two.
pub(crate) async fn login(visitor: &Caller, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password, "transport": "bearer" });
    visitor.post("/login", body).await
}

/// Lets time pass up to this instant, or turns it back.
pub(crate) fn turn_to(deployment: &Deployment, instant: DateTime<Utc>) {
    deployment.clock.turn(instant - deployment.clock.now());
}

/// Where mailed links lead, and the origin of our own pages.
pub(crate) fn public_url(deployment: &Deployment) -> String {
    let url = &deployment.servers[0].url;
    url.replace("127.0.0.1", "localhost")
}
