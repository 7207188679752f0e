//! Upstream's archives of configurations, run as they are: `../shared/upstream/alloy/runtime`.
//!
//! A program of its own, because configurations in them name files relative to the working directory.

mod components;

use component::Stability;
use components::{COMPONENTS, PATIENCE, Seen, lock, services};
use host::Host;
use libtest_mimic::{Arguments, Failed, Trial};
use promtext::Registry as Metrics;
use runtime::registry::{Allowed, Registry};
use runtime::sources::SourceFile;
use runtime::{Catalogue, Controller, LoadError, Options};
use signals::{Budget, Ledger};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;
use testkit::txtar::Archive;

fn archives() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream/alloy/runtime")
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !archives().is_dir() {
        eprintln!("skipped: {} is not there", archives().display());
        return ExitCode::SUCCESS;
    }
    let workplace = tempfile::tempdir().expect("a temporary folder");
    let git = repositories(workplace.path());
    let mut trials = Vec::new();
    for folder in sorted(&archives()) {
        for archive in sorted(&folder) {
            let name = format!("{}/{}", file_name(&folder), file_name(&archive));
            if folder.ends_with("import_git") && !git {
                eprintln!("skipped: {name} needs the programs git and tar");
                continue;
            }
            let place = workplace.path().join(name.replace('/', "-"));
            let folder = folder.clone();
            trials.push(Trial::test(name, move || run(&folder, &archive, &place)));
        }
    }
    assert!(trials.len() > 30, "the archives are there");
    std::env::set_current_dir(workplace.path()).expect("it is there");
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "txtar"))
        .collect();
    paths.sort();
    paths
}

/// Makes `testdata/repo.git` of upstream's archive, and `testdata/repo2.git`, which is not among its test data, with what
/// the first one expects to find in it. False if this machine cannot.
fn repositories(workplace: &Path) -> bool {
    let testdata = workplace.join("testdata");
    let (first, second) = (testdata.join("repo.git"), testdata.join("repo2.git"));
    for folder in [&first, &second] {
        std::fs::create_dir_all(folder).expect("a temporary folder");
    }
    let pass = std::fs::read(archives().join("repo.git.tar")).is_ok();
    let module =
        "declare \"aa\" {\n\targument \"input\" {}\n\texport \"output\" {\n\t\tvalue = argument.input.value\n\t}\n}\n";
    std::fs::write(second.join("pass.alloy"), module).expect("a temporary folder");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@example.org"]);
        succeeds(command.args(arguments).current_dir(&second))
    };
    let tar = archives().join("repo.git.tar");
    pass && succeeds(
        Command::new("tar")
            .args(["--no-same-owner", "-xf"])
            .arg(tar)
            .current_dir(&first),
    ) && git(&["init", "-q", "-b", "main"])
        && git(&["add", "."])
        && git(&["commit", "-q", "-m", "module"])
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

struct Bench {
    controller: Controller,
    seen: Arc<Seen>,
    metrics: Metrics,
}

fn bench(stability: Stability, module_path: &Path) -> Bench {
    let (services, seen) = services();
    let metrics = Metrics::new();
    let facts = eval::HostFacts {
        hostname: "host".to_owned(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v0.0.0".to_owned(),
        env: Arc::new(|_| None),
    };
    let controller = Controller::new(Options {
        id: String::new(),
        catalogue: Catalogue {
            registry: Registry::new(COMPONENTS.iter().copied(), []),
            config_blocks: Vec::new(),
            imports: import::KINDS,
            check: false,
            allowed: Allowed {
                stability,
                community: false,
            },
        },
        stdlib: eval::Stdlib::new(&facts),
        host: Host::real(),
        budget: Budget::unlimited(),
        ledger: Ledger::default(),
        metrics: metrics.clone(),
        services,
        storage: module_path.join("data"),
        module_path: module_path.display().to_string(),
        workers: 2,
        shutdown_deadline: Some(Duration::from_secs(60)),
        inspector: None,
    });
    Bench {
        controller,
        seen,
        metrics,
    }
}

impl Bench {
    async fn load(&self, text: &str) -> Result<(), LoadError> {
        let file = SourceFile {
            name: "main.alloy".to_owned(),
            text: text.as_bytes().to_vec(),
        };
        self.controller.load(&[file]).await.map(drop)
    }
}

fn run(folder: &Path, archive: &Path, place: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(archive)?;
    let archive = Archive::parse(&text);
    std::fs::create_dir_all(place)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match file_name(folder).as_str() {
            "import_error" => refused(&archive, place).await,
            "import_file" | "import_file_folder" | "import_git" | "import_http" => summed(&archive, place).await,
            "foreach" => received(&archive, place).await,
            "foreach_stringer" => written(&archive, place).await,
            "foreach_metrics" => measured(&archive, place).await,
            other => Err(format!("nobody knows what {other} archives assert").into()),
        }
    })
}

