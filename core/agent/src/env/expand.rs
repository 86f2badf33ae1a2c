//! `$(NAME)` in values, commands and arguments.

/// Replaces `$(NAME)` by its value; `$$` stands for one `$`, so `$$(NAME)` stays as `$(NAME)`. A
/// reference to an unknown name and a `$` before anything else stay as they are.
pub fn expand<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        }
        let reference = after
            .strip_prefix('(')
            .and_then(|inner| inner.find(')').map(|end| (&inner[..end], &inner[end + 1..])));
        match reference {
            Some((name, tail)) => {
                match value(name) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&rest[at..rest.len() - tail.len()]),
                }
                rest = tail;
            }
            None => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_expand_as_kubernetes_defines() {
        let value = |name: &str| match name {
            "A" => Some("alpha"),
            "DOLLAR" => Some("$(A)"),
            _ => None,
        };
        for (text, wanted) in [
            ("", ""),
            ("--name=$(A)", "--name=alpha"),
            ("$(A)$(A)", "alphaalpha"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$alpha"),
            ("$$$$(A)", "$$(A)"),
            ("$(B)", "$(B)"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
            ("$()", "$()"),
            ("$(DOLLAR)", "$(A)"),
            ("ä$(A)ö", "äalphaö"),
        ] {
            assert_eq!(expand(text, value), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_without_a_dollar_is_left_alone(text in "[^$]*") {
            prop_assert_eq!(expand(&text, |_| Some("x")), text);
        }
    }
}
