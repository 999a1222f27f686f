//! Secrets and personal data, known in advance, searched for wherever they do not belong.

use acceptance::{Deployment, OTHER_PASSWORD, Options, PASSWORD};
use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use sqlx::Row;

use crate::evidence::story::{ADDRESS, REASON, Story, TICKET, USER_AGENT, WRONG_PASSWORD};
use crate::evidence::support::{master_key_file, owner, pg_dump};

/// Of a client behind a proxy.
const NETWORK_ADDRESS: &str = "203.0.113.77";

/// Something that must not be found, in every spelling that a program might give it.
#[derive(Debug)]
pub(crate) struct Needle {
    name: String,
    spellings: Vec<String>,
}

impl Needle {
    pub(crate) fn new(name: impl Into<String>, bytes: &[u8]) -> Self {
        let mut spellings = vec![
            HEXLOWER.encode(bytes),
            HEXUPPER.encode(bytes),
            BASE32_NOPAD.encode(bytes),
        ];
        spellings.extend(String::from_utf8(bytes.to_vec()));
        // Base64 of a longer text spells these bytes in one of three ways.
        for offset in 0..3 {
            let padded = [vec![0; offset], bytes.to_vec()].concat();
            let skipped = (offset * 8).div_ceil(6);
            let whole = padded.len() * 8 / 6;
            for encoding in [BASE64, BASE64URL_NOPAD] {
                spellings.push(encoding.encode(&padded)[skipped..whole].to_owned());
            }
        }
        spellings.sort();
        spellings.dedup();
        Self {
            name: name.into(),
            spellings,
        }
    }

    pub(crate) fn is_in(&self, hay: &str) -> bool {
        self.spellings.iter().any(|spelling| hay.contains(spelling))
    }
}

/// A token as text, and the 32 bytes in it that nobody else knows.
fn token_needles(name: &str, token: &str) -> [Needle; 2] {
    let (_, encoded) = token.rsplit_once("cs_").unwrap().1.split_once('_').unwrap();
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap();
    [
        Needle::new(format!("the {name} token {token}"), encoded.as_bytes()),
        Needle::new(
            format!("the secret of the {name} token {token}"),
            &bytes[32..],
        ),
    ]
}

fn secrets(story: &Story) -> Vec<Needle> {
    let mut needles = [PASSWORD, OTHER_PASSWORD, WRONG_PASSWORD]
        .map(|password| Needle::new(format!("the password {password:?}"), password.as_bytes()))
        .into_iter()
        .collect::<Vec<_>>();
    for (name, token) in &story.tokens {
        needles.extend(token_needles(name, token));
    }
    for seed in &story.seeds {
        let bytes = BASE32_NOPAD.decode(seed.as_bytes()).unwrap();
        needles.push(Needle::new(format!("the TOTP secret {seed}"), &bytes));
        needles.push(Needle::new(
            format!("the TOTP secret {seed} as text"),
            seed.as_bytes(),
        ));
    }
    needles.push(Needle::new("a password hash", b"$argon2id$"));
    needles
}

fn personal() -> Vec<Needle> {
    [
        ("the address", ADDRESS),
        (
            "an address that has no account",
            "nobody.canary@example.com",
        ),
        (
            "an address that was searched",
            "searched.canary@example.com",
        ),
        ("the user agent", USER_AGENT),
        ("the reason of an unlock", REASON),
        ("the ticket of an unlock", TICKET),
    ]
    .map(|(name, text)| Needle::new(name, text.as_bytes()))
    .into_iter()
    .collect()
}

#[track_caller]
pub(crate) fn assert_absent(place: &str, hay: &str, needles: &[Needle]) {
    let found = needles
        .iter()
        .filter(|needle| needle.is_in(hay))
        .map(|needle| needle.name.as_str())
        .collect::<Vec<_>>();
    assert!(found.is_empty(), "in {place}: {found:#?}");
}

/// Six digits stand in long hexadecimal texts by chance: they count where they stand alone.
#[track_caller]
fn assert_no_code(place: &str, hay: &str, codes: &[String]) {
    for code in codes {
        for (at, _) in hay.match_indices(code.as_str()) {
            let joined = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            let before = hay[..at].chars().next_back().is_some_and(joined);
            let after = hay[at + code.len()..].chars().next().is_some_and(joined);
            let around = &hay[hay.floor_char_boundary(at.saturating_sub(60))
                ..hay.ceil_char_boundary((at + 60).min(hay.len()))];
            assert!(before || after, "in {place}: the code {code}: {around}");
        }
    }
}

async fn traced() -> Deployment {
    let options = Options::default()
        .setting("COUNTERSIGN_LOG", "trace")
        .setting("COUNTERSIGN_TRUSTED_PROXIES", "127.0.0.0/8");
    Deployment::with(options).await
}

