//! URLs that may hold a password: the databases' and the mail server's.
//!
//! They may leave this machine only over TLS that checks whom it talks to (ASVS-12.3.1):
//! a password hash or a reset link in plain text on a network is lost.

use std::borrow::Cow;

use url::Url;

use super::web_origin::{is_loopback_name, is_this_machine};
use crate::secret_text::SecretText;

pub(super) const HIDDEN: &str = "***";

/// The text as it may be shown; nothing of it if it cannot be told where a password is.
pub(super) fn hide_passwords(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let Ok(mut url) = Url::parse(text) else {
        return HIDDEN.to_owned();
    };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    let hides = |key: &str| key.to_ascii_lowercase().contains("password");
    if url.query_pairs().any(|(key, _)| hides(&key)) {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .map(|(key, value)| {
                if hides(&key) {
                    (key, HIDDEN.to_owned())
                } else {
                    (key, value)
                }
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.into()
}

pub(super) fn database(text: &str) -> Result<Option<SecretText>, String> {
    let Some(url) = parse(
        text,
        &["postgres", "postgresql"],
        "postgres://user@host/database",
    )?
    else {
        return Ok(None);
    };
    if !database_is_local(&url) {
        if query(&url, "sslmode").as_deref() != Some("verify-full") {
            return Err(
                "a database on another machine is used over verified TLS only: add \
                 ?sslmode=verify-full (and &sslrootcert=FILE for a private authority), or \
                 connect through a Unix socket or loopback"
                    .to_owned(),
            );
        }
        if password_is_guessable(text, &url) {
            return Err(
                "the password is empty or the user's name: give the user of a database on \
                 another machine a random one"
                    .to_owned(),
            );
        }
    }
    Ok(Some(SecretText::new(text.to_owned())))
}

/// The form alone; `mail` reads the rest of it when it connects.
pub(super) fn smtp(text: &str) -> Result<Option<SecretText>, String> {
    let Some(url) = parse(
        text,
        &["smtps", "smtp"],
        "smtps://user:password@mail.example.com",
    )?
    else {
        return Ok(None);
    };
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err("names no mail server".to_owned());
    }
    let said = matches!(query(&url, "tls").as_deref(), Some("required" | "none"));
    if url.scheme() == "smtp" && !said && !is_loopback_name(host) {
        return Err(
            "mails hold links that open accounts, so they leave this machine encrypted: \
             write smtps://… (port 465) or smtp://…?tls=required (STARTTLS, port 587); only \
             for a mail catcher on a private network, smtp://…?tls=none"
                .to_owned(),
        );
    }
    Ok(Some(SecretText::new(text.to_owned())))
}

/// A server that keeps checkpoints; a token goes along.
pub(super) fn checkpoint_sink(text: &str) -> Result<Option<SecretText>, String> {
    let Some(url) = parse(
        text,
        &["https", "http"],
        "https://bucket.example.com/countersign",
    )?
    else {
        return Ok(None);
    };
    let host = url.host_str().unwrap_or_default();
    if url.scheme() == "http" && !is_loopback_name(host) {
        return Err("a server on another machine is used over https:// only".to_owned());
    }
    Ok(Some(SecretText::new(text.trim_end_matches('/').to_owned())))
}

pub(super) fn token(text: &str) -> Result<Option<SecretText>, String> {
    if text.chars().any(|c| !c.is_ascii_graphic()) {
        return Err("a token is printable ASCII without spaces".to_owned());
    }
    Ok((!text.is_empty()).then(|| SecretText::new(text.to_owned())))
}

fn parse(text: &str, schemes: &[&str], example: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|_| {
        format!(
            "not a URL (special characters in a password need %-encoding); write for instance \
             {example}"
        )
    })?;
    if schemes.contains(&url.scheme()) && url.has_authority() {
        return Ok(Some(url));
    }
    Err(format!(
        "not the right kind of URL; write for instance {example}"
    ))
}

fn query<'u>(url: &'u Url, name: &str) -> Option<Cow<'u, str>> {
    let mut pairs = url.query_pairs();
    pairs.find(|(key, _)| key == name).map(|(_, value)| value)
}

/// No password at all is none of these: there may be a password file or a client certificate.
fn password_is_guessable(text: &str, url: &Url) -> bool {
    let user = query(url, "user").unwrap_or_else(|| url.username().into());
    if let Some(password) = query(url, "password").or_else(|| url.password().map(Cow::from)) {
        return password.is_empty() || password.eq_ignore_ascii_case(&user);
    }
    // `Url` tells `user:@`, the trace of a variable that was never set, from `user@` no more.
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains(":@"))
}

/// PostgreSQL's URLs may name the host in the query, and a socket's folder as the host.
fn database_is_local(url: &Url) -> bool {
    let local = |host: &str| host.starts_with('/') || is_loopback_name(host);
    let queried = ["host", "hostaddr"]
        .into_iter()
        .filter_map(|name| query(url, name));
    let mut hosts: Vec<Cow<'_, str>> = queried.collect();
    if hosts.is_empty() {
        return match url.host_str().unwrap_or_default() {
            "" => true,
            host => {
                host.to_ascii_lowercase().starts_with("%2f") || is_this_machine(url) || local(host)
            }
        };
    }
    hosts.retain(|host| !local(host));
    hosts.is_empty()
}
