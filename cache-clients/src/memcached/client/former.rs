//! The lists of servers before this one: who had a key in one of them hears of its changes too, so that
//! a server which is asked for the key again, or which has been away from the list, has no old value.

use super::list::List;
use crate::io;
use crate::memcached::heirs::Heirs;
use crate::memcached::host::Host;
use crate::memcached::options::Settings;
use cache_core::Result;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// For so long, and so many of them. Who is back later is emptied.
const KEPT: Duration = Duration::from_secs(3600);
const LISTS: usize = 4;
/// Names of servers that were in a list once.
const NAMES: usize = 1000;

/// What was before.
#[derive(Debug, Default)]
pub(super) struct Former {
    state: Mutex<State>,
    /// There is something to be told to somebody.
    any: AtomicBool,
    /// The same of clients that have taken this one's place.
    heirs: Heirs<Former>,
}

#[derive(Debug, Default)]
struct State {
    now: Option<Arc<List>>,
    /// Each with the moment in which it is forgotten.
    before: VecDeque<(Arc<List>, Instant)>,
    /// Servers of lists that are forgotten: nobody has kept what they missed.
    strangers: VecDeque<String>,
    /// A task is there to forget them in time.
    timed: bool,
}

impl Former {
    /// The server of this name: as it is, or with what it has missed since it was in a list.
    pub(super) fn host(&self, name: &str, settings: &Arc<Settings>) -> Result<Arc<Host>> {
        self.state.lock().host(name, settings)
    }

    /// From now on this is the list.
    pub(super) fn follow(self: &Arc<Self>, list: &Arc<List>) {
        let mut state = self.state.lock();
        state.strangers.retain(|stranger| list.named(stranger).is_none());
        let before = state.now.replace(list.clone()).filter(|before| !before.hosts.is_empty());
        let Some(before) = before else { return };
        let now = Instant::now();
        state.before.push_back((before, now + KEPT));
        self.remember(&mut state, now);
    }

    fn remember(self: &Arc<Self>, state: &mut State, now: Instant) {
        state.forget(now);
        self.any.store(true, Ordering::Release);
        if !std::mem::replace(&mut state.timed, true) {
            io::handle().spawn(forget(Arc::downgrade(self)));
        }
    }

    /// From now on this remembers what `earlier` does, of a client whose place is taken, and the servers are owed what they are
    /// there.
    pub(super) fn take_over(self: &Arc<Self>, earlier: &Former, settings: &Arc<Settings>) {
        // First, so that nothing is changed between the two.
        if !earlier.heirs.add(self) {
            return;
        }
        self.heirs.clear();
        let now = Instant::now();
        let (lists, strangers) = {
            let state = earlier.state.lock();
            let latest = state.now.iter().map(|list| (list.clone(), now + KEPT));
            let lists: Vec<_> = state.before.iter().cloned().chain(latest).collect();
            (lists, state.strangers.clone())
        };
        let mut state = self.state.lock();
        for (list, end) in lists {
            state.take_over(&list, end, settings);
        }
        state.before.make_contiguous().sort_by_key(|(_, end)| *end);
        for name in strangers {
            let host = state.lists().find_map(|list| list.named(&name)).cloned();
            match host {
                Some(host) => host.owe_everything(),
                None => state.strangers.push_back(name),
            }
        }
        self.remember(&mut state, now);
    }

    /// A key is changed at one server: others that had it, or have it by now, must not keep theirs.
    pub(super) fn tell(&self, key: &str, told: &Arc<Host>) {
        self.heirs.each(|heir| heir.hear(key, &told.name));
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let state = self.state.lock();
        let homes = state.lists().filter_map(|list| list.home(key));
        homes.filter(|home| !Arc::ptr_eq(home, told)).for_each(|home| home.owe(key));
    }

    /// A key is changed over an earlier client, at the server of this name.
    fn hear(&self, key: &str, told: &str) {
        {
            let state = self.state.lock();
            let homes = state.lists().filter_map(|list| list.home(key));
            homes.filter(|home| home.name != told).for_each(|home| home.owe(key));
        }
        self.heirs.each(|heir| heir.hear(key, told));
    }
}

