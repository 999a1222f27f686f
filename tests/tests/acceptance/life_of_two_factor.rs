//! "The life of two-factor, step by step": the seven promises of the product, one test each.

use acceptance::Deployment;
use serde_json::json;

/// Promise 1.
#[tokio::test]
async fn sign_in_takes_the_password_first_and_gives_nothing_but_a_challenge_while_two_factor_is_on()
{
    let deployment = Deployment::start().await;
    let ada = deployment.register("ada@example.com").await;
    let visitor = deployment.visitor();
    let owner = ada.sign_in(&visitor).await;
    let session = owner.get("/session").await.expect(200);
    assert_eq!(session.json["session"]["factors"], json!(["password"]));

    let authenticator = ada.enable_two_factor(&owner, deployment.clock.now()).await;
    let answer = visitor.post("/login", ada.login()).await.expect(200);
    assert_eq!(answer.json["status"], "second_factor_required");
    assert_eq!(answer.json["challenge"]["factors"], json!(["totp"]));
    assert!(answer.json.get("session").is_none());
    assert!(answer.headers.get("set-cookie").is_none());

    deployment.clock.turn_to_next_step();
    let code = authenticator.code(deployment.clock.now());
    let owner = ada.sign_in_with(&visitor, &code).await;
    let session = owner.get("/session").await.expect(200);
    assert_eq!(
        session.json["session"]["factors"],
        json!(["password", "totp"])
    );
    deployment.verify().await;
}
