//! The layers, the secrets and the names; values and rules are in `tests/`.

mod values;

use super::*;

fn facts() -> Facts {
    Facts {
        is_root: false,
        cores: NonZeroUsize::new(3).unwrap(),
    }
}

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "countersign.toml".into(),
        text: text.to_owned(),
    }
}

fn with(variables: &[(&str, &str)]) -> Sources {
    Sources {
        environment: variables.iter().copied().collect(),
        ..Sources::default()
    }
}

fn resolved(variables: &[(&str, &str)]) -> Configuration {
    resolve(&with(variables), facts()).unwrap()
}

fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    resolve(&with(variables), facts()).unwrap_err().problems
}

fn only_problem(variables: &[(&str, &str)]) -> String {
    let mut all = problems(variables);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn problems_of_file(text: &str) -> Vec<String> {
    let sources = Sources {
        file: Some(file(text)),
        ..Sources::default()
    };
    resolve(&sources, facts()).unwrap_err().problems
}

#[test]
fn without_any_source_the_documented_defaults_hold() {
    let c = resolved(&[]);
    assert_eq!(c.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(c.internal_listen.to_string(), "127.0.0.1:9090");
    assert_eq!(c.public_url.to_string(), "http://localhost:8080");
    assert_eq!(c.data_dir, PathBuf::from("./data"));
    assert_eq!(c.master_key_file, PathBuf::from("./data/master.key"));
    assert_eq!(
        (
            c.hash_memory_kib,
            c.hash_iterations,
            c.hash_permits,
            c.hash_queue
        ),
        (19_456, 2, 3, 32)
    );
    assert_eq!(c.password_min_length, 15);
    assert!(c.source_limits);
    assert!(c.database_url.is_none() && c.smtp_url.is_none());
    assert!(c.app_urls.is_empty() && c.trusted_proxies.is_empty());
    assert_eq!(c.issuer, "Countersign");
    let minutes = |duration: std::time::Duration| duration.as_secs() / 60;
    assert_eq!(
        (minutes(c.session_idle), minutes(c.session_lifetime)),
        (1_440, 20_160)
    );
    assert_eq!(
        (
            minutes(c.challenge_lifetime),
            minutes(c.enrollment_lifetime)
        ),
        (5, 15)
    );
    assert_eq!(
        (minutes(c.reset_lifetime), minutes(c.verification_lifetime)),
        (30, 1_440)
    );
    assert!(
        c.entries
            .iter()
            .all(|entry| entry.origin == Origin::Default)
    );
    assert!(c.warnings.is_empty());
}

#[test]
fn root_keeps_its_data_where_the_user_of_postgresql_can_enter() {
    let facts = Facts {
        is_root: true,
        ..facts()
    };
    let c = resolve(&Sources::default(), facts).unwrap();
    assert_eq!(c.data_dir, PathBuf::from("/var/lib/countersign"));
    assert_eq!(
        c.master_key_file,
        PathBuf::from("/var/lib/countersign/master.key")
    );
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let mut sources = Sources::default();
    let listen = |sources: &Sources| {
        let c = resolve(sources, facts()).unwrap();
        (c.listen.port(), c.origin("listen").unwrap().to_string())
    };
    assert_eq!(listen(&sources), (8080, "default".to_owned()));
    sources.file = Some(file("listen = '127.0.0.1:1'"));
    assert_eq!(listen(&sources), (1, "file countersign.toml".to_owned()));
    sources
        .environment
        .insert("COUNTERSIGN_LISTEN", "127.0.0.1:2");
    assert_eq!(
        listen(&sources),
        (2, "variable COUNTERSIGN_LISTEN".to_owned())
    );
    sources.flags.insert("listen", "127.0.0.1:3");
    assert_eq!(listen(&sources), (3, "flag --listen".to_owned()));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let c = resolved(&[("COUNTERSIGN_LISTEN", ""), ("COUNTERSIGN_SMTP_URL", " ")]);
    assert_eq!(c.listen.port(), 8080);
    assert!(c.smtp_url.is_none());
    assert_eq!(c.origin("listen"), Some(&Origin::Default));
}

#[test]
fn defaults_follow_the_settings_that_they_are_made_from() {
    let c = resolved(&[
        ("COUNTERSIGN_LISTEN", "0.0.0.0:80"),
        ("COUNTERSIGN_DATA_DIR", "/srv/c"),
    ]);
    assert_eq!(c.public_url.to_string(), "http://localhost");
    assert_eq!(c.master_key_file, PathBuf::from("/srv/c/master.key"));
}

#[test]
fn a_default_public_url_follows_the_port_that_the_server_got_and_a_chosen_one_does_not() {
    let c = resolved(&[("COUNTERSIGN_LISTEN", "127.0.0.1:0")]);
    assert_eq!(c.public_url_at(4711).to_string(), "http://localhost:4711");
    let c = resolved(&[("COUNTERSIGN_PUBLIC_URL", "https://id.example.com")]);
    assert_eq!(c.public_url_at(4711).to_string(), "https://id.example.com");
}

#[test]
fn a_file_may_use_the_types_of_toml() {
    let text = "password_min_length = 20\nsource_limits = false\n\
                app_urls = ['https://a.example', 'https://b.example:8443']\nsession_idle = '1h'";
    let sources = Sources {
        file: Some(file(text)),
        ..Sources::default()
    };
    let c = resolve(&sources, facts()).unwrap();
    assert_eq!(c.password_min_length, 20);
    assert!(!c.source_limits);
    let urls: Vec<String> = c.app_urls.iter().map(ToString::to_string).collect();
    assert_eq!(urls, ["https://a.example", "https://b.example:8443"]);
    assert_eq!(c.session_idle.as_secs(), 3600);
}

#[test]
fn an_unknown_key_of_the_file_is_an_error_that_names_the_nearest() {
    let found = problems_of_file("lisen = '127.0.0.1:1'\ncolour = 'red'");
    assert_eq!(
        found,
        [
            "countersign.toml: unknown key colour; `countersign config` lists the known ones",
            "countersign.toml: unknown key lisen; did you mean listen?",
        ]
    );
}

#[test]
fn a_broken_file_is_named_by_line_and_never_quoted() {
    let found = problems_of_file("listen = '127.0.0.1:1'\nsmtp_url = 'smtps://u:S3CRET@h");
    assert!(
        found[0].starts_with("countersign.toml: line 2 is not TOML"),
        "{found:?}"
    );
    assert!(!found[0].contains("S3CRET"), "{found:?}");
    let found = problems_of_file("listen = 1.5\n[issuer]\n");
    assert!(
        found
            .iter()
            .all(|problem| problem.contains("must be a text")),
        "{found:?}"
    );
    assert_eq!(found.len(), 2);
}

#[test]
fn all_problems_are_told_at_once() {
    let sources = Sources {
        flags: [("listen", "here")].into_iter().collect(),
        environment: [
            ("COUNTERSIGN_RESET_LIFETIME", "25h"),
            ("COUNTERSIGN_SMTP_URL", "smtps://h"),
        ]
        .into_iter()
        .collect(),
        file: Some(file("password_min_length = 7\nissuer = 'a:b'")),
    };
    let error = resolve(&sources, facts()).unwrap_err();
    let starts = [
        "--listen here: ",
        "COUNTERSIGN_SUPPORT_CONTACT",
        "COUNTERSIGN_MAIL_FROM",
        "countersign.toml: issuer = \"a:b\": ",
        "COUNTERSIGN_RESET_LIFETIME=25h: ",
        "countersign.toml: password_min_length = \"7\": ",
    ];
    assert_eq!(error.problems().len(), starts.len(), "{error}");
    for start in starts {
        assert!(
            error.problems().iter().any(|p| p.starts_with(start)),
            "{start}: {error}"
        );
    }
}

#[test]
fn an_unknown_variable_of_ours_is_a_warning_that_names_the_nearest() {
    let c = resolved(&[
        ("COUNTERSIGN_LISTEM", "x"),
        ("COUNTERSIGN_DATABASE_URL", "x"),
        ("COUNTERSIGN_FOO", "x"),
        ("COUNTERSIGN_TOKEN", "x"),
        ("COUNTERSIGN_CONFIG", "x"),
    ]);
    assert_eq!(
        c.warnings,
        [
            "COUNTERSIGN_DATABASE_URL is no setting and was ignored; did you mean DATABASE_URL?",
            "COUNTERSIGN_FOO is no setting and was ignored",
            "COUNTERSIGN_LISTEM is no setting and was ignored; did you mean COUNTERSIGN_LISTEN?",
        ]
    );
}

#[test]
fn secrets_are_hidden_in_every_form_of_the_output() {
    let c = resolved(&[
        (
            "DATABASE_URL",
            "postgres://app:S3CRET@localhost/db?password=S3CRET&sslmode=prefer",
        ),
        (
            "COUNTERSIGN_MIGRATION_DATABASE_URL",
            "postgres:///db?user=o&password=S3CRET",
        ),
        (
            "COUNTERSIGN_SMTP_URL",
            "smtps://mailer:S3CRET@mail.example.com",
        ),
        ("COUNTERSIGN_MAIL_FROM", "a@example.com"),
        ("COUNTERSIGN_SUPPORT_CONTACT", "b@example.com"),
    ]);
    for shown in [c.table(), c.json().to_string(), format!("{c:?}")] {
        assert!(!shown.contains("S3CRET"), "{shown}");
    }
    let table = c.table();
    assert!(
        table.contains("postgres://app:***@localhost/db?password=***&sslmode=prefer"),
        "{table}"
    );
    assert!(
        table.contains("smtps://mailer:***@mail.example.com"),
        "{table}"
    );
    assert!(c.database_url.unwrap().expose().contains("S3CRET"));
}

#[test]
fn secrets_are_hidden_in_problems_and_in_what_was_given() {
    let variables = [
        ("DATABASE_URL", "mysql://u:S3CRET@localhost/db"),
        (
            "COUNTERSIGN_SEQUENCER_DATABASE_URL",
            "postgres://u:S3CRET@h:port/db",
        ),
        (
            "COUNTERSIGN_MIGRATION_DATABASE_URL",
            "postgres:u:S3CRET@localhost/db",
        ),
        ("COUNTERSIGN_SMTP_URL", "u:S3CRET"),
    ];
    let found = problems(&variables);
    assert_eq!(found.len(), 4, "{found:?}");
    let mut sources = with(&variables);
    sources.file = Some(file("smtp_url = 'S3CRET'"));
    for shown in [format!("{found:?}"), format!("{sources:?}")] {
        assert!(!shown.contains("S3CRET"), "{shown}");
    }
}

#[test]
fn the_table_is_aligned_and_tells_values_and_origins() {
    let table = resolved(&[("COUNTERSIGN_ISSUER", "Acme")]).table();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), SETTINGS.len() + 1);
    let column = lines[0].find("ORIGIN").unwrap();
    for line in &lines[1..] {
        let origin = &line[column..];
        assert!(
            origin == "default" || origin == "variable COUNTERSIGN_ISSUER",
            "{line}"
        );
    }
    assert!(table.contains("\nsmtp_url                -  "), "{table}");
}

