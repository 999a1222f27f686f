use super::*;

fn head() -> Letterhead {
    Letterhead {
        from: "Example <no-reply@id.example>".parse().unwrap(),
        support_contact: Some("help@id.example".into()),
        public_url: "https://id.example:8443/".into(),
        service_name: "Example".into(),
    }
}

fn date() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-24T09:05:00Z")
        .unwrap()
        .to_utc()
}

fn reset(link: &str) -> Message {
    Message::ResetPassword {
        link: link.into(),
        expires_at: date(),
        two_factor_on: true,
    }
}

fn composed(head: &Letterhead, to: &str, message: &Message) -> Result<String, ComposeError> {
    let id = Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001);
    compose(head, to, id, date(), message).map(|mail| String::from_utf8(mail.formatted()).unwrap())
}

#[test]
fn the_headers_are_those_of_a_machine_with_an_id_and_a_date_from_outside() {
    let mail = composed(&head(), "ada@example.org", &Message::Test).unwrap();
    let (headers, _) = mail.split_once("\r\n\r\n").unwrap();
    let mut headers: Vec<_> = headers.lines().collect();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [
            "Auto-Submitted: auto-generated",
            "Content-Transfer-Encoding: 7bit",
            "Content-Type: text/plain; charset=utf-8",
            "Date: Tue, 24 Nov 2026 09:05:00 +0000",
            "From: Example <no-reply@id.example>",
            "MIME-Version: 1.0",
            "Message-ID: <01970000-0000-7000-8000-000000000001@id.example>",
            "Subject: Test mail",
            "To: ada@example.org",
        ]
    );
}

#[test]
fn a_mail_composed_twice_is_the_same_to_the_byte() {
    let message = reset("https://id.example/reset/t");
    assert_eq!(
        composed(&head(), "ada@example.org", &message).unwrap(),
        composed(&head(), "ada@example.org", &message).unwrap()
    );
}

#[test]
fn a_long_link_goes_out_unbroken() {
    let link = format!("https://id.example/reset/{}", "x".repeat(400));
    let mail = composed(&head(), "ada@example.org", &reset(&link)).unwrap();
    assert!(mail.contains(&format!("\r\n\r\n{link}\r\n\r\n")));
}

#[test]
fn a_service_name_beyond_ascii_is_encoded_whole() {
    let head = Letterhead {
        service_name: "Über Bank".into(),
        ..head()
    };
    let mail = composed(
        &head,
        "ada@example.org",
        &reset("https://id.example/reset/t"),
    )
    .unwrap();
    assert!(mail.is_ascii());
    assert!(mail.contains("Content-Transfer-Encoding: base64\r\n"));
}

/// ASVS-4.2.5
#[test]
fn built_request_bounds() {
    let address = |length: usize| format!("ada@{}", domain(length - 4));
    assert!(composed(&head(), &address(254), &Message::Test).is_ok());
    assert!(matches!(
        composed(&head(), &address(255), &Message::Test),
        Err(ComposeError::Recipient(None))
    ));
    let link = |length: usize| reset(&"x".repeat(length));
    assert!(composed(&head(), "ada@example.org", &link(512)).is_ok());
    assert!(matches!(
        composed(&head(), "ada@example.org", &link(513)),
        Err(ComposeError::Line)
    ));
}

fn domain(length: usize) -> String {
    let mut name = "abcdefghi.".repeat(length / 10);
    name.extend(std::iter::repeat_n('z', length - name.len()));
    name.trim_end_matches('.').to_owned() + if name.ends_with('.') { "z" } else { "" }
}

/// ASVS-1.3.11
#[test]
fn smtp_injection_corpus() {
    for hostile in [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example.org\r\nBcc: eve@example.net",
        "ada@example.org\nBcc: eve@example.net",
        "ada@example.org\r",
        "ada\r\n@example.org",
        "ada\0@example.org",
        "ada@example.org\0",
        "ada@example.org>\r\nRCPT TO:<eve@example.net",
        "ada@example.org> SIZE=1",
        "<ada@example.org>",
        "Ada <ada@example.org>",
        "ada@example.org, eve@example.net",
        "ada@example.org,eve@example.net",
        "eve@example.net,ada@example.org",
        "ada@example.org;eve@example.net",
        "ada eve@example.org",
        "ada\t@example.org",
        "\"ada\r\n eve\"@example.org",
        "\"ada eve\"@example.org",
        "\"ada\"@example.org",
        "ada@example.org\u{85}Bcc: eve@example.net",
        "ada@example.org\u{2028}Bcc: eve@example.net",
        "ada@exam\u{1b}ple.org",
        "ada@example.org (comment)",
        "ada(comment)@example.org",
        "ada@exa mple.org",
    ] {
        assert!(
            matches!(
                composed(&head(), hostile, &Message::Test),
                Err(ComposeError::Recipient(_))
            ),
            "{hostile:?} was taken for an address"
        );
    }
}

#[test]
fn control_characters_in_a_line_are_refused() {
    let broken = reset("https://id.example/reset/t\u{1b}[2J");
    assert!(matches!(
        composed(&head(), "ada@example.org", &broken),
        Err(ComposeError::Line)
    ));
}

#[test]
fn a_domain_beyond_ascii_is_sent_in_its_ascii_form() {
    let mail = composed(&head(), "ada@bücher.example", &Message::Test).unwrap();
    assert!(mail.contains("To: ada@xn--bcher-kva.example\r\n"), "{mail}");
}

#[test]
fn a_public_url_without_a_host_is_an_error() {
    let head = Letterhead {
        public_url: "id.example".into(),
        ..head()
    };
    assert!(matches!(
        composed(&head, "ada@example.org", &Message::Test),
        Err(ComposeError::PublicUrl)
    ));
}
