//! The values that cross the border between JavaScript and Rust, and their conversion from and to the
//! core's types.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use napi::Either;
use napi_derive::napi;

use super::auth_token::JsProvider;
use crate::core;

/// The core's [`core::Options`]; milliseconds for durations. `preconnect` calls
/// [`core::Client::connect`].
#[napi(object, object_to_js = false)]
pub struct ClientOptions {
    pub api_key: String,
    /// One auth token, or two of them. `null` means that the function of `attach` returns it.
    pub auth_token: Option<Either<String, Vec<String>>>,
    pub api_version: Option<ApiVersion>,
    pub base_url: Option<String>,
    pub timeout: Option<u32>,
    pub deadline: Option<u32>,
    pub max_attempts: Option<u32>,
    pub max_connections: Option<u32>,
    pub preconnect: Option<bool>,
    pub proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub ca: Option<String>,
    pub extra_ca: Option<String>,
    pub cache: Option<CacheOptions>,
}

/// The core's [`core::Options::max_entries`] and [`core::Options::shared_cache`].
#[napi(object, object_to_js = false)]
pub struct CacheOptions {
    pub max_entries: Option<u32>,
    pub redis: Option<Either<String, Vec<String>>>,
    pub sentinels: Option<Vec<String>>,
    pub secret: Option<String>,
}

/// The core's [`core::ApiVersion`].
#[napi(string_enum)]
pub enum ApiVersion {
    #[napi(value = "v1")]
    V1,
    #[napi(value = "v2")]
    V2,
}

/// The core's [`core::User`].
#[napi(object, object_to_js = false)]
#[allow(clippy::struct_field_names, reason = "the names are Velt's")]
pub struct User {
    pub user_id: String,
    pub organization_id: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub is_admin: Option<bool>,
    pub permissions: Option<Permissions>,
}

/// The core's [`core::client::CallOptions`]; milliseconds for durations.
#[napi(object, object_to_js = false)]
pub struct CallOptions {
    pub deadline: Option<u32>,
    pub min_validity: Option<u32>,
    pub max_age: Option<u32>,
}

/// Velt's `permissions`.
#[napi(object, object_to_js = false)]
pub struct Permissions {
    pub resources: Vec<Resource>,
}

/// The core's [`core::user::Resource`].
#[napi(object, object_to_js = false)]
pub struct Resource {
    #[napi(js_name = "type")]
    pub r#type: ResourceType,
    pub id: String,
    pub organization_id: Option<String>,
    pub access_role: Option<AccessRole>,
    pub expires_at: Option<i64>,
    pub expires_in: Option<i64>,
}

/// The core's [`core::permissions::PermissionsChange`].
#[napi(object, object_to_js = false)]
pub struct PermissionsChange {
    /// Whether the permissions are removed. Otherwise they are added.
    pub is_removal: bool,
    pub user_id: String,
    pub resources: Vec<Resource>,
}

/// The core's [`core::permissions::PermissionsQuery`].
#[napi(object, object_to_js = false)]
#[allow(clippy::struct_field_names, reason = "the names are Velt's")]
pub struct PermissionsQuery {
    pub organization_id: String,
    pub user_ids: Vec<String>,
    pub folder_ids: Option<Vec<String>>,
    pub document_ids: Option<Vec<String>>,
}

/// The core's [`core::user::ResourceType`].
#[napi(string_enum = "lowercase")]
pub enum ResourceType {
    Organization,
    Folder,
    Document,
}

/// The core's [`core::user::AccessRole`].
#[napi(string_enum = "lowercase")]
pub enum AccessRole {
    Viewer,
    Editor,
}

/// The core's [`core::Token`], and the Unix time in milliseconds when it expires. N-API creates an array in
/// half the time of an object.
#[napi]
pub type Token = (String, f64);

/// A cached token as one string: the time when it expires (14 digits, Unix time in milliseconds), then the
/// token. N-API takes 0.5 µs to create a [`Token`] in addition to its string.
#[napi]
pub type CachedToken = String;

/// The core's [`core::velt::credentials::Refusal`].
#[napi(object, object_from_js = false)]
pub struct Refusal {
    pub index: u32,
    pub error: Failure,
}

/// The core's [`core::Error`]; `retry_after` is in milliseconds.
#[napi(object, object_from_js = false)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub retryable: bool,
    pub attempts: u32,
    pub http_status: Option<u16>,
    pub status: Option<String>,
    pub retry_after: Option<f64>,
    pub cause: Option<String>,
}

