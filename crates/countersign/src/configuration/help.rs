//! The settings as `--help` tells them.

use std::fmt::Write as _;

use super::SETTINGS;

/// All settings with their variables, for the end of a command's help.
pub fn settings_help() -> String {
    let mut text = String::from(
        "Settings. A flag wins over a variable, a variable over countersign.toml, and that over \
         the default.\nA key in countersign.toml is the variable's name in small letters without \
         its COUNTERSIGN_.\nAn empty variable counts as not set.\n",
    );
    for setting in SETTINGS {
        let flag = setting
            .flag_name()
            .map_or_else(String::new, |flag| format!(" ({flag})"));
        let (variable, help, default) = (setting.variable, setting.help(), setting.default_text());
        let _ = write!(
            text,
            "\n  {variable}{flag}\n      {help}\n      [default: {default}]\n"
        );
    }
    text.push_str(
        "\nAnd: COUNTERSIGN_CONFIG, the configuration file (--config); \
         COUNTERSIGN_TOKEN, the staff token of `support` and `audit`.\n",
    );
    text
}

/// The help of a flag that sets `key`.
pub fn flag_help(key: &str) -> String {
    SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .map_or_else(String::new, |setting| {
            let (help, default) = (setting.help(), setting.default_text());
            format!("{help} [{}; default: {default}]", setting.variable)
        })
}
