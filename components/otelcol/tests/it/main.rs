//! Exporters against peers of ours.