async fn metrics(deployment: &Deployment) -> String {
    let url = format!("{}/metrics", deployment.servers[0].internal_url);
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

async fn events(deployment: &Deployment) -> Vec<String> {
    let mut connection = owner(deployment).await;
    sqlx::query("SELECT event_type, payload::text, metadata::text FROM events ORDER BY id")
        .fetch_all(&mut connection)
        .await
        .unwrap()
        .iter()
        .map(|row| {
            let text = |at| row.get::<String, usize>(at);
            format!("{} {} {}", text(0), text(1), text(2))
        })
        .collect()
}

/// Checks: secret_canary, enc_at_rest, db_dump_has_no_key (OWASP-ES-1, ASVS-16.2.5,
/// NIST-3.1.4.2-A, NIST-3.1.1.2-M).
#[tokio::test]
async fn secret_canary_no_secret_is_in_events_logs_metrics_foreign_mails_or_a_dump_of_the_database()
{
    let deployment = traced().await;
    let story = Story::lived_in(&deployment).await;
    let kinds = [
        "verify",
        "device",
        "session",
        "challenge",
        "reset",
        "unblock",
        "staff",
    ];
    for kind in kinds {
        let kept = story.tokens.iter().any(|(name, _)| *name == kind);
        assert!(kept, "the story issues no {kind} token");
    }
    let (secrets, personal) = (secrets(&story), personal());
    let dump = pg_dump(&deployment.owner_url());
    let tables = [
        "public.events",
        "public.secrets",
        "public.outbox",
        "public.sessions",
    ];
    for table in tables {
        assert!(dump.contains(&format!("COPY {table} ")), "{table}");
    }
    let log = deployment.log(0);
    for traced in ["\"level\":\"DEBUG\"", "\"target\":\"sqlx::query\""] {
        assert!(log.contains(traced), "the log has no {traced}");
    }
    let key = master_key_needles(&deployment);

    for event in events(&deployment).await {
        assert_absent("an event", &event, &secrets);
        assert_absent("an event", &event, &personal);
        assert_no_code("an event", &event, &story.codes);
    }
    for (place, hay) in [
        ("the log", log),
        ("the metrics", metrics(&deployment).await),
        ("the dump", dump),
    ] {
        assert_absent(place, &hay, &secrets);
        assert_absent(place, &hay, &personal);
        assert_absent(place, &hay, &key);
        assert_no_code(place, &hay, &story.codes);
    }
    for mail in deployment.mails() {
        let own = ["verify", "reset", "unblock"].map(|page| mail.token(page));
        let own = own.into_iter().flatten().next().unwrap_or_default();
        let foreign = secrets
            .iter()
            .filter(|needle| own.is_empty() || !needle.name.contains(&own));
        let found = foreign.filter(|needle| needle.is_in(&mail.text));
        let found = found.map(|needle| needle.name.as_str()).collect::<Vec<_>>();
        assert!(
            found.is_empty(),
            "in the mail {:?}: {found:#?}",
            mail.subject
        );
        assert_no_code("a mail", &mail.text, &story.codes);
    }
}

fn master_key_needles(deployment: &Deployment) -> Vec<Needle> {
    let text = std::fs::read_to_string(master_key_file(deployment)).unwrap();
    let line = text.lines().find(|line| line.starts_with("1 ")).unwrap();
    let encoded = line.split_whitespace().nth(1).unwrap();
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap();
    vec![
        Needle::new("the master key", &bytes),
        Needle::new("the master key as text", encoded.as_bytes()),
    ]
}

#[tokio::test]
async fn a_secret_is_in_no_answer_but_the_one_that_issues_it() {
    let deployment = traced().await;
    let story = Story::lived_in(&deployment).await;
    let mailed = ["verify", "reset", "unblock", "staff"];
    for (name, token) in &story.tokens {
        let answers = story
            .answers
            .iter()
            .filter(|answer| answer.contains(token.as_str()));
        let count = answers.count();
        // A known browser's token is the same until it is renewed under another nonce.
        match *name {
            name if mailed.contains(&name) => assert_eq!(count, 0, "{name}"),
            "device" => assert!(count >= 1, "{name}"),
            name => assert_eq!(count, 1, "{name}"),
        }
    }
    for seed in &story.seeds {
        let answers = story
            .answers
            .iter()
            .filter(|answer| answer.contains(seed.as_str()));
        let issuing = answers.collect::<Vec<_>>();
        assert_eq!(issuing.len(), 1);
        assert!(issuing[0].starts_with("POST /settings/two-factor/enrollment "));
        assert!(issuing[0].contains("no-store"), "{}", issuing[0]);
    }
    let passwords = [PASSWORD, OTHER_PASSWORD, WRONG_PASSWORD, "$argon2"];
    for password in passwords {
        for answer in &story.answers {
            assert!(!answer.contains(password), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_network_address_is_in_no_event_and_no_dump_as_plain_text() {
    let deployment = traced().await;
    let visitor = deployment
        .visitor()
        .with_header("x-forwarded-for", NETWORK_ADDRESS);
    let ada = deployment.register("ada@example.com").await;
    let owner = ada.sign_in(&visitor).await;
    let sessions = owner.get("/sessions").await.expect(200);
    assert_eq!(sessions.text_at("/sessions/0/ip"), NETWORK_ADDRESS);
    let needles = [Needle::new(
        "the network address",
        NETWORK_ADDRESS.as_bytes(),
    )];
    assert_absent("the dump", &pg_dump(&deployment.owner_url()), &needles);
}

#[test]
fn the_search_finds_what_is_hidden_in_other_spellings() {
    let needle = Needle::new("it", b"violet harbour");
    for hay in [
        format!("x{}x", HEXLOWER.encode(b"-violet harbour-")),
        BASE64.encode(b"violet harbour"),
        BASE64.encode(b"a violet harbour here"),
        BASE64URL_NOPAD.encode(b"my violet harbour"),
        BASE64URL_NOPAD.encode(b"the violet harbour!"),
        "a violet harbour".to_owned(),
    ] {
        assert!(needle.is_in(&hay), "{hay}");
    }
    assert!(!needle.is_in("violet harbou"));
}
