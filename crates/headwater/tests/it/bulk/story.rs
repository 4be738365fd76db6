//! A story of a directory: what a client does to it, one act after the other. Resources are called
//! by names; a reference to one is written as in a bulk request, `bulkId:NAME`.

use serde_json::{Value, json};

use crate::support::{Dice, patch};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// How a reference begins; a name of [`NAME`] bytes follows.
const REFERENCE: &str = "bulkId:";
const NAME: usize = 6;
/// What is called by this name never was there.
pub(super) const NOBODY: &str = "nobody";
/// What an operation may ask for; some of it is right now and then.
const VERSIONS: [&str; 5] = ["W/\"1\"", "W/\"2\"", "*", "W/\"9999\"", "W/\"1\", W/\"2\", W/\"3\""];

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Act {
    pub(super) method: &'static str,
    pub(super) endpoint: &'static str,
    /// The resource that is made or changed.
    pub(super) name: String,
    pub(super) data: Option<Value>,
    pub(super) version: Option<&'static str>,
    /// The names that no other resource may have, in comparable form.
    unique: Vec<String>,
}

impl Act {
    /// The names of the resources that its data refers to.
    pub(super) fn references(&self) -> Vec<String> {
        let text = self.data.as_ref().map(Value::to_string).unwrap_or_default();
        text.match_indices(REFERENCE).map(|(at, _)| text[at + REFERENCE.len()..][..NAME].to_owned()).collect()
    }

    /// Its data, with what `id` knows in the place of references.
    pub(super) fn data_with(&self, id: &dyn Fn(&str) -> Option<String>) -> Option<Value> {
        let mut text = self.data.as_ref()?.to_string();
        for name in self.references() {
            if let Some(id) = id(&name) {
                text = text.replace(&format!("{REFERENCE}{name}"), &id);
            }
        }
        Some(serde_json::from_str(&text).expect("JSON"))
    }

    /// Whether it makes no difference which of two neighbours comes first.
    fn commutes_with(&self, next: &Self, all: &[Self]) -> bool {
        let shares = |one: &Self, other: &Self| one.unique.iter().any(|key| other.unique.contains(key));
        // A deletion ends references and frees names.
        if self.method == "DELETE" || next.method == "DELETE" || self.name == next.name || shares(self, next)
        {
            return false;
        }
        // Whoever refers to what is made later waits for it: nobody else may want its names meanwhile.
        let waits = |one: &Self, other: &Self| {
            one.method == "POST" && other.references().contains(&one.name) && {
                let wanted = all.iter().filter(|act| shares(act, other)).count();
                wanted > usize::from(!other.unique.is_empty())
            }
        };
        !waits(self, next) && !waits(next, self)
    }
}

/// Puts acts into another order with the same outcome.
pub(super) fn shuffle(acts: &mut [Act], dice: &mut Dice) {
    for _ in 0..acts.len() * 12 {
        let at = dice.below(acts.len());
        if at + 1 < acts.len() && acts[at].commutes_with(&acts[at + 1], acts) {
            acts.swap(at, at + 1);
        }
    }
}

/// Who is there, as far as the teller of the story knows.
#[derive(Default)]
struct Cast {
    users: Vec<String>,
    groups: Vec<String>,
    /// Of everybody who ever was, what was taken by them.
    user_names: Vec<String>,
    group_names: Vec<String>,
    gone: Vec<String>,
    /// Whom nobody could make.
    unborn: Vec<String>,
    count: usize,
}

/// A story of so many acts.
pub(super) fn story(seed: u64, length: usize) -> Vec<Act> {
    let mut dice = Dice::new(seed);
    let mut cast = Cast::default();
    (0..length).map(|_| cast.next(&mut dice)).collect()
}

fn refer(name: impl AsRef<str>) -> Value {
    json!({"value": format!("{REFERENCE}{}", name.as_ref())})
}

impl Cast {
    fn next(&mut self, dice: &mut Dice) -> Act {
        if self.users.len() < 5 {
            return self.new_user(dice);
        }
        if self.groups.len() < 2 {
            return self.new_group(dice);
        }
        let mut act = match dice.roll(100) {
            0..30 => self.new_user(dice),
            30..40 => self.new_group(dice),
            40..60 => self.patch_user(dice),
            60..76 => self.patch_group(dice),
            76..83 => self.put_user(dice),
            83..87 => self.put_group(dice),
            87..92 => self.delete(dice),
            _ => self.mistake(dice),
        };
        if act.method != "POST" && act.version.is_none() && dice.roll(7) == 0 {
            act.version = Some(*dice.pick(&VERSIONS));
        }
        act
    }

