//! How a deployment is set up.

/// How a deployment differs from the default.
#[derive(Clone, Debug)]
pub struct Options {
    pub servers: usize,
    /// A private PostgreSQL of the product's own, instead of a database of the test run's.
    pub embedded: bool,
    /// More settings, as variables.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            servers: 1,
            embedded: false,
            settings: Vec::new(),
        }
    }
}

impl Options {
    #[must_use]
    pub fn servers(mut self, servers: usize) -> Self {
        self.servers = servers;
        self
    }

    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.embedded = true;
        self
    }

    #[must_use]
    pub fn setting(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }
}
