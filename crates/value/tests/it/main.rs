//! Decoding by derived tables.
