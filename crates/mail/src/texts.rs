//! Every sentence that Countersign mails, in one place.
//!
//! Each notice answers the same questions in the same order: what happened, when and
//! whence, what it means for the reader, what to do if it was somebody else, whom to
//! ask. No text holds a secret other than the one link that it exists to carry.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::{Circumstances, Letterhead, Message, browser, letter::Letter};

pub(crate) fn subject(message: &Message) -> &'static str {
    match message {
        Message::VerifyAddress { .. } => "Confirm your email address",
        Message::AddressTaken => "You already have an account",
        Message::ResetPassword { .. } => "Reset your password",
        Message::UnblockBrowser { .. } => "Unblock your browser",
        Message::PasswordChanged(_) => "Your password was changed",
        Message::PasswordReset(_) => "Your password was reset",
        Message::TwoFactorEnabled(_) => "Two-factor authentication was turned on",
        Message::TwoFactorDisabled(_) => "Two-factor authentication was turned off",
        Message::AccountUnlocked { .. } => "Support unlocked your account",
        Message::AccountErased { .. } => "Your account was erased",
        Message::WrongCodeAfterRightPassword(_) => "A sign-in with your password was stopped",
        Message::Test => "Test mail",
    }
}

pub(crate) fn text(head: &Letterhead, message: &Message) -> String {
    let letter = match message {
        Message::VerifyAddress { link, expires_at } => verify_address(head, link, *expires_at),
        Message::AddressTaken => address_taken(head),
        Message::ResetPassword {
            link,
            expires_at,
            two_factor_on,
        } => reset_password(head, link, *expires_at, *two_factor_on),
        Message::UnblockBrowser { link, expires_at } => unblock_browser(head, link, *expires_at),
        Message::PasswordChanged(what) => password_changed(head, what),
        Message::PasswordReset(what) => password_reset(head, what),
        Message::TwoFactorEnabled(what) => two_factor_enabled(head, what),
        Message::TwoFactorDisabled(what) => two_factor_disabled(head, what),
        Message::AccountUnlocked {
            circumstances,
            two_factor_was_on,
        } => account_unlocked(head, circumstances.at, *two_factor_was_on),
        Message::AccountErased { at } => account_erased(head, *at),
        Message::WrongCodeAfterRightPassword(what) => wrong_code(head, what),
        Message::Test => test(head),
    };
    signed(letter, head)
}

fn verify_address(head: &Letterhead, link: &str, expires_at: DateTime<Utc>) -> Letter {
    let service = &head.service_name;
    Letter::default()
        .paragraph(&format!(
            "Somebody, probably you, wants to open an account at {service} with this email \
             address. Open this link to confirm the address and to choose a password:"
        ))
        .alone(link)
        .paragraph(&link_terms(expires_at))
        .paragraph(
            "If it was not you, do nothing: without this link no account is opened. Do not pass \
             the link on.",
        )
}

fn address_taken(head: &Letterhead) -> Letter {
    let service = &head.service_name;
    Letter::default()
        .paragraph(&format!(
            "Somebody, probably you, tried to open an account at {service} with this email \
             address. There already is an account with it, and nothing about that account has \
             changed. You can sign in here:"
        ))
        .alone(&head.public_url)
        .paragraph("If you have forgotten the password, ask for a password reset on the same page.")
        .paragraph(DO_NOT_RESET)
        .list(ways_out(head))
        .paragraph("If it was not you, you need not do anything.")
}

fn reset_password(
    head: &Letterhead,
    link: &str,
    expires_at: DateTime<Utc>,
    two_factor_on: bool,
) -> Letter {
    let service = &head.service_name;
    let letter = Letter::default()
        .paragraph(&format!(
            "Somebody, probably you, asked to reset the password of your account at {service}. \
             Open this link to choose a new password:"
        ))
        .alone(link)
        .paragraph(&link_terms(expires_at))
        .paragraph(
            "A password reset ends every session of the account at once: every browser and \
             program must sign in again.",
        );
    let letter = if two_factor_on {
        letter
            .paragraph(
                "WARNING: two-factor authentication is on, and a password reset leaves it on. \
                 After the reset you need the new password and a code from your device.",
            )
            .paragraph(DO_NOT_RESET)
            .list(ways_out(head))
    } else {
        letter
    };
    letter.paragraph(
        "If it was not you, do nothing: your password stays as it is. Do not pass the link on.",
    )
}

