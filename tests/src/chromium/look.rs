//! How a page looks, to eyes and to tools.

use serde_json::Value;
use thirtyfour::By;

use super::Chromium;
use crate::oracle;

/// Where `scripts/test` puts axe-core.
const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../target/axe/node_modules/axe-core/axe.min.js"
);

/// The rules of WCAG 2.2 AA and best practices. Some, such as the size of targets, only run when
/// their tag is named.
const RUN_AXE: &str = r"
const done = arguments[0];
const values = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] })
    .then(({ violations }) => done(violations), (error) => done(String(error)));
";

/// Compares the focused element with a copy of it that has no focus.
const FOCUS_IS_VISIBLE: &str = r"
const focused = document.activeElement;
if (!focused || focused === document.body) return false;
const copy = focused.cloneNode(false);
copy.removeAttribute('name');
copy.removeAttribute('autofocus');
const looks = (it) => {
    const style = getComputedStyle(it);
    const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
        && style.outlineColor !== 'rgba(0, 0, 0, 0)';
    return {
        outline: outlined ? style.outlineStyle + style.outlineWidth + style.outlineColor : '',
        shadow: style.boxShadow === 'none' ? '' : style.boxShadow,
    };
};
const now = looks(focused);
focused.after(copy);
const without = looks(copy);
copy.remove();
return (now.outline !== '' && now.outline !== without.outline)
    || (now.shadow !== '' && now.shadow !== without.shadow);
";

/// The elements that reach beyond the right edge of a page that is too wide.
const OVERFLOW: &str = r"
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= width) return [];
const over = [...document.querySelectorAll('body, body *')]
    .filter((it) => it.getBoundingClientRect().right > width + 0.5)
    .map((it) => it.outerHTML.slice(0, 120));
return over.length > 0 ? over : ['something without a box'];
";

/// A rule of axe-core's that the page breaks.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Such as `color-contrast`.
    pub rule: String,
    pub help: String,
    /// The elements, as HTML.
    pub elements: Vec<String>,
}

impl Chromium {
    /// What is in the window, as PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.session.screenshot_as_png().await.unwrap()
    }

    /// What the QR code on the page says to `zbarimg`, as it is drawn on the screen.
    pub async fn qr_code(&self) -> String {
        let code = "svg[aria-label*='QR'], img[alt*='QR'], [role=img][aria-label*='QR']";
        let code = self.session.find(By::Css(code)).await;
        let Ok(code) = code else {
            panic!("no QR code {}", self.situation().await);
        };
        // What is below the window's edge is not in the picture.
        code.scroll_into_view().await.unwrap();
        let picture = self.driver.folder().join("qr.png");
        std::fs::write(&picture, code.screenshot_as_png().await.unwrap()).unwrap();
        oracle::zbarimg(&picture)
    }

    /// Whether one sees where the focus is: an outline or a shadow that is not there without it.
    pub async fn focus_is_visible(&self) -> bool {
        self.ask(FOCUS_IS_VISIBLE).await == true
    }

    /// What makes the page wider than the window; empty if all of it fits.
    pub async fn horizontal_overflow(&self) -> Vec<String> {
        texts(&self.ask(OVERFLOW).await)
    }

    /// The accessibility faults that axe-core sees.
    pub async fn axe(&self) -> Vec<Violation> {
        let axe = std::fs::read_to_string(AXE)
            .unwrap_or_else(|error| panic!("{AXE}: {error}: run scripts/test"));
        self.session.execute(axe, Vec::new()).await.unwrap();
        let run = self.session.execute_async(RUN_AXE, Vec::new()).await;
        let found = run.unwrap();
        let found = found.json().as_array();
        let found = found.unwrap_or_else(|| panic!("axe-core failed: {found:?}"));
        found.iter().map(Violation::read).collect()
    }
}

impl Violation {
    fn read(found: &Value) -> Self {
        let nodes = found["nodes"].as_array().unwrap();
        let elements = nodes.iter().map(|node| text(&node["html"]));
        Self {
            rule: text(&found["id"]),
            help: text(&found["help"]),
            elements: elements.collect(),
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
