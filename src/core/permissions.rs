//! Permissions that Velt stores for users, outside of a token.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::Error;
use super::user::{Resource, not_blank};

/// A change of the permissions of a user.
#[derive(Clone, Debug)]
pub struct PermissionsChange {
    /// Whether the permissions are added or removed.
    pub kind: ChangeKind,
    /// The customer's own id of the user.
    pub user_id: String,
    /// What is added or removed. To remove a permission, Velt takes neither a role nor an end.
    pub resources: Vec<Resource>,
}

/// See [`PermissionsChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// `POST /v2/auth/permissions/add`.
    Add,
    /// `POST /v2/auth/permissions/remove`.
    Remove,
}

/// A question for the permissions of users. The order of the fields is that of the example in Velt's
/// reference.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionsQuery {
    /// The organization of the folders and documents.
    pub organization_id: String,
    /// The documents to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_ids: Option<Vec<String>>,
    /// The folders to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder_ids: Option<Vec<String>>,
    /// The users to ask for.
    pub user_ids: Vec<String>,
}

/// Permissions by user id, as Velt sent them.
pub type Permissions = Map<String, Value>;

impl PermissionsChange {
    /// # Errors
    /// [`Code::InvalidUser`](super::Code::InvalidUser), naming the field, for an invalid value and for an
    /// access that has ended at `now`.
    pub fn check(&self, now: SystemTime) -> Result<(), Error> {
        not_blank("userId", Some(&self.user_id))?;
        not_empty("resources", &self.resources)?;
        for (index, resource) in self.resources.iter().enumerate() {
            resource.check(&format!("resources[{index}]"), now)?;
        }
        Ok(())
    }

    /// This change as Velt gets it in a request at `now`: each permission has a fixed end.
    #[must_use]
    pub fn at(&self, now: SystemTime) -> Self {
        let resources = self.resources.iter();
        Self {
            resources: resources.map(|resource| resource.at(now)).collect(),
            ..self.clone()
        }
    }
}

impl PermissionsQuery {
    /// # Errors
    /// [`Code::InvalidUser`](super::Code::InvalidUser), naming the field, if it is empty.
    pub fn check(&self) -> Result<(), Error> {
        not_blank("organizationId", Some(&self.organization_id))?;
        not_empty("userIds", &self.user_ids)?;
        let lists = [
            ("userIds", Some(&self.user_ids)),
            ("folderIds", self.folder_ids.as_ref()),
            ("documentIds", self.document_ids.as_ref()),
        ];
        for (name, ids) in lists {
            for (index, id) in ids.into_iter().flatten().enumerate() {
                not_blank(&format!("{name}[{index}]"), Some(id))?;
            }
        }
        Ok(())
    }
}

fn not_empty<T>(field: &str, values: &[T]) -> Result<(), Error> {
    if values.is_empty() {
        return Err(Error::invalid_user(format!(
            "{field} is empty: pass one entry or more.",
        )));
    }
    Ok(())
}
