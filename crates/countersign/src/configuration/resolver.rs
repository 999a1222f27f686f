//! Finds the text of each setting in the strongest layer that has one, and collects what
//! is wrong instead of stopping at the first mistake.

use std::collections::BTreeMap;

use super::file::{self, FileValues};
use super::secret_url::{HIDDEN, hide_passwords};
use super::setting::{Earlier, Entry, Fallback, Origin, Setting};
use super::{Facts, Sources};

pub(super) struct Resolver<'a> {
    sources: &'a Sources,
    file: FileValues,
    facts: Facts,
    earlier: Earlier,
    entries: Vec<Entry>,
    problems: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(sources: &'a Sources, facts: Facts) -> Self {
        let (file, problems) = match &sources.file {
            Some(given) => file::read(given),
            None => (BTreeMap::new(), Vec::new()),
        };
        Self {
            sources,
            file,
            facts,
            earlier: Earlier::new(),
            entries: Vec::new(),
            problems,
        }
    }

    /// Parses a setting; an empty text means that it is not set, which a parser of an
    /// optional value or of a list accepts.
    pub(super) fn take<T>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (text, origin) = self.look_up(&setting);
        let outcome = parse(&text);
        let shown = match (setting.is_secret, &outcome) {
            (false, _) => text.clone(),
            (true, Ok(_)) => hide_passwords(&text),
            // Where the password is in a text that is no URL nobody can tell.
            (true, Err(_)) => HIDDEN.to_owned(),
        };
        if let Err(message) = &outcome {
            self.problems
                .push(problem(&setting, &origin, &shown, message));
        }
        self.entries.push(Entry {
            key: setting.key,
            variable: setting.variable,
            value: (!shown.is_empty()).then_some(shown),
            origin,
        });
        self.earlier.insert(setting.key, text);
        outcome.ok()
    }

    pub(super) fn finish(self) -> (Vec<Entry>, Vec<String>) {
        (self.entries, self.problems)
    }

    fn look_up(&self, setting: &Setting) -> (String, Origin) {
        if let (Some(text), Some(name)) = (self.sources.flags.get(setting.key), setting.flag_name())
        {
            return (text.trim().to_owned(), Origin::Flag { name });
        }
        if let Some(text) = self.sources.environment.get(setting.variable)
            && !text.trim().is_empty()
        {
            let name = setting.variable;
            return (text.trim().to_owned(), Origin::Variable { name });
        }
        if let (Some(text), Some(given)) = (self.file.get(setting.key), &self.sources.file) {
            let path = given.path.clone();
            return (text.trim().to_owned(), Origin::File { path });
        }
        let text = match setting.fallback {
            Fallback::Nothing => String::new(),
            Fallback::Text(text) => text.to_owned(),
            Fallback::Derived(_, from) => from(&self.earlier, self.facts),
        };
        (text, Origin::Default)
    }
}

fn problem(setting: &Setting, origin: &Origin, shown: &str, message: &str) -> String {
    match origin {
        Origin::Flag { name } => format!("{name} {shown}: {message}"),
        Origin::Variable { name } => format!("{name}={shown}: {message}"),
        Origin::File { path } => {
            format!(
                "{}: {} = \"{shown}\": {message}",
                path.display(),
                setting.key
            )
        }
        Origin::Default => format!("{} ({shown} by default): {message}", setting.variable),
    }
}