impl State {
    fn lists(&self) -> impl Iterator<Item = &Arc<List>> {
        self.now.iter().chain(self.before.iter().map(|(list, _)| list))
    }

    fn host(&self, name: &str, settings: &Arc<Settings>) -> Result<Arc<Host>> {
        if let Some(host) = self.lists().find_map(|list| list.named(name)) {
            return Ok(host.clone());
        }
        let host = Host::new(name, settings)?;
        if self.strangers.iter().any(|stranger| stranger == name) {
            host.owe_everything();
        }
        Ok(host)
    }

    /// One that an earlier client followed, with what its servers are owed.
    fn take_over(&mut self, list: &List, end: Instant, settings: &Arc<Settings>) {
        let over = list.over(|earlier| {
            let host = self.host(&earlier.name, settings)?;
            host.take_over(earlier);
            Ok(host)
        });
        // Its names were good before.
        let Ok(over) = over else { return };
        if !over.hosts.is_empty() && self.now.as_ref().is_none_or(|now| !now.is_like(&over)) {
            self.before.push_back((Arc::new(over), end));
        }
    }

    fn forget(&mut self, now: Instant) {
        while self.before.len() > LISTS || self.before.front().is_some_and(|(_, end)| *end <= now) {
            let Some((list, _)) = self.before.pop_front() else { return };
            for host in &list.hosts {
                let name = &host.name;
                if self.lists().all(|list| list.named(name).is_none())
                    && !self.strangers.contains(name)
                {
                    self.strangers.push_back(name.clone());
                }
            }
        }
        while self.strangers.len() > NAMES {
            self.strangers.pop_front();
        }
    }
}

