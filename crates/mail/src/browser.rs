//! Names the browser of a `User-Agent` header in words that nobody outside can choose.
//!
//! The header is written by whoever sends the request. Quoted in a security notice it
//! would let an attacker put a sentence or a link of their own into a mail that people
//! trust, so only names from the two lists below ever leave this module.

use std::fmt;

/// Looked for in this order: most browsers also claim to be the later ones.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// In this order: Android also says Linux, and an iPhone also says Mac OS X.
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
];

/// A browser and what it runs on, as far as we know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Browser {
    pub name: &'static str,
    pub system: Option<&'static str>,
}

impl Browser {
    /// `None` for a program that is not on the list.
    pub fn of(user_agent: &str) -> Option<Self> {
        let find = |list: &[(&str, &'static str)]| {
            list.iter()
                .find(|(mark, _)| user_agent.contains(mark))
                .map(|(_, name)| *name)
        };
        Some(Self {
            name: find(&BROWSERS)?,
            system: find(&SYSTEMS),
        })
    }
}

/// `Firefox on Linux`, or `None` for a program that is not on the list.
pub(crate) fn name(user_agent: &str) -> Option<String> {
    let Browser { name, system } = Browser::of(user_agent)?;
    Some(match system {
        Some(system @ ("iPhone" | "iPad")) => format!("{name} on an {system}"),
        Some(system @ "Mac") => format!("{name} on a {system}"),
        Some(system) => format!("{name} on {system}"),
        None => name.to_owned(),
    })
}

/// In every language: `Firefox (Linux)`.
impl fmt::Display for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        match self.system {
            Some(system) => write!(f, " ({system})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_told_apart() {
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari on an iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                "Safari on a Mac",
            ),
            ("curl/8.17.0", "curl"),
        ] {
            assert_eq!(name(user_agent).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_browser_is_named_alike_in_every_language() {
        let on = |user_agent| Browser::of(user_agent).map(|browser| browser.to_string());
        assert_eq!(
            on("(iPhone) Safari/604.1").as_deref(),
            Some("Safari (iPhone)")
        );
        assert_eq!(on("curl/8.17.0").as_deref(), Some("curl"));
        assert_eq!(on("robot"), None);
    }

    #[test]
    fn a_header_that_carries_a_message_is_not_passed_on() {
        assert_eq!(name("Call us at once: http://phish.example"), None);
        assert_eq!(
            name("Firefox/1\r\nhttp://phish.example").as_deref(),
            Some("Firefox")
        );
    }
}
