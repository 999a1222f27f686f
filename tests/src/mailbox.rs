//! Mail that servers wrote into their data directory.

use std::path::Path;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    /// The whole message, as it would go out.
    pub text: String,
}

impl Mail {
    fn parse(text: String) -> Self {
        let header = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        Self {
            to: header("To:"),
            subject: header("Subject:"),
            text,
        }
    }

    /// The token of the mailed link to `page`: `verify`, `reset` or `unblock`.
    pub fn token(&self, page: &str) -> Option<String> {
        let marker = format!("/{page}/");
        let line = self.text.lines().find(|line| line.contains(&marker))?;
        line.rsplit_once(&marker)
            .map(|(_, token)| token.trim().to_owned())
    }
}

/// Everything in the folder, the oldest first.
pub(crate) fn read(folder: &Path) -> Vec<Mail> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths = entries
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    paths.sort();
    paths
        .iter()
        .map(|path| Mail::parse(std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// Waits for a mail that `wanted` takes; the newest of them.
pub(crate) async fn wait(folder: &Path, what: &str, wanted: impl Fn(&Mail) -> bool) -> Mail {
    let began = Instant::now();
    loop {
        if let Some(mail) = read(folder).into_iter().rev().find(|mail| wanted(mail)) {
            return mail;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "no mail came: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