    fn name(&mut self, kind: char) -> String {
        self.count += 1;
        format!("{kind}{:05}", self.count)
    }

    fn user(&mut self, user_name: &str, dice: &mut Dice) -> (Value, Vec<String>) {
        let mut data = json!({
            "userName": user_name,
            "name": {"givenName": format!("Given {}", dice.roll(50)), "familyName": "Family"},
            "emails": [{"value": format!("{user_name}.mail"), "type": "work", "primary": true}],
            "active": dice.roll(4) != 0,
            ENTERPRISE: {"department": format!("D{}", dice.roll(5)), "costCenter": "7"},
        });
        if dice.roll(2) == 0 {
            data["title"] = format!("Title {}", dice.roll(100)).into();
        }
        if !self.users.is_empty() && dice.roll(2) == 0 {
            data[ENTERPRISE]["manager"] = refer(dice.pick(&self.users));
        }
        (data, vec![user_name.to_lowercase()])
    }

    fn members(&self, dice: &mut Dice) -> Vec<Value> {
        (0..dice.roll(6))
            .map(|number| match dice.roll(8) {
                0 => json!({"value": format!("ghost-{number}")}),
                1 | 2 if !self.groups.is_empty() => refer(dice.pick(&self.groups)),
                _ => refer(dice.pick(&self.users)),
            })
            .collect()
    }

    fn new_user(&mut self, dice: &mut Dice) -> Act {
        let name = self.name('u');
        let user_name = format!("{name}@Example.com");
        let (data, unique) = self.user(&user_name, dice);
        self.users.push(name.clone());
        self.user_names.push(user_name);
        act("POST", "/Users", &name, Some(data), unique)
    }

    fn new_group(&mut self, dice: &mut Dice) -> Act {
        let name = self.name('g');
        let display_name = format!("Group {name}");
        let data = json!({"displayName": display_name, "members": self.members(dice), "externalId": name});
        self.groups.push(name.clone());
        self.group_names.push(display_name.clone());
        act("POST", "/Groups", &name, Some(data), vec![display_name.to_lowercase()])
    }

    fn patch_user(&mut self, dice: &mut Dice) -> Act {
        let name = dice.pick(&self.users).clone();
        let mut unique = Vec::new();
        let mut operations = Vec::new();
        for _ in 0..=dice.roll(3) {
            operations.push(match dice.roll(9) {
                0 | 1 => json!({"op": "replace", "path": "title", "value": format!("Title {}", dice.roll(100))}),
                2 => json!({"op": "Add", "path": "emails", "value": [{"value": format!("{}@home", dice.roll(9)), "type": "home"}]}),
                3 => json!({"op": "replace", "path": "emails[type eq \"work\"].display", "value": format!("{}", dice.roll(9))}),
                4 => json!({"op": "replace", "path": "active", "value": "False"}),
                5 => json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": refer(dice.pick(&self.users))}),
                6 => json!({"op": "remove", "path": format!("{ENTERPRISE}:manager")}),
                7 => json!({"op": "add", "value": {"nickName": "Nick", ENTERPRISE: {"division": "X"}}}),
                _ => {
                    let user_name = if dice.roll(3) == 0 {
                        dice.pick(&self.user_names).to_uppercase()
                    } else {
                        format!("renamed-{}@example.com", dice.roll(1_000))
                    };
                    unique.push(user_name.to_lowercase());
                    self.user_names.push(user_name.clone());
                    json!({"op": "replace", "path": "userName", "value": user_name})
                }
            });
        }
        self.with_old_name(unique, "PATCH", "/Users", &name, patch(&operations.into()))
    }

    /// An act that may free a name, which can be any: it keeps its place among all that want one.
    fn with_old_name(
        &self,
        mut unique: Vec<String>,
        method: &'static str,
        endpoint: &'static str,
        name: &str,
        data: Value,
    ) -> Act {
        if !unique.is_empty() {
            unique.extend(self.user_names.iter().map(|name| name.to_lowercase()));
        }
        act(method, endpoint, name, Some(data), unique)
    }

