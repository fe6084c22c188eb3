//! The user that a token is made for, and the fields that each version of Velt's API can carry.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::config::ApiVersion;
use super::error::Error;

/// The limit of a time in seconds: the year 5138. A larger number is probably a time in milliseconds.
const MAX_UNIX_SECONDS: i64 = 100_000_000_000;
/// The limit of `expires_in`: 30 days. A larger number is probably a time in milliseconds, or a Unix time.
const MAX_EXPIRES_IN: i64 = 30 * 24 * 60 * 60;

/// Everything that Velt puts into a token: equal users can share one token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct User {
    /// The customer's own unique id of the user.
    pub user_id: String,
    /// Velt compares it with the `organizationId` that the browser passes to `identify()`.
    pub organization_id: Option<String>,
    /// Velt compares it with the `email` that the browser passes to `identify()`.
    pub email: Option<String>,
    /// The display name. API v2 only.
    pub name: Option<String>,
    /// The only way to make a user an admin in Velt.
    pub is_admin: Option<bool>,
    /// The resources that the user may open. API v2 only; there `None` and an empty list are the same.
    pub resources: Option<Vec<Resource>>,
}

/// One entry of `permissions.resources`, as Velt's v2 API takes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The kind of the resource.
    pub r#type: ResourceType,
    /// The customer's own id of the resource.
    pub id: String,
    /// The organization that it belongs to: required for folders and documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Velt's default is `editor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_role: Option<AccessRole>,
    /// When the access ends, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// How long the access lasts from the request to Velt on, in seconds. Velt does not know this field:
    /// `Resource::at` replaces it by `expires_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<i64>,
}

/// The kinds of resource in Velt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceType {
    /// A tenant: all its folders and documents.
    Organization,
    /// A folder of documents.
    Folder,
    /// One document.
    Document,
}

/// The access to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessRole {
    /// Read.
    Viewer,
    /// Read and write.
    Editor,
}

impl User {
    /// This user in canonical form: the order of resources has no meaning, so they are sorted.
    ///
    /// # Errors
    /// [`Code::InvalidUser`](super::Code::InvalidUser) for a field that is invalid or that `version`
    /// cannot carry, and for a permission that has ended at `now`. A field is never dropped silently: the
    /// token would be a different one.
    pub fn checked(mut self, version: ApiVersion, now: SystemTime) -> Result<Self, Error> {
        not_blank("userId", Some(&self.user_id))?;
        not_blank("organizationId", self.organization_id.as_deref())?;
        not_blank("email", self.email.as_deref())?;
        not_blank("name", self.name.as_deref())?;
        if version == ApiVersion::V1 {
            if self.name.is_some() {
                return Err(needs_v2("name"));
            }
            if self.resources.is_some() {
                return Err(needs_v2("permissions"));
            }
            return Ok(self);
        }
        let mut resources = self.resources.take().unwrap_or_default();
        for (index, resource) in resources.iter().enumerate() {
            resource.check(&format!("permissions.resources[{index}]"), now)?;
        }
        resources.sort_unstable();
        resources.dedup();
        self.resources = (!resources.is_empty()).then_some(resources);
        Ok(self)
    }
}

impl User {
    /// This user as Velt gets it in a request at `now`: each permission has a fixed end.
    #[must_use]
    pub fn at(&self, now: SystemTime) -> Cow<'_, Self> {
        let mut resources = self.resources.iter().flatten();
        if resources.all(|resource| resource.expires_in.is_none()) {
            return Cow::Borrowed(self);
        }
        let resources = self.resources.iter().flatten();
        Cow::Owned(Self {
            resources: Some(resources.map(|resource| resource.at(now)).collect()),
            ..self.clone()
        })
    }

    /// The earliest fixed end of a permission. No token of this user may be used after it.
    #[must_use]
    pub fn permissions_end(&self) -> Option<SystemTime> {
        let resources = self.resources.iter().flatten();
        let first = resources.filter_map(|resource| resource.expires_at).min()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(first.try_into().ok()?))
    }

    /// The approximate number of bytes that the fields of this user take outside the struct.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let texts = [&self.organization_id, &self.email, &self.name];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let resources = self.resources.iter().flatten();
        let resources: usize = resources
            .map(|resource| {
                let organization = resource.organization_id.as_ref().map_or(0, String::len);
                size_of::<Resource>() + resource.id.len() + organization
            })
            .sum();
        self.user_id.len() + texts + resources
    }
}

impl Resource {
    /// Checks this resource; `path` names it in errors.
    ///
    /// # Errors
    /// [`Code::InvalidUser`](super::Code::InvalidUser) for an invalid field, and for an access that has
    /// ended at `now`.
    pub(super) fn check(&self, path: &str, now: SystemTime) -> Result<(), Error> {
        let field = |name: &str| format!("{path}.{name}");
        not_blank(&field("id"), Some(&self.id))?;
        not_blank(&field("organizationId"), self.organization_id.as_deref())?;
        if self.r#type != ResourceType::Organization && self.organization_id.is_none() {
            return Err(Error::invalid_user(format!(
                "{} is missing: Velt needs the organization that a folder or document belongs to.",
                field("organizationId"),
            )));
        }
        match self.expires_at {
            Some(seconds) if seconds <= 0 => Err(Error::invalid_user(format!(
                "{} must be a Unix time in seconds, above 0.",
                field("expiresAt"),
            ))),
            Some(seconds) if seconds > MAX_UNIX_SECONDS => Err(Error::invalid_user(format!(
                "{} looks like milliseconds, but Velt takes Unix seconds: divide it by 1000.",
                field("expiresAt"),
            ))),
            Some(_) if self.expires_in.is_some() => Err(Error::invalid_user(format!(
                "{path} has both expiresAt and expiresIn: omit one of them.",
            ))),
            Some(seconds) if seconds <= unix_seconds(now) => Err(Error::invalid_user(format!(
                "{} is in the past: omit the resource, or pass the time when the access ends.",
                field("expiresAt"),
            ))),
            _ => Ok(()),
        }?;
        match self.expires_in {
            Some(seconds) if !(1..=MAX_EXPIRES_IN).contains(&seconds) => {
                Err(Error::invalid_user(format!(
                    "{} must be a time from now on in seconds, 1 to {MAX_EXPIRES_IN} (30 days). If it is \
                     in milliseconds, divide it by 1000. If it is a Unix time, or if the access lasts \
                     longer, pass expiresAt.",
                    field("expiresIn"),
                )))
            }
            _ => Ok(()),
        }
    }

    /// This resource with a fixed end, for a request at `now`. The end is rounded down to a second.
    pub(super) fn at(&self, now: SystemTime) -> Self {
        let ends = self.expires_in.map(|seconds| unix_seconds(now) + seconds);
        Self {
            expires_at: ends.or(self.expires_at),
            expires_in: None,
            ..self.clone()
        }
    }
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().try_into().unwrap_or(i64::MAX)
}

/// # Errors
/// [`Code::InvalidUser`](super::Code::InvalidUser), naming the field, if `value` is blank.
pub(super) fn not_blank(field: &str, value: Option<&str>) -> Result<(), Error> {
    match value {
        Some(value) if value.trim().is_empty() => Err(Error::invalid_user(format!(
            "{field} is empty: pass the value from your own session or database, or omit the field if it \
             is optional.",
        ))),
        _ => Ok(()),
    }
}

fn needs_v2(field: &str) -> Error {
    Error::invalid_user(format!(
        "{field} cannot be sent with apiVersion 'v1': omit it, or create the client with apiVersion: \
         'v2'.",
    ))
}
