//! Finding the record that a cursor reads next.

use crate::cursor::{Held, Loss, Place};
use crate::damage::{Damage, What};
use crate::error::Error;
use crate::layout::SEGMENT_HEADER;
use crate::scan::{Found, Step, step};
use crate::state::{Shared, State};
use crate::summary::Totals;

impl Shared {
    /// The record that comes next, first among those that were handed back; drops on its way what is too old.
    pub(crate) fn settle(&self, state: &mut State, cursor: u64) -> Result<Option<Found>, Error> {
        let cutoff = self.cutoff();
        while let Some(own) = state.cursors.get_mut(&cursor)
            && let Some(&seq) = own.back.first()
        {
            let Some(held) = own.held.get(&seq).copied() else {
                own.back.remove(&seq);
                continue;
            };
            if held.time < cutoff {
                own.lose_held(seq, Loss::Age);
                continue;
            }
            match self.again(state, seq, held)? {
                Some(found) => return Ok(Some(found)),
                None => {
                    if let Some(own) = state.cursors.get_mut(&cursor) {
                        own.lose_held(seq, Loss::Damage);
                    }
                }
            }
        }
        while let Some(found) = self.ahead(state, cursor)? {
            if found.header.time >= cutoff {
                return Ok(Some(found));
            }
            self.pass(state, cursor, &found, Some(Loss::Age));
        }
        Ok(None)
    }

    /// Finds a record again whose place is known. `None` if it is not there.
    fn again(&self, state: &mut State, seq: u64, held: Held) -> Result<Option<Found>, Error> {
        let Place { segment, offset } = held.place;
        let Some(end) = state.segments.get(&segment).map(|segment| segment.end) else {
            return Ok(None);
        };
        let file = state.file(&*self.disk, &self.dir, segment)?;
        let damage = match step(&*file, segment, offset, end).map_err(Error::io("read", self.path(segment)))? {
            Step::Record(found) if found.header.seq == seq => return Ok(Some(found)),
            Step::Damage { len, header, what } => Damage {
                segment,
                offset,
                len,
                seq: header.map(|header| header.seq).or(Some(seq)),
                what,
            },
            _ => return Ok(None),
        };
        state.report(&*self.disk, Some(&*file), damage);
        Ok(None)
    }

    /// The first record at or after the cursor's place that is for it, without regard to age. Damage is reported and skipped.
    pub(crate) fn ahead(&self, state: &mut State, cursor: u64) -> Result<Option<Found>, Error> {
        loop {
            let Some(first) = state.current(cursor) else {
                return Ok(None);
            };
            let active = state.is_active(first);
            let (Some(segment), Some(own)) = (state.segments.get(&first), state.cursors.get_mut(&cursor)) else {
                return Ok(None);
            };
            let (here, end) = (segment.summary.of(own.hash), segment.end);
            if own.at.offset == SEGMENT_HEADER && here.records == 0 {
                own.at.offset = end;
            }
            if own.at.offset >= end {
                if active {
                    return Ok(None);
                }
                // The footer knows of records that were not found.
                let lost = here.minus(own.consumed);
                own.lose(lost, Loss::Damage);
                own.consumed = here;
                own.high = own.high.max(segment.summary.last_seq.saturating_add(1));
                let Some((&next, _)) = state.segments.range(first + 1..).next() else {
                    return Ok(None);
                };
                own.at = Place {
                    segment: next,
                    offset: SEGMENT_HEADER,
                };
                own.consumed = Totals::default();
                continue;
            }
            let at = own.at;
            match self.look(state, at, end) {
                Ok(Step::Record(found)) => {
                    let Some(own) = state.cursors.get(&cursor) else {
                        return Ok(None);
                    };
                    if found.header.seq >= own.high && found.meta.addressed(own.hash) {
                        return Ok(Some(found));
                    }
                    self.pass(state, cursor, &found, None);
                }
                Ok(Step::Other(len)) => move_on(state, cursor, at.offset + len),
                Ok(Step::End) => move_on(state, cursor, end),
                Ok(Step::Damage { len, header, what }) => {
                    let damage = Damage {
                        segment: at.segment,
                        offset: at.offset,
                        len,
                        seq: header.map(|header| header.seq),
                        what,
                    };
                    let file = state.file(&*self.disk, &self.dir, at.segment).ok();
                    state.report(&*self.disk, file.as_deref(), damage);
                    move_on(state, cursor, at.offset + len);
                }
                Err(error) => self.give_up_after_trouble(state, cursor, at, end - at.offset, error)?,
            }
        }
    }

    fn look(&self, state: &mut State, at: Place, end: u64) -> Result<Step, Error> {
        let file = state.file(&*self.disk, &self.dir, at.segment)?;
        step(&*file, at.segment, at.offset, end).map_err(Error::io("read", self.path(at.segment)))
    }

    /// Passes the error on twice and skips the place the third time.
    fn give_up_after_trouble(
        &self,
        state: &mut State,
        cursor: u64,
        at: Place,
        len: u64,
        error: Error,
    ) -> Result<(), Error> {
        let Some(own) = state.cursors.get_mut(&cursor) else {
            return Err(error);
        };
        if !own.gives_up(at) {
            return Err(error);
        }
        let damage = Damage {
            segment: at.segment,
            offset: at.offset,
            len,
            seq: None,
            what: What::Unreadable(error.to_string()),
        };
        state.report(&*self.disk, None, damage);
        move_on(state, cursor, at.offset + len);
        Ok(())
    }

    /// Moves the cursor behind a record that is at its place; `loss` says why it is not delivered.
    pub(crate) fn pass(&self, state: &mut State, cursor: u64, found: &Found, loss: Option<Loss>) {
        let Some(own) = state.cursors.get_mut(&cursor) else {
            return;
        };
        own.at.offset = found.offset + found.header.len();
        // Appended while the cursor was created, or found after a crash although its appending had failed: never its own.
        let foreign = found.header.seq < own.high;
        own.high = own.high.max(found.header.seq + 1);
        if found.meta.addressed(own.hash) {
            let totals = Totals::of(&found.header);
            own.consumed.add(totals);
            if foreign {
                own.fates.appended = own.fates.appended.minus(totals);
            }
            if let Some(loss) = loss {
                own.lose(totals, loss);
            }
        }
    }
}

fn move_on(state: &mut State, cursor: u64, offset: u64) {
    if let Some(own) = state.cursors.get_mut(&cursor) {
        own.at.offset = offset;
    }
}
