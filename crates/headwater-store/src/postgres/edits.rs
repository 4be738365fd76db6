//! What edits do to the members of a group, in memory.

use std::collections::{BTreeMap, BTreeSet};

use headwater_scim::patch::RelationEdit;

use super::overlay::{Overlay, from_texts};
use crate::{ApplyError, MemberId, ResourceId, StoreError};

/// The members that one change adds or removes. One that it first adds and then removes, or the
/// other way round, is none of them: the change has done nothing to it.
#[derive(Default)]
pub(super) struct MemberEdits {
    added: u64,
    removed: u64,
    net: BTreeMap<MemberId, bool>,
}

/// What edits have done.
#[derive(Clone, Default)]
pub(super) struct Outcome {
    /// Whether each did anything.
    pub(super) edits: Vec<bool>,
    /// How many members were added in all, also those that were removed again.
    pub(super) added: u64,
    /// How many were removed in all.
    pub(super) removed: u64,
    /// Whether the members are others than before.
    pub(super) changed: bool,
    /// The members that differ and that the journal doesn't have yet, with whether they came.
    pub(super) net: BTreeMap<MemberId, bool>,
}

impl MemberEdits {
    /// Adds a member; answers whether it wasn't one.
    pub(super) fn add(&mut self, overlay: &mut Overlay, group: ResourceId, member: MemberId) -> bool {
        let is_new = overlay.set_member(group, &member, true);
        if is_new {
            self.added += 1;
            self.note(member, true);
        }
        is_new
    }

    /// Removes a member; answers whether it was one.
    pub(super) fn remove(&mut self, overlay: &mut Overlay, group: ResourceId, member: MemberId) -> bool {
        let was_there = overlay.set_member(group, &member, false);
        if was_there {
            self.removed += 1;
            self.note(member, false);
        }
        was_there
    }

    fn note(&mut self, member: MemberId, added: bool) {
        if self.net.remove(&member).is_none() {
            self.net.insert(member, added);
        }
    }

    pub(super) fn outcome(self, edits: Vec<bool>) -> Outcome {
        let Self { added, removed, net } = self;
        Outcome { edits, added, removed, changed: !net.is_empty(), net }
    }
}

impl Overlay {
    /// Carries out edits in order.
    pub(super) fn edit(&mut self, group: ResourceId, edits: &[RelationEdit]) -> Result<Outcome, ApplyError> {
        // What may be wrong with them is found before the first is carried out.
        for edit in edits {
            match edit {
                RelationEdit::Add(texts) | RelationEdit::Remove(texts) | RelationEdit::Replace(texts) => {
                    from_texts(texts)?;
                }
                RelationEdit::Clear => {}
                RelationEdit::RemoveMatching(_) => {
                    return Err(StoreError::Internal("members are looked at that were not read").into());
                }
            }
        }
        let mut done = MemberEdits::default();
        let mut effects = Vec::with_capacity(edits.len());
        for edit in edits {
            let before = (done.added, done.removed);
            match edit {
                RelationEdit::Add(texts) => {
                    for member in from_texts(texts)? {
                        done.add(self, group, member);
                    }
                }
                RelationEdit::Remove(texts) => {
                    for member in from_texts(texts)? {
                        done.remove(self, group, member);
                    }
                }
                RelationEdit::Replace(texts) => {
                    let wanted: BTreeSet<MemberId> = from_texts(texts)?.into_iter().collect();
                    for member in self.members_of(group).into_iter().filter(|member| !wanted.contains(member))
                    {
                        done.remove(self, group, member);
                    }
                    for member in wanted {
                        done.add(self, group, member);
                    }
                }
                RelationEdit::Clear => {
                    for member in self.members_of(group) {
                        done.remove(self, group, member);
                    }
                }
                RelationEdit::RemoveMatching(_) => {} // refused above
            }
            effects.push((done.added, done.removed) != before);
        }
        Ok(done.outcome(effects))
    }

    fn members_of(&self, group: ResourceId) -> Vec<MemberId> {
        self.members.get(&group).into_iter().flatten().cloned().collect()
    }

    /// Makes somebody a member of a group, or no member; answers whether that changes anything.
    fn set_member(&mut self, group: ResourceId, member: &MemberId, wanted: bool) -> bool {
        let members = self.members.entry(group).or_default();
        let changes = if wanted { members.insert(member.clone()) } else { members.remove(member) };
        if !changes {
            return false;
        }
        let place = (group, member.clone());
        if self.writes.members.remove(&place).is_none() {
            self.writes.members.insert(place, wanted);
        }
        // Those that are to go leave the groups that they are in by then.
        if let Some(groups) = self.groups.get_mut(member) {
            if wanted {
                groups.insert(group)
            } else {
                groups.remove(&group)
            };
        }
        true
    }
}
