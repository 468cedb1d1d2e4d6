//! A section of its own beside the regions: read, checked, opened and applied with them, or nothing is.

use cache_regions::{
    Configuration, Entries, Format, Mistakes, OptionRow, Region, Replace, Section, SectionDraft,
    SectionEntry, SectionPlan, configure, register_section, reload,
};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

const OPTIONS: &[OptionRow] = &[
    OptionRow::new("shelf", "boards", "a whole number", "`4`", "how many boards", &["planks"]),
    OptionRow::new("shelf", "above", "the name of a shelf", "none", "what it stands on", &[]),
    OptionRow::new("shelf", "dust", "`\"1h\"` or seconds", "`\"1h\"`", "when it is dusted", &[]),
    OptionRow::new("shelf", "paint", "a table", "none", "its paint", &[]),
    OptionRow::new("paint", "colour", "a text", "needed", "its colour", &["color"]),
];

#[derive(Debug, Clone, PartialEq)]
struct Shelf {
    boards: u64,
    above: Option<String>,
    dust: Option<Duration>,
    colour: Option<String>,
    print: u64,
}

static SHELVES: Mutex<BTreeMap<String, Shelf>> = Mutex::new(BTreeMap::new());

#[derive(Debug)]
struct Shelves;

#[derive(Debug)]
struct Drafts(Vec<SectionEntry<Shelf>>);

impl Section for Shelves {
    fn name(&self) -> &'static str {
        "shelf"
    }
    fn options(&self) -> &'static [OptionRow] {
        OPTIONS
    }
    fn read(&self, entries: &mut Entries<'_>) -> Box<dyn SectionDraft> {
        let names: Vec<String> = entries.names().into_iter().map(str::to_owned).collect();
        let mut below = Vec::new();
        let shelves = entries.each(|_, options| {
            let above = options.text("above");
            below.push((above.clone(), options.spot("above")));
            Shelf {
                boards: options.count("boards").unwrap_or(4),
                above,
                dust: options.rules(|options| options.limit("dust")),
                colour: options.table("paint", |options| {
                    options.required("colour");
                    options.text("colour").unwrap_or_default()
                }),
                print: 0,
            }
        });
        for (name, spot) in below {
            if let Some(name) = name.filter(|name| !names.contains(name)) {
                entries.wrong(spot.mistake(format!("there is no shelf `{name}`")));
            }
        }
        Box::new(Drafts(shelves))
    }
}

impl SectionDraft for Drafts {
    fn bounds(&self) -> Vec<String> {
        let line = |shelf: &SectionEntry<Shelf>| {
            format!("shelf `{}`: {} boards\n", shelf.name, shelf.draft.boards)
        };
        self.0.iter().map(line).collect()
    }
    fn open(self: Box<Self>, replace: Replace) -> Result<SectionPlan, Mistakes> {
        let too_wide = self.0.iter().filter(|shelf| shelf.draft.boards > 100);
        let mut wrong: Vec<_> =
            too_wide.map(|shelf| shelf.spot.mistake("the wall is not as high")).collect();
        for shelf in &self.0 {
            if replace == Replace::Refuse && SHELVES.lock().unwrap().contains_key(&shelf.name) {
                wrong.push(shelf.spot.mistake(format!("shelf `{}` is there already", shelf.name)));
            }
        }
        if !wrong.is_empty() {
            return Err(Mistakes::new(wrong));
        }
        Ok(SectionPlan::new(move || {
            let shelves = self
                .0
                .into_iter()
                .map(|SectionEntry { name, draft, print, .. }| (name, Shelf { print, ..draft }));
            SHELVES.lock().unwrap().extend(shelves);
        }))
    }
}

fn reader() -> Configuration {
    register_section(Shelves).unwrap();
    Configuration::new().with_environment([("NOTHING", "")])
}

fn shelf(name: &str) -> Option<Shelf> {
    SHELVES.lock().unwrap().get(name).cloned()
}

fn mistakes(text: &str) -> String {
    reader().configure_str(text, Format::Toml).unwrap_err().to_string()
}

#[test]
fn its_mistakes_stand_in_one_list_with_those_of_the_regions() {
    let text = "[shelf.books]\nplanks = 7\ndust = 'soon'\nabove = 'sofa'\n[regions.r]\nbackend = 'memry'\n\
                [shelf.pots]\nboards = 'many'\npaint = { color = 'red' }\n[shelfs.x]\n[shelf]\nlamp = 5\n'' = {}\n";
    assert_eq!(
        mistakes(text),
        "text:2:1: shelf `books` has no option `planks`: did you mean `boards`?\n\
         text:3:8: `dust` is \"soon\": not a time: \"soon\"; write e.g. \"90s\", \"5m\", \"1h30m\", \"250ms\", or a number of seconds\n\
         text:4:9: there is no shelf `sofa`\n\
         text:6:11: the backend `memry` is not there: did you mean `memory`?\n\
         text:8:10: `boards` is \"many\": right is a whole number, as in 10_000\n\
         text:9:9: `paint` of shelf `pots` needs `colour`: right is a text\n\
         text:9:11: `paint` of shelf `pots` has no option `color`: did you mean `colour`?\n\
         text:10:2: there is no `shelfs` here: did you mean `shelf`?\n\
         text:12:8: shelf `lamp` is 5: right is a table of options\n\
         text:13:1: the name of a shelf is 1 to 100 characters without spaces"
    );
    assert_eq!(
        mistakes("shelf = 7\n"),
        "text:1:9: `shelf` is 7: right is a table for each, as [shelf.NAME]"
    );
    assert!(mistakes("").ends_with("as [regions.users], or [shelf.NAME]"));
    assert_eq!(shelf("books"), None);
}

