//! What is wrong with a form, said at the field that it is about.

/// Names of fields with what is wrong there.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(&'static str, String)>);

impl Faults {
    pub(crate) fn at(field: &'static str, message: String) -> Self {
        Self(vec![(field, message)])
    }

    pub(crate) fn add(&mut self, field: &'static str, message: String) {
        self.0.push((field, message));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == field);
        found.map(|(_, message)| message.as_str())
    }
}
