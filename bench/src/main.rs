//! larder against its peers: `cargo run --release -- hit`, likewise `miss`, `mix`, `memory`, `ratio`, `herd`,
//! `torture`, `build`, `far`, `tags`, `reload`, `stores`, `all`.

mod build;
mod count;
mod drive;
mod far;
mod goals;
mod harness;
mod herd;
mod hit;
mod machine;
mod measured;
mod memory;
mod miss;
mod mix;
mod options;
mod ratio;
mod refresh;
mod reload;
mod report;
mod script;
mod stores;
mod systems;
mod tagged;
mod thread;
mod torture;
mod zipf;

use options::{Options, USAGE};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: count::Counting = count::Counting;

type Bench = fn(&Options) -> Result<(), String>;

const BENCHES: &[(&str, Bench)] = &[
    ("hit", hit::run),
    ("miss", miss::run),
    ("mix", mix::run),
    ("memory", memory::run),
    ("ratio", ratio::run),
    ("herd", herd::run),
    ("torture", torture::run),
    ("build", build::run),
    ("far", far::run),
    ("tags", tagged::run),
    ("reload", reload::run),
    ("stores", stores::run),
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let result = match name.as_str() {
        memory::CHILD => memory::child(args),
        torture::CHILD => torture::child(args),
        stores::SERVER => stores::serve(args),
        stores::CHILD => stores::child(args),
        _ => Options::parse(args).and_then(|options| dispatch(&name, &options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, options: &Options) -> Result<(), String> {
    let wanted: Vec<Bench> =
        BENCHES.iter().filter(|(n, _)| *n == name || name == "all").map(|&(_, run)| run).collect();
    if wanted.is_empty() {
        return Err(USAGE.to_owned());
    }
    options.report.preamble();
    wanted.iter().try_for_each(|run| run(options))
}
