// @ts-check

// The responses of Velt's API: validates a request, and makes the response.

'use strict'

const {
  RpcError,
  anyObject,
  arrayOf,
  boolean,
  invalidArgument,
  nonEmptyString,
  object,
  oneOf,
  unixSeconds,
} = require('./validate.js')

/**
 * @typedef {import('./index.js').RecordedRequest} RecordedRequest
 * @typedef {import('./index.js').RpcStatus} RpcStatus
 * @typedef {import('./permissions.js').Permissions} Permissions
 * @typedef {ReturnType<typeof import('./workspace.js').workspaceConfig>} WorkspaceConfig
 * @typedef {import('./validate.js').Validator} Validator
 * @typedef {{ userId: string, [claim: string]: unknown }} RequestedClaims
 * @typedef {{ status: number, contentType: string, body: string | Uint8Array }} EmulatorResponse
 * @typedef {{ message: string, data?: unknown }} Outcome
 */

/**
 * The state behind the endpoints. `issue` makes a token; `now` is Unix time in milliseconds.
 *
 * @typedef {{
 *   apiKey: string,
 *   authTokens: readonly string[],
 *   permissions: Permissions,
 *   workspace: WorkspaceConfig,
 *   issue: (claims: RequestedClaims) => string,
 *   now: () => number,
 * }} Account
 */

/**
 * How an endpoint checks the credentials, the fields of its `data`, and its successful outcome.
 *
 * @typedef {{
 *   authorize: (request: RecordedRequest, data: any, account: Account) => void,
 *   data: Validator,
 *   run: (data: any, account: Account) => Outcome,
 * }} Endpoint
 */

/** The HTTP status of each `google.rpc.Code`, as its documentation defines it. */
const HTTP_CODES = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
}

const JSON_TYPE = 'application/json; charset=utf-8'

const RESOURCE_ID = {
  type: oneOf('organization', 'folder', 'document'),
  id: nonEmptyString,
  organizationId: nonEmptyString,
}

const grants = resources({
  ...RESOURCE_ID,
  accessRole: oneOf('viewer', 'editor'),
  expiresAt: unixSeconds,
})

const ids = arrayOf(nonEmptyString)

const V2_TOKEN = '/v2/auth/generate_token'

/** @type {Record<string, Endpoint>} */
const ENDPOINTS = {
  '/v1/auth/token/get': {
    authorize: authorizeBody,
    data: object(
      {
        apiKey: nonEmptyString,
        authToken: nonEmptyString,
        userId: nonEmptyString,
        userProperties: object({
          isAdmin: boolean,
          organizationId: nonEmptyString,
          email: nonEmptyString,
        }),
      },
      ['userId'],
    ),
    run: generateToken,
  },
  [V2_TOKEN]: {
    authorize: authorizeHeaders,
    data: object(
      {
        userId: nonEmptyString,
        userProperties: object({ name: nonEmptyString, email: nonEmptyString, isAdmin: boolean }),
        permissions: grants,
      },
      // Velt's reference also marks `permissions` as required. The sample in Velt's guide leaves it out
      // if there is no organization, so both are accepted.
      ['userId', 'userProperties'],
    ),
    run: generateToken,
  },
  '/v2/auth/permissions/add': {
    authorize: authorizeHeaders,
    data: object({ user: object({ userId: nonEmptyString }, ['userId']), permissions: grants }, [
      'user',
      'permissions',
    ]),
    run: (data, account) => {
      account.permissions.add(data.user.userId, data.permissions.resources)
      return { message: 'Permissions added successfully.' }
    },
  },
  '/v2/auth/permissions/remove': {
    authorize: authorizeHeaders,
    data: object({ userId: nonEmptyString, permissions: resources(RESOURCE_ID) }, [
      'userId',
      'permissions',
    ]),
    run: (data, account) => {
      account.permissions.remove(data.userId, data.permissions.resources)
      return { message: 'Permissions removed successfully.' }
    },
  },
  '/v2/auth/permissions/get': {
    authorize: authorizeHeaders,
    data: object(
      { organizationId: nonEmptyString, userIds: ids, folderIds: ids, documentIds: ids },
      ['organizationId', 'userIds'],
    ),
    run: (data, account) => ({
      message: 'User permissions retrieved successfully.',
      data: account.permissions.get(data, account.now()),
    }),
  },
  '/v2/workspace/apikeyconfig/get': readOnly('API key metadata retrieved successfully.', 'apiKey'),
  '/v2/workspace/domains/get': readOnly('Allowed domains retrieved successfully.', 'domains'),
  '/v2/workspace/permissionproviderconfig/get': readOnly(
    'Permission provider configuration retrieved successfully.',
    'permissionProvider',
  ),
}

