//! Tokens that nobody handed out.

/// One that differs from `token` in a single character of its secret.
pub fn forged(token: &str) -> String {
    let place = token.len() - 5..token.len() - 4;
    let other = if &token[place.clone()] == "A" {
        "B"
    } else {
        "A"
    };
    let mut forged = token.to_owned();
    forged.replace_range(place, other);
    forged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_token_is_never_the_real_one() {
        for token in [
            "cs_device_xxxAyyyy",
            "cs_device_xxxByyyA",
            "cs_device_xxx_yyyy",
        ] {
            assert_ne!(forged(token), token);
            assert_eq!(forged(token).len(), token.len());
        }
    }
}
