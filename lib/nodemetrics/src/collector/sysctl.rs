//! Settings of the kernel that the configuration names.

use super::power::part_of_a_name;
use crate::error::Failure;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::path::Path;

/// `sysctl`
pub(super) struct Sysctl {
    settings: Vec<Setting>,
}

/// `kernel.threads-max`, or `fs.file-nr:total,current,max` with a name for each of its values.
struct Setting {
    name: String,
    keys: Vec<String>,
    numeric: bool,
}

impl Setting {
    fn new(include: &str, numeric: bool) -> Setting {
        let (name, keys) = include
            .split_once(':')
            .map_or((include, None), |(name, keys)| (name, Some(keys)));
        Setting {
            name: name.to_owned(),
            keys: keys
                .map(|keys| keys.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            numeric,
        }
    }
}

impl Sysctl {
    pub(super) fn new(options: &Options) -> Sysctl {
        let numbers = options.sysctl_include.iter().map(|include| Setting::new(include, true));
        let texts = options
            .sysctl_include_info
            .iter()
            .map(|include| Setting::new(include, false));
        Sysctl {
            settings: numbers.chain(texts).collect(),
        }
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        for setting in &self.settings {
            let path = paths
                .proc("sys")
                .join(setting.name.replace('.', "/").trim_start_matches('/'));
            let text = read::text(&path)?;
            let values: Vec<&str> = text.split_ascii_whitespace().collect();
            let keyed = !setting.keys.is_empty();
            // Names for values that are not there are a mistake that must not give numbers a wrong meaning.
            if values.is_empty()
                || (keyed && (values.len() != setting.keys.len() || values.len() == 1 || !setting.numeric))
            {
                return Err(Failure::parse(&path, &text));
            }
            tell(setting, &path, &values, sink)?;
        }
        Ok(())
    }
}

fn tell(setting: &Setting, path: &Path, values: &[&str], sink: &mut Sink) -> Result<(), Failure> {
    for (index, value) in values.iter().enumerate() {
        let number = index.to_string();
        if !setting.numeric {
            let labels = [("name", setting.name.as_str()), ("value", value), ("index", &number)];
            sink.gauge("node_sysctl_info", "sysctl info", &labels, 1.0);
            continue;
        }
        let value = read::number::<i64>(path, value)? as f64;
        let name = format!("node_sysctl_{}", part_of_a_name(&setting.name));
        let help = format!("sysctl {}", setting.name);
        match setting.keys.get(index) {
            Some(key) => sink.untyped(&format!("{name}_{key}"), &format!("{help}, field {index}"), &[], value),
            None if values.len() == 1 => sink.untyped(&name, &help, &[], value),
            None => sink.untyped(&name, &help, &[("index", &number)], value),
        }
    }
    Ok(())
}
