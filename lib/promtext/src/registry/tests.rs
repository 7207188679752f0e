use super::*;
use crate::model::Series;
use crate::{Format, Point, encode};

fn text(registry: &Registry) -> String {
    let gathered = registry.gather();
    assert_eq!(gathered.errors, []);
    encode(&gathered.families, Format::Text)
}

#[test]
fn scopes_merge_and_disappear() {
    let root = Registry::new();
    let a = root.scoped(&[("component_id", "a"), ("component_path", "/")]).unwrap();
    let b = root.scoped(&[("component_id", "b")]).unwrap();
    a.counter_vec("lines_total", "Lines.", &["path"])
        .unwrap()
        .with(&["/x"])
        .inc();
    b.counter_vec("lines_total", "Other text.", &["path"])
        .unwrap()
        .with(&["/y"])
        .add(2);
    root.gauge("up", "Up.").unwrap().set(1.0);
    let expect = "\
# HELP lines_total Lines.
# TYPE lines_total counter
lines_total{component_id=\"a\",component_path=\"/\",path=\"/x\"} 1
lines_total{component_id=\"b\",path=\"/y\"} 2
# HELP up Up.
# TYPE up gauge
up 1
";
    assert_eq!(text(&root), expect);
    drop(a);
    assert!(!text(&root).contains("component_id=\"a\""));
    let kept = b.clone();
    b.close();
    assert_eq!(text(&root), "# HELP up Up.\n# TYPE up gauge\nup 1\n");
    assert_eq!(kept.gauge("x", "").unwrap_err(), RegisterError::Closed);
    assert_eq!(kept.scoped(&[]).err(), Some(RegisterError::Closed));
}

#[test]
fn closing_a_scope_closes_the_scopes_in_it() {
    let root = Registry::new();
    let module = root.scoped(&[("module", "m")]).unwrap();
    let inner = module.scoped(&[("component_id", "c")]).unwrap();
    inner.counter("a_total", "").unwrap().inc();
    assert!(text(&root).contains("a_total{component_id=\"c\",module=\"m\"} 1"));
    module.close();
    assert_eq!(text(&root), "");
    assert_eq!(inner.counter("b_total", "").unwrap_err(), RegisterError::Closed);
}

#[test]
fn a_name_has_one_type_for_as_long_as_somebody_has_it() {
    let root = Registry::new();
    let a = root.scoped(&[("id", "a")]).unwrap();
    let b = root.scoped(&[("id", "b")]).unwrap();
    let _counter = a.counter("x", "").unwrap();
    let error = b.gauge("x", "").unwrap_err();
    assert_eq!(
        error.to_string(),
        "metric \"x\" is already registered as a counter, it cannot be a gauge too"
    );
    a.close();
    b.gauge("x", "").unwrap().set(2.0);
    assert!(text(&root).contains("x{id=\"b\"} 2"));
}

#[test]
fn asking_again_gives_the_same_metric() {
    let root = Registry::new();
    root.counter_vec("a_total", "", &["x"]).unwrap().with(&["1"]).inc();
    let again = root.counter_vec("a_total", "", &["x"]).unwrap();
    assert_eq!(again.with(&["1"]).get(), 1.0);
    let error = root.counter_vec("a_total", "", &["y"]).err();
    assert_eq!(error, Some(RegisterError::AlreadyRegistered("a_total".into())));
    assert!(matches!(
        root.gauge_vec("a_total", "", &["x"]).err(),
        Some(RegisterError::TypeConflict { .. })
    ));
    root.histogram("h", "", &[1.0, 2.0]).unwrap().observe(1.0);
    assert_eq!(root.histogram("h", "", &[2.0, 1.0]).unwrap().count(), 1);
    assert!(root.histogram("h", "", &[3.0]).is_err());
    assert_eq!(
        root.gauge_vec("", "", &[]).err(),
        Some(RegisterError::InvalidName(String::new()))
    );
    assert_eq!(
        root.histogram_vec("h2", "", &["le"], &[]).err(),
        Some(RegisterError::InvalidName("le".into()))
    );
}

#[test]
fn series_are_removed() {
    let root = Registry::new();
    let gauges = root.gauge_vec("g", "", &["path"]).unwrap();
    for path in ["/a", "/b", "/c"] {
        gauges.with(&[path]).set(1.0);
    }
    assert!(gauges.remove(&["/a"]));
    assert!(!gauges.remove(&["/a"]));
    gauges.retain(|values, _| &*values[0] != "/b");
    assert_eq!(root.gather().families[0].series.len(), 1);
    gauges.clear();
    assert_eq!(root.gather(), Gathered::default());
}

struct Foreign(Vec<Family>);

impl Collector for Foreign {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self, families: &mut Vec<Family>) {
        families.extend(self.0.iter().cloned());
    }
}

#[test]
fn collectors_of_unknown_families_are_checked_at_the_scrape() {
    let root = Registry::new();
    root.counter("a", "").unwrap().inc();
    root.gauge("b", "").unwrap().set(1.0);
    let mut wrong_type = Family::new("a", "", Kind::Gauge);
    wrong_type.push(vec![("x".into(), "y".into())], 1.0);
    let mut twice = Family::new("b", "", Kind::Gauge);
    twice.push(Vec::new(), 2.0);
    let mut misfit = Family::new("c", "", Kind::Counter);
    let point = Point::Histogram {
        buckets: Vec::new(),
        sum: 0.0,
        count: 0,
    };
    misfit.series.push(Series {
        labels: Vec::new(),
        point,
    });
    let registration = root
        .register(Arc::new(Foreign(vec![wrong_type, twice, misfit])))
        .unwrap();
    let gathered = root.gather();
    let errors: Vec<String> = gathered.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "metric \"a\": collected with more than one type",
            "metric \"c\": a value does not fit the type of the family",
            "metric \"b\": 1 series collected more than once",
        ]
    );
    assert_eq!(gathered.families.len(), 2);
    drop(registration);
    assert_eq!(root.gather().errors, []);
}

#[test]
fn a_registration_can_be_kept() {
    let root = Registry::new();
    let mut family = Family::new("f", "", Kind::Untyped);
    family.push(Vec::new(), 1.0);
    root.register(Arc::new(Foreign(vec![family]))).unwrap().forever();
    assert_eq!(text(&root), "# TYPE f untyped\nf 1\n");
}