fn member<'a>(archive: &'a Archive, name: &str) -> Result<&'a str, Failed> {
    archive
        .get(name)
        .ok_or_else(|| format!("the archive has no {name}").into())
}

async fn eventually(what: &str, mut holds: impl FnMut() -> Result<(), String>) -> Result<(), Failed> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match holds() {
            Ok(()) => return Ok(()),
            Err(why) if tokio::time::Instant::now() > deadline => return Err(format!("{what}: {why}").into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

fn at_least(found: Option<i64>, bound: i64) -> Result<(), String> {
    match found {
        Some(found) if bound >= 0 && found >= bound => Ok(()),
        Some(found) if bound < 0 && found <= bound => Ok(()),
        found => Err(format!("{found:?} and not {bound}")),
    }
}

/// `import_error`: what the load says.
async fn refused(archive: &Archive, place: &Path) -> Result<(), Failed> {
    let bench = bench(Stability::PublicPreview, place);
    let expected = member(archive, "error")?.trim();
    let error = bench.load(member(archive, "main.alloy")?).await.err();
    bench.controller.stop().await;
    let text = error.map(|error| error.diagnostics.joined()).unwrap_or_default();
    match text.contains(expected) {
        true => Ok(()),
        false => Err(format!("{text:?} does not say {expected:?}").into()),
    }
}

/// Writes the files of an archive, and gives the names in it that stand for them in the configuration.
fn put(archive: &Archive, place: &Path) -> std::io::Result<()> {
    for file in &archive.files {
        let folder = match file.name.as_str() {
            name if name.starts_with("update/") => continue,
            "main.alloy" | "reload_config.alloy" | "added.alloy" => continue,
            _ => place.to_path_buf(),
        };
        let path = folder.join(&file.name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, &file.content)?;
        // Folder imports read all of a folder of this name.
        if !file.name.contains('/') {
            std::fs::create_dir_all(place.join("tmpTest"))?;
            std::fs::write(place.join("tmpTest").join(&file.name), &file.content)?;
        }
    }
    Ok(())
}

/// The configuration with the places of this test: its folder, and its server.
fn localised(text: &str, archive: &Archive, place: &Path, server: &str) -> String {
    let mut text = text.replace("\"tmpTest\"", &format!("{:?}", place.join("tmpTest")));
    for file in &archive.files {
        let name = format!("\"{}\"", file.name);
        text = text.replace(
            &format!("filename = {name}"),
            &format!("filename = {:?}", place.join(&file.name)),
        );
    }
    text.replace("https://raw.githubusercontent.com/wildum/module/master/", server)
}

/// `import_*`: a summation sees 10 come through the module, and -10 after an update of it or a reload.
async fn summed(archive: &Archive, place: &Path) -> Result<(), Failed> {
    let mut archive = archive.clone();
    let server = server().await?;
    let names = archive.clone();
    for file in &mut archive.files {
        file.content = localised(&file.content, &names, place, &server);
    }
    put(&archive, place)?;
    let bench = bench(Stability::PublicPreview, place);
    let load = bench.load(member(&archive, "main.alloy")?).await;
    load.map_err(|error| error.report(false))?;
    let last = || {
        lock(&bench.seen.last_added)
            .get("testcomponents.summation.sum")
            .copied()
    };
    eventually("after the load", || at_least(last(), 10)).await?;
    let updates: Vec<_> = archive
        .files
        .iter()
        .filter(|file| file.name.starts_with("update/"))
        .collect();
    for update in &updates {
        let name = update.name.trim_start_matches("update/");
        std::fs::write(place.join(name), &update.content)?;
        if !name.contains('/') {
            std::fs::write(place.join("tmpTest").join(name), &update.content)?;
        }
    }
    if !updates.is_empty() {
        eventually("after the update", || at_least(last(), -10)).await?;
    }
    if let Some(added) = archive.get("added.alloy") {
        std::fs::remove_file(place.join("tmpTest/removed.alloy"))?;
        std::fs::write(place.join("tmpTest/added.alloy"), added)?;
        eventually("after the exchange", || at_least(last(), -10)).await?;
    }
    if let Some(text) = archive.get("reload_config.alloy") {
        bench.load(text).await.map_err(|error| error.report(false))?;
        eventually("after the reload", || at_least(last(), -10)).await?;
    }
    bench.controller.stop().await;
    Ok(())
}

/// A server of what upstream's configurations fetch from the network.
async fn server() -> Result<String, Failed> {
    const MODULE: &str = "declare \"a\" {\n\targument \"input\" {}\n\n\ttestcomponents.passthrough \"pt\" {\n\t\tinput = \
                          argument.input.value\n\t\tlag = \"1ms\"\n\t}\n\n\texport \"output\" {\n\t\tvalue = \
                          testcomponents.passthrough.pt.output\n\t}\n}\n";
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = axum::Router::new().route("/module_passthrough.river", axum::routing::get(|| async { MODULE }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}/"))
}

/// `foreach`: the sum of what the children send is 10, and 30 after an update or a reload.
async fn received(archive: &Archive, place: &Path) -> Result<(), Failed> {
    let mut archive = archive.clone();
    let names = archive.clone();
    for file in &mut archive.files {
        file.content = localised(&file.content, &names, place, "");
    }
    put(&archive, place)?;
    let bench = bench(Stability::Experimental, place);
    let load = bench.load(member(&archive, "main.alloy")?).await;
    load.map_err(|error| error.report(false))?;
    let sum = || {
        lock(&bench.seen.sums)
            .get("testcomponents.summation_receiver.sum")
            .copied()
    };
    eventually("after the load", || at_least(sum(), 10)).await?;
    if let Some(update) = archive.get("update/module.alloy") {
        std::fs::write(place.join("module.alloy"), update)?;
        eventually("after the update", || at_least(sum(), 30)).await?;
    }
    if let Some(text) = archive.get("reload_config.alloy") {
        bench.load(text).await.map_err(|error| error.report(false))?;
        eventually("after the reload", || at_least(sum(), 30)).await?;
    }
    bench.controller.stop().await;
    Ok(())
}

/// `foreach_stringer`: what the children write.
async fn written(archive: &Archive, place: &Path) -> Result<(), Failed> {
    let bench = bench(Stability::Experimental, place);
    let load = bench.load(member(archive, "main.alloy")?).await;
    load.map_err(|error| error.report(false))?;
    for (name, receiver) in [("expected_debug_info.txt", "log"), ("expected_debug_info2.txt", "log2")] {
        let Some(expected) = archive.get(name) else { continue };
        let mut expected: Vec<&str> = expected.lines().collect();
        expected.sort_unstable();
        let id = format!("testcomponents.string_receiver.{receiver}");
        eventually(name, || {
            let mut lines = lock(&bench.seen.lines).get(&id).cloned().unwrap_or_default();
            lines.sort();
            match lines == expected {
                true => Ok(()),
                false => Err(format!("{lines:?} and not {expected:?}")),
            }
        })
        .await?;
    }
    bench.controller.stop().await;
    Ok(())
}

/// Families that the archives show and this program has otherwise; see `metrics.controller` in docs/differences.md.
const OTHERWISE: &[&str] = &["alloy_component_evaluation_queue_size"];

/// Families that are compared.
const COMPARED: &[&str] = &[
    "alloy_component_controller_evaluating",
    "alloy_component_controller_running_components",
    "pulse_count",
];

/// `foreach_metrics`: the metrics of modules and of the components in them.
async fn measured(archive: &Archive, place: &Path) -> Result<(), Failed> {
    let bench = bench(Stability::Experimental, place);
    let load = bench.load(member(archive, "main.alloy")?).await;
    load.map_err(|error| error.report(false))?;
    metrics(&bench, member(archive, "expected_metrics.prom")?).await?;
    if let Some(text) = archive.get("reload_config.alloy") {
        bench.load(text).await.map_err(|error| error.report(false))?;
        metrics(&bench, member(archive, "expected_metrics_after_reload.prom")?).await?;
    }
    bench.controller.stop().await;
    Ok(())
}

async fn metrics(bench: &Bench, expected: &str) -> Result<(), Failed> {
    let mut families = Vec::new();
    for line in expected.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap_or_default();
        match COMPARED.contains(&name) {
            true => families.push(name),
            false if OTHERWISE.contains(&name) => {}
            false => return Err(format!("{name} is neither compared nor listed").into()),
        }
    }
    // Where the archive shows everything, those of components are compared also where there should be none.
    if families.contains(&"alloy_component_controller_evaluating") {
        families.push("pulse_count");
    }
    let series = |text: &str| -> Vec<String> {
        let wanted = |line: &&str| families.iter().any(|family| line.starts_with(family));
        let mut lines: Vec<String> = text.lines().filter(wanted).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let expected = series(expected);
    eventually("metrics", || {
        let text = promtext::encode(&bench.metrics.gather().families, promtext::Format::Text);
        let found = series(&text);
        match found == expected {
            true => Ok(()),
            false => Err(format!("{found:#?} and not {expected:#?}")),
        }
    })
    .await
}
