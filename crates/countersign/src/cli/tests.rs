//! What can be typed, and what cannot.

use clap::{CommandFactory, error::ErrorKind};

use super::*;

const ACCOUNT: &str = "0193a3c4-0000-7000-8000-000000000001";

fn parsed(line: &str) -> Cli {
    let words = line.split_whitespace();
    Cli::try_parse_from(std::iter::once("countersign").chain(words)).unwrap()
}

fn refused(line: &str) -> clap::Error {
    let words = line.split_whitespace();
    Cli::try_parse_from(std::iter::once("countersign").chain(words)).unwrap_err()
}

fn help_of(name: &str) -> String {
    let mut root = Cli::command();
    root.build();
    root.find_subcommand_mut(name)
        .unwrap()
        .render_long_help()
        .to_string()
}

#[test]
fn the_grammar_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_manual_can_be_typed() {
    for line in [
        "serve",
        "serve --no-migrate --listen 127.0.0.1:0 --internal-listen 127.0.0.1:0",
        "serve --public-url https://id.example.com --data-dir d --database-url postgres:///d",
        "migrate",
        "database url",
        "database url --role owner",
        "database run pg_dump --format=custom -f b",
        "keys generate",
        "keys generate --output k",
        "keys rotate",
        "keys rotate --standby",
        "keys rotate --resume",
        "keys rotate --log",
        "keys status",
        "config --json",
        "mail test ada@example.com",
        "account create --email ada@example.com --json",
        "account erase 0193a3c4-0000-7000-8000-000000000001 --json",
        "staff issue --role support --name Bo",
        "staff issue --role auditor --name Bo --expires 30d",
        "staff list",
        "staff revoke 0193a3c4-0000-7000-8000-000000000001",
        "support find ada@example.com --server https://id.example.com",
        "support --server http://127.0.0.1:9 show 0193a3c4-0000-7000-8000-000000000001",
        "support unlock 0193a3c4-0000-7000-8000-000000000001 --reason lost --ticket T1",
        "audit history 0193a3c4-0000-7000-8000-000000000001",
        "audit state 0193a3c4-0000-7000-8000-000000000001 --at 12",
        "audit diff 0193a3c4-0000-7000-8000-000000000001 --from 3 --to 2026-11-24T09:30:00Z",
        "projections check",
        "projections rebuild",
        "recover --reason lost",
        "recover --reason lost --checkpoints a --checkpoints b --revoke-staff",
    ] {
        parsed(line);
    }
}

#[test]
fn what_is_missing_or_makes_no_sense_is_wrong_usage() {
    let unlock = format!("support unlock {ACCOUNT}");
    for line in [
        "",
        "serve --no-such-flag",
        "database url --role app",
        "keys rotate --standby --resume",
        "keys rotate --log --standby",
        "keys rotate --log --resume",
        "account create",
        "account create --email nobody",
        "staff issue --name Bo",
        "staff issue --role owner --name Bo",
        "staff issue --role support --name Bo --expires 10y",
        "staff revoke 12",
        "support show ada@example.com",
        "support find ada@example.com --server http://id.example.com",
        "audit state 12",
        "recover",
        "database run",
        unlock.as_str(),
    ] {
        let error = refused(line);
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
    let empty = ["countersign", "support", "unlock", ACCOUNT, "--reason", ""];
    assert_eq!(Cli::try_parse_from(empty).unwrap_err().exit_code(), 2);
}

#[test]
fn flags_become_settings() {
    let cli = parsed(
        "--data-dir d serve --database-url postgres:///x --listen [::1]:1 \
         --internal-listen [::1]:2 --public-url https://a.example",
    );
    let flags = cli.flags();
    for (key, text) in [
        ("data_dir", "d"),
        ("database_url", "postgres:///x"),
        ("listen", "[::1]:1"),
        ("internal_listen", "[::1]:2"),
        ("public_url", "https://a.example"),
    ] {
        assert_eq!(flags.get(key), Some(text));
    }
    assert_eq!(
        parsed("config --listen [::1]:1").flags().get("listen"),
        Some("[::1]:1")
    );
    assert_eq!(parsed("migrate").flags().get("listen"), None);
}

#[test]
fn a_database_password_on_the_command_line_is_not_printed() {
    let cli = parsed("migrate --database-url postgres://a:S3CRET@localhost/d");
    assert!(!format!("{cli:?}").contains("S3CRET"));
}

#[test]
fn serve_and_config_explain_every_variable() {
    for command in ["serve", "config"] {
        let help = help_of(command);
        for setting in crate::configuration::SETTINGS {
            assert!(
                help.contains(setting.variable),
                "{command}: {}",
                setting.variable
            );
        }
    }
}

#[test]
fn every_command_and_argument_has_a_help_text() {
    fn check(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{} {argument}",
                command.get_name()
            );
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn the_version_is_told() {
    assert_eq!(refused("--version").kind(), ErrorKind::DisplayVersion);
    assert_eq!(refused("--version").exit_code(), 0);
}

#[test]
fn a_moment_is_a_sequence_number_or_an_instant_in_any_zone() {
    assert_eq!("12".parse::<Moment>().unwrap(), Moment::Sequence(12));
    let instant: Moment = "2026-11-24T10:30:00.5+01:00".parse().unwrap();
    assert_eq!(instant.to_string(), "2026-11-24T09:30:00.500Z");
    for text in ["", "-1", "yesterday", "2026-11-24", "2026-11-24T09:30:00"] {
        assert!(text.parse::<Moment>().is_err(), "{text}");
    }
}

#[test]
fn a_staff_token_comes_from_its_variable_alone() {
    let token = staff_token(&[("COUNTERSIGN_TOKEN", " cst_abc\n")].into_iter().collect()).unwrap();
    assert_eq!(token.expose(), "cst_abc");
    let missing = staff_token(&Layer::default()).unwrap_err();
    assert!(missing.to_string().contains("COUNTERSIGN_TOKEN is not set"));
    assert!(matches!(missing, crate::failure::Failure::Usage(_)));
}

#[test]
fn a_token_is_valid_for_ninety_days_unless_told() {
    let Command::Staff(StaffCommand::Issue { expires, .. }) =
        parsed("staff issue --role support --name Bo").command
    else {
        panic!("another command");
    };
    assert_eq!(expires.as_secs(), 90 * 86_400);
}
