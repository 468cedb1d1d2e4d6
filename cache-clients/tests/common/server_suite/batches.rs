//! Many keys at once.

use super::{LONG, fresh_key, put};
use cache_clients::server::{Claim, Leased, Put, Server, When};
use cache_core::wait;

/// Batches.
pub fn batches(server: &impl Server) {
    results_come_in_the_order_of_the_keys(server);
    a_batch_of_nothing_gives_nothing(server);
    a_batch_may_name_a_key_twice(server);
}

fn results_come_in_the_order_of_the_keys(server: &impl Server) {
    let keys: Vec<String> = (0..100).map(|n| fresh_key(&format!("batch-{n}"))).collect();
    let puts = keys.iter().enumerate().filter(|(n, _)| n % 3 != 0).map(|(n, key)| Put {
        key: key.clone(),
        bytes: n.to_string().into(),
        keep: Some(LONG),
        when: When::Always,
    });
    assert!(wait(server.put_many(puts.collect())).into_iter().all(|stored| stored.unwrap()));
    let answers = wait(server.get_many(&keys, Claim::Missing(LONG)));
    assert_eq!(answers.len(), keys.len());
    for (n, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(matches!(answer.leased, Leased::Won(_)), n % 3 == 0, "{n}: {answer:?}");
        let text = answer.stored.map(|stored| stored.bytes);
        assert_eq!(text, (n % 3 != 0).then(|| n.to_string().into()), "{n}");
    }
    let put =
        |n: usize, when| Put { key: keys[n].clone(), bytes: "again".into(), keep: None, when };
    let puts = vec![
        put(0, When::Absent),
        put(1, When::Absent),
        put(2, When::Token(1)),
        put(4, When::Always),
    ];
    let stored: Vec<bool> = wait(server.put_many(puts)).into_iter().map(Result::unwrap).collect();
    assert_eq!(stored, [true, false, false, true]);
    let deleted = wait(server.delete_many(&keys));
    for (n, deleted) in deleted.into_iter().enumerate() {
        assert_eq!(deleted.unwrap(), n == 0 || n % 3 != 0, "{n}");
    }
}

fn a_batch_of_nothing_gives_nothing(server: &impl Server) {
    assert!(wait(server.get_many(&[], Claim::Missing(LONG))).is_empty());
    assert!(wait(server.put_many(Vec::new())).is_empty());
    assert!(wait(server.delete_many(&[])).is_empty());
}

fn a_batch_may_name_a_key_twice(server: &impl Server) {
    let key = fresh_key("twice");
    let answers = wait(server.get_many(&[key.clone(), key.clone()], Claim::Missing(LONG)));
    let won = answers.iter().filter(|a| matches!(a.as_ref().unwrap().leased, Leased::Won(_)));
    assert_eq!(won.count(), 1, "{answers:?}");
    put(server, &key, "v", When::Always);
    let answers = wait(server.get_many(&[key.clone(), key.clone()], Claim::Nothing));
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().stored.is_some()));
    let deleted: Vec<bool> =
        wait(server.delete_many(&[key.clone(), key])).into_iter().map(Result::unwrap).collect();
    assert_eq!(deleted.iter().filter(|deleted| **deleted).count(), 1);
}