/// The core's [`core::Code`].
#[napi(string_enum)]
pub enum Code {
    #[napi(value = "ERR_VELT_CONFIG")]
    Config,
    #[napi(value = "ERR_VELT_INVALID_USER")]
    InvalidUser,
    #[napi(value = "ERR_VELT_UNAUTHORIZED")]
    Unauthorized,
    #[napi(value = "ERR_VELT_REJECTED")]
    Rejected,
    #[napi(value = "ERR_VELT_RATE_LIMITED")]
    RateLimited,
    #[napi(value = "ERR_VELT_UNAVAILABLE")]
    Unavailable,
    #[napi(value = "ERR_VELT_NETWORK")]
    Network,
    #[napi(value = "ERR_VELT_TIMEOUT")]
    Timeout,
    #[napi(value = "ERR_VELT_BAD_RESPONSE")]
    BadResponse,
    #[napi(value = "ERR_VELT_CLOSED")]
    Closed,
}

/// The core's [`core::stats::Stats`]. Codes with no failure have no entry.
#[napi(object, object_from_js = false)]
pub struct Stats {
    pub hits: f64,
    pub misses: f64,
    pub joins: f64,
    pub stale_served: f64,
    pub refreshes: f64,
    pub shared_hits: f64,
    pub upstream_requests: f64,
    pub credential_refusals: f64,
    pub upstream_in_flight: f64,
    pub upstream_waiting: f64,
    pub entries: f64,
    pub circuit_breaker: BreakerState,
    pub failures: Vec<FailureCount>,
}

/// The core's [`core::trace::records::BreakerState`].
#[napi(string_enum = "kebab-case")]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

/// How many calls failed with a code.
#[napi(object, object_from_js = false)]
pub struct FailureCount {
    pub code: Code,
    pub count: f64,
}

pub fn from_milliseconds(value: u32) -> Duration {
    Duration::from_millis(value.into())
}

/// Rounds down: a token must not seem to live longer than it does.
fn to_milliseconds(value: Duration) -> f64 {
    to_number(milliseconds(value))
}

fn milliseconds(value: Duration) -> u64 {
    value.as_millis().try_into().unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "times and counts stay below 2^53"
)]
fn to_number(value: u64) -> f64 {
    value as f64
}

impl ClientOptions {
    /// The options of the core. Without an auth token, `provider` is asked for it.
    pub fn into_core(self, provider: &Arc<JsProvider>) -> core::Options {
        let options = self;
        let no_proxy = options.no_proxy;
        let list = |auth_tokens: Vec<String>| {
            core::config::AuthToken::List(auth_tokens.into_iter().map(Into::into).collect())
        };
        core::Options {
            api_key: options.api_key.into(),
            auth_token: match options.auth_token {
                Some(Either::A(auth_token)) => list(vec![auth_token]),
                Some(Either::B(auth_tokens)) => list(auth_tokens),
                None => core::config::AuthToken::Provider(Arc::<JsProvider>::clone(provider)),
            },
            api_version: options.api_version.map(Into::into).unwrap_or_default(),
            base_url: options.base_url,
            timeout: options.timeout.map(from_milliseconds),
            deadline: options.deadline.map(from_milliseconds),
            max_attempts: options.max_attempts,
            max_connections: options.max_connections.map(to_size),
            proxy: options.proxy.map(|url| core::config::Proxy {
                url: url.into(),
                bypass: no_proxy,
            }),
            ca: options.ca,
            extra_ca: options.extra_ca,
            max_entries: options
                .cache
                .as_ref()
                .and_then(|cache| cache.max_entries)
                .map(to_size),
            cache_secret: options
                .cache
                .as_ref()
                .and_then(|cache| cache.secret.clone())
                .map(Into::into),
            shared_cache: options.cache.and_then(shared_cache),
        }
    }
}

fn to_size(value: u32) -> usize {
    value.try_into().unwrap_or(usize::MAX)
}

fn shared_cache(options: CacheOptions) -> Option<core::config::RedisAddress> {
    let is_given = options.redis.is_some() || options.sentinels.is_some();
    let (urls, is_cluster) = match options.redis {
        Some(Either::A(url)) => (vec![url], false),
        Some(Either::B(urls)) => (urls, true),
        None => (Vec::new(), false),
    };
    let secret = |urls: Vec<String>| urls.into_iter().map(Into::into).collect();
    is_given.then(|| core::config::RedisAddress {
        urls: secret(urls),
        is_cluster,
        sentinels: secret(options.sentinels.unwrap_or_default()),
    })
}

impl From<ApiVersion> for core::ApiVersion {
    fn from(version: ApiVersion) -> Self {
        match version {
            ApiVersion::V1 => Self::V1,
            ApiVersion::V2 => Self::V2,
        }
    }
}

impl From<User> for core::User {
    fn from(user: User) -> Self {
        Self {
            user_id: user.user_id,
            organization_id: user.organization_id,
            email: user.email,
            name: user.name,
            is_admin: user.is_admin,
            resources: user
                .permissions
                .map(|permissions| permissions.resources.into_iter().map(Into::into).collect()),
        }
    }
}