/// Forgets each list when it is time, until there is none.
async fn forget(former: Weak<Former>) {
    loop {
        let end = {
            let Some(former) = former.upgrade() else { return };
            let mut state = former.state.lock();
            state.forget(Instant::now());
            let end = state.before.front().map(|(_, end)| *end);
            state.timed = end.is_some();
            former.any.store(end.is_some(), Ordering::Release);
            end
        };
        let Some(end) = end else { return };
        tokio::time::sleep_until(end.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::options::MemcachedOptions;
    use crate::memcached::ring::{Node, Placement};

    struct Stand {
        former: Arc<Former>,
        settings: Arc<Settings>,
    }

    impl Stand {
        fn new() -> Self {
            let settings = Arc::new(MemcachedOptions::default().settings);
            Stand { former: Arc::default(), settings }
        }

        fn follow(&self, names: &[&str]) -> Arc<List> {
            let nodes: Vec<Node> = names.iter().map(|name| Node::new(*name)).collect();
            let hosts = names.iter().map(|name| self.former.host(name, &self.settings).unwrap());
            let list = Arc::new(List::new(hosts.collect(), &nodes, Placement::default()));
            self.former.follow(&list);
            list
        }

        fn change(&self, list: &List, keys: usize) {
            for key in (0..keys).map(|n| format!("key:{n}")) {
                self.former.tell(&key, list.home(&key).unwrap());
            }
        }
    }

    fn owed(host: &Host) -> usize {
        host.stats().owed
    }

    #[test]
    fn a_server_that_is_back_has_what_it_missed_of_its_own_keys() {
        let stand = Stand::new();
        let both = stand.follow(&["a:1", "b:1"]);
        stand.change(&both, 100);
        assert_eq!((owed(&both.hosts[0]), owed(&both.hosts[1])), (0, 0));
        let one = stand.follow(&["b:1"]);
        stand.change(&one, 100);
        let again = stand.follow(&["a:1", "b:1"]);
        let own = (0..100).map(|n| format!("key:{n}"));
        let own = own.filter(|key| again.home(key).unwrap().name == "a:1").count();
        assert_eq!((owed(&again.hosts[0]), owed(&again.hosts[1])), (own, 0));
        assert!(own > 20 && own < 80);
    }

    #[test]
    fn who_gave_keys_to_a_newcomer_hears_of_their_changes() {
        let stand = Stand::new();
        stand.follow(&["a:1"]);
        let both = stand.follow(&["a:1", "b:1"]);
        stand.change(&both, 100);
        assert!(owed(&both.hosts[0]) > 20 && owed(&both.hosts[1]) == 0);
    }

    #[test]
    fn a_server_of_which_nothing_is_known_any_more_is_emptied() {
        let stand = Stand::new();
        stand.follow(&["a:1", "b:1"]);
        let one = stand.follow(&["b:1"]);
        stand.former.state.lock().forget(Instant::now() + KEPT);
        stand.change(&one, 10);
        let again = stand.follow(&["a:1", "b:1", "c:1"]);
        let everything = again.hosts.iter().map(|host| host.owes_everything());
        assert_eq!(everything.collect::<Vec<_>>(), [true, false, false]);
    }

    /// Another client, in the place of the one before.
    fn heir(before: &Stand, names: &[&str]) -> (Stand, Arc<List>) {
        let stand = Stand::new();
        let list = stand.follow(names);
        stand.former.take_over(&before.former, &stand.settings);
        (stand, list)
    }

    #[test]
    fn who_takes_over_knows_what_servers_of_earlier_lists_have_missed() {
        let first = Stand::new();
        let both = first.follow(&["a:1", "b:1"]);
        both.hosts[1].owe("before");
        let (second, one) = heir(&first, &["b:1"]);
        assert_eq!(owed(&one.hosts[0]), 1);
        second.change(&one, 100);
        let (_third, again) = heir(&second, &["a:1", "b:1"]);
        let own = (0..100).map(|n| format!("key:{n}"));
        let own = own.filter(|key| again.home(key).unwrap().name == "a:1").count();
        assert_eq!((owed(&again.hosts[0]), owed(&again.hosts[1])), (own, 1));
    }

    #[test]
    fn who_takes_over_hears_of_what_is_still_changed_over_the_one_before() {
        let first = Stand::new();
        let both = first.follow(&["a:1", "b:1"]);
        let (second, moved) = heir(&first, &["b:1", "c:1"]);
        let (_third, later) = heir(&second, &["b:1", "c:1"]);
        first.change(&both, 100);
        both.hosts[1].owe("a change without an answer");
        for list in [moved, later] {
            let missed = (0..100).map(|n| format!("key:{n}")).filter(|key| {
                both.home(key).unwrap().name == "a:1" && list.home(key).unwrap().name == "b:1"
            });
            assert_eq!(owed(&list.hosts[0]), missed.count() + 1);
            assert!(owed(&list.hosts[1]) > 20);
        }
    }

    #[test]
    fn who_takes_over_empties_servers_of_which_nothing_is_known_any_more() {
        let first = Stand::new();
        first.follow(&["a:1", "b:1"]);
        first.follow(&["b:1"]);
        first.former.state.lock().forget(Instant::now() + KEPT);
        let (_second, again) = heir(&first, &["a:1", "b:1", "c:1"]);
        let everything = again.hosts.iter().map(|host| host.owes_everything());
        assert_eq!(everything.collect::<Vec<_>>(), [true, false, false]);
        let (third, _) = heir(&first, &["b:1"]);
        let again = third.follow(&["a:1", "b:1"]);
        assert!(again.hosts[0].owes_everything());
    }

    #[test]
    fn many_heirs_of_the_same_list_forget_none_of_the_others() {
        let mut stand = Stand::new();
        stand.follow(&["a:1"]);
        for _ in 0..10 {
            (stand, _) = heir(&stand, &["b:1"]);
        }
        let state = stand.former.state.lock();
        assert_eq!((state.before.len(), state.strangers.len()), (1, 0));
    }

    #[test]
    fn lists_and_names_are_bounded() {
        let stand = Stand::new();
        for n in 0..1100 {
            stand.follow(&[&format!("n{n}:1")]);
        }
        let state = stand.former.state.lock();
        assert_eq!((state.before.len(), state.strangers.len()), (LISTS, NAMES));
    }
}
