//! Where walks by index go on, in every store.

mod support;

use std::time::{Duration, Instant};

use headwater_store::{
    Boundary, Millis, Position, ReadPage, ResourceId, Store, WentOn,
    postgres::{PoolLimits, PostgresStore},
};
use support::{Kind, Postgres, Under, on_postgres, runtime};
use uuid::Uuid;

const REMEMBERED: Millis = 10 * 60 * 1_000;

fn position(number: u128) -> Position {
    Position { key: None, id: ResourceId(Uuid::from_u128(number)) }
}

/// One client's list.
struct List {
    under: Under,
    descending: bool,
}

impl List {
    async fn new(kind: &Kind) -> Self {
        Self { under: Under::new(kind).await, descending: false }
    }

    fn place(&self, offset: u64) -> Boundary {
        Boundary {
            source: self.under.source,
            client: Uuid::from_u128(5),
            list: [3; 16],
            descending: self.descending,
            offset,
        }
    }

    async fn look(&self, offset: u64, now: Millis) -> Option<WentOn> {
        self.under.store.go_on(&self.place(offset), now).await.expect("read")
    }

    /// Where a page that begins there would go on.
    async fn at(&self, offset: u64, now: Millis) -> Option<Position> {
        self.look(offset, now).await.map(|went_on| went_on.position)
    }

    /// A first page that ends so.
    async fn first(&self, end: u64, position: Position, now: Millis) {
        let page =
            ReadPage { began: self.place(0), went_on: None, end: Some((end, position)), is_last: false };
        self.under.store.note_page(page, now).await.expect("noted");
    }

    /// A page that goes on; the last, when it has no end.
    async fn next(&self, begin: u64, end: Option<(u64, Position)>, now: Millis) -> Option<Position> {
        let went_on = self.look(begin, now).await;
        let position = went_on.as_ref().map(|went_on| went_on.position.clone());
        let page = ReadPage { began: self.place(begin), went_on, is_last: end.is_none(), end };
        self.under.store.note_page(page, now).await.expect("noted");
        position
    }
}

/// Runs a story on every store.
fn on_all(story: impl AsyncFn(List)) {
    runtime().block_on(async { story(List::new(&Kind::Sqlite).await).await });
    on_postgres(async |kind| story(List::new(kind).await).await);
}

#[test]
fn a_walk_goes_on_where_its_page_ended() {
    on_all(async |list| {
        list.first(100, position(7), 0).await;
        assert_eq!(list.at(200, 1).await, None);
        assert_eq!(list.at(100, 1).await, Some(position(7)));
        assert_eq!(list.at(100, 2).await, Some(position(7)), "the answer was lost");
        assert_eq!(list.at(100, REMEMBERED).await, None, "that was long ago");
        list.first(100, position(7), REMEMBERED + 1).await;
        list.next(100, None, REMEMBERED + 1).await;
        list.first(100, position(9), REMEMBERED + 2).await;
        assert_eq!(list.at(100, REMEMBERED + 2).await, Some(position(9)), "it is as if it had never been");
        let elsewhere = Boundary { client: Uuid::from_u128(6), ..list.place(100) };
        assert_eq!(list.under.store.go_on(&elsewhere, REMEMBERED + 2).await.expect("read"), None);
        let elsewhere = Boundary { list: [4; 16], ..list.place(100) };
        assert_eq!(list.under.store.go_on(&elsewhere, REMEMBERED + 2).await.expect("read"), None);
    });
}

#[test]
fn positions_come_back_as_they_were() {
    on_all(async |list| {
        for (number, key) in [None, Some(""), Some("a\0ü"), Some("\u{10ffff}")].into_iter().enumerate() {
            let position =
                Position { key: key.map(str::to_owned), id: ResourceId(Uuid::from_u128(1 << 100)) };
            let end = 100 + number as u64;
            list.first(end, position.clone(), 0).await;
            assert_eq!(list.at(end, 1).await, Some(position));
        }
        let long = |length| Position { key: Some("x".repeat(length)), ..position(7) };
        list.first(300, long(2_000), 0).await;
        assert_eq!(list.at(300, 1).await, Some(long(2_000)));
        list.first(300, long(2_001), 0).await;
        assert_eq!(list.at(300, 1).await, None, "too long, and what was there before is no end of it");
        list.first(i64::MAX.unsigned_abs(), position(7), 0).await;
        assert_eq!(list.at(i64::MAX.unsigned_abs(), 1).await, Some(position(7)), "far away");
    });
}

