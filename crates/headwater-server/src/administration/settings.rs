//! Settings of the server that administrators change while it runs.

use headwater_store::Act;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Administration, AdministrationError, checked_name};

/// What can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Settings {
    /// The organisation that the server belongs to; shown in the web UI.
    pub organization_name: String,
    /// How long one stays signed in, in hours.
    #[schema(minimum = 1, maximum = 720)]
    pub session_hours: u32,
    /// How many days the requests of a new source are kept.
    #[schema(minimum = 1, maximum = 3650)]
    pub default_request_log_days: u32,
    /// How much room the requests of a new source may take, in megabytes.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub default_request_log_megabytes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            organization_name: "Headwater".to_owned(),
            session_hours: 12,
            default_request_log_days: 30,
            default_request_log_megabytes: 256,
        }
    }
}

impl Settings {
    /// Those that are stored, each by itself. One that this program doesn't know is not its business; one that it
    /// can't read is as if it were not set.
    fn of(stored: Map<String, Value>) -> Self {
        let mut settings = Self::default();
        let Ok(Value::Object(mut known)) = serde_json::to_value(&settings) else { return settings };
        for (name, value) in stored {
            let Some(before) = known.get(&name).cloned() else { continue };
            known.insert(name.clone(), value);
            match serde_json::from_value(Value::Object(known.clone())) {
                Ok(read) => settings = read,
                Err(error) => {
                    tracing::warn!(setting = name, %error, "a stored setting can't be read, and counts as not set");
                    known.insert(name, before);
                }
            }
        }
        settings
    }
}

/// A change to the settings; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsEdit {
    /// The organisation that the server belongs to.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub organization_name: Option<String>,
    /// How long one stays signed in, in hours.
    #[schema(minimum = 1, maximum = 720)]
    pub session_hours: Option<u32>,
    /// How many days the requests of a new source are kept.
    #[schema(minimum = 1, maximum = 3650)]
    pub default_request_log_days: Option<u32>,
    /// How much room the requests of a new source may take, in megabytes.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub default_request_log_megabytes: Option<u32>,
}

pub(super) fn check_days(days: u32, field: &'static str) -> Result<u32, AdministrationError> {
    within(days, 3_650, field, "days")
}

pub(super) fn check_megabytes(megabytes: u32, field: &'static str) -> Result<u32, AdministrationError> {
    within(megabytes, 1_000_000, field, "megabytes")
}

fn within(value: u32, most: u32, field: &'static str, unit: &str) -> Result<u32, AdministrationError> {
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(AdministrationError::invalid(field, format!("it has to be from 1 to {most} {unit}")))
}

impl Administration {
    /// The settings as they are.
    ///
    /// # Errors
    /// The store failed.
    pub async fn settings(&self) -> Result<Settings, AdministrationError> {
        Ok(Settings::of(self.store.settings().await?))
    }

    /// Changes settings.
    ///
    /// # Errors
    /// A value is out of its bounds.
    pub async fn change_settings(
        &self,
        edit: SettingsEdit,
        act: Act,
    ) -> Result<Settings, AdministrationError> {
        let SettingsEdit {
            organization_name,
            session_hours,
            default_request_log_days,
            default_request_log_megabytes,
        } = edit;
        let mut changes = serde_json::Map::new();
        if let Some(name) = organization_name {
            let field = "organization_name";
            changes.insert(field.to_owned(), checked_name(&name, field)?.into());
        }
        if let Some(hours) = session_hours {
            let field = "session_hours";
            changes.insert(field.to_owned(), within(hours, 720, field, "hours")?.into());
        }
        if let Some(days) = default_request_log_days {
            let field = "default_request_log_days";
            changes.insert(field.to_owned(), check_days(days, field)?.into());
        }
        if let Some(megabytes) = default_request_log_megabytes {
            let field = "default_request_log_megabytes";
            changes.insert(field.to_owned(), check_megabytes(megabytes, field)?.into());
        }
        // What is not named stays to whoever changes it at the same time.
        let defaults = match serde_json::to_value(Settings::default()) {
            Ok(serde_json::Value::Object(defaults)) => defaults,
            _ => serde_json::Map::new(),
        };
        self.store.change_settings(defaults, changes, act).await?;
        self.settings().await.map_err(AdministrationError::behind_change)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Settings;

    #[test]
    fn a_setting_that_cannot_be_read_leaves_the_others() {
        let stored = json!({"organization_name": "Contoso", "session_hours": "all day", "later": {"x": 1}});
        let Value::Object(stored) = stored else { unreachable!("it was written as an object") };
        let expected = Settings { organization_name: "Contoso".to_owned(), ..Settings::default() };
        assert_eq!(Settings::of(stored), expected);
    }
}
