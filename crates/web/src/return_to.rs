//! Where somebody is sent on after signing in or out: our own pages and the listed applications,
//! and nowhere else.

use axum::http::HeaderValue;
use url::Url;

use crate::site::Site;

/// Characters; what is longer is nobody's bookmark.
const MAX: usize = 2000;

/// A place that we send browsers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// Read as a browser reads it, so that no spelling of another place passes for one of ours.
    pub(crate) fn parse(text: &str, site: &Site) -> Option<Self> {
        if text.is_empty() || text.len() > MAX {
            return None;
        }
        let url = site.public_url.join(text).ok()?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none();
        if !plain || !site.leads_to(&url.origin()) {
            return None;
        }
        if url.origin() == site.public_url.origin() {
            own_path(&url).map(Self)
        } else {
            Some(Self(url.into()))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// Two slashes at the beginning would be another host, and nobody signs in to sign out.
fn own_path(url: &Url) -> Option<String> {
    let path = Some(url.path()).filter(|path| !path.starts_with("//") && *path != "/logout")?;
    Some(match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site {
            name: "Countersign".to_owned(),
            public_url: "https://id.example/".parse().unwrap(),
            support_contact: None,
            app_urls: vec![
                "https://app.example/".parse().unwrap(),
                "https://other.example:8443/".parse().unwrap(),
            ],
        }
    }

    fn leads(text: &str) -> Option<String> {
        ReturnTo::parse(text, &site()).map(|place| place.0)
    }

    #[test]
    fn our_own_paths_and_the_listed_applications_are_places_to_return_to() {
        assert_eq!(leads("/settings").as_deref(), Some("/settings"));
        assert_eq!(leads("/a?b=c#d").as_deref(), Some("/a?b=c"));
        assert_eq!(leads("https://id.example/x").as_deref(), Some("/x"));
        // As a browser reads it: relative, since the scheme is that of the page.
        assert_eq!(leads("https:x.example").as_deref(), Some("/x.example"));
        assert_eq!(
            leads("https://app.example/inbox?m=1#top").as_deref(),
            Some("https://app.example/inbox?m=1#top")
        );
        assert!(leads("https://other.example:8443/").is_some());
    }

    #[test]
    fn no_spelling_of_another_place_passes() {
        for text in [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\n//evil.example",
            "https://evil.example",
            "http://app.example/",
            "https://app.example:444/",
            "https://app.example.evil.example/",
            "https://app.example@evil.example/",
            "https://user@app.example/",
            "https://other.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "blob:https://app.example/1",
        ] {
            assert_eq!(leads(text), None, "{text:?}");
        }
        assert_eq!(leads(&format!("/{}", "x".repeat(MAX))), None);
        assert_eq!(leads("/logout"), None);
    }

    #[test]
    fn a_path_of_ours_never_becomes_the_beginning_of_another_host() {
        assert_eq!(leads("/.//evil.example"), None);
        assert_eq!(leads("/a/..//evil.example"), None);
    }
}
