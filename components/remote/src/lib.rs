//! `remote.*`: values that lie elsewhere, asked for again and again.

mod http;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod poll;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[
    http::COMPONENT,
    #[cfg(feature = "kubernetes")]
    kubernetes::configmap::COMPONENT,
    #[cfg(feature = "kubernetes")]
    kubernetes::secret::COMPONENT,
];
