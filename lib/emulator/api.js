// @ts-check

// The responses of Velt's token API: validates a request, and makes the response.

'use strict'

/**
 * @typedef {import('./index.js').RecordedRequest} RecordedRequest
 * @typedef {import('./index.js').RpcStatus} RpcStatus
 * @typedef {{ apiKey: string, authToken: string }} Credentials
 * @typedef {{ userId: string, [claim: string]: unknown }} RequestedClaims
 * @typedef {{ status: number, contentType: string, body: string | Uint8Array }} EmulatorResponse
 * @typedef {(value: any, path: string) => void} Validator Throws an RpcError that names `path`.
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

/** How each endpoint checks the credentials, and the fields of its `data`. */
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
  },
  '/v2/auth/generate_token': {
    authorize: authorizeHeaders,
    data: object(
      {
        userId: nonEmptyString,
        userProperties: object({ name: nonEmptyString, email: nonEmptyString, isAdmin: boolean }),
        permissions: object({ resources }, ['resources']),
      },
      // Velt's API reference marks all three as required.
      ['userId', 'userProperties', 'permissions'],
    ),
  },
}

const RESOURCE = object(
  {
    type: oneOf('organization', 'folder', 'document'),
    id: nonEmptyString,
    organizationId: nonEmptyString,
    accessRole: oneOf('viewer', 'editor'),
    expiresAt: unixSeconds,
  },
  ['type', 'id'],
)

/** An error response of Velt. */
class RpcError extends Error {
  /** @param {RpcStatus} status @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * Velt's response to a request, without faults.
 *
 * @param {RecordedRequest} request
 * @param {Credentials} credentials The valid credentials.
 * @param {(claims: RequestedClaims) => string} issue Makes a token.
 * @returns {EmulatorResponse}
 */
function respond(request, credentials, issue) {
  try {
    const token = issue(requestedClaims(request, credentials))
    const result = { status: 'success', message: 'Token generated successfully.', data: { token } }
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
  const body = JSON.stringify({ error: { message, status, details } })
  return { status: HTTP_CODES[status], contentType: JSON_TYPE, body }
}

/** @param {RecordedRequest} request @param {Credentials} credentials @returns {RequestedClaims} */
function requestedClaims(request, credentials) {
  if (!Object.hasOwn(ENDPOINTS, request.path)) throw new RpcError('NOT_FOUND', 'No such endpoint.')
  const endpoint = ENDPOINTS[/** @type {keyof typeof ENDPOINTS} */ (request.path)]
  // Velt uses the error format of Firebase callable functions. This format has no code for a 405.
  if (request.method !== 'POST') invalidArgument('The method must be POST.')
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json *(;|$)/i.test(type)) {
    invalidArgument('The content type must be application/json.')
  }
  if (request.body === undefined) invalidArgument('The body must be JSON.')
  object({ data: anyObject }, ['data'])(request.body, 'body')

  const { data } = /** @type {any} */ (request.body)
  endpoint.authorize(request.headers, data, credentials)
  endpoint.data(data, 'data')
  const { userId, userProperties, permissions } = data
  return { userId, ...userProperties, permissions }
}

/** @param {RecordedRequest['headers']} _ @param {any} data @param {Credentials} valid */
function authorizeBody(_, data, valid) {
  if (data.apiKey !== valid.apiKey || data.authToken !== valid.authToken) {
    invalidArgument('Auth token not found.')
  }
}

/** @param {RecordedRequest['headers']} headers @param {unknown} _ @param {Credentials} valid */
function authorizeHeaders(headers, _, valid) {
  const { 'x-velt-api-key': apiKey, 'x-velt-auth-token': authToken } = headers
  if (!apiKey || !authToken) throw new RpcError('UNAUTHENTICATED', 'Missing credentials.')
  if (apiKey !== valid.apiKey || authToken !== valid.authToken) {
    throw new RpcError('PERMISSION_DENIED', 'Invalid credentials.')
  }
}

/** @param {string} message @returns {never} */
function invalidArgument(message) {
  throw new RpcError('INVALID_ARGUMENT', message)
}

/**
 * An object with these fields and no others. It rejects unknown fields, since Velt might ignore them
 * silently.
 *
 * @param {Record<string, Validator>} fields
 * @param {string[]} required
 * @returns {Validator}
 */
function object(fields, required = []) {
  return (value, path) => {
    anyObject(value, path)
    for (const name of required) {
      if (!Object.hasOwn(value, name)) invalidArgument(`${path}.${name} is required.`)
    }
    for (const [name, field] of Object.entries(value)) {
      if (!Object.hasOwn(fields, name)) invalidArgument(`${path}.${name} is not a known field.`)
      fields[name](field, `${path}.${name}`)
    }
  }
}

/** @type {Validator} */
function anyObject(value, path) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    invalidArgument(`${path} must be an object.`)
  }
}

/** @type {Validator} */
function nonEmptyString(value, path) {
  if (typeof value !== 'string' || value === '')
    invalidArgument(`${path} must be a non-empty string.`)
}

/** @type {Validator} */
function boolean(value, path) {
  if (typeof value !== 'boolean') invalidArgument(`${path} must be a boolean.`)
}

/**
 * A Unix time in seconds. A value of 1e11 (the year 5138) or more is rejected, because it is
 * probably in milliseconds.
 *
 * @type {Validator}
 */
function unixSeconds(value, path) {
  if (!Number.isInteger(value) || value <= 0 || value >= 1e11) {
    invalidArgument(`${path} must be a Unix time in seconds.`)
  }
}

/** @param {...string} names @returns {Validator} */
function oneOf(...names) {
  return (value, path) => {
    if (!names.includes(value)) invalidArgument(`${path} must be one of ${names.join(', ')}.`)
  }
}

/** @type {Validator} */
function resources(value, path) {
  if (!Array.isArray(value)) invalidArgument(`${path} must be an array.`)
  for (const [i, resource] of value.entries()) {
    RESOURCE(resource, `${path}[${i}]`)
    if (resource.type !== 'organization' && resource.organizationId === undefined) {
      invalidArgument(`${path}[${i}].organizationId is required on a ${resource.type}.`)
    }
  }
}

exports.HTTP_CODES = HTTP_CODES
exports.JSON_TYPE = JSON_TYPE
exports.errorResponse = errorResponse
exports.respond = respond
