//! `prometheus.scrape`

mod cache;
mod collect;
mod families;
mod labels;
#[cfg(test)]
mod sequences;
