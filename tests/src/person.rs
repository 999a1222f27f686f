//! Somebody with an account.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{Caller, oracle};

/// Somebody with an account and a password.
#[derive(Clone, Debug)]
pub struct Person {
    pub email: String,
    pub password: String,
    /// Of the browser that verified the address.
    pub device_token: String,
}

/// Their authenticator app.
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// Base32.
    pub secret: String,
}

impl Authenticator {
    pub fn code(&self, at: DateTime<Utc>) -> String {
        oracle::oathtool(&self.secret, at)
    }

    /// Six digits that are no code around this instant.
    pub fn wrong_code(&self, at: DateTime<Utc>) -> String {
        let step = chrono::Duration::seconds(30);
        let right = [-3, -2, -1, 0, 1, 2, 3].map(|n| self.code(at + step * n));
        (0..20)
            .map(|n| format!("{n:06}"))
            .find(|code| !right.contains(code))
            .unwrap()
    }
}

impl Person {
    /// The body of a password sign-in by a bearer client that is not known.
    pub fn login(&self) -> serde_json::Value {
        json!({ "email": self.email, "password": self.password, "transport": "bearer" })
    }

    /// The same, from the known device.
    pub fn login_known(&self) -> serde_json::Value {
        json!({
            "email": self.email, "password": self.password, "transport": "bearer",
            "device_token": self.device_token,
        })
    }

    /// Signs in while two-factor is off; the owner.
    pub async fn sign_in(&self, visitor: &Caller) -> Caller {
        let answer = visitor.post("/login", self.login()).await.expect(200);
        assert_eq!(answer.json["status"], "signed_in");
        visitor
            .clone()
            .with_bearer(&answer.text_at("/session/token"))
    }

    /// Presents the password while two-factor is on; the challenge.
    pub async fn challenge(&self, visitor: &Caller) -> String {
        let answer = visitor.post("/login", self.login()).await.expect(200);
        assert_eq!(answer.json["status"], "second_factor_required");
        answer.text_at("/challenge/token")
    }

    /// Signs in with a code; the owner.
    pub async fn sign_in_with(&self, visitor: &Caller, code: &str) -> Caller {
        let challenge = self.challenge(visitor).await;
        let body = json!({ "challenge": challenge, "code": code, "transport": "bearer" });
        let answer = visitor.post("/login/second-factor", body).await.expect(200);
        visitor
            .clone()
            .with_bearer(&answer.text_at("/session/token"))
    }

    /// Begins an enrollment; the authenticator that was set up from it.
    pub async fn start_enrollment(&self, owner: &Caller) -> Authenticator {
        let body = json!({ "current_password": self.password });
        let answer = owner
            .post("/settings/two-factor/enrollment", body)
            .await
            .expect(201);
        Authenticator {
            secret: answer.text_at("/secret"),
        }
    }

    /// Turns two-factor on, spending the step of `at`.
    pub async fn enable_two_factor(&self, owner: &Caller, at: DateTime<Utc>) -> Authenticator {
        let authenticator = self.start_enrollment(owner).await;
        let body = json!({ "code": authenticator.code(at) });
        owner
            .post("/settings/two-factor/enrollment/confirm", body)
            .await
            .expect(200);
        authenticator
    }
}
