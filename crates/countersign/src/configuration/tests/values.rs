//! What each setting accepts, and what it says about the rest.

use super::{only_problem, resolved};

/// A variable with a text that it refuses, and words of the message.
type Refused = (&'static str, &'static str, &'static str);

fn assert_refused(cases: &[Refused]) {
    for (variable, text, words) in cases {
        let problem = only_problem(&[(variable, text)]);
        assert!(problem.contains(words), "{variable}={text}: {problem}");
        assert!(problem.starts_with(variable), "{problem}");
    }
}

#[test]
fn a_value_that_cannot_be_read_is_answered_with_an_example() {
    assert_refused(&[
        ("COUNTERSIGN_LISTEN", "8080", "127.0.0.1:8080"),
        (
            "COUNTERSIGN_INTERNAL_LISTEN",
            "localhost:9090",
            "127.0.0.1:8080",
        ),
        (
            "COUNTERSIGN_TRUSTED_PROXIES",
            "10.0.0.0/8, proxy",
            "proxy is no network",
        ),
        ("COUNTERSIGN_SOURCE_LIMITS", "maybe", "on or off"),
        ("COUNTERSIGN_SUPPORT_CONTACT", "ask Bob", "help@example.com"),
        (
            "COUNTERSIGN_SUPPORT_CONTACT",
            "javascript:alert(1)",
            "https://example.com/help",
        ),
        ("COUNTERSIGN_MAIL_FROM", "nobody", "accounts@example.com"),
        (
            "COUNTERSIGN_MAIL_FROM",
            "A <a@example.com>\nBcc: b@example.com",
            "accounts@example.com",
        ),
        ("COUNTERSIGN_SESSION_IDLE", "soon", "30m, 24h or 14d"),
        ("COUNTERSIGN_LOG", "sqlx=loud", "info,sqlx=warn"),
        ("COUNTERSIGN_LOG_FORMAT", "xml", "auto, json or text"),
        ("COUNTERSIGN_ISSUER", "Acme: accounts", "colon"),
        ("COUNTERSIGN_ISSUER", &"x".repeat(65).leak()[..], "1 to 64"),
        ("COUNTERSIGN_DATABASE_POOL_SIZE", "0", "from 1 to 1000"),
        ("COUNTERSIGN_HASH_PERMITS", "0", "from 1 to 1024"),
        ("COUNTERSIGN_HASH_QUEUE", "-1", "from 0 to 10000"),
        (
            "DATABASE_URL",
            "mysql://localhost/db",
            "postgres://user@host/database",
        ),
        (
            "COUNTERSIGN_SMTP_URL",
            "mail.example.com",
            "smtps://user:password@mail.example.com",
        ),
    ]);
}

#[test]
fn a_password_shorter_than_eight_characters_cannot_be_allowed() {
    for text in ["7", "0", "257", "ten"] {
        let problem = only_problem(&[("COUNTERSIGN_PASSWORD_MIN_LENGTH", text)]);
        assert!(problem.contains("8 to 256"), "{problem}");
    }
    for (text, length) in [("8", 8), ("256", 256)] {
        let c = resolved(&[("COUNTERSIGN_PASSWORD_MIN_LENGTH", text)]);
        assert_eq!(c.password_min_length, length);
    }
}

/// NIST-4.2.1.2-B.
#[test]
fn reset_ttl_cap() {
    let variable = "COUNTERSIGN_RESET_LIFETIME";
    assert_eq!(
        resolved(&[(variable, "24h")]).reset_lifetime.as_secs(),
        86_400
    );
    assert!(only_problem(&[(variable, "24h 1s")]).contains("at most 24h"));
}

#[test]
fn no_lifetime_is_endless_or_nothing() {
    assert_refused(&[
        ("COUNTERSIGN_VERIFICATION_LIFETIME", "8d", "at most 7d"),
        ("COUNTERSIGN_CHALLENGE_LIFETIME", "61m", "at most 1h"),
        ("COUNTERSIGN_ENROLLMENT_LIFETIME", "25h", "at most 24h"),
        ("COUNTERSIGN_SESSION_LIFETIME", "91d", "at most 90d"),
        (
            "COUNTERSIGN_CHALLENGE_LIFETIME",
            "0s",
            "longer than nothing",
        ),
    ]);
    resolved(&[
        ("COUNTERSIGN_SESSION_LIFETIME", "90d"),
        ("COUNTERSIGN_SESSION_IDLE", "90d"),
    ]);
}

#[test]
fn a_session_cannot_idle_longer_than_it_lives() {
    let problem = only_problem(&[
        ("COUNTERSIGN_SESSION_IDLE", "3h"),
        ("COUNTERSIGN_SESSION_LIFETIME", "2h"),
    ]);
    assert!(
        problem.contains("3h") && problem.contains("2h"),
        "{problem}"
    );
    resolved(&[
        ("COUNTERSIGN_SESSION_IDLE", "2h"),
        ("COUNTERSIGN_SESSION_LIFETIME", "2h"),
    ]);
}

/// Checks: plain_http_refused (ASVS-12.2.1, NIST-5.1-I, NIST-3.1.1.2-G, NIST-3.1.4.2-C,
/// NIST-2.2.2-D), as far as the address goes that people are sent to.
#[test]
fn a_public_url_without_tls_is_for_this_machine_only() {
    let variable = "COUNTERSIGN_PUBLIC_URL";
    for text in [
        "http://id.example.com",
        "http://192.168.0.1:8080",
        "http://localhost.example.com",
    ] {
        let problem = only_problem(&[(variable, text)]);
        assert!(problem.contains("use https"), "{problem}");
    }
    for text in [
        "https://id.example.com",
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "http://127.9.9.9",
        "http://[::1]:8080",
    ] {
        assert_eq!(resolved(&[(variable, text)]).public_url.to_string(), text);
    }
}

#[test]
fn an_origin_ends_after_host_and_port() {
    for variable in ["COUNTERSIGN_PUBLIC_URL", "COUNTERSIGN_APP_URLS"] {
        assert_refused(&[
            (variable, "https://id.example.com/login", "without a path"),
            (variable, "https://id.example.com?x", "without a path"),
            (
                variable,
                "https://ada@id.example.com",
                "must not hold a user",
            ),
            (variable, "ftp://id.example.com", "must begin with https://"),
            (variable, "id.example.com", "not a URL"),
        ]);
    }
    let c = resolved(&[(
        "COUNTERSIGN_APP_URLS",
        "https://A.example:443/, http://b.example:81",
    )]);
    let urls: Vec<String> = c.app_urls.iter().map(ToString::to_string).collect();
    assert_eq!(urls, ["https://a.example", "http://b.example:81"]);
}

/// ASVS-13.2.3.
#[test]
fn default_creds_refused() {
    let elsewhere = "db.example.com/d?sslmode=verify-full";
    for text in [
        format!("postgres://postgres:postgres@{elsewhere}"),
        format!("postgres://app:App@{elsewhere}"),
        format!("postgres://app:@{elsewhere}"),
        format!("postgres://{elsewhere}&user=app&password=app"),
        format!("postgres://app@{elsewhere}&password="),
    ] {
        let problem = only_problem(&[("DATABASE_URL", &text)]);
        assert!(problem.contains("empty or the user's name"), "{problem}");
    }
    for text in [
        format!("postgres://app:pgD7uhKz@{elsewhere}"),
        format!("postgres://app@{elsewhere}&sslcert=app.pem"),
        "postgres://postgres:postgres@localhost/d".to_owned(),
    ] {
        resolved(&[("DATABASE_URL", &text)]);
    }
}

/// ASVS-12.3.1.
#[test]
fn config_refuses_plain_db_smtp() {
    assert_refused(&[
        (
            "DATABASE_URL",
            "postgres://u@db.example.com/d",
            "sslmode=verify-full",
        ),
        (
            "DATABASE_URL",
            "postgres://u@db.example.com/d?sslmode=require",
            "sslmode=verify-full",
        ),
        (
            "DATABASE_URL",
            "postgres://u@localhost/d?host=10.0.0.1",
            "sslmode=verify-full",
        ),
        (
            "DATABASE_URL",
            "postgres://u@10.0.0.1/d",
            "sslmode=verify-full",
        ),
    ]);
    for text in [
        "postgres://u@db.example.com/d?sslmode=verify-full",
        "postgres://u@localhost:5433/d",
        "postgres://u@127.0.0.1/d",
        "postgresql://u@[::1]/d",
        "postgres://u@%2Frun%2Fpostgresql/d",
        "postgres:///d?host=/run/postgresql",
        "postgres://u@db.example.com/d?host=/run/postgresql",
    ] {
        resolved(&[("DATABASE_URL", text)]);
    }
    let smtp = |url: &'static str| {
        [
            ("COUNTERSIGN_SMTP_URL", url),
            ("COUNTERSIGN_MAIL_FROM", "Accounts <accounts@example.com>"),
            ("COUNTERSIGN_SUPPORT_CONTACT", "https://example.com/help"),
        ]
    };
    for url in [
        "smtp://mail.example.com",
        "smtp://mail.example.com?tls=opportunistic",
    ] {
        assert!(only_problem(&smtp(url)).contains("smtps://"), "{url}");
    }
    for url in [
        "smtp://catcher:1025?tls=none",
        "smtps://mail.example.com",
        "smtp://mail.example.com?tls=required",
        "smtp://[::1]:25",
    ] {
        resolved(&smtp(url));
    }
}

