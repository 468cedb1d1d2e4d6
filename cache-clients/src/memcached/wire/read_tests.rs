//! Answers as a server gives them, in every piece; and whatever else may come.

use super::*;
use proptest::prelude::*;

/// Everything that is in these bytes, given in pieces that end at `cuts`.
fn read(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Answer>, Broken> {
    let reader = Reader::new(1000);
    let mut buffer = BytesMut::new();
    let mut answers = Vec::new();
    let mut from = 0;
    for &to in cuts.iter().chain([&bytes.len()]) {
        let to = to.clamp(from, bytes.len());
        buffer.extend_from_slice(&bytes[from..to]);
        from = to;
        while let Some(answer) = reader.next(&mut buffer)? {
            answers.push(answer);
        }
    }
    Ok(answers)
}

fn flags(cas: u64) -> Flags {
    Flags { cas, ..Flags::default() }
}

fn found(key: &str, value: &str, flags: Flags) -> Answer {
    let bytes = format!("{key} {} {} {}\r\n{value}", flags.client, value.len(), flags.cas);
    let pair = Pair { key: key.len(), value: bytes.len() - value.len(), bytes: bytes.into() };
    assert_eq!((pair.key(), pair.clone().into_value()), (key.as_bytes(), value.to_owned().into()));
    Answer::Found(pair, flags)
}

const STREAM: &[u8] = b"HD\r\nHD c5 t-1 s3 f65536\r\nVA 3 c7 f0 t29 W\r\na\r\n\r\nVA 0 Z X\r\n\r\n\
    VALUE k 65536 3 7\r\na\r\n\r\nVALUE lo 0 0 8\r\n\r\nEND\r\nEN\r\nNF\r\nNS\r\n\
    EX\r\nMN\r\nME k exp=-1 size=7\r\nOK\r\nSTORED\r\nVERSION 1.6.18\r\nSTAT item_size_max 1048576\r\nEND\r\n\
    SERVER_ERROR out of memory\r\nCLIENT_ERROR bad data chunk\r\nERROR\r\n";

fn expected() -> Vec<Answer> {
    vec![
        Answer::Done(Flags::default()),
        Answer::Done(Flags { cas: 5, left: -1, size: 3, client: 65536, ..Flags::default() }),
        Answer::Value("a\r\n".into(), Flags { left: 29, won: true, ..flags(7) }),
        Answer::Value("".into(), Flags { taken: true, stale: true, ..flags(0) }),
        found("k", "a\r\n", Flags { client: 65536, ..flags(7) }),
        found("lo", "", flags(8)),
        Answer::End,
        Answer::Nothing,
        Answer::NotFound,
        Answer::NotStored,
        Answer::Exists,
        Answer::Noop,
        Answer::Debug("k exp=-1 size=7".into()),
        Answer::Okay,
        Answer::Okay,
        Answer::Version("1.6.18".into()),
        Answer::Stat("item_size_max".into(), "1048576".into()),
        Answer::End,
        Answer::Failed("out of memory".into()),
        Answer::Refused("bad data chunk".into()),
        Answer::Refused("unknown command".into()),
    ]
}

#[test]
fn every_answer_is_read_at_every_split_point() {
    assert_eq!(read(STREAM, &[]).unwrap(), expected());
    for cut in 0..=STREAM.len() {
        assert_eq!(read(STREAM, &[cut]).unwrap(), expected(), "{cut}");
    }
    let every: Vec<usize> = (0..STREAM.len()).collect();
    assert_eq!(read(STREAM, &every).unwrap(), expected());
}

#[test]
fn large_values_are_read_whole() {
    let reader = Reader::new(1 << 20);
    let value = vec![7_u8; 100_000];
    let mut buffer = BytesMut::from(&b"VA 100000 c1\r\n"[..]);
    for piece in value.chunks(999) {
        buffer.extend_from_slice(piece);
        assert_eq!(reader.next(&mut buffer).unwrap(), None);
    }
    buffer.extend_from_slice(b"\r\nEN\r\n");
    assert_eq!(reader.next(&mut buffer).unwrap(), Some(Answer::Value(value.into(), flags(1))));
    assert_eq!(reader.next(&mut buffer).unwrap(), Some(Answer::Nothing));
}

#[test]
fn what_no_server_says_is_an_error_that_shows_it() {
    for (bytes, error) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "an unknown line: `HTTP/1.1 400 Bad Request`"),
        (b"HD\n", "a line that does not end in \\r\\n: `HD\\n`"),
        (b"\n", "a line that does not end in \\r\\n: `\\n`"),
        (b"\r\n", "an unknown line: ``"),
        (b"VA\r\n", "an unknown line: `VA`"),
        (b"VA x\r\n", "a value of unknown size: `VA x\\r\\n`"),
        (b"VA -1\r\n", "a value of unknown size: `VA -1\\r\\n`"),
        (b"VA 1 c\r\n", "a value of unknown size: `VA 1 c\\r\\n`"),
        (b"VA 1001 c1\r\n", "a value of 1001 bytes, above 1000"),
        (
            b"VA 99999999999999999999\r\n",
            "a value of unknown size: `VA 99999999999999999999\\r\\n`",
        ),
        (b"VA 1\r\nabc", "a value that is longer than it says: `VA 1\\r\\nabc`"),
        (b"HD cx\r\n", "an unknown line: `HD cx`"),
    ] {
        let given = read(bytes, &[]).unwrap_err().to_string();
        assert_eq!(given, format!("not the answer of a memcached: {error}"));
    }
    assert!(
        read(&[b'a'; LONGEST_LINE], &[]).is_err(),
        "a line without an end is no reason to wait"
    );
}

