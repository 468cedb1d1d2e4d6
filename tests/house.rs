//! House rules that a compiler does not check: file sizes, crate edges, options and features in the README.

use std::fs;
use std::path::{Path, PathBuf};

/// Non-test lines that one file may have.
const LONGEST: usize = 420;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> =
        ["src", "cache-core", "cache-macros", "cache-clients", "cache-regions", "cache-stores"]
            .iter()
            .chain(["tests", "examples", "bench/src"].iter())
            .map(|folder| root().join(folder))
            .collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "only {} sources found", found.len());
    found
}

fn complain(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_source_begins_with_its_idea() {
    let faults: Vec<_> = sources()
        .into_iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| format!("{} does not begin with `//!`", path.display()))
        .collect();
    complain(&faults);
}

#[test]
fn no_file_holds_more_than_one_idea() {
    let faults: Vec<_> = sources()
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.split("#[cfg(test)]\nmod tests").next()?.lines().count();
            (lines > LONGEST).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    complain(&faults);
}

#[test]
fn dependencies_point_one_way() {
    let allowed = [
        ("cache-macros", vec![]),
        ("cache-core", vec![]),
        ("cache-clients", vec!["cache-core"]),
        ("cache-regions", vec!["cache-clients", "cache-core"]),
        ("cache-stores", vec!["cache-clients", "cache-core", "cache-regions"]),
        (".", vec!["cache-clients", "cache-core", "cache-macros", "cache-regions", "cache-stores"]),
    ];
    let mut faults = Vec::new();
    for (member, allowed) in allowed {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        let section = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        for line in section.lines().filter(|line| line.starts_with("cache-")) {
            let name = line.split([' ', '=']).next().unwrap_or_default();
            if !allowed.contains(&name) {
                faults.push(format!("{member} must not depend on {name}"));
            }
        }
    }
    complain(&faults);
}

#[test]
fn unsafe_code_is_only_where_the_design_says() {
    let allowed = [
        "table/lock.rs",
        "table/record.rs",
        "clock.rs",
        "files/map.rs",
        "allocations.rs",
        "files/map.rs",
        "servers/src/signals.rs",
    ];
    let faults: Vec<_> = sources()
        .into_iter()
        .filter(|path| !path.starts_with(root().join("bench")))
        .filter(|path| {
            fs::read_to_string(path).unwrap().lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains("unsafe {")
                    || code.contains("unsafe impl")
                    || code.contains("unsafe fn ")
            })
        })
        .filter(|path| !path.starts_with(root().join("cache-macros")))
        .filter(|path| !path.starts_with(root().join("tests/ui")))
        .filter(|path| {
            !allowed.iter().any(|file| path.ends_with(file)) && !path.ends_with("house.rs")
        })
        .map(|path| format!("{} has unsafe code", path.display()))
        .collect();
    complain(&faults);
}

#[test]
fn every_feature_is_documented() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = manifest.split("\n[features]").nth(1).unwrap().split("\n[").next().unwrap();
    let faults: Vec<_> = section
        .lines()
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.trim().to_owned()))
        .filter(|name| name != "default" && !readme.contains(&format!("`{name}`")))
        .map(|name| format!("README does not tell of feature `{name}`"))
        .collect();
    complain(&faults);
}

#[test]
fn every_example_is_run_and_documented() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let checks = fs::read_to_string(root().join("test")).unwrap();
    let step = checks.split("\nexamples() {").nth(1).unwrap().split("\n}").next().unwrap();
    let run: Vec<_> = step.split([' ', ';', '\n']).collect();
    let mut faults = Vec::new();
    for entry in fs::read_dir(root().join("examples")).unwrap().flatten() {
        let path = entry.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        if path.is_dir() {
            continue;
        }
        if !run.contains(&name) {
            faults.push(format!("`./test examples` does not run {name}"));
        }
        if !readme.contains(&format!("](examples/{name}.rs)"))
            && !readme.contains(&format!("--example {name}`"))
        {
            faults.push(format!("README does not tell of the example {name}"));
        }
    }
    complain(&faults);
}

#[test]
fn every_path_that_the_guides_name_is_there() {
    let mut faults = Vec::new();
    for guide in ["README.md", "DESIGN.md"] {
        let text = fs::read_to_string(root().join(guide)).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            if !target.contains("://") && !root().join(path).exists() {
                faults.push(format!("{guide} names {path}, which is not there"));
            }
        }
    }
    complain(&faults);
}

#[test]
fn the_readme_lists_every_argument_as_the_macro_knows_it() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("<!-- options -->").nth(1).unwrap();
    let table = table.split("<!-- /options -->").next().unwrap();
    assert_eq!(table.trim(), cache_macros::arguments_table!().trim());
}
