//! loki-source
