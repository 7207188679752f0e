//! Names of revisions, and what they mean.

use crate::Error;
use gix::ObjectId;
use gix::objs::Kind;
use gix::refs::FullName;
use std::collections::HashSet;
use std::fmt;

/// Where branches of the other side are kept.
pub(crate) const BRANCHES: &str = "refs/remotes/origin/";
/// Where tags are, on both sides.
pub(crate) const TAGS: &str = "refs/tags/";

/// The name of a tag or branch, or the hash of a commit, whole or its beginning; looked for in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// Checks the name. `HEAD`, `FETCH_HEAD` and their like are refused: what they mean depends on who fetched last.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let pseudo = name == "@"
            || name == "HEAD"
            || (name.ends_with("_HEAD") && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
        if pseudo {
            return Err(Error::new(format!(
                "revision {name:?} is not supported; use the name of a tag or branch, or the hash of a commit"
            )));
        }
        if FullName::try_from(format!("{TAGS}{name}")).is_err() {
            return Err(Error::new(format!(
                "revision {name:?} is not the name of a tag or branch, nor the hash of a commit"
            )));
        }
        Ok(Revision(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it may be a hash, or the beginning of one.
    pub(crate) fn may_be_hash(&self) -> bool {
        (4..=40).contains(&self.0.len()) && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// The hash that it is, if it is a whole one.
    pub(crate) fn hash(&self) -> Option<ObjectId> {
        ObjectId::from_hex(self.0.as_bytes()).ok()
    }

    pub(crate) fn not_found(&self, place: impl fmt::Display) -> Error {
        Error::new(format!(
            "{place} has no tag, no branch and no commit {:?}; check \"revision\"",
            self.0
        ))
    }

    /// The commit that it means in a repository that keeps branches below `branches`. `None` if there is none.
    pub(crate) fn resolve(&self, repo: &gix::Repository, branches: &str) -> Result<Option<ObjectId>, Error> {
        for prefix in [TAGS, branches] {
            if let Some(commit) = self.named(repo, prefix)? {
                return Ok(Some(commit));
            }
        }
        self.hashed(repo)
    }

    /// The commit of the reference below `prefix`.
    pub(crate) fn named(&self, repo: &gix::Repository, prefix: &str) -> Result<Option<ObjectId>, Error> {
        let name = format!("{prefix}{}", self.0);
        let unreadable = |error: &gix::Error| Error::git(format!("cannot read {name}"), error);
        let Some(mut reference) = repo
            .try_find_reference(name.as_str())
            .map_err(|error| unreadable(&error))?
        else {
            return Ok(None);
        };
        let commit = reference.peel_to_commit().map_err(|error| unreadable(&error))?;
        Ok(Some(commit.id))
    }

    /// The commit with this hash.
    pub(crate) fn hashed(&self, repo: &gix::Repository) -> Result<Option<ObjectId>, Error> {
        if !self.may_be_hash() {
            return Ok(None);
        }
        let unreadable = |error: &gix::Error| Error::git("cannot look for a commit", error);
        let prefix =
            gix::hash::Prefix::from_hex(&self.0.to_lowercase()).map_err(|error| Error::caused("revision", error))?;
        let mut candidates = HashSet::new();
        repo.objects
            .lookup_prefix(prefix, Some(&mut candidates))
            .map_err(|error| unreadable(&error))?;
        // The beginning of a hash names a commit, whatever files and trees begin the same.
        candidates.retain(|id| repo.find_header(*id).is_ok_and(|header| header.kind() == Kind::Commit));
        if candidates.len() > 1 {
            return Err(Error::new(format!(
                "{} commits begin with {:?}; give more of the hash",
                candidates.len(),
                self.0
            )));
        }
        Ok(candidates.into_iter().next())
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_references_and_expressions_are_refused() {
        for name in ["main", "v1.0", "feature/x", "0123abcd", "head"] {
            assert!(Revision::parse(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "HEAD",
            "FETCH_HEAD",
            "ORIG_HEAD",
            "@",
            "main~1",
            "main^",
            "a..b",
            "a b",
            "-x\0",
            "a:b",
            "*",
        ] {
            assert!(Revision::parse(name).is_err(), "{name}");
        }
    }
}
