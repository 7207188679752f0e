//! Delivery by a protocol of the test.
