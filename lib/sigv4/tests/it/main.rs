//! The signature against what others compute.

mod botocore;
mod suite;
