//! `include_vars`: variables from a file of the controller, or from all files below a directory.

use crate::runner::actions::{Action, ActionError, Context, Done, files};
use crate::yaml;
use fancy_regex::Regex;
use host::change::outcome::{Failure, Outcome};
use host::parameters;
use host::parameters::{HostPath, ModuleParameters, Spec};
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, Source};
use words::value::{Map, Value};

/// The action.
pub struct IncludeVars;

parameters! {
    /// Reads variables from YAML or JSON files of the controller
    pub struct IncludeVarsParameters for "include_vars" {
        /// The file, below vars/ or beside the task's file or the playbook
        file: Option<HostPath>,
        /// Instead of a file: all files below this directory, seen from the task's file
        dir: Option<HostPath>,
        /// Put them into one variable of this name
        name: Option<String>,
        /// How many levels of directories are read; 0 is all
        depth: i64 = "0",
        /// Only files whose name has a match of this regular expression
        files_matching: Option<String>,
        /// Not the files whose name ends in a match of one of these
        ignore_files: Option<Vec<String>>,
        /// The endings that files may have
        extensions: Vec<String> = "yaml,yml,json",
        /// Pass over files with other endings
        ignore_unknown_extensions: bool = "false",
    }
    exclusive [file, dir];
    one_of [file, dir];
    free_form file;
}

impl Action for IncludeVars {
    fn spec(&self) -> &'static Spec {
        IncludeVarsParameters::SPEC
    }

    fn run(&self, args: &Map, context: &Context) -> Result<Done, ActionError> {
        let given = IncludeVarsParameters::read(args)?;
        let files = match (&given.dir, &given.file) {
            (Some(directory), _) => Selection::of(&given)?.below(&found_directory(directory.as_str(), context)?)?,
            (None, file) => vec![files::read(file.as_ref().map_or("", HostPath::as_str), "vars", context)?.0],
        };
        let (mut vars, mut warnings) = (Map::new(), Vec::new());
        for file in &files {
            vars.extend(read(file, &mut warnings)?);
        }
        let facts = match given.name {
            Some(name) => [(name, Value::Map(vars))].into_iter().collect(),
            None => vars,
        };
        let names = files.iter().map(|file| file.display().to_string().into()).collect::<Vec<Value>>();
        let outcome = Outcome::new()
            .with("ansible_facts", Value::Map(facts.clone()))
            .with("ansible_included_var_files", Value::List(names));
        Ok(Done { outcome: Outcome { warnings, ..outcome }, facts, shown: false })
    }
}

/// The variables of one file.
fn read(path: &Path, warnings: &mut Vec<String>) -> Result<Map, Failure> {
    let failed = |error: Diagnostic| Failure::new(error.to_string());
    let content = std::fs::read(path)
        .map_err(|error| Failure::new(format!("cannot read {} on the controller: {error}", path.display())))?;
    let source = Source::new(path.display().to_string(), String::from_utf8_lossy(&content));
    let mut parsed = yaml::read(&source).map_err(failed)?;
    warnings.extend(parsed.warnings.drain(..).map(|warning| warning.to_string()));
    match parsed.single().map_err(failed)?.map(|node| node.to_value()) {
        Some(Value::Map(map)) => Ok(map),
        None | Some(Value::Null) => Ok(Map::new()),
        Some(_) => Err(Failure::new(format!("{} must hold a mapping of variables", path.display()))),
    }
}

/// The directory, seen from the first of the task's directories.
fn found_directory(name: &str, context: &Context) -> Result<PathBuf, Failure> {
    let path = context.directories.first().map_or_else(|| PathBuf::from(name), |own| own.join(name));
    match (path.exists(), path.is_dir()) {
        (_, true) => Ok(path),
        (true, false) => Err(Failure::new(format!("{} is not a directory", path.display()))),
        (false, false) => Err(Failure::new(format!("{} directory does not exist", path.display()))),
    }
}

/// Which files below a directory are read.
struct Selection {
    depth: usize,
    matching: Option<Regex>,
    ignored: Vec<Regex>,
    endings: Vec<String>,
    passes_over: bool,
}

impl Selection {
    fn of(given: &IncludeVarsParameters) -> Result<Self, Failure> {
        let ignored = given.ignore_files.as_deref().unwrap_or_default();
        Ok(Self {
            depth: usize::try_from(given.depth).unwrap_or(0),
            matching: given.files_matching.as_deref().map(expression).transpose()?,
            ignored: ignored.iter().map(|text| expression(&format!("{text}$"))).collect::<Result<_, _>>()?,
            endings: given.extensions.clone(),
            passes_over: given.ignore_unknown_extensions,
        })
    }

    /// The files, directory by directory, each in the order of names.
    fn below(&self, top: &Path) -> Result<Vec<PathBuf>, Failure> {
        let (mut found, mut open) = (Vec::new(), vec![(top.to_owned(), 1)]);
        while let Some((directory, level)) = open.pop() {
            let (mut files, mut directories) = (Vec::new(), Vec::new());
            for entry in entries(&directory)? {
                if entry.is_dir() { directories.push(entry) } else { files.push(entry) }
            }
            for file in files {
                if self.wants(&file)? {
                    found.push(file);
                }
            }
            if self.depth == 0 || level < self.depth {
                open.extend(directories.into_iter().rev().map(|directory| (directory, level + 1)));
            }
        }
        Ok(found)
    }

    fn wants(&self, file: &Path) -> Result<bool, Failure> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let has = |regex: &Regex| regex.is_match(&*name).unwrap_or(false);
        if self.matching.as_ref().is_some_and(|matching| !has(matching)) || self.ignored.iter().any(has) {
            return Ok(false);
        }
        let ending = file.extension().unwrap_or_default().to_string_lossy();
        let is_known = self.endings.iter().any(|known| *known == ending);
        if !is_known && !self.passes_over {
            let known = self.endings.join(", ");
            return Err(Failure::new(format!("{} does not have a valid extension: {known}", file.display())));
        }
        Ok(is_known)
    }
}

/// What is in a directory, in the order of names.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::new(format!("cannot read {} on the controller: {error}", directory.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn expression(text: &str) -> Result<Regex, Failure> {
    Regex::new(text).map_err(|error| Failure::new(format!("Invalid regular expression: {text}: {error}")))
}
