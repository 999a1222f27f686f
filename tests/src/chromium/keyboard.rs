//! For who has no mouse.

use reqwest::Method;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::{RequestData, SessionId, WebElement};

use super::Chromium;

/// More than any page has.
const STOPS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Tab,
    ShiftTab,
    Enter,
    Space,
    Escape,
    Up,
    Down,
}

/// What has the focus, as assistive technology tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// Such as `button`, `textbox` or `link`.
    pub role: String,
    /// Its accessible name.
    pub label: String,
}

impl Chromium {
    pub async fn key(&self, key: Key) {
        let leaving = match key {
            Key::Enter => self.leaving_by_enter().await,
            Key::Tab | Key::ShiftTab | Key::Space | Key::Escape | Key::Up | Key::Down => None,
        };
        let chain = self.session.action_chain();
        let chain = match key {
            Key::ShiftTab => chain
                .key_down(thirtyfour::Key::Shift)
                .send_keys(thirtyfour::Key::Tab)
                .key_up(thirtyfour::Key::Shift),
            Key::Tab => chain.send_keys(thirtyfour::Key::Tab),
            Key::Enter => chain.send_keys(thirtyfour::Key::Enter),
            Key::Space => chain.send_keys(" "),
            Key::Escape => chain.send_keys(thirtyfour::Key::Escape),
            Key::Up => chain.send_keys(thirtyfour::Key::Up),
            Key::Down => chain.send_keys(thirtyfour::Key::Down),
        };
        chain.perform().await.unwrap();
        if let Some(document) = leaving {
            Self::is_left(&document).await;
        }
    }

    /// Types into whatever has the focus.
    pub async fn types(&self, text: &str) {
        let chain = self.session.action_chain().send_keys(text);
        chain.perform().await.unwrap();
    }

    /// Presses Tab until what has this label has the focus.
    pub async fn tab_to(&self, label: &str) {
        let mut passed = Vec::new();
        for _ in 0..STOPS {
            self.key(Key::Tab).await;
            let focus = self.focus().await;
            if focus.label == label {
                return;
            }
            passed.push(focus.label);
        }
        panic!("Tab does not reach {label:?}, only {passed:?}");
    }

    pub async fn focus(&self) -> Focus {
        let focused = self.focused().await;
        Focus {
            role: self.computed(&focused, "role").await,
            label: self.computed(&focused, "label").await,
        }
    }

    pub(super) async fn focused(&self) -> WebElement {
        self.session.active_element().await.unwrap()
    }

    /// The document, if Enter is going to leave it.
    async fn leaving_by_enter(&self) -> Option<WebElement> {
        let focused = self.focused().await;
        let leaves = self.leaves(&focused, true).await;
        if leaves {
            Some(self.root().await)
        } else {
            None
        }
    }

    async fn computed(&self, element: &WebElement, what: &'static str) -> String {
        let element = element.element_id().to_string();
        let answer = self.session.cmd(Computed { element, what }).await;
        answer.unwrap().value().unwrap()
    }
}

/// `GET /session/…/element/…/computedrole` and `computedlabel`.
#[derive(Debug)]
struct Computed {
    element: String,
    what: &'static str,
}

impl FormatRequestData for Computed {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let Self { element, what } = self;
        let path = format!("/session/{session}/element/{element}/computed{what}");
        RequestData::new(Method::GET, path)
    }
}
