use super::*;

const ROOT: Party<char> = Party { who: 'r', is_privileged: true };

fn user(who: char) -> Party<char> {
    Party { who, is_privileged: false }
}

fn lines(places: usize) -> Lines<char> {
    Lines::new(Bounds::quarters(places, 10))
}

/// Lets in whoever may, and says whose tickets these are.
fn called(lines: &mut Lines<char>, tickets: &BTreeMap<u64, char>) -> String {
    std::iter::from_fn(|| lines.next()).map(|ticket| tickets[&ticket]).collect()
}

/// Requests of these parties, one after another.
fn come(lines: &mut Lines<char>, whose: &str) -> BTreeMap<u64, char> {
    whose.chars().map(|who| (lines.come(&if who == 'r' { ROOT } else { user(who) }), who)).collect()
}

#[test]
fn a_flood_gets_its_quarter_and_the_last_quarter_is_for_the_privileged() {
    let mut lines = lines(16);
    let tickets = come(&mut lines, &("a".repeat(9) + "b"));
    assert_eq!(called(&mut lines, &tickets), "abaaa", "b has fewer, then a goes on up to its quarter");
    let more = come(&mut lines, &("c".repeat(9) + "dddd"));
    assert_eq!(called(&mut lines, &more), "cdcdcdc", "three quarters are taken");
    let root = come(&mut lines, &"r".repeat(20));
    assert_eq!(called(&mut lines, &root), "rrrr");
}

#[test]
fn parties_with_as_many_places_take_turns() {
    let mut lines = lines(1);
    let mut tickets = come(&mut lines, "aaaabbc");
    let mut order = String::new();
    while let Some(ticket) = lines.next() {
        order.push(tickets[&ticket]);
        lines.go(&user(tickets[&ticket]), ticket);
        // One who comes back each time does not get before those who wait.
        if order.len() < 6 {
            tickets.extend(come(&mut lines, "d"));
        }
    }
    assert_eq!(order, "abcadbadaddd");
    assert!(lines.parties.is_empty() && lines.taken == 0 && lines.ordinary == 0);
}

#[test]
fn who_leaves_gives_up_the_place_or_the_wait() {
    let mut lines = lines(4);
    let tickets: Vec<_> = come(&mut lines, "aaa").into_keys().collect();
    assert_eq!(lines.next(), Some(tickets[0]));
    lines.go(&user('a'), tickets[1]);
    assert_eq!(lines.next(), None, "one place each");
    lines.go(&user('a'), tickets[0]);
    assert_eq!(lines.next(), Some(tickets[2]));
}

#[test]
fn only_the_lines_of_ordinary_parties_are_bounded() {
    let mut lines = lines(4);
    come(&mut lines, &"ar".repeat(11));
    while lines.next().is_some() {}
    assert!(!lines.is_too_long(&user('a')));
    come(&mut lines, "arr");
    assert!(lines.is_too_long(&user('a')) && !lines.is_too_long(&ROOT));
}

#[tokio::test]
async fn places_go_from_hand_to_hand() {
    let turns = Turns::new(Bounds::quarters(4, 1));
    let first = turns.wait(user('a')).await.unwrap();
    assert!(turns.now(user('a')).is_none());
    let second = {
        let turns = turns.clone();
        tokio::spawn(async move { turns.wait(user('a')).await })
    };
    while turns.counts() != (1, 1) {
        tokio::task::yield_now().await;
    }
    assert_eq!(turns.wait(user('a')).await.err(), Some(Full { places: 1, waiting: 1 }));
    assert_eq!(turns.counts(), (1, 1), "the refused one left nothing behind");
    drop(first);
    let second = second.await.unwrap().unwrap();
    let left = {
        let turns = turns.clone();
        tokio::spawn(async move { turns.wait(user('a')).await.map(drop) })
    };
    while turns.counts() != (1, 1) {
        tokio::task::yield_now().await;
    }
    left.abort();
    assert!(left.await.is_err() && turns.counts() == (1, 0));
    drop(second);
    assert_eq!(turns.counts(), (0, 0));
}
