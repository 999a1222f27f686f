//! Just enough of HTML to read our own pages: what they are written with is escaped, and every
//! attribute stands in double quotes.

/// The form that leads to `action`, from its tag to its end.
pub(crate) fn form<'a>(html: &'a str, action: &str) -> Option<&'a str> {
    let at = html.find(&format!("action=\"{action}\""))?;
    let begin = html[..at].rfind("<form")?;
    let end = at + html[at..].find("</form>")?;
    Some(&html[begin..end])
}

/// What a browser sends along without asking.
pub(crate) fn hidden_fields(form: &str) -> Vec<(String, String)> {
    let hidden = |tag: &&str| attribute(tag, "type").as_deref() == Some("hidden");
    tags(form)
        .filter(|tag| tag.starts_with("input"))
        .filter(hidden)
        .map(|tag| {
            let value = attribute(tag, "value").unwrap_or_default();
            (attribute(tag, "name").unwrap(), value)
        })
        .collect()
}

/// The token of the form that leads to `action`.
pub(crate) fn form_token(html: &str, action: &str) -> String {
    let form = form(html, action).unwrap_or_else(|| panic!("no form to {action} in {html}"));
    let mut fields = hidden_fields(form).into_iter();
    fields.find(|(name, _)| name == "form_token").unwrap().1
}

/// What stands between `<` and `>`, again and again.
pub(crate) fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<')
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap())
}

/// Names and values of a tag's attributes.
pub(crate) fn attributes(tag: &str) -> Vec<(String, String)> {
    let parts = tag.split('"').collect::<Vec<_>>();
    parts
        .chunks_exact(2)
        .map(|pair| {
            let name = pair[0].split_whitespace().last().unwrap_or_default();
            (name.trim_end_matches('=').to_owned(), unescaped(pair[1]))
        })
        .collect()
}

pub(crate) fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut all = attributes(tag).into_iter();
    all.find(|(found, _)| found == name).map(|(_, value)| value)
}

/// Every value of an attribute on a page.
pub(crate) fn values(html: &str, name: &str) -> Vec<String> {
    tags(html).filter_map(|tag| attribute(tag, name)).collect()
}

pub(crate) fn unescaped(text: &str) -> String {
    let mut parts = text.split("&#");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap();
        plain.push(char::from_u32(number.parse().unwrap()).unwrap());
        plain.push_str(rest);
    }
    plain
}