    fn patch_group(&mut self, dice: &mut Dice) -> Act {
        let name = dice.pick(&self.groups).clone();
        let mut unique = Vec::new();
        let operation = match dice.roll(6) {
            0 | 1 => json!({"op": "add", "path": "members", "value": self.members(dice)}),
            2 => {
                let member = dice.pick(&self.users);
                json!({"op": "remove", "path": format!("members[value eq \"{REFERENCE}{member}\"]")})
            }
            3 => json!({"op": "remove", "path": "members", "value": [refer(dice.pick(&self.users))]}),
            4 => json!({"op": "replace", "path": "members", "value": self.members(dice)}),
            _ => {
                unique.extend(self.group_names.iter().map(|name| name.to_lowercase()));
                json!({"op": "replace", "path": "displayName", "value": dice.pick(&self.group_names)})
            }
        };
        act("PATCH", "/Groups", &name, Some(patch(&json!([operation]))), unique)
    }

    fn put_user(&mut self, dice: &mut Dice) -> Act {
        let name = dice.pick(&self.users).clone();
        let user_name = dice.pick(&self.user_names).clone();
        let (data, unique) = self.user(&user_name, dice);
        self.with_old_name(unique, "PUT", "/Users", &name, data)
    }

    fn put_group(&mut self, dice: &mut Dice) -> Act {
        let name = dice.pick(&self.groups).clone();
        let data = json!({"displayName": dice.pick(&self.group_names), "members": self.members(dice)});
        let unique = self.group_names.iter().map(|name| name.to_lowercase()).collect();
        act("PUT", "/Groups", &name, Some(data), unique)
    }

    fn delete(&mut self, dice: &mut Dice) -> Act {
        let (endpoint, all) =
            if dice.roll(3) == 0 { ("/Groups", &mut self.groups) } else { ("/Users", &mut self.users) };
        let name = all.swap_remove(dice.below(all.len()));
        self.gone.push(name.clone());
        act("DELETE", endpoint, &name, None, Vec::new())
    }

    /// What can't be done.
    fn mistake(&mut self, dice: &mut Dice) -> Act {
        let late = json!([{"op": "replace", "path": "displayName", "value": "late"}]);
        match dice.roll(12) {
            0 | 1 => {
                let (name, taken) = (self.name('u'), dice.pick(&self.user_names).to_uppercase());
                let (data, unique) = self.user(&taken, dice);
                self.unborn.push(name.clone());
                act("POST", "/Users", &name, Some(data), unique)
            }
            2 => {
                let (name, taken) = (self.name('g'), dice.pick(&self.group_names).clone());
                self.unborn.push(name.clone());
                let data = json!({"displayName": taken});
                act("POST", "/Groups", &name, Some(data), vec![taken.to_lowercase()])
            }
            3 => {
                let name = dice.pick(&self.users).clone();
                let bad = json!([{"op": "replace", "path": "emails[type eq", "value": "x"}]);
                act("PATCH", "/Users", &name, Some(patch(&bad)), Vec::new())
            }
            4 => act("PATCH", "/Users", NOBODY, Some(patch(&late)), Vec::new()),
            5 => act("DELETE", "/Groups", NOBODY, None, Vec::new()),
            6..10 if !self.unborn.is_empty() => {
                // Mostly the last one: what becomes of both may be decided together.
                let unborn = if dice.roll(4) == 0 {
                    dice.pick(&self.unborn)
                } else {
                    &self.unborn[self.unborn.len() - 1]
                };
                let name = dice.pick(&self.groups).clone();
                let add = json!([{"op": "add", "path": "members", "value": [refer(unborn)]}]);
                act("PATCH", "/Groups", &name, Some(patch(&add)), Vec::new())
            }
            _ if !self.gone.is_empty() => {
                let name = dice.pick(&self.gone).clone();
                let endpoint = if name.starts_with('u') { "/Users" } else { "/Groups" };
                act("PATCH", endpoint, &name, Some(patch(&late)), Vec::new())
            }
            _ => act("DELETE", "/Users", NOBODY, None, Vec::new()),
        }
    }
}

fn act(
    method: &'static str,
    endpoint: &'static str,
    name: &str,
    data: Option<Value>,
    unique: Vec<String>,
) -> Act {
    Act { method, endpoint, name: name.to_owned(), data, version: None, unique }
}