#[test]
fn the_json_form_has_null_for_what_is_not_set() {
    let json = resolved(&[("COUNTERSIGN_ISSUER", "Acme")]).json();
    let settings = json["settings"].as_array().unwrap();
    let of = |key: &str| settings.iter().find(|s| s["key"] == key).unwrap().clone();
    assert_eq!(of("smtp_url")["value"], serde_json::Value::Null);
    assert_eq!(of("smtp_url")["origin"]["kind"], "default");
    assert_eq!(of("issuer")["value"], "Acme");
    let origin = serde_json::json!({ "kind": "variable", "name": "COUNTERSIGN_ISSUER" });
    assert_eq!(of("issuer")["origin"], origin);
}

/// The list is that of the manual; a variable that is renamed breaks somebody's deployment.
#[test]
fn every_variable_of_the_manual_is_a_setting_and_is_in_the_help() {
    let documented = "LISTEN INTERNAL_LISTEN PUBLIC_URL DATA_DIR MASTER_KEY_FILE SMTP_URL \
        MAIL_FROM SUPPORT_CONTACT APP_URLS SESSION_IDLE SESSION_LIFETIME CHALLENGE_LIFETIME \
        ENROLLMENT_LIFETIME RESET_LIFETIME VERIFICATION_LIFETIME PASSWORD_MIN_LENGTH \
        TRUSTED_PROXIES SOURCE_LIMITS ISSUER MIGRATION_DATABASE_URL SEQUENCER_DATABASE_URL";
    let names = documented
        .split_whitespace()
        .map(|name| format!("COUNTERSIGN_{name}"));
    let help = settings_help();
    for name in names.chain(["DATABASE_URL".to_owned()]) {
        assert!(
            SETTINGS.iter().any(|setting| setting.variable == name),
            "{name}"
        );
        assert!(help.contains(&format!("\n  {name}")), "{name}");
    }
    for setting in SETTINGS {
        assert!(
            help.contains(&format!("\n  {}", setting.variable)),
            "{}",
            setting.key
        );
    }
    assert!(help.contains("COUNTERSIGN_CONFIG") && help.contains("COUNTERSIGN_TOKEN"));
}

#[test]
fn a_key_is_its_variable_in_small_letters() {
    for setting in SETTINGS {
        let variable = setting.variable.trim_start_matches("COUNTERSIGN_");
        assert_eq!(setting.key, variable.to_lowercase());
    }
    let flags: Vec<String> = SETTINGS.iter().filter_map(Setting::flag_name).collect();
    assert_eq!(
        flags,
        [
            "--listen",
            "--internal-listen",
            "--public-url",
            "--data-dir",
            "--database-url"
        ]
    );
}

#[test]
fn the_container_files_set_settings_that_exist() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for file in ["docker-compose.yml", "Dockerfile"] {
        let text = std::fs::read_to_string(format!("{root}/{file}")).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
        let ours: Vec<&str> = words
            .filter(|word| word.starts_with("COUNTERSIGN_"))
            .collect();
        assert!(!ours.is_empty(), "{file}");
        for name in ours {
            let known = SETTINGS.iter().any(|setting| setting.variable == name);
            assert!(known, "{file}: {name}");
        }
    }
}