#[test]
fn of_two_walks_neither_misses_anything() {
    on_all(async |mut list| {
        list.first(100, position(9), 0).await;
        list.first(100, position(7), 0).await;
        assert_eq!(list.at(100, 1).await, Some(position(7)));
        assert_eq!(list.at(100, 1).await, Some(position(7)), "it may be the one that ended at 7");
        list.descending = true;
        list.first(200, position(7), 0).await;
        list.first(200, position(9), 0).await;
        assert_eq!(list.at(200, 1).await, Some(position(9)), "backwards");
    });
}

#[test]
fn those_without_a_value_are_last() {
    on_all(async |mut list| {
        let keyed = |key: &str, number| Position { key: Some(key.to_owned()), ..position(number) };
        for position in [position(1), keyed("b", 2), keyed("a\u{1}", 3), keyed("a", 4)] {
            list.first(100, position, 0).await;
        }
        assert_eq!(list.at(100, 1).await, Some(keyed("a", 4)));
        list.descending = true;
        for position in [keyed("a", 4), keyed("b", 2), position(1)] {
            list.first(200, position, 0).await;
        }
        assert_eq!(list.at(200, 1).await, Some(position(1)));
    });
}

#[test]
fn a_later_walk_begins_anew() {
    on_all(async |list| {
        list.first(100, position(7), 0).await;
        list.next(100, None, 1).await;
        assert_eq!(list.at(100, 2).await, Some(position(7)), "the last answer was lost");
        list.first(100, position(9), 3).await;
        assert_eq!(list.at(100, 4).await, Some(position(9)));
    });
}

#[test]
fn what_is_asked_for_behind_the_end_goes_on_from_the_last_walk() {
    on_all(async |list| {
        for (last, now) in [(7, 0), (9, 10)] {
            list.first(100, position(1), now).await;
            list.next(100, Some((200, position(last))), now + 1).await;
            list.next(200, None, now + 2).await;
        }
        assert_eq!(list.at(200, 20).await, Some(position(9)), "and not back from 7");
    });
}

#[test]
fn walks_that_end_at_the_same_resource_are_counted() {
    on_all(async |list| {
        list.first(100, position(7), 0).await;
        list.first(100, position(7), 1).await;
        list.next(100, None, 2).await;
        list.first(100, position(9), 3).await;
        assert_eq!(list.at(100, 4).await, Some(position(7)), "one of them is still there");
    });
}

#[test]
fn a_page_is_asked_for_again_while_another_walk_has_begun() {
    on_all(async |list| {
        let behind = |number: u64| Some((100 * number, position(u128::from(10 * number) - 3)));
        list.first(100, position(7), 0).await;
        assert_eq!(list.next(100, behind(2), 1).await, Some(position(7)));
        list.first(100, position(9), 2).await;
        assert_eq!(list.at(100, 3).await, Some(position(7)), "the answer was lost");
        assert_eq!(list.next(200, behind(3), 4).await, Some(position(17)), "now it has come");
        assert_eq!(list.at(100, 5).await, Some(position(7)), "which of the two it was is not known");
        assert_eq!(list.next(200, behind(3), 5).await, Some(position(17)), "once more");
        list.first(100, position(9), 5).await;
        assert_eq!(list.at(100, 5).await, Some(position(7)), "nobody else has gone on from there");
        for _ in 0..2 {
            assert_eq!(list.next(100, behind(2), 5).await, Some(position(7)));
            list.next(200, behind(3), 6).await;
        }
        list.first(100, position(11), 7).await;
        assert_eq!(list.at(100, 8).await, Some(position(11)), "all have gone");
    });
}

