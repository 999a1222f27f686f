//! Sets a mail's text: short lines, and what must be copied whole on a line of its own.

/// Below the 76 characters from which mail programs and encodings start to wrap.
const WIDTH: usize = 72;

/// The text of a mail while it is being written.
#[derive(Debug, Default)]
pub(crate) struct Letter {
    text: String,
}

impl Letter {
    /// Adds a paragraph; white space in it, line ends included, only separates words.
    pub(crate) fn paragraph(mut self, words: &str) -> Self {
        self.blank_line();
        self.wrapped("", words);
        self
    }

    /// Adds a list under the last paragraph.
    pub(crate) fn list(mut self, items: impl IntoIterator<Item = String>) -> Self {
        for item in items {
            self.text.push_str("- ");
            self.wrapped("  ", &item);
        }
        self
    }

    /// Adds a link or contact: one line, indented by nothing, followed by nothing.
    pub(crate) fn alone(mut self, whole: &str) -> Self {
        self.blank_line();
        let line: Vec<&str> = whole.split_whitespace().collect();
        self.text.push_str(&line.join(" "));
        self.text.push('\n');
        self
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn blank_line(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn wrapped(&mut self, indent: &str, words: &str) {
        let mut column = indent.len();
        for (index, word) in words.split_whitespace().enumerate() {
            let width = word.chars().count();
            if index > 0 {
                if column + 1 + width > WIDTH {
                    self.text.push('\n');
                    self.text.push_str(indent);
                    column = indent.len();
                } else {
                    self.text.push(' ');
                    column += 1;
                }
            }
            self.text.push_str(word);
            column += width;
        }
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_wrapped_and_separated() {
        let text = Letter::default()
            .paragraph(&"word ".repeat(40))
            .paragraph("Second.")
            .finish();
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.ends_with("word\n\nSecond.\n"), "{text}");
    }

    #[test]
    fn a_long_link_stays_whole() {
        let link = format!("https://id.example/reset/{}", "x".repeat(200));
        let text = Letter::default()
            .paragraph("Open:")
            .alone(&link)
            .paragraph("Bye.")
            .finish();
        assert_eq!(text, format!("Open:\n\n{link}\n\nBye.\n"));
    }

    #[test]
    fn a_line_end_inside_a_paragraph_or_link_starts_no_line() {
        let text = Letter::default()
            .paragraph("one\r\n\r\ntwo")
            .alone("three\nfour")
            .finish();
        assert_eq!(text, "one two\n\nthree four\n");
    }

    #[test]
    fn a_list_hangs_below_its_marks() {
        let text = Letter::default()
            .paragraph("Ways:")
            .list(["word ".repeat(20), "other".to_owned()])
            .finish();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].starts_with("- word"));
        assert!(lines[2].starts_with("  word"));
        assert_eq!(lines[3], "- other");
    }
}
