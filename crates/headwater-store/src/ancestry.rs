//! The groups that members are in, be it by way of other groups.

use std::collections::HashMap;

use crate::{MemberId, Related, StoreError};

/// Where groups are read from.
pub(crate) trait Groups {
    /// The ids of the groups that hold a member themselves.
    ///
    /// # Errors
    /// The database failed.
    fn holders(&mut self, member: &MemberId) -> Result<Vec<MemberId>, StoreError>;

    /// A group as its members show it; `None` if it is not there.
    ///
    /// # Errors
    /// The database failed.
    fn group(&mut self, id: &MemberId) -> Result<Option<Related>, StoreError>;
}

/// What is known of who is in which group, while the groups of several members are found in one snapshot:
/// each group is read once, however many of them it holds.
#[derive(Default)]
pub(crate) struct Ancestry {
    /// Groups, by the numbers that they have here.
    groups: Vec<Related>,
    numbers: HashMap<MemberId, usize>,
    /// Those that hold a group, as far as it was looked at.
    parents: HashMap<usize, Vec<usize>>,
    /// How many numbers are in all of these.
    size: usize,
}

impl Ancestry {
    /// How much is known: the number of groups, and of what they are in.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The groups of a member: those that it is a member of itself, then those that hold one of these,
    /// or a group that does, and so on (RFC 7643 §4.1.2: indirect); each once, however they hold each
    /// other, and both in the order of their ids.
    ///
    /// # Errors
    /// Those of `groups`.
    pub(crate) fn groups(
        &mut self,
        member: &MemberId,
        groups: &mut impl Groups,
    ) -> Result<Vec<Related>, StoreError> {
        let direct = self.holders(member, groups)?;
        let above = self.above(&direct, groups)?;
        let mut indirect: Vec<Related> = above
            .into_iter()
            .map(|number| Related { direct: false, ..self.groups[number].clone() })
            .collect();
        indirect.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        let mut groups: Vec<Related> = direct.iter().map(|number| self.groups[*number].clone()).collect();
        groups.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        groups.append(&mut indirect);
        Ok(groups)
    }

    /// The numbers of the groups that hold a member themselves.
    fn holders(&mut self, member: &MemberId, groups: &mut impl Groups) -> Result<Vec<usize>, StoreError> {
        let ids = groups.holders(member)?;
        let mut numbers = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(number) = self.numbers.get(&id) {
                numbers.push(*number);
            } else if let Some(group) = groups.group(&id)? {
                numbers.push(self.groups.len());
                self.numbers.insert(id, self.groups.len());
                self.groups.push(Related { direct: true, ..group });
                self.size += 1;
            }
        }
        Ok(numbers)
    }

    /// All that is above some groups, but for themselves. It takes no more than the groups that are met and what
    /// these are in themselves, however they hold each other.
    fn above(&mut self, below: &[usize], groups: &mut impl Groups) -> Result<Vec<usize>, StoreError> {
        let mut seen = vec![false; self.groups.len()];
        for group in below {
            seen[*group] = true;
        }
        let mut waiting = below.to_vec();
        let mut above = Vec::new();
        while let Some(next) = waiting.pop() {
            if !self.parents.contains_key(&next) {
                let id = self.groups[next].id.clone();
                let parents = self.holders(&id, groups)?;
                self.size += parents.len();
                self.parents.insert(next, parents);
                seen.resize(self.groups.len(), false);
            }
            let parents = self.parents[&next].iter();
            let unseen = parents.filter(|parent| !std::mem::replace(&mut seen[**parent], true));
            let before = above.len();
            above.extend(unseen);
            waiting.extend_from_slice(&above[before..]);
        }
        Ok(above)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use proptest::{collection::vec, prelude::*};
    use uuid::Uuid;

    use super::{Ancestry, Groups};
    use crate::{MemberId, Related, ResourceId, StoreError};

    /// The groups that hold a member or a group, by number.
    struct Graph(HashMap<u128, BTreeSet<u128>>);

    impl Graph {
        fn direct_of(&self, member: u128) -> BTreeSet<u128> {
            self.0.get(&member).cloned().unwrap_or_default()
        }
    }

    impl Groups for Graph {
        fn holders(&mut self, member: &MemberId) -> Result<Vec<MemberId>, StoreError> {
            let member = member.resource_id().expect("an id").0.as_u128();
            Ok(self.direct_of(member).into_iter().map(id).collect())
        }

        fn group(&mut self, id: &MemberId) -> Result<Option<Related>, StoreError> {
            Ok(Some(Related { id: id.clone(), direct: true, named: None }))
        }
    }

    fn id(number: u128) -> MemberId {
        ResourceId(Uuid::from_u128(number)).into()
    }

    /// Groups that are all in one another, in a circle, and a member of all of them.
    #[test]
    fn what_is_known_grows_with_the_memberships_and_no_faster() {
        const GROUPS: u128 = 2_000;
        let mut graph: HashMap<u128, BTreeSet<u128>> =
            (1..=GROUPS).map(|group| (group, BTreeSet::from([group % GROUPS + 1]))).collect();
        graph.insert(0, (1..=GROUPS).collect());
        let mut ancestry = Ancestry::default();
        let found = ancestry.groups(&id(0), &mut Graph(graph)).expect("readable");
        assert_eq!(found.len() as u128, GROUPS);
        assert!(ancestry.size() as u128 <= 2 * GROUPS, "{} are kept", ancestry.size());
    }

    proptest! {
        #[test]
        fn groups_are_those_that_can_be_reached(edges in vec((0..14_u128, 0..10_u128), 0..60)) {
            let mut graph = Graph(HashMap::new());
            for (member, group) in &edges {
                graph.0.entry(*member).or_default().insert(*group);
            }
            let mut ancestry = Ancestry::default();
            for member in (0..14).chain(0..14) {
                let direct = graph.direct_of(member);
                let mut all = direct.clone();
                let missing = |all: &BTreeSet<u128>| {
                    all.iter().flat_map(|group| graph.direct_of(*group)).find(|group| !all.contains(group))
                };
                while let Some(new) = missing(&all) {
                    all.insert(new);
                }
                let expected: Vec<(MemberId, bool)> = direct
                    .iter()
                    .map(|group| (id(*group), true))
                    .chain(all.difference(&direct).map(|group| (id(*group), false)))
                    .collect();
                let found = ancestry.groups(&id(member), &mut graph);
                let found: Vec<(MemberId, bool)> =
                    found.expect("readable").into_iter().map(|group| (group.id, group.direct)).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
