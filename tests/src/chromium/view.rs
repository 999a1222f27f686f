//! What somebody sees a page with.

use serde_json::{Value, json};

/// A screen and its owner's preferences.
#[derive(Clone, Debug)]
pub struct View {
    width: u32,
    height: u32,
    zoom_percent: u32,
    dark: bool,
    still: bool,
    scripts: bool,
    language: Option<String>,
}

impl View {
    pub fn phone() -> Self {
        Self::of(360, 740)
    }

    pub fn tablet() -> Self {
        Self::of(768, 1024)
    }

    pub fn desktop() -> Self {
        Self::of(1440, 900)
    }

    pub fn of(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            zoom_percent: 100,
            dark: false,
            still: false,
            scripts: true,
            language: None,
        }
    }

    /// As the browser's own zoom does: fewer and larger pixels on the same screen.
    #[must_use]
    pub fn zoomed(mut self, percent: u32) -> Self {
        self.zoom_percent = percent;
        self
    }

    #[must_use]
    pub fn dark(mut self) -> Self {
        self.dark = true;
        self
    }

    /// Asks for reduced motion.
    #[must_use]
    pub fn still(mut self) -> Self {
        self.still = true;
        self
    }

    /// Pages run no scripts.
    #[must_use]
    pub fn without_scripts(mut self) -> Self {
        self.scripts = false;
        self
    }

    /// Such as `de-DE,de`: what `Accept-Language` is made of.
    #[must_use]
    pub fn language(mut self, languages: &str) -> Self {
        self.language = Some(languages.to_owned());
        self
    }

    pub(super) fn preferences(&self) -> Value {
        let mut preferences = json!({
            "credentials_enable_service": false,
            "profile.password_manager_leak_detection": false,
            // Not the page of a new tab, which is a small application.
            "session.restore_on_startup": 4,
            "session.startup_urls": ["about:blank"],
        });
        if !self.scripts {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        if let Some(language) = &self.language {
            preferences["intl.accept_languages"] = json!(language);
        }
        preferences
    }

    /// Commands of the DevTools protocol; they hold for every page of the tab.
    pub(super) fn emulation(&self) -> [(&'static str, Value); 2] {
        let screen = json!({
            "width": self.width * 100 / self.zoom_percent,
            "height": self.height * 100 / self.zoom_percent,
            "deviceScaleFactor": f64::from(self.zoom_percent) / 100.0,
            "mobile": false,
        });
        let scheme = if self.dark { "dark" } else { "light" };
        let motion = if self.still {
            "reduce"
        } else {
            "no-preference"
        };
        let media = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion },
        ] });
        [
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Emulation.setEmulatedMedia", media),
        ]
    }
}