impl From<PermissionsChange> for core::permissions::PermissionsChange {
    fn from(change: PermissionsChange) -> Self {
        Self {
            kind: if change.is_removal {
                core::permissions::ChangeKind::Remove
            } else {
                core::permissions::ChangeKind::Add
            },
            user_id: change.user_id,
            resources: change.resources.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<PermissionsQuery> for core::permissions::PermissionsQuery {
    fn from(query: PermissionsQuery) -> Self {
        Self {
            organization_id: query.organization_id,
            document_ids: query.document_ids,
            folder_ids: query.folder_ids,
            user_ids: query.user_ids,
        }
    }
}

impl From<CallOptions> for core::client::CallOptions {
    fn from(options: CallOptions) -> Self {
        Self {
            deadline: options.deadline.map(from_milliseconds),
            min_validity: options.min_validity.map(from_milliseconds),
            max_age: options.max_age.map(from_milliseconds),
            traced: None,
        }
    }
}

impl From<Resource> for core::user::Resource {
    fn from(resource: Resource) -> Self {
        Self {
            r#type: match resource.r#type {
                ResourceType::Organization => core::user::ResourceType::Organization,
                ResourceType::Folder => core::user::ResourceType::Folder,
                ResourceType::Document => core::user::ResourceType::Document,
            },
            id: resource.id,
            organization_id: resource.organization_id,
            access_role: resource.access_role.map(|role| match role {
                AccessRole::Viewer => core::user::AccessRole::Viewer,
                AccessRole::Editor => core::user::AccessRole::Editor,
            }),
            expires_at: resource.expires_at,
            expires_in: resource.expires_in,
        }
    }
}

/// The token as JavaScript gets it.
pub fn token(token: &core::Token) -> Token {
    (
        token.expose().to_owned(),
        to_milliseconds(expires_after_epoch(token)),
    )
}

/// The token as JavaScript gets it after a cache hit.
pub fn cached_token(token: &core::Token) -> CachedToken {
    let expires_at = milliseconds(expires_after_epoch(token));
    format!("{expires_at:014}{}", token.expose())
}

fn expires_after_epoch(token: &core::Token) -> Duration {
    let expires_at = token.expires_at().duration_since(UNIX_EPOCH);
    expires_at.unwrap_or_default()
}

impl From<core::Error> for Failure {
    fn from(error: core::Error) -> Self {
        Self {
            code: error.code.into(),
            message: error.message,
            retryable: error.retryable,
            attempts: error.attempts,
            http_status: error.http_status,
            status: error.status,
            retry_after: error.retry_after.map(to_milliseconds),
            cause: error.cause,
        }
    }
}

impl From<core::velt::credentials::Refusal> for Refusal {
    fn from(refusal: core::velt::credentials::Refusal) -> Self {
        Self {
            index: refusal.index.try_into().unwrap_or(u32::MAX),
            error: refusal.error.into(),
        }
    }
}

impl From<core::Code> for Code {
    fn from(code: core::Code) -> Self {
        match code {
            core::Code::Config => Self::Config,
            core::Code::InvalidUser => Self::InvalidUser,
            core::Code::Unauthorized => Self::Unauthorized,
            core::Code::Rejected => Self::Rejected,
            core::Code::RateLimited => Self::RateLimited,
            core::Code::Unavailable => Self::Unavailable,
            core::Code::Network => Self::Network,
            core::Code::Timeout => Self::Timeout,
            core::Code::BadResponse => Self::BadResponse,
            core::Code::Closed => Self::Closed,
        }
    }
}

impl From<core::trace::records::BreakerState> for BreakerState {
    fn from(state: core::trace::records::BreakerState) -> Self {
        match state {
            core::trace::records::BreakerState::Closed => Self::Closed,
            core::trace::records::BreakerState::Open => Self::Open,
            core::trace::records::BreakerState::HalfOpen => Self::HalfOpen,
        }
    }
}

impl From<&core::Client> for Stats {
    fn from(client: &core::Client) -> Self {
        let stats = client.stats();
        let failures = core::Code::ALL.into_iter().map(|code| FailureCount {
            code: code.into(),
            count: to_number(stats.failures(code)),
        });
        Self {
            hits: to_number(stats.hits.get()),
            misses: to_number(stats.misses.get()),
            joins: to_number(stats.joins.get()),
            stale_served: to_number(stats.stale_served.get()),
            refreshes: to_number(stats.refreshes.get()),
            shared_hits: to_number(stats.shared_hits.get()),
            upstream_requests: to_number(stats.upstream_requests.get()),
            credential_refusals: to_number(stats.credential_refusals.get()),
            upstream_in_flight: to_number(stats.upstream_in_flight.get()),
            upstream_waiting: to_number(stats.upstream_waiting.get()),
            entries: to_number(client.entries() as u64),
            circuit_breaker: client.breaker_state().into(),
            failures: failures.filter(|failure| failure.count > 0.0).collect(),
        }
    }
}