#[test]
fn the_farthest_of_too_many_gives_way() {
    on_all(async |list| {
        for number in (1..=20).rev() {
            list.first(100, position(number), 0).await;
        }
        assert_eq!(list.at(100, 1).await, Some(position(1)));
        // As many walks as there were end here, each taken to be the farthest: the least far stays to the
        // last, and is what counts behind it.
        for _ in 0..19 {
            assert_eq!(list.next(100, None, 2).await, Some(position(1)));
        }
        list.first(100, position(30), 3).await;
        assert_eq!(list.at(100, 4).await, Some(position(1)));
        list.next(100, None, 5).await;
        list.next(100, None, 5).await;
        list.first(100, position(31), 6).await;
        assert_eq!(list.at(100, 7).await, Some(position(31)), "all have gone");
    });
}

async fn rows(client: &tokio_postgres::Client, condition: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM walk WHERE {condition}");
    client.query_one(&count, &[]).await.expect("counted").get(0)
}

#[test]
fn the_table_of_ends_stays_small() {
    on_postgres(async |kind| {
        let Kind::Postgres(postgres) = kind else { panic!("PostgreSQL") };
        let client = postgres.client().await;
        let list = List::new(kind).await;
        for number in (1..=20).rev() {
            list.first(100, position(number), 0).await;
        }
        assert_eq!(rows(&client, "place = 100").await, 8, "at a place");
        let source = list.under.source.0;
        let insert = "INSERT INTO walk SELECT $1, '\\x05', '\\x03', n, '\\x00', n, 1, NULL FROM generate_series($2::BIGINT, $3) n";
        client.execute(insert, &[&source, &1_i64, &21_000_i64]).await.expect("inserted");
        // Now and then a note removes what is too much.
        let began = Instant::now();
        while rows(&client, "TRUE").await > 20_100 {
            for number in 0..64 {
                list.first(200 + number, position(1), 21_000).await;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "it stays");
        }
        assert_eq!(rows(&client, "place = 1").await, 0, "the oldest have gone");
        assert!(list.at(263, 21_000).await.is_some(), "the newest have not");
        // Sources in which nobody walks any more are looked after too.
        let other = source + 1;
        client.execute(insert, &[&other, &1_i64, &2_500_i64]).await.expect("inserted");
        list.under.store.forget_pages(REMEMBERED + 2_400).await.expect("forgotten");
        assert_eq!(rows(&client, &format!("source_id = {other}")).await, 100);
        list.under.store.forget_pages(REMEMBERED + 21_000).await.expect("forgotten");
        assert_eq!(rows(&client, "TRUE").await, 0);
    });
}

/// What one replica has answered, the other goes on from; and many at once wait for each other, but don't
/// stand in each other's way.
#[test]
fn replicas_share_what_they_remember() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let postgres = Postgres::new().await;
        let other = PostgresStore::connect(&postgres.database.url(), PoolLimits::default()).await;
        let stores = [postgres.store.clone(), other.expect("connected")];
        let kind = Kind::Postgres(postgres);
        let list = List::new(&kind).await;
        let place = |offset| list.place(offset);
        let walks: Vec<_> = (0..8_usize)
            .map(|walk| {
                let stores = stores.clone();
                let places: Vec<Boundary> = (0..=40).map(|page| place(page * 10)).collect();
                tokio::spawn(async move {
                    for (page, began) in places.iter().enumerate().take(40) {
                        let store = &stores[(walk + page) % 2];
                        let went_on =
                            if page == 0 { None } else { store.go_on(began, 5).await.expect("read") };
                        assert_eq!(went_on.is_some(), page > 0);
                        let end = Some((places[page + 1].offset, position(page as u128 + 1)));
                        let page = ReadPage { began: *began, went_on, end, is_last: page == 39 };
                        store.note_page(page, 5).await.expect("noted");
                    }
                })
            })
            .collect();
        for walk in walks {
            walk.await.expect("walked");
        }
        assert_eq!(list.at(390, 6).await, Some(position(39)));
        let Kind::Postgres(postgres) = &kind else { panic!("PostgreSQL") };
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        let deadlocks: i64 = postgres.client().await.query_one(deadlocks, &[]).await.expect("counted").get(0);
        assert_eq!(deadlocks, 0, "all lock in the same order");
    });
}
