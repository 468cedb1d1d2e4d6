//! Compile time: a crate with many cached functions, built clean in debug mode, its dependencies built before.

use crate::goals;
use crate::machine;
use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A generated crate.
struct Crate {
    system: &'static str,
    variant: &'static str,
    package: &'static str,
    dependency: String,
    import: &'static str,
    /// The attribute before a function, given what a string key needs.
    attribute: fn(bool) -> String,
}

pub fn run(options: &Options) -> Result<(), String> {
    let functions = if options.quick { 100 } else { 300 };
    let crates: Vec<Crate> = crates().into_iter().filter(|c| options.takes(c.system)).collect();
    let place = place()?;
    generate(&place, &crates, functions).map_err(|e| format!("{}: {e}", place.display()))?;
    for of in &crates {
        cargo(&place, &["build", "--offline", "-p", of.package])?;
    }
    let mut seconds: Vec<Vec<f64>> = crates.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds(3, 1) {
        for step in 0..crates.len() {
            let at = (round + step) % crates.len();
            cargo(&place, &["clean", "--offline", "-p", crates[at].package])?;
            let start = Instant::now();
            cargo(&place, &["build", "--offline", "-p", crates[at].package])?;
            seconds[at].push(start.elapsed().as_secs_f64());
        }
    }
    let title = format!(
        "clean debug build of a crate with {functions} cached functions, dependencies built before"
    );
    options.report.table(&title, &rows(&crates, &seconds, functions));
    Ok(())
}

fn rows(crates: &[Crate], seconds: &[Vec<f64>], functions: usize) -> Vec<Row> {
    let larder = crates.iter().position(|c| c.system == "larder").map(|at| &seconds[at]);
    let paired = |mine: &[f64]| {
        let ratios: Vec<f64> = larder.into_iter().flatten().zip(mine).map(|(l, m)| l / m).collect();
        quantile(&ratios, 0.5)
    };
    let row = |(of, mine): (&Crate, &Vec<f64>)| Row {
        bench: "build",
        system: of.system,
        variant: of.variant.to_owned(),
        key: "mixed",
        threads: 1,
        cells: vec![
            ("functions", Cell::Count(functions as u64)),
            ("seconds", Cell::Number(quantile(mine, 0.5), 2)),
            ("least", Cell::Number(quantile(mine, 0.0), 2)),
            ("ratio", Cell::Number(paired(mine), 3)),
            (
                "goal",
                goals::find("build", of.system, of.variant, "mixed", 1)
                    .map_or(Cell::Nothing, |g| Cell::Number(g, 2)),
            ),
        ],
    };
    crates.iter().zip(seconds).map(row).collect()
}

fn crates() -> Vec<Crate> {
    let version = |package| machine::version(package).unwrap_or("*");
    let larder = manifest_dir().join("..");
    vec![
        Crate {
            system: "larder",
            variant: "ttl",
            package: "with-larder",
            dependency: format!("larder = {{ path = {:?} }}", larder.display().to_string()),
            import: "use larder::cached;",
            attribute: |_| "#[cached(capacity = 1_000, ttl = \"60s\")]".to_owned(),
        },
        Crate {
            system: "cached",
            variant: "max_size,ttl",
            package: "with-cached",
            dependency: format!("cached = \"={}\"", version("cached")),
            import: "use cached::macros::cached;",
            attribute: |string_key| {
                let key = if string_key {
                    ", key = \"String\", convert = { name.to_owned() }"
                } else {
                    ""
                };
                format!("#[cached(max_size = 1_000, ttl_secs = 60{key})]")
            },
        },
        Crate {
            system: "plain",
            variant: "no attribute",
            package: "plain",
            dependency: String::new(),
            import: "",
            attribute: |_| String::new(),
        },
    ]
}

fn manifest_dir() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// A folder of our own in the target directory, so that the dependencies are built once only; beside a
/// binary that was moved elsewhere, a temporary one.
fn place() -> Result<PathBuf, String> {
    let exe = std::env::current_exe().map_err(|e| format!("the bench's own path: {e}"))?;
    let profile =
        exe.parent().filter(|folder| folder.ends_with("release") || folder.ends_with("debug"));
    let parent = profile.and_then(Path::parent).map_or_else(std::env::temp_dir, Path::to_path_buf);
    Ok(parent.join("larder-bench-build"))
}

fn generate(place: &Path, crates: &[Crate], functions: usize) -> std::io::Result<()> {
    let members: Vec<String> = crates.iter().map(|c| format!("{:?}", c.package)).collect();
    fs::create_dir_all(place)?;
    fs::write(
        place.join("Cargo.toml"),
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", ")),
    )?;
    // The bench's own versions, and no need of a network.
    fs::copy(manifest_dir().join("Cargo.lock"), place.join("Cargo.lock"))?;
    for of in crates {
        let folder = place.join(of.package);
        fs::create_dir_all(folder.join("src"))?;
        let manifest = format!(
            "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n",
            of.package, of.dependency
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/main.rs"), source(of, functions))?;
    }
    Ok(())
}

/// Four shapes of functions in turn, and a `main` that calls each of them.
fn source(of: &Crate, functions: usize) -> String {
    let mut out = format!("#![allow(dead_code)]\n{}\n\n", of.import);
    let mut calls = String::new();
    for n in 0..functions {
        let (signature, body, call) = match n % 4 {
            0 => ("(id: u64) -> u64", format!("id + {n}"), format!("case_{n}(total)")),
            1 => (
                "(id: u64, wide: bool) -> String",
                format!("format!(\"{{id}} {{wide}} {n}\")"),
                format!("case_{n}(total, true).len() as u64"),
            ),
            2 => (
                "(name: &str) -> u64",
                format!("name.len() as u64 + {n}"),
                format!("case_{n}(\"some name\")"),
            ),
            _ => (
                "(id: u64) -> Result<u64, String>",
                format!("id.checked_add({n}).ok_or_else(String::new)"),
                format!("case_{n}(total).unwrap_or(0)"),
            ),
        };
        let attribute = (of.attribute)(n % 4 == 2);
        writeln!(out, "{attribute}\npub fn case_{n}{signature} {{\n    {body}\n}}\n")
            .expect("writing to a string");
        writeln!(calls, "    total ^= {call};").expect("writing to a string");
    }
    write!(
        out,
        "fn main() {{\n    let mut total = 1u64;\n{calls}    println!(\"{{total}}\");\n}}\n"
    )
    .expect("writing to a string");
    out
}

fn cargo(place: &Path, arguments: &[&str]) -> Result<(), String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(place)
        .env("CARGO_TARGET_DIR", place.join("target"))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cargo: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let first = text
        .lines()
        .skip_while(|line| !line.starts_with("error"))
        .take(12)
        .collect::<Vec<_>>()
        .join("\n");
    Err(format!("cargo {}:\n{first}", arguments.join(" ")))
}
