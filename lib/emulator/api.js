// @ts-check

'use strict'

/**
 * @typedef {import('./index.js').RecordedRequest} RecordedRequest
 * @typedef {import('./index.js').RpcStatus} RpcStatus
 * @typedef {{ apiKey: string, authToken: string }} Credentials
 * @typedef {{ userId: string, [claim: string]: unknown }} AskedClaims
 * @typedef {{ status: number, contentType: string, body: string | Uint8Array }} Reply
 * @typedef {(value: any, where: string) => void} Check Throws a Refusal, which names `where`.
 */

/** The HTTP code of each failure: the canonical mapping of `google.rpc.Code`. */
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

/** Where each endpoint has the credentials, and what it takes as `data`. */
const ENDPOINTS = {
  '/v1/auth/token/get': {
    authorize: inBody,
    data: object(
      {
        apiKey: text,
        authToken: text,
        userId: text,
        userProperties: object({ isAdmin: flag, organizationId: text, email: text }),
      },
      ['userId'],
    ),
  },
  '/v2/auth/generate_token': {
    authorize: inHeaders,
    data: object(
      {
        userId: text,
        userProperties: object({ name: text, email: text, isAdmin: flag }),
        permissions: object({ resources }, ['resources']),
      },
      // Velt's reference has all three as required.
      ['userId', 'userProperties', 'permissions'],
    ),
  },
}

const RESOURCE = object(
  {
    type: oneOf('organization', 'folder', 'document'),
    id: text,
    organizationId: text,
    accessRole: oneOf('viewer', 'editor'),
    expiresAt: seconds,
  },
  ['type', 'id'],
)

class Refusal extends Error {
  /** @param {RpcStatus} status @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/**
 * Velt's answer to a request, when nothing goes wrong on the way.
 *
 * @param {RecordedRequest} request
 * @param {Credentials} credentials The right ones.
 * @param {(claims: AskedClaims) => string} issue
 * @returns {Reply}
 */
function answer(request, credentials, issue) {
  try {
    const token = issue(claimsAsked(request, credentials))
    const result = { status: 'success', message: 'Token generated successfully.', data: { token } }
    return { status: 200, contentType: JSON_TYPE, body: JSON.stringify({ result }) }
  } catch (error) {
    if (error instanceof Refusal) return failure(error)
    throw error
  }
}

/**
 * Velt's answer to a request that failed.
 *
 * @param {{ status: RpcStatus, message: string, details?: unknown }} error
 * @returns {Reply}
 */
function failure({ message, status, details }) {
  const body = JSON.stringify({ error: { message, status, details } })
  return { status: HTTP_CODES[status], contentType: JSON_TYPE, body }
}

/** @param {RecordedRequest} request @param {Credentials} credentials @returns {AskedClaims} */
function claimsAsked(request, credentials) {
  if (!Object.hasOwn(ENDPOINTS, request.path)) throw new Refusal('NOT_FOUND', 'No such endpoint.')
  const endpoint = ENDPOINTS[/** @type {keyof typeof ENDPOINTS} */ (request.path)]
  // Not a 405: Firebase's callable functions, whose envelope this is, have no code for it.
  if (request.method !== 'POST') refuse('The method must be POST.')
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json *(;|$)/i.test(type)) refuse('The content type must be application/json.')
  if (request.body === undefined) refuse('The body must be JSON.')
  object({ data: record }, ['data'])(request.body, 'body')

  const { data } = /** @type {any} */ (request.body)
  endpoint.authorize(request.headers, data, credentials)
  endpoint.data(data, 'data')
  const { userId, userProperties, permissions } = data
  return { userId, ...userProperties, permissions }
}

/** @param {RecordedRequest['headers']} _ @param {any} data @param {Credentials} right */
function inBody(_, data, right) {
  if (data.apiKey !== right.apiKey || data.authToken !== right.authToken) {
    refuse('Auth token not found.')
  }
}

/** @param {RecordedRequest['headers']} headers @param {unknown} _ @param {Credentials} right */
function inHeaders(headers, _, right) {
  const { 'x-velt-api-key': apiKey, 'x-velt-auth-token': authToken } = headers
  if (!apiKey || !authToken) throw new Refusal('UNAUTHENTICATED', 'Missing credentials.')
  if (apiKey !== right.apiKey || authToken !== right.authToken) {
    throw new Refusal('PERMISSION_DENIED', 'Invalid credentials.')
  }
}

/** @param {string} message @returns {never} */
function refuse(message) {
  throw new Refusal('INVALID_ARGUMENT', message)
}

/**
 * An object with no other fields than these. Exact on purpose: what it refuses, the real service
 * might drop in silence.
 *
 * @param {Record<string, Check>} fields
 * @param {string[]} required
 * @returns {Check}
 */
function object(fields, required = []) {
  return (value, where) => {
    record(value, where)
    for (const name of required) {
      if (!Object.hasOwn(value, name)) refuse(`${where}.${name} is required.`)
    }
    for (const [name, field] of Object.entries(value)) {
      if (!Object.hasOwn(fields, name)) refuse(`${where}.${name} is not a known field.`)
      fields[name](field, `${where}.${name}`)
    }
  }
}

/** @type {Check} */
function record(value, where) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(`${where} must be an object.`)
  }
}

/** @type {Check} */
function text(value, where) {
  if (typeof value !== 'string' || value === '') refuse(`${where} must be a non-empty string.`)
}

/** @type {Check} */
function flag(value, where) {
  if (typeof value !== 'boolean') refuse(`${where} must be a boolean.`)
}

/** Milliseconds passed off as seconds are a date beyond the year 5138. @type {Check} */
function seconds(value, where) {
  if (!Number.isInteger(value) || value <= 0 || value >= 1e11) {
    refuse(`${where} must be a Unix time in seconds.`)
  }
}

/** @param {...string} names @returns {Check} */
function oneOf(...names) {
  return (value, where) => {
    if (!names.includes(value)) refuse(`${where} must be one of ${names.join(', ')}.`)
  }
}

/** @type {Check} */
function resources(value, where) {
  if (!Array.isArray(value)) refuse(`${where} must be an array.`)
  for (const [i, resource] of value.entries()) {
    RESOURCE(resource, `${where}[${i}]`)
    if (resource.type !== 'organization' && resource.organizationId === undefined) {
      refuse(`${where}[${i}].organizationId is required on a ${resource.type}.`)
    }
  }
}

exports.HTTP_CODES = HTTP_CODES
exports.JSON_TYPE = JSON_TYPE
exports.answer = answer
exports.failure = failure
