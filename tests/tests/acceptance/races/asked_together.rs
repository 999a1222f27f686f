//! Session checks that come together are answered by one query, and each by what it asked about.

use acceptance::{Caller, Deployment, Options, Person};
use futures::future::join_all;
use reqwest::Method;
use serde_json::Value;

const PEOPLE: usize = 6;
const SESSIONS: usize = 3;
const TIMES: usize = 12;

/// A session, and what its check answers with as long as it lives.
struct Session {
    owner: Caller,
    told: Value,
}

impl Session {
    async fn of(person: &Person, deployment: &Deployment) -> Self {
        let owner = person.sign_in(&deployment.visitor()).await;
        let told = owner.get("/session").await.expect(200).json;
        assert_eq!(told["account"]["email"], *person.email);
        Self { owner, told }
    }

    async fn is_told_of_itself(&self) {
        let told = self.owner.get("/session").await.expect(200).json;
        assert_eq!(told["account"], self.told["account"]);
        assert_eq!(told["session"]["id"], self.told["session"]["id"]);
    }

    async fn has_ended(&self) {
        let refused = self.owner.get("/session").await;
        refused.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn of_many_who_ask_at_once_each_is_told_of_their_own_session_and_nobody_of_an_ended_one() {
    let options = Options::default().setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let deployment = Deployment::with(options).await;
    let (mut live, mut ended) = (Vec::new(), Vec::new());
    for number in 0..PEOPLE {
        let email = format!("person-{number}@example.com");
        let person = deployment.create_account(&email).await;
        for _ in 0..SESSIONS {
            live.push(Session::of(&person, &deployment).await);
        }
        let signed_out = Session::of(&person, &deployment).await;
        let sign_out = signed_out.owner.send(Method::POST, "/logout", None);
        sign_out.await.expect(204);
        ended.push(signed_out);
    }
    for _ in 0..TIMES {
        let checks = live.iter().zip(ended.iter().cycle()).map(|(live, ended)| {
            futures::future::join(live.is_told_of_itself(), ended.has_ended())
        });
        join_all(checks).await;
    }
}