#[test]
fn a_configuration_of_it_alone_needs_no_regions_and_is_checked_without_being_opened() {
    let text = "[shelf.alone]\nboards = 9\n";
    let advice = reader().advise_str(text, Format::Toml);
    assert!(advice.is_good());
    assert_eq!(advice.to_string(), "shelf `alone`: 9 boards\n\n");
    assert_eq!(reader().plans_str(text, Format::Toml).unwrap().len(), 0);
    assert_eq!(shelf("alone"), None);
    reader().configure_str(text, Format::Toml).unwrap();
    assert_eq!(shelf("alone").unwrap().boards, 9);
}

#[test]
fn what_cannot_be_opened_or_configured_changes_nothing_of_either() {
    static KEPT: Region = Region::new("beside_shelves");
    let region = "[regions.beside_shelves]\nbackend = 'null'\n";
    let high = format!("{region}[shelf.fine]\n[shelf.high]\nboards = 1000\n");
    assert_eq!(mistakes(&high), "text:4:8: the wall is not as high");
    assert!(!KEPT.is_configured() && shelf("fine").is_none());
    reader().configure_str(region, Format::Toml).unwrap();
    let error = mistakes(&format!("{region}[shelf.fine]\n"));
    assert!(error.contains("`beside_shelves` is configured already"), "{error}");
    assert_eq!(shelf("fine"), None, "the region was refused");
    reader().configure_str("[shelf.twice]\n", Format::Toml).unwrap();
    assert_eq!(mistakes("[shelf.twice]\n"), "text:1:8: shelf `twice` is there already");
}

#[test]
fn variables_and_maps_say_what_files_say() {
    let variables = [
        ("LARDER__SHELF__MY_BOOKS__BOARDS", "11"),
        ("LARDER__SHELF__MY_BOOKS__PAINT__COLOUR", "blue"),
    ];
    let read = reader().with_environment(variables);
    read.configure_str("[shelf.'my-books']\nboards = 3\n", Format::Toml).unwrap();
    let books = shelf("my-books").unwrap();
    assert_eq!((books.boards, books.colour.as_deref()), (11, Some("blue")));

    let wrong = [
        ("LARDER__SHELF__BOOKS", "5"),
        ("LARDER__SHELF__BOKS__BOARDS", "5"),
        ("LARDER__STORE__X__TTL", "5"),
    ];
    let read = reader().with_environment(wrong);
    let text = "[shelf.books]\n[regions.a]\nbackend = 'null'\n";
    assert_eq!(
        read.advise_str(text, Format::Toml)
            .findings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "LARDER__SHELF__BOKS__BOARDS: mistake: there is no shelf `boks`: did you mean `books`?",
            "LARDER__SHELF__BOOKS: mistake: right is LARDER__SHELF__NAME__OPTION",
            "LARDER__STORE__X__TTL: mistake: there is no region `store`: it needs larder's feature `stores`, and `larder::stores::register()` where a `Configuration` is made by hand",
        ]
    );
    let map = [("shop.shelf.mapped.boards", "12"), ("shop.shelf.mapped.dust", "5m")];
    reader().configure_map(map, "shop.").unwrap();
    assert_eq!(shelf("mapped").unwrap().boards, 12);
}

#[test]
fn a_region_of_the_section_s_name_keeps_its_variables() {
    let read = reader().with_environment([("LARDER__SHELF__EXPIRATION", "7s")]);
    let plans =
        read.plans_str("[regions.shelf]\nbackend = 'null'\n[shelf.x]\n", Format::Toml).unwrap();
    assert_eq!(plans[0].policy.expiration.now(), Some(Duration::from_secs(7)));
}

#[test]
fn reading_again_follows_it_and_rules_are_no_part_of_its_print() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("larder.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    register_section(Shelves).unwrap();
    write("[shelf.again]\nboards = 1\n");
    configure(&path).unwrap();
    let first = shelf("again").unwrap();
    write("[shelf.again]\nboards = 1\ndust = '2h'\n");
    reload().unwrap();
    let second = shelf("again").unwrap();
    assert_eq!((second.print, second.dust), (first.print, Some(Duration::from_secs(7200))));
    write("[shelf.again]\nboards = 'x'\n");
    assert!(reload().unwrap_err().to_string().contains("larder.toml:2:10: `boards`"));
    assert_eq!(shelf("again").unwrap(), second, "the old settings stay");
    write("[shelf.again]\nboards = 2\n");
    reload().unwrap();
    assert_ne!(shelf("again").unwrap().print, first.print);
}

#[test]
fn a_name_belongs_to_one_section() {
    #[derive(Debug)]
    struct Other(&'static str);
    impl Section for Other {
        fn name(&self) -> &'static str {
            self.0
        }
        fn options(&self) -> &'static [OptionRow] {
            &[]
        }
        fn read(&self, _: &mut Entries<'_>) -> Box<dyn SectionDraft> {
            Box::new(Drafts(Vec::new()))
        }
    }
    register_section(Shelves).unwrap();
    for name in ["shelf", "regions", "defaults"] {
        let error = register_section(Other(name)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("configurations have a `{name}` already: give your section another name")
        );
    }
}
