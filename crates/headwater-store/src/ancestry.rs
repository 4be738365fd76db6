//! The groups that members are in, be it by way of other groups.

use std::collections::HashMap;

use crate::{MemberId, Related, StoreError};

/// What is known of who is in which group, while the groups of several members are found: each group
/// is gone up from once, however many of them it holds.
#[derive(Default)]
pub(crate) struct Ancestry {
    /// Groups, by the numbers that they have here.
    groups: Vec<Related>,
    numbers: HashMap<MemberId, usize>,
    /// Those that hold a group, as far as it was looked at.
    parents: HashMap<usize, Vec<usize>>,
    /// All above a group, by way of others too.
    above: HashMap<usize, Vec<usize>>,
}

impl Ancestry {
    /// The groups of a member: those that it is a member of itself, then those that hold one of these,
    /// or a group that does, and so on (RFC 7643 §4.1.2: indirect); each once, however they hold each
    /// other, and both in the order of their ids. `holders` reads the groups that hold somebody.
    ///
    /// # Errors
    /// Those of `holders`.
    pub(crate) fn groups(
        &mut self,
        member: &MemberId,
        mut holders: impl FnMut(&MemberId) -> Result<Vec<Related>, StoreError>,
    ) -> Result<Vec<Related>, StoreError> {
        let direct: Vec<usize> = holders(member)?.into_iter().map(|group| self.number(group)).collect();
        let mut found = vec![false; self.groups.len()];
        for group in &direct {
            for above in self.all_above(*group, &mut holders)? {
                if above >= found.len() {
                    found.resize(self.groups.len(), false);
                }
                found[above] = true;
            }
        }
        for group in &direct {
            found[*group] = false;
        }
        let indirect = found.into_iter().enumerate().filter(|(_, found)| *found).map(|(number, _)| number);
        let mut indirect: Vec<Related> =
            indirect.map(|number| Related { direct: false, ..self.groups[number].clone() }).collect();
        indirect.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        let mut groups: Vec<Related> = direct.iter().map(|number| self.groups[*number].clone()).collect();
        groups.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        groups.append(&mut indirect);
        Ok(groups)
    }

    fn number(&mut self, group: Related) -> usize {
        if let Some(number) = self.numbers.get(&group.id) {
            return *number;
        }
        self.numbers.insert(group.id.clone(), self.groups.len());
        self.groups.push(Related { direct: true, ..group });
        self.groups.len() - 1
    }

    fn all_above(
        &mut self,
        group: usize,
        holders: &mut impl FnMut(&MemberId) -> Result<Vec<Related>, StoreError>,
    ) -> Result<Vec<usize>, StoreError> {
        if let Some(above) = self.above.get(&group) {
            return Ok(above.clone());
        }
        let mut seen = vec![false; self.groups.len()];
        let mut above = Vec::new();
        let mut waiting = vec![group];
        while let Some(next) = waiting.pop() {
            if !self.parents.contains_key(&next) {
                let parents = holders(&self.groups[next].id)?;
                let parents = parents.into_iter().map(|parent| self.number(parent)).collect();
                self.parents.insert(next, parents);
                seen.resize(self.groups.len(), false);
            }
            for parent in self.parents.get(&next).into_iter().flatten() {
                if !std::mem::replace(&mut seen[*parent], true) {
                    above.push(*parent);
                    waiting.push(*parent);
                }
            }
        }
        self.above.insert(group, above.clone());
        Ok(above)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use proptest::{collection::vec, prelude::*};
    use uuid::Uuid;

    use super::Ancestry;
    use crate::{MemberId, Related, ResourceId};

    fn id(number: u128) -> MemberId {
        ResourceId(Uuid::from_u128(number)).into()
    }

    proptest! {
        #[test]
        fn groups_are_those_that_can_be_reached(edges in vec((0..14_u128, 0..10_u128), 0..60)) {
            let mut holders: HashMap<u128, BTreeSet<u128>> = HashMap::new();
            for (member, group) in &edges {
                holders.entry(*member).or_default().insert(*group);
            }
            let direct_of = |member: u128| holders.get(&member).cloned().unwrap_or_default();
            let mut ancestry = Ancestry::default();
            for member in (0..14).chain(0..14) {
                let direct = direct_of(member);
                let mut all = direct.clone();
                while let Some(new) = all.iter().flat_map(|group| direct_of(*group)).find(|group| !all.contains(group)) {
                    all.insert(new);
                }
                let expected: Vec<(MemberId, bool)> = direct
                    .iter()
                    .map(|group| (id(*group), true))
                    .chain(all.difference(&direct).map(|group| (id(*group), false)))
                    .collect();
                let found = ancestry.groups(&id(member), |asked| {
                    let asked = asked.resource_id().expect("an id").0.as_u128();
                    let related = |group: &u128| Related { id: id(*group), direct: true, named: None };
                    Ok(direct_of(asked).iter().map(related).collect())
                });
                let found: Vec<(MemberId, bool)> =
                    found.expect("readable").into_iter().map(|group| (group.id, group.direct)).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
