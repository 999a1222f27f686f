//! Files beside the source: libraries, migrations, containers, and what documents speak of.

use std::collections::BTreeSet;
use std::process::Command;

use acceptance::Deployment;
use serde_json::Value;

use crate::evidence::source::{MAY_USE, files, read, root};
use crate::evidence::support::owner;

/// Checks: sources_allow_list (ASVS-15.2.4).
#[test]
fn sources_allow_list_every_library_comes_from_the_one_registry() {
    let lock = read("Cargo.lock");
    let sources = lock.lines().filter(|line| line.starts_with("source = "));
    let sources = sources.collect::<BTreeSet<_>>();
    let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    assert_eq!(sources.into_iter().collect::<Vec<_>>(), [registry]);
    let packages = lock.matches("[[package]]").count();
    let sums = lock
        .lines()
        .filter(|line| line.starts_with("checksum = "))
        .count();
    assert_eq!(
        packages - sums,
        MAY_USE.len() + 1,
        "a library without a checksum"
    );
}

/// Names of variables that a text mentions.
fn variables_in(text: &str) -> BTreeSet<&str> {
    let starts = text
        .match_indices("COUNTERSIGN_")
        .map(|(at, _)| &text[at..]);
    starts
        .map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_'));
            &rest[..end.unwrap_or(rest.len())]
        })
        .filter(|name| *name != "COUNTERSIGN_")
        .collect()
}

#[test]
fn every_variable_that_is_written_about_exists() {
    let known = countersign::configuration::SETTINGS
        .iter()
        .map(|setting| setting.variable);
    let known = known.collect::<BTreeSet<_>>();
    let others = [
        "COUNTERSIGN_BUILD",
        "COUNTERSIGN_CONFIG",
        "COUNTERSIGN_TOKEN",
    ];
    let mut paths = ["README.md", "docker-compose.yml", "Dockerfile"]
        .map(|name| root().join(name))
        .to_vec();
    files(&root().join("docs"), ".md", &mut paths);
    files(&root().join("scripts"), "", &mut paths);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for name in variables_in(&text) {
            let exists = known.contains(name) || others.contains(&name);
            let harness = name.starts_with("COUNTERSIGN_TEST_");
            assert!(exists || harness, "{}: {name}", path.display());
        }
    }
}

#[test]
fn what_the_image_is_built_by_is_let_into_the_build() {
    let read = |name| std::fs::read_to_string(root().join(name)).unwrap();
    let (image, let_in) = (read("Dockerfile"), read(".dockerignore"));
    let script = image
        .split_whitespace()
        .find(|word| word.starts_with("scripts/"))
        .expect("the image is built by a script");
    assert!(root().join(script).is_file(), "{script}");
    assert!(let_in.lines().any(|line| line == "!scripts"));
}

/// The compose file as JSON, by Python's YAML.
fn compose() -> Value {
    let program =
        "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let output = Command::new("python3")
        .args(["-c", program])
        .arg(root().join("docker-compose.yml"))
        .output()
        .expect("python3 is missing");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "apt-get install python3-yaml: {stderr}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_compose_file_parses_and_its_services_are_hardened_and_reachable_from_this_machine_alone() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    let volumes = compose["volumes"].as_object().unwrap();
    for name in ["countersign", "postgres", "keys"] {
        assert!(services.contains_key(name), "{name}");
    }
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(
                port.as_str().unwrap().starts_with("127.0.0.1:"),
                "{name}: {port}"
            );
        }
        for mount in service["volumes"].as_array().into_iter().flatten() {
            let volume = mount.as_str().unwrap().split(':').next().unwrap();
            assert!(volumes.contains_key(volume), "{name}: {volume}");
        }
        for needed in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services.contains_key(needed.0), "{name}: {}", needed.0);
        }
    }
    let keys = services["keys"]["command"].as_array().unwrap();
    assert_eq!(*keys, ["keys", "generate"]);
}

#[tokio::test]
async fn migrations_are_numbered_without_gaps_and_each_is_applied() {
    let mut paths = Vec::new();
    files(&root().join("migrations"), ".sql", &mut paths);
    let names = paths
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap());
    let mut numbers = names
        .map(|name| name.split('_').next().unwrap().parse::<i64>().unwrap())
        .collect::<Vec<_>>();
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (1..=i64::try_from(paths.len()).unwrap()).collect::<Vec<_>>()
    );
    let deployment = Deployment::start().await;
    let mut connection = owner(&deployment).await;
    let applied = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
    let applied = sqlx::query_scalar::<_, i64>(applied);
    assert_eq!(applied.fetch_all(&mut connection).await.unwrap(), numbers);
}