#[test]
fn mail_needs_a_sender_and_somebody_to_ask() {
    let smtp = ("COUNTERSIGN_SMTP_URL", "smtps://mail.example.com");
    let contact = ("COUNTERSIGN_SUPPORT_CONTACT", "help@example.com");
    let sender = ("COUNTERSIGN_MAIL_FROM", "accounts@example.com");
    assert!(only_problem(&[smtp, contact]).starts_with("COUNTERSIGN_MAIL_FROM is required"));
    assert!(only_problem(&[smtp, sender]).starts_with("COUNTERSIGN_SUPPORT_CONTACT is required"));
    let c = resolved(&[smtp, sender, contact]);
    assert_eq!(c.mail_from.unwrap().to_string(), "accounts@example.com");
    assert_eq!(c.support_contact.unwrap().to_string(), "help@example.com");
}

#[test]
fn a_hash_is_never_cheaper_than_the_floor_of_its_passes() {
    let hash = |memory: &'static str, passes: &'static str| {
        [
            ("COUNTERSIGN_HASH_MEMORY_KIB", memory),
            ("COUNTERSIGN_HASH_ITERATIONS", passes),
        ]
    };
    for (floor, passes) in [
        ("47104", "1"),
        ("19456", "2"),
        ("12288", "3"),
        ("12288", "9"),
    ] {
        resolved(&hash(floor, passes));
    }
    for (memory, passes, floor) in [("47103", "1", "47104"), ("19455", "2", "19456")] {
        assert!(only_problem(&hash(memory, passes)).contains(&format!("at least {floor} KiB")));
    }
    assert!(only_problem(&hash("12287", "3")).contains("from 12288"));
}

#[test]
fn the_other_roles_of_a_database_need_the_database() {
    for variable in [
        "COUNTERSIGN_MIGRATION_DATABASE_URL",
        "COUNTERSIGN_SEQUENCER_DATABASE_URL",
    ] {
        let problem = only_problem(&[(variable, "postgres://o@localhost/d")]);
        assert!(problem.contains("DATABASE_URL is not set"), "{problem}");
        resolved(&[
            (variable, "postgres://o@localhost/d"),
            ("DATABASE_URL", "postgres://a@localhost/d"),
        ]);
    }
}

#[test]
fn a_network_may_be_a_single_address() {
    let c = resolved(&[(
        "COUNTERSIGN_TRUSTED_PROXIES",
        "10.0.0.0/8 192.0.2.1,fd00::/8",
    )]);
    let networks: Vec<String> = c.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]);
}
