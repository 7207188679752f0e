//! `local.file_match`

use component::Target;
use component::prelude::*;
use glob::Pattern;
use host::{FileKind, Host};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use value::{GoDuration, Seg};

/// The component.
pub const COMPONENT: Registration = Registration::of::<FileMatch>("local.file_match", Stability::GenerallyAvailable);

/// Labels that say which files are meant, and which of those are not.
const PATH: &str = "__path__";
const EXCLUDE: &str = "__path_exclude__";

/// Finds files by patterns.
///
/// Each target's `__path__` is a pattern, and so is its `__path_exclude__`, if it has one. Every file that matches becomes a target with
/// the same labels and the file's path in `__path__`.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = check)]
pub struct Arguments {
    /// Targets whose `__path__` is a pattern.
    #[arg]
    pub path_targets: Vec<Target>,
    /// How often to look for files.
    #[arg(default = GoDuration::seconds(10))]
    pub sync_period: GoDuration,
    /// Leaves out files that were not modified for this long; 0 leaves out none.
    #[arg(default)]
    pub ignore_older_than: GoDuration,
}

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// One target for each file that was found.
    #[arg]
    pub targets: Vec<Target>,
}

fn check(args: &Arguments) -> Result<(), value::Invalid> {
    Ok(check_period(args)?)
}

fn check_period(args: &Arguments) -> Result<()> {
    if args.sync_period.0 <= 0 {
        return Err(Error::about("sync_period", "must be greater than 0"));
    }
    Ok(())
}

struct Wanted {
    labels: Target,
    include: Pattern,
    exclude: Option<Pattern>,
}

/// A `local.file_match`.
pub struct FileMatch {
    cx: Context<Exports>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    args: Arguments,
    targets: Vec<Wanted>,
}

/// Compiles the patterns of a target; `None` if it has no path.
fn target(number: usize, labels: &Target) -> Result<Option<Wanted>> {
    let pattern = |name: &str| match labels.get(name) {
        Some(text) if !text.is_empty() => Pattern::new(text).map(Some).map_err(|error| {
            let at = [Seg::Index(number), Seg::Field(name.to_owned())];
            Error::about("path_targets", error.to_string()).at(at)
        }),
        _ => Ok(None),
    };
    let Some(include) = pattern(PATH)? else { return Ok(None) };
    Ok(Some(Wanted {
        include,
        exclude: pattern(EXCLUDE)?,
        labels: labels.clone(),
    }))
}

/// The targets that have a path. A pattern that cannot be understood is an error of the configuration.
fn targets(args: &Arguments) -> impl Iterator<Item = Result<Wanted>> {
    let targets = args.path_targets.iter().enumerate();
    targets.filter_map(|(number, labels)| target(number, labels).transpose())
}

fn compile(args: &Arguments) -> Result<Vec<Wanted>> {
    targets(args).collect()
}

/// The files that match now, in the order of the targets.
fn find(host: &Host, targets: &[Wanted], ignore_older_than: GoDuration) -> Vec<Target> {
    let oldest = host.clock.now().saturating_sub(ignore_older_than.0);
    let mut found = Vec::new();
    for target in targets {
        let mut unreadable = |path: &Path, error: std::io::Error| {
            tracing::warn!(path = %path.display(), err = %error, "cannot look for files in a directory");
        };
        for path in target.include.expand(&*host.fs, &mut unreadable) {
            if target.exclude.as_ref().is_some_and(|exclude| exclude.matches(&path)) {
                continue;
            }
            let path = std::path::absolute(&path).unwrap_or(path);
            match host.fs.meta(&path) {
                Ok(meta) if meta.kind == FileKind::Dir => {}
                Ok(meta) if ignore_older_than.0 != 0 && meta.modified < oldest => {}
                Ok(_) => {
                    let mut labels = target.labels.edit();
                    labels.set(PATH, path.to_string_lossy());
                    found.push(target.labels.edited(labels));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => tracing::error!(path = %path.display(), err = %error, "cannot read a file's metadata"),
            }
        }
    }
    found
}

impl FileMatch {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync(&self) {
        let targets = {
            let state = self.state();
            find(self.cx.host(), &state.targets, state.args.ignore_older_than)
        };
        self.cx.export(Exports { targets });
    }
}

impl Component for FileMatch {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        let patterns = targets(args).filter_map(Result::err);
        patterns.chain(check_period(args).err()).collect()
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let targets = compile(&args)?;
        let component = FileMatch {
            cx: cx.clone(),
            state: Mutex::new(State { args, targets }),
            changed: Notify::new(),
        };
        // At once, so that what depends on it starts with the files that are there.
        component.sync();
        Ok(component)
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        loop {
            let period = self.state().args.sync_period.as_std();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.changed.notified() => {}
                () = tokio::time::sleep(period) => {}
            }
            let component = self.clone();
            let span = self.cx.span().clone();
            // Walking directories blocks.
            tokio::task::spawn_blocking(move || span.in_scope(|| component.sync()))
                .await
                .map_err(|error| Error::caused("looking for files failed", error))?;
        }
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let targets = compile(&args)?;
        Ok(Change::new(move || {
            *self.state() = State { args, targets };
            self.changed.notify_one();
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn labels(pairs: &[(&str, &str)]) -> Target {
        let pairs = pairs.iter().map(|(name, value)| (*name, Value::string(value)));
        let object: value::Object = pairs.collect();
        value::FromValue::from_value(&Value::object(object)).unwrap()
    }

    fn names(args: &Arguments) -> Vec<String> {
        find(&Host::real(), &compile(args).unwrap(), args.ignore_older_than)
            .iter()
            .map(|target| {
                let path = target.get(PATH).unwrap();
                format!("{}:{}", target.get("job").unwrap(), path.rsplit('/').next().unwrap())
            })
            .collect()
    }

    #[test]
    fn files_become_targets_with_the_labels_of_their_pattern() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log", "b.log", "b.log.gz", "c.txt"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join("d.log")).unwrap();
        let at = |pattern: &str| format!("{}/{pattern}", dir.path().display());
        let mut args = Arguments {
            path_targets: vec![
                labels(&[(PATH, &at("*.log*")), (EXCLUDE, &at("*.gz")), ("job", "logs")]),
                labels(&[(PATH, &at("c.txt")), ("job", "text")]),
                labels(&[(PATH, &at("missing")), ("job", "none")]),
                labels(&[("job", "no path")]),
            ],
            ..Arguments::defaults()
        };
        assert_eq!(names(&args), ["logs:a.log", "logs:b.log", "text:c.txt"]);
        args.ignore_older_than = GoDuration::seconds(60);
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        fs::File::options()
            .write(true)
            .open(dir.path().join("a.log"))
            .unwrap()
            .set_modified(old)
            .unwrap();
        assert_eq!(names(&args), ["logs:b.log", "text:c.txt"]);
    }

    #[test]
    fn a_malformed_pattern_is_an_error_that_names_it() {
        let args = Arguments {
            path_targets: vec![labels(&[(PATH, "/var/{log")])],
            ..Arguments::defaults()
        };
        let Err(error) = compile(&args) else {
            panic!("it should not compile")
        };
        assert_eq!(
            error.to_string(),
            "path_targets[0].__path__: pattern \"/var/{log\": an opening brace without a closing one"
        );
    }
}
