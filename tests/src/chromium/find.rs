//! Fields, buttons and links, by what is written on them.

use serde_json::json;
use thirtyfour::WebElement;

use super::{Chromium, PATIENCE, eventually};

/// Elements of a kind whose text is the wanted one; else those whose text begins with it. Those in
/// the main part of the page come before those around it.
const FIND: &str = r"
const [kind, wanted, beside] = arguments;
const said = (it) => (it.innerText || it.value || it.getAttribute('aria-label') || '')
    .replace(/\s+/g, ' ').trim();
const seen = (it) => it.checkVisibility({ visibilityProperty: true });
const around = 'tr, li, article, section, fieldset, form, details, dl > div';
let places = [document];
if (beside) {
    const all = [...document.querySelectorAll(around)].filter((it) => said(it).includes(beside));
    places = all.filter((it) => !all.some((other) => other !== it && it.contains(other)));
}
const kinds = {
    field: 'label',
    button: 'button, input[type=submit], input[type=button], summary, [role=button]',
    link: 'a[href]',
};
const all = places.flatMap((place) => [...place.querySelectorAll(kinds[kind])]).filter(seen);
let found = all.filter((it) => said(it) === wanted);
if (found.length === 0) found = all.filter((it) => said(it).startsWith(wanted));
if (kind === 'field') found = found.map((label) => label.control).filter(Boolean);
const main = found.filter((it) => it.closest('main'));
return main.length > 0 ? main : found;
";

/// Whether what was clicked, or had the focus when Enter was pressed, leaves this document.
const LEAVES: &str = r"
const [it, enter] = arguments;
const link = it.closest('a[href]');
if (link) {
    const elsewhere = link.href.split('#')[0] !== location.href.split('#')[0];
    return (elsewhere || !link.href.includes('#')) && !link.target && !link.download;
}
const submits = it.type === 'submit' || (enter && it.tagName === 'INPUT');
return Boolean(submits && it.form)
    && (it.formNoValidate || it.form.noValidate || it.form.matches(':valid'));
";

impl Chromium {
    /// Writes into the field with this label, in place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.find("field", label, None).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// What is in the field with this label.
    pub async fn filled(&self, label: &str) -> String {
        let field = self.find("field", label, None).await;
        field.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Clicks the checkbox or radio button with this label.
    pub async fn tick(&self, label: &str) {
        let field = self.find("field", label, None).await;
        field.click().await.unwrap();
    }

    /// Chooses an option of the list with this label.
    pub async fn choose(&self, label: &str, option: &str) {
        let list = self.find("field", label, None).await;
        list.send_keys(option).await.unwrap();
        let chosen = "return arguments[0].selectedOptions[0]?.label.trim()";
        let chosen = self.ask_about(chosen, vec![list.to_json().unwrap()]).await;
        assert_eq!(chosen, option, "options of {label}");
    }

    pub async fn press(&self, button: &str) {
        let button = self.find("button", button, None).await;
        self.click(&button).await;
    }

    /// Presses the button in the row, the item or the section that says `text`.
    pub async fn press_beside(&self, text: &str, button: &str) {
        let button = self.find("button", button, Some(text)).await;
        self.click(&button).await;
    }

    pub async fn follow(&self, link: &str) {
        let link = self.find("link", link, None).await;
        self.click(&link).await;
    }

    /// The only one there is, waiting for it to appear.
    async fn find(&self, kind: &str, wanted: &str, beside: Option<&str>) -> WebElement {
        let about = vec![json!(kind), json!(wanted), json!(beside)];
        let found = eventually(async || {
            let found = self.session.execute(FIND, about.clone()).await.ok()?;
            let found = found.elements().ok()?;
            (!found.is_empty()).then_some(found)
        });
        let mut found = found.await.unwrap_or_default();
        if found.len() != 1 {
            let count = found.len();
            let situation = self.situation().await;
            panic!("{count} of {kind} {wanted:?}, beside {beside:?}, {situation}");
        }
        found.remove(0)
    }

    async fn click(&self, element: &WebElement) {
        let leaves = self.leaves(element, false).await;
        let document = self.root().await;
        element.click().await.unwrap();
        if leaves {
            Self::is_left(&document).await;
        }
    }

    pub(super) async fn leaves(&self, element: &WebElement, enter: bool) -> bool {
        let about = vec![element.to_json().unwrap(), json!(enter)];
        self.ask_about(LEAVES, about).await == true
    }

    /// Chromedriver may answer before the browser begins to load the next page, and the test would
    /// look at the old one. A script that keeps the page only costs the wait.
    pub(super) async fn is_left(document: &WebElement) {
        let gone = async {
            while document.tag_name().await.is_ok() {
                tokio::time::sleep(super::BETWEEN_LOOKS).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE / 2, gone).await;
    }
}