fn unblock_browser(head: &Letterhead, link: &str, expires_at: DateTime<Utc>) -> Letter {
    let service = &head.service_name;
    Letter::default()
        .paragraph(&format!(
            "Too many wrong attempts were made to sign in to your account at {service}, so new \
             browsers have to wait. Somebody, probably you, asked to be let through. Open this \
             link in the browser that you want to sign in with:"
        ))
        .alone(link)
        .paragraph(&link_terms(expires_at))
        .paragraph(
            "The link only ends the wait for that browser. It signs nobody in: your password, and \
             your code if two-factor authentication is on, are still asked for.",
        )
        .paragraph("If it was not you, do nothing. Do not pass the link on.")
}

fn password_changed(head: &Letterhead, what: &Circumstances) -> Letter {
    happened(head, "The password of", "was changed in its settings", what)
        .paragraph("Every other session of the account has ended.")
        .paragraph(
            "If it was not you, somebody knew your password. Reset it at once: ask for a password \
             reset on the sign-in page. A reset ends every session and leaves two-factor \
             authentication on. If you cannot sign in after that, contact support.",
        )
}

fn password_reset(head: &Letterhead, what: &Circumstances) -> Letter {
    happened(
        head,
        "The password of",
        "was reset with a link sent to this email address",
        what,
    )
    .paragraph(
        "Every session of the account has ended. Two-factor authentication is as it was before.",
    )
    .paragraph(
        "If it was not you, somebody can read your mail. Change the password of your mailbox \
         first, then ask for another password reset on the sign-in page, and contact support.",
    )
}

fn two_factor_enabled(head: &Letterhead, what: &Circumstances) -> Letter {
    happened(head, TWO_FACTOR, "was turned on", what)
    .paragraph("Every other session of the account has ended.")
    .paragraph(
        "Look after the device: lock its screen, tell nobody a code, and type codes only into \
         the sign-in page. No member of staff ever asks for one. Before you give the device \
         away, turn two-factor authentication off and on again with the new one.",
    )
    .paragraph(
        "If the device is ever lost, do not reset your password, which would end the sessions \
         that you need. There are two ways out:",
    )
    .list(ways_out(head))
    .paragraph(
        "If it was not you, somebody knows your password and now holds the codes to your account. \
         Contact support at once. A password reset alone does not turn two-factor authentication \
         off.",
    )
}

fn two_factor_disabled(head: &Letterhead, what: &Circumstances) -> Letter {
    happened(head, TWO_FACTOR, "was turned off", what)
        .paragraph("The password alone now signs in. Every other session of the account has ended.")
        .paragraph(
            "If it was not you, somebody knows your password. Reset it at once: ask for a password \
         reset on the sign-in page. A reset ends every session. Then turn two-factor \
         authentication on again, and contact support.",
        )
}

fn account_unlocked(head: &Letterhead, at: DateTime<Utc>, two_factor_was_on: bool) -> Letter {
    let service = &head.service_name;
    let now = if two_factor_was_on {
        "Two-factor authentication was turned off, every session of the account has ended, and \
         any wait after wrong attempts is over. You can sign in with your password alone. Turn \
         two-factor authentication on again afterwards, with the device that you have now."
    } else {
        "Every session of the account has ended, and any wait after wrong attempts is over. You \
         can sign in with your password. Two-factor authentication is off, as it was before."
    };
    Letter::default()
        .paragraph(&format!(
            "Your account at {service} was unlocked by a member of the support staff."
        ))
        .list([format!("When: {}", moment(at))])
        .paragraph(now)
        .paragraph(
            "If you did not ask for this, somebody may have pretended to be you. Contact support \
             at once, then reset your password: ask for a password reset on the sign-in page.",
        )
}

