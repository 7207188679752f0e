//! Delivery of samples by lanes of series, a protocol of the tests; and of anything over HTTP.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod chaos;
mod fates;
mod http;
mod interrupted;
mod overload;
mod samples;
mod world;
