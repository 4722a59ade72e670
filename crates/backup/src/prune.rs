//! Letting go of old backups.

use std::collections::HashSet;

use crate::error::Error;
use crate::manifest::{self, manifests};
use crate::target::Target;

/// Deletes all backups but the newest `keep` ones, and contents that none of those has. Returns how many backups went. Not
/// while another backup is taken: its contents are not named by a manifest yet.
///
/// # Errors
/// When the target cannot be read or changed, or a backup that stays is damaged: then no content is deleted.
pub fn prune(target: &dyn Target, keep: usize) -> Result<usize, Error> {
    let names = manifests(target)?;
    let (old, kept) = names.split_at(names.len().saturating_sub(keep.max(1)));
    if old.is_empty() {
        return Ok(0);
    }
    let mut needed = HashSet::new();
    for name in kept {
        needed.extend(manifest::load(target, name)?.entries.iter().map(manifest::Entry::key));
    }
    // Manifests first: none may name a content that is gone.
    for name in old {
        let key = format!("{}{name}", manifest::PREFIX);
        target.delete(&key).map_err(Error::of_key("delete", &key))?;
    }
    for key in target.list("objects/").map_err(Error::of_key("list", "objects/"))? {
        if !needed.contains(&key) {
            target.delete(&key).map_err(Error::of_key("delete", &key))?;
        }
    }
    Ok(old.len())
}
