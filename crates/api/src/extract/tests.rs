use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::Request;
use axum::http::request::Parts;
use edge::layers::RequestId;
use edge::problem::Code;
use edge::{Edge, HttpSettings, Metrics};

use super::Visitor;

#[derive(Clone)]
struct State(Edge);

impl FromRef<State> for Edge {
    fn from_ref(State(edge): &State) -> Self {
        edge.clone()
    }
}

fn state() -> State {
    let settings = HttpSettings {
        public_url: "https://accounts.example".parse().unwrap(),
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
    };
    State(Edge::new(&settings, Metrics::new(), String::new))
}

fn parts() -> Parts {
    let request = Request::builder()
        .header("x-forwarded-for", "203.0.113.9")
        .header("user-agent", "curl/8")
        .body(())
        .unwrap();
    request.into_parts().0
}

#[tokio::test]
async fn a_visitor_is_known_by_request_address_and_user_agent() {
    let mut parts = parts();
    let peer: SocketAddr = "10.0.0.1:4711".parse().unwrap();
    parts.extensions.insert(ConnectInfo(peer));
    parts.extensions.insert(RequestId("r-1".to_owned()));
    let Visitor(caller) = Visitor::from_request_parts(&mut parts, &state())
        .await
        .unwrap();
    assert_eq!(caller.request_id, "r-1");
    assert_eq!(caller.ip.to_string(), "203.0.113.9");
    assert_eq!(caller.user_agent.as_deref(), Some("curl/8"));
}

#[tokio::test]
async fn a_listener_that_was_put_together_wrongly_fails_closed() {
    let problem = Visitor::from_request_parts(&mut parts(), &state())
        .await
        .unwrap_err();
    assert_eq!(problem.code(), Code::Internal);
}
