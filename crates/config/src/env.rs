//! `${NAME}` in values that ask for it.
//!
//! Only chosen fields are expanded (external labels, URLs, secrets), as in Prometheus: the text of a whole file may hold
//! `${1}` of a relabel rule, which is not an environment variable.

/// Why a value could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// `${` without its brace.
    #[error("\"${{\" at byte {at} has no closing brace")]
    Unclosed {
        /// Byte offset in the value.
        at: usize,
    },
    /// The variable is not there.
    #[error("environment variable {name} is not set; set it or write ${{{name}:-default}}")]
    Unset {
        /// Its name.
        name: String,
    },
}

/// Replaces `${NAME}` by the variable's value, `${NAME:-default}` by the default when it is not set, and `$$` by `$`.
///
/// # Errors
/// When a brace is not closed, or a variable without a default is not set.
pub fn expand_env(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String, EnvError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        let tail = &rest[dollar + 1..];
        if let Some(after) = tail.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inner) = tail.strip_prefix('{') {
            let at = text.len() - rest.len() + dollar;
            let end = inner.find('}').ok_or(EnvError::Unclosed { at })?;
            out.push_str(&value_of(&inner[..end], &lookup)?);
            rest = &inner[end + 1..];
        } else {
            out.push('$');
            rest = tail;
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn value_of(inner: &str, lookup: &impl Fn(&str) -> Option<String>) -> Result<String, EnvError> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    lookup(name).or_else(|| default.map(str::to_owned)).ok_or_else(|| EnvError::Unset { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, EnvError> {
        expand_env(text, |name| (name == "HOST").then(|| "web-1".to_owned()))
    }

    #[test]
    fn replaces_variables_defaults_and_doubled_dollars() {
        assert_eq!(expand("a ${HOST} b").as_deref(), Ok("a web-1 b"));
        assert_eq!(expand("${NONE:-x}${HOST:-y}$$ $1").as_deref(), Ok("xweb-1$ $1"));
        assert_eq!(expand("${NONE}"), Err(EnvError::Unset { name: "NONE".into() }));
        assert_eq!(expand("ab${HOST"), Err(EnvError::Unclosed { at: 2 }));
    }
}