fn account_erased(head: &Letterhead, at: DateTime<Utc>) -> Letter {
    let service = &head.service_name;
    Letter::default()
        .paragraph(&format!(
            "Your account at {service} was erased by the people who run the service."
        ))
        .list([format!("When: {}", moment(at))])
        .paragraph(
            "Every session has ended. The password, two-factor authentication and the key to what \
             the account's history said about you are destroyed: nobody can sign in to the account \
             or bring it back. This is the last mail about it. You can open a new account with \
             this email address.",
        )
        .paragraph("If you did not ask for this, contact support.")
}

fn wrong_code(head: &Letterhead, what: &Circumstances) -> Letter {
    let service = &head.service_name;
    Letter::default()
        .paragraph(&format!(
            "Somebody gave the right password of your account at {service}, and then a wrong code \
             for two-factor authentication. The sign-in was stopped, and nothing has changed."
        ))
        .list(whence(what))
        .paragraph("If it was you, just try again with the next code that your device shows.")
        .paragraph(
            "If it was not you, somebody knows your password, and only the code has kept them \
             out. Choose a new password now: sign in, open Settings and change it. Tell nobody a \
             code, whatever reason is given. If you cannot sign in, contact support.",
        )
}

fn test(head: &Letterhead) -> Letter {
    let service = &head.service_name;
    Letter::default().paragraph(&format!(
        "This is a test mail from {service}. Its mail settings work. There is nothing to do."
    ))
}

const TWO_FACTOR: &str =
    "Two-factor authentication (a code from a device, asked for after the password) for";

const DO_NOT_RESET: &str = "If the device for two-factor authentication is lost, do NOT reset the \
     password: a reset ends every session, also those that could still help you, and the code is \
     asked for all the same. There are two ways out instead:";

fn ways_out(head: &Letterhead) -> [String; 2] {
    let contact = match &head.support_contact {
        Some(contact) => format!(": {contact}"),
        None => ".".to_owned(),
    };
    [
        "A session that is still signed in, in any browser: open Settings, Two-Factor \
         Authentication, give your password and choose Disable."
            .to_owned(),
        format!("Support, who can unlock your account{contact}"),
    ]
}

fn happened(head: &Letterhead, what: &str, done: &str, circumstances: &Circumstances) -> Letter {
    let service = &head.service_name;
    Letter::default()
        .paragraph(&format!("{what} your account at {service} {done}."))
        .list(whence(circumstances))
}

fn whence(circumstances: &Circumstances) -> Vec<String> {
    let ip = circumstances.ip.as_deref().and_then(parsed);
    let browser = circumstances.user_agent.as_deref().and_then(browser::name);
    let mut facts = vec![format!("When: {}", moment(circumstances.at))];
    facts.extend(ip.map(|ip| format!("From: {ip}")));
    facts.extend(browser.map(|name| format!("With: {name}")));
    facts
}

fn parsed(ip: &str) -> Option<IpAddr> {
    ip.parse().ok()
}

fn link_terms(expires_at: DateTime<Utc>) -> String {
    format!("The link works once, until {}.", moment(expires_at))
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M:%S UTC").to_string()
}

fn signed(letter: Letter, head: &Letterhead) -> String {
    let service = &head.service_name;
    let letter = match &head.support_contact {
        Some(contact) => letter
            .paragraph("Questions, or something is wrong? Contact support:")
            .alone(contact),
        None => letter.paragraph(&format!(
            "Questions, or something is wrong? Contact the people who run {service}."
        )),
    };
    letter
        .paragraph(&format!("{service}, {}", head.public_url))
        .finish()
}

#[cfg(test)]
mod tests;