/**
 * Velt's response to a request, without faults.
 *
 * @param {RecordedRequest} request
 * @param {Account} account
 * @returns {EmulatorResponse}
 */
function respond(request, account) {
  try {
    const { message, data } = outcome(request, account)
    const result = { status: 'success', message, data }
    return { status: 200, contentType: JSON_TYPE, body: JSON.stringify({ result }) }
  } catch (error) {
    if (error instanceof RpcError) return errorResponse(error)
    throw error
  }
}

/**
 * Velt's error response.
 *
 * @param {{ status: RpcStatus, message: string, details?: unknown }} error
 * @returns {EmulatorResponse}
 */
function errorResponse({ message, status, details }) {
  // The order of Velt's reference.
  const body = JSON.stringify({ error: { details, message, status } })
  return { status: HTTP_CODES[status], contentType: JSON_TYPE, body }
}

/** @param {RecordedRequest} request @param {Account} account @returns {Outcome} */
function outcome(request, account) {
  if (!Object.hasOwn(ENDPOINTS, request.path)) throw new RpcError('NOT_FOUND', 'No such endpoint.')
  const endpoint = ENDPOINTS[request.path]
  // Velt uses the error format of Firebase callable functions. This format has no code for a 405.
  if (request.method !== 'POST') invalidArgument('The method must be POST.')
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json *(;|$)/i.test(type)) {
    invalidArgument('The content type must be application/json.')
  }
  if (request.body === undefined) invalidArgument('The body must be JSON.')
  object({ data: anyObject }, ['data'])(request.body, 'body')

  const { data } = /** @type {any} */ (request.body)
  endpoint.authorize(request, data, account)
  endpoint.data(data, 'data')
  return endpoint.run(data, account)
}

/** @param {any} data @param {Account} account @returns {Outcome} */
function generateToken({ userId, userProperties, permissions }, { issue }) {
  const token = issue({ userId, ...userProperties, permissions })
  return { message: 'Token generated successfully.', data: { token } }
}

/** @type {Endpoint['authorize']} */
function authorizeBody(_request, data, { apiKey, authTokens }) {
  if (data.apiKey !== apiKey || !authTokens.includes(data.authToken)) {
    invalidArgument('Auth token not found.')
  }
}

/** @type {Endpoint['authorize']} */
function authorizeHeaders({ headers }, _data, account) {
  const { 'x-velt-api-key': apiKey, 'x-velt-auth-token': authToken } = headers
  if (!apiKey || !authToken) throw new RpcError('UNAUTHENTICATED', 'Missing credentials.')
  if (apiKey !== account.apiKey) throw new RpcError('PERMISSION_DENIED', 'Invalid API key.')
  if (!account.authTokens.includes(String(authToken))) {
    throw new RpcError('PERMISSION_DENIED', 'Invalid auth token.')
  }
}

/**
 * An endpoint that returns a part of the configuration.
 *
 * @param {string} message
 * @param {keyof WorkspaceConfig} part
 * @returns {Endpoint}
 */
function readOnly(message, part) {
  return {
    authorize: authorizeHeaders,
    data: object({}),
    run: (_data, { workspace }) => ({ message, data: workspace[part] }),
  }
}

/**
 * Whether a request for a v2 token has `permissions`. It is `undefined` for other requests.
 *
 * @param {string} path
 * @param {any} body
 */
function sentPermissions(path, body) {
  if (path !== V2_TOKEN) return undefined
  return body?.data?.permissions === undefined ? 'absent' : 'present'
}

/** `{ resources: […] }`. @param {Record<string, Validator>} fields of a resource. @returns {Validator} */
function resources(fields) {
  const resource = object(fields, ['type', 'id'])
  return object(
    {
      resources: arrayOf((value, path) => {
        resource(value, path)
        if (value.type !== 'organization' && value.organizationId === undefined) {
          invalidArgument(`${path}.organizationId is required on a ${value.type}.`)
        }
      }),
    },
    ['resources'],
  )
}

exports.HTTP_CODES = HTTP_CODES
exports.JSON_TYPE = JSON_TYPE
exports.errorResponse = errorResponse
exports.respond = respond
exports.sentPermissions = sentPermissions
