//! loki
