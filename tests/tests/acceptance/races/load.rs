//! People who use their accounts all the time, and remember what they were told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use acceptance::{Answer, Caller, Deployment, OTHER_PASSWORD, PASSWORD, Person};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Somebody with an account. Every call has an id of its own, which its event keeps: so what was
/// acknowledged can be looked for in history.
#[derive(Debug)]
pub(crate) struct Resident {
    person: Person,
    account: String,
    calls: usize,
    acknowledged: BTreeSet<String>,
    /// A change of the password that was not answered.
    doubtful_password: Option<String>,
    /// The session that was acknowledged last, unless its end was asked for.
    session: Option<Caller>,
    /// As far as history was read, and the calls that were found in it.
    read: u64,
    recorded: BTreeSet<String>,
    pulse: Arc<Pulse>,
}

/// What the crowd and whoever disturbs it know of each other.
#[derive(Debug, Default)]
struct Pulse {
    acknowledged: AtomicUsize,
    enough: AtomicBool,
}

/// The call was not answered, or the server said that it cannot carry it out now.
struct Unanswered;

impl Resident {
    pub(crate) async fn arrive(deployment: &Deployment, name: &str) -> Self {
        let person = deployment
            .create_account(&format!("{name}@example.com"))
            .await;
        let account = deployment.account_id(&person.email).await;
        Self {
            person,
            account,
            calls: 0,
            acknowledged: BTreeSet::new(),
            doubtful_password: None,
            session: None,
            read: 0,
            recorded: BTreeSet::new(),
            pulse: Arc::default(),
        }
    }

    /// Uses the account at the servers in turns, until a call is not answered or it is enough.
    async fn live(&mut self, servers: &[Caller], pulse: &Arc<Pulse>) {
        self.pulse = Arc::clone(pulse);
        for server in servers.iter().cycle() {
            if self.day(server).await.is_err() || pulse.enough.load(Relaxed) {
                return;
            }
        }
    }

    /// Everything that somebody does in a day, or as much as succeeds.
    async fn day(&mut self, visitor: &Caller) -> Result<(), Unanswered> {
        let owner = self.sign_in(visitor).await?;
        self.change_password(&owner).await?;
        let mut wrong = self.person.login();
        wrong["password"] = "not the right one at all".into();
        self.change(visitor, Method::POST, "/login", Some(wrong), 401)
            .await?;
        let enrollment = "/settings/two-factor/enrollment";
        let body = json!({ "current_password": self.person.password });
        self.change(&owner, Method::POST, enrollment, Some(body), 201)
            .await?;
        self.change(&owner, Method::DELETE, enrollment, None, 204)
            .await?;
        self.session = None;
        self.change(&owner, Method::POST, "/logout", None, 204)
            .await?;
        Ok(())
    }

    async fn sign_in(&mut self, visitor: &Caller) -> Result<Caller, Unanswered> {
        let answer = self
            .call(visitor, Method::POST, "/login", Some(self.person.login()))
            .await?;
        let answer = match self.doubtful_password.take() {
            Some(password) if answer.status == 401 => {
                self.person.password = password;
                self.call(visitor, Method::POST, "/login", Some(self.person.login()))
                    .await?
            }
            _ => answer,
        };
        let token = answer.expect(200).text_at("/session/token");
        let owner = visitor.clone().with_bearer(&token);
        self.session = Some(owner.clone());
        Ok(owner)
    }

    async fn change_password(&mut self, owner: &Caller) -> Result<(), Unanswered> {
        let current = self.person.password.clone();
        let new = if current == PASSWORD {
            OTHER_PASSWORD
        } else {
            PASSWORD
        };
        let body = json!({ "current_password": current, "new_password": new });
        self.doubtful_password = Some(new.to_owned());
        self.change(owner, Method::PUT, "/settings/password", Some(body), 204)
            .await?;
        self.doubtful_password = None;
        new.clone_into(&mut self.person.password);
        Ok(())
    }

    async fn change(
        &mut self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> Result<(), Unanswered> {
        self.call(caller, method, path, body).await?.expect(status);
        Ok(())
    }

    /// An answered call is an acknowledged fact, whatever the answer: all of them are recorded.
    async fn call(
        &mut self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Unanswered> {
        self.calls += 1;
        let id = format!("{}-{}", self.person.email.replace('@', "."), self.calls);
        let caller = caller.clone().with_header("x-request-id", &id);
        let sent = caller.try_send(method, path, body).await;
        let answer = sent.map_err(|_| Unanswered)?;
        if answer.status == 503 {
            assert!(
                answer.headers.contains_key("retry-after"),
                "{}",
                answer.text
            );
            return Err(Unanswered);
        }
        assert!(answer.status.as_u16() < 500, "{}", answer.text);
        self.acknowledged.insert(id);
        self.pulse.acknowledged.fetch_add(1, Relaxed);
        Ok(answer)
    }

    /// Everything that was acknowledged is in the history and in force.
    pub(crate) async fn check(&mut self, auditor: &Caller, visitor_url: &str) {
        self.read_on(auditor).await;
        let lost = self
            .acknowledged
            .difference(&self.recorded)
            .collect::<Vec<_>>();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        if let Some(session) = self.session.take() {
            session.at(visitor_url).get("/session").await.expect(200);
        }
    }

    async fn read_on(&mut self, auditor: &Caller) {
        loop {
            let (account, after) = (&self.account, self.read);
            let path = format!("/audit/accounts/{account}/events?after={after}&limit=500");
            let page = auditor.get(&path).await.expect(200).json;
            let events = page["events"].as_array().unwrap();
            let Some(last) = events.last() else { return };
            self.read = last["sequence"].as_u64().unwrap();
            let ids = events
                .iter()
                .filter_map(|event| event["request"]["id"].as_str());
            self.recorded.extend(ids.map(ToOwned::to_owned));
        }
    }
}

/// Everybody at once; once some calls were acknowledged, `disturbance` happens, each round at
/// another moment of what goes on.
pub(crate) async fn under_load(
    residents: Vec<Resident>,
    servers: &[Caller],
    round: u64,
    disturbance: impl Future<Output = ()>,
) -> Vec<Resident> {
    let pulse = Arc::new(Pulse::default());
    let mut load = JoinSet::new();
    for mut resident in residents {
        let (servers, pulse) = (servers.to_vec(), Arc::clone(&pulse));
        load.spawn(async move {
            resident.live(&servers, &pulse).await;
            resident
        });
    }
    let began = Instant::now();
    while pulse.acknowledged.load(Relaxed) < 5 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "no call is answered"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(round * 79 % 150)).await;
    disturbance.await;
    pulse.enough.store(true, Relaxed);
    load.join_all().await
}
