//! Keys without a value.

use serde::{Deserialize, Deserializer};

/// Reads a key that is written without a value as its default, as Prometheus does:
/// `#[serde(deserialize_with = "bongsu_config::nullable")]`.
///
/// # Errors
/// When there is a value that is not of the form of `T`.
pub fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        size: u32,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Section {
        #[serde(deserialize_with = "crate::nullable")]
        inner: Inner,
        #[serde(deserialize_with = "crate::nullable")]
        list: Vec<u32>,
        #[serde(deserialize_with = "crate::nullable")]
        map: BTreeMap<String, u32>,
    }

    #[test]
    fn a_key_without_value_is_its_default() {
        let empty = crate::parse::<Section>("inner:\nlist: null\nmap: ~\n", "a.yml").unwrap();
        assert_eq!(empty, Section::default());
        let full = crate::parse::<Section>("inner: {size: 1}\nlist: [2]\nmap: {a: 3}\n", "a.yml").unwrap();
        assert_eq!((full.inner.size, full.list, full.map["a"]), (1, vec![2], 3));
        let error = crate::parse::<Section>("inner:\n  size: x\n", "a.yml").unwrap_err();
        assert!(error.to_string().starts_with("a.yml:2:9: "), "{error}");
    }
}