/// One answer of a server, as bytes.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop::collection::vec(
        "(c[0-9]{1,18}|t-1|t[0-9]{1,9}|s[0-9]{1,5}|f[0-9]{1,9}|W|Z|X|Onew)",
        0..5,
    );
    let value =
        (flags.clone(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(flags, value)| {
            let mut bytes = format!("VA {} {}\r\n", value.len(), flags.join(" ")).into_bytes();
            bytes.extend_from_slice(&value);
            bytes.extend_from_slice(b"\r\n");
            bytes
        });
    let done = flags.prop_map(|flags| format!("HD {}\r\n", flags.join(" ")).into_bytes());
    let words = prop::sample::select(vec![
        "EN",
        "NF",
        "NS",
        "EX",
        "MN",
        "OK",
        "VERSION 1.6.18",
        "SERVER_ERROR x",
    ]);
    let line = words.prop_map(|word| format!("{word}\r\n").into_bytes());
    prop_oneof![value, done, line]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused_alike_in_all_pieces(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"VAHDEN \r\n0123456789cf"[..])], 0..200),
        cuts in prop::collection::vec(0..200_usize, 0..8),
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        prop_assert_eq!(read(&bytes, &cuts).ok(), read(&bytes, &[]).ok());
    }

    #[test]
    fn valid_streams_are_read_whole_in_all_pieces(
        stream in prop::collection::vec(valid(), 0..20),
        cuts in prop::collection::vec(0..600_usize, 0..8),
    ) {
        let bytes = stream.concat();
        let mut cuts = cuts;
        cuts.sort_unstable();
        let answers = read(&bytes, &cuts).unwrap();
        prop_assert_eq!(answers.len(), stream.len());
    }

    #[test]
    fn mutated_streams_never_panic_and_what_comes_before_stays(
        stream in prop::collection::vec(valid(), 1..20),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
        what in 0..3,
    ) {
        let mut bytes = stream.concat();
        let sound = read(&bytes, &[]).unwrap();
        let at = at.index(bytes.len());
        match what {
            0 => bytes[at] = with,
            1 => { bytes.remove(at); }
            _ => bytes.insert(at, with),
        }
        let mut whole = 0;
        let before = stream.iter().take_while(|one| { whole += one.len(); whole <= at }).count();
        let reader = Reader::new(1000);
        let mut buffer = BytesMut::from(&bytes[..]);
        for answer in &sound[..before] {
            let read = reader.next(&mut buffer);
            prop_assert_eq!(read.as_ref(), Ok(&Some(answer.clone())));
        }
        while let Ok(Some(_)) = reader.next(&mut buffer) {}
    }
}
