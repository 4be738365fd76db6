//! Room for what takes much memory.

use std::time::Duration;

use headwater_store::places::Places;

/// How many bulk requests are carried out at once: each may take many times its length.
const MOST_BULK: usize = 8;
/// How many long ones are received at once: each takes its length.
const MOST_ARRIVING: usize = 32;
/// How many large answers there are at once, until their clients have read them.
const MOST_LARGE_ANSWERS: usize = 8;
/// How long a request waits for its turn.
const MOST_WAIT: Duration = Duration::from_secs(30);

/// The places of what takes much memory: others wait for their turn. Half of the places are for other sources
/// than any one.
#[derive(Debug)]
pub struct Room {
    /// Of long bulk requests that are received: whoever sends slowly holds up nobody who is carried out, nor
    /// short requests.
    pub arriving: Places,
    /// Of bulk requests that are read and carried out.
    pub bulk: Places,
    /// Of large answers, from before they are read from the store until they are written to the client.
    pub answers: Places,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            arriving: Places::new(MOST_ARRIVING, MOST_WAIT),
            bulk: Places::new(MOST_BULK, MOST_WAIT),
            answers: Places::new(MOST_LARGE_ANSWERS, MOST_WAIT),
        }
    }
}
