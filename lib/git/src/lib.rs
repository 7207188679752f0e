//! A copy of one revision of a git repository: fetched, readable from the object database, and written out as plain files.
//!
//! ```text
//! <dir>/repo.git   bare repository: what was fetched
//! <dir>/repo       the files of the revision that was synced last; replaced as a whole
//! <dir>/repo.lock  held while one of the two is touched
//! ```
//!
//! [`Repository::sync`] fetches and gives a [`Snapshot`]. Nothing here needs the `git` program: HTTP is spoken over reqwest and rustls, a
//! repository on this machine is read where it lies, and only SSH starts a program, `ssh`. All calls block; async code runs them on a
//! blocking thread.
//!
//! A tag or branch is fetched without its history. Only a commit that is named by its hash needs all of it, once.

mod address;
mod error;
mod fetch;
mod files;
mod http;
mod local;
mod repository;
mod revision;
mod ssh;
mod tree;

pub use address::Address;
pub use error::Error;
pub use repository::{Auth, Interrupt, Limits, Repository, Settings};
pub use revision::Revision;
pub use tree::{Entry, Snapshot};
