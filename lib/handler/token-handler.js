// The token endpoint for all frameworks. This file decides status, headers and body. The adapters only
// translate between a framework and this file.

'use strict'

const { VeltAuthError, invalidInput } = require('../errors.js')
const { arrayOf, isObject, object, oneOf } = require('../validate.js')
const { callback, logError, reportError } = require('./callbacks.js')
const { corsOptions, withCors } = require('./cors.js')
const { jsonResponse, methodNotAllowed, problemResponse } = require('./responses.js')

/**
 * @typedef {import('./responses.js').EndpointRequest} EndpointRequest
 * @typedef {import('./responses.js').EndpointResponse} EndpointResponse
 * @typedef {Exclude<import('./endpoint.js').TokenProblem['error']['code'], 'method_not_allowed'>} ProblemCode
 */

/** The problems that the browser gets. Only `onError` gets the cause, since the cause may be confidential. */
const PROBLEMS = /** @type {Record<ProblemCode, { status: number, message: string }>} */ ({
  unauthenticated: { status: 401, message: 'Sign in first.' },
  rate_limited: { status: 429, message: 'Too many token requests; try again later.' },
  server_error: { status: 500, message: 'The token endpoint is not set up correctly.' },
  upstream_error: { status: 502, message: 'Could not obtain a token.' },
  unavailable: { status: 503, message: 'Tokens are not available at the moment; try again later.' },
  upstream_timeout: { status: 504, message: 'Could not obtain a token in time; try again.' },
})

const RETRYABLE = new Set(
  /** @type {ProblemCode[]} */ (['rate_limited', 'unavailable', 'upstream_timeout']),
)

/** Errors of the client that are not the fault of the server. All others are a `server_error`. */
const UPSTREAM_PROBLEMS = /** @type {Record<string, ProblemCode>} */ ({
  ERR_VELT_RATE_LIMITED: 'rate_limited',
  ERR_VELT_UNAVAILABLE: 'unavailable',
  ERR_VELT_NETWORK: 'unavailable',
  ERR_VELT_CLOSED: 'unavailable',
  ERR_VELT_TIMEOUT: 'upstream_timeout',
  ERR_VELT_UNAUTHORIZED: 'upstream_error',
  ERR_VELT_REJECTED: 'upstream_error',
  ERR_VELT_BAD_RESPONSE: 'upstream_error',
})

/** `Retry-After` of a 429 or 503 if Velt sent none, in seconds. */
const DEFAULT_RETRY_AFTER = 1

const CODE = 'ERR_VELT_CONFIG'

const validateOptions = object({
  client: tokenClient,
  identify: callback,
  methods: arrayOf(oneOf('GET', 'POST')),
  onError: callback,
  cors: corsOptions,
})

/**
 * @template {unknown[]} Args the arguments of `identify`: the request as the framework passes it
 * @param {import('./endpoint.js').TokenHandlerOptions<Args>} options
 * @returns {(request: EndpointRequest, ...args: Args) => Promise<EndpointResponse>}
 */
function createTokenHandler(options) {
  const { client, identify, methods, onError, cors } = completeOptions(options)
  return withCors(cors, methods, handle)

  /** @param {EndpointRequest} request @param {Args} args */
  async function handle({ method, header, isClosed }, ...args) {
    if (!methods.includes(/** @type {any} */ (method))) {
      return methodNotAllowed(methods)
    }
    let user
    try {
      user = await identify(...args)
    } catch (error) {
      return failed(error, 'The server could not determine the user.')
    }
    if (user === null || user === undefined || user === false) {
      return problem('unauthenticated')
    }
    try {
      return jsonResponse(200, await requestToken(client, user, header('cache-control')))
    } catch (error) {
      return failed(error)
    }

    /** @param {unknown} error @param {string} [message] for an error that is not a `VeltAuthError` */
    function failed(error, message) {
      // A browser that has closed the connection does not get the response. This is not an error.
      if (!isClosed()) void reportError(onError, error, args)
      return errorResponse(error, message)
    }
  }
}

/** A token that was received within this time is new enough for `no-cache`, in milliseconds. */
const NO_CACHE_MAX_AGE = 10_000

/**
 * A browser sends `no-cache` if Velt rejected its token before the token expired. The browser must not
 * get the same token again. But a browser must not be able to cause a request to Velt with each of its
 * own requests, so a token that is a few seconds old is returned again. A closed connection does not
 * cancel this call: the token is cached for the next request.
 *
 * @param {import('./endpoint.js').TokenClient} client
 * @param {import('../../index.js').VeltUser | string} user
 * @param {ReturnType<EndpointRequest['header']>} cacheControl
 */
function requestToken(client, user, cacheControl) {
  const noCache = /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(String(cacheControl ?? ''))
  return client.getToken(user, noCache ? { maxAge: NO_CACHE_MAX_AGE } : undefined)
}

/**
 * @template {unknown[]} Args
 * @param {import('./endpoint.js').TokenHandlerOptions<Args>} options
 */
function completeOptions(options) {
  // A client or a function here means `veltTokenHandler(client, identify)`.
  if (!isObject(options) || 'getToken' in options) {
    throw invalidInput(CODE, 'pass one object: veltTokenHandler({ client, identify }).')
  }
  const given = validateOptions(options, 'options', CODE)
  const { client, identify, methods = ['POST'], onError = logError, cors } = given
  if (client === undefined) throw invalidInput(CODE, 'client is missing: pass a VeltAuthClient.')
  if (identify === undefined) {
    throw invalidInput(
      CODE,
      'identify is missing: pass a function that returns the signed-in user, such as ' +
        '(req) => req.user && { userId: req.user.id }.',
    )
  }
  if (methods.length === 0) {
    throw invalidInput(CODE, "options.methods must list 'POST', 'GET' or both.")
  }
  return { client, identify, methods, onError, cors }
}

/**
 * Checks for the method instead of `instanceof`: the client may come from another copy of the package.
 *
 * @type {import('../validate.js').Validator<import('./endpoint.js').TokenClient>}
 */
function tokenClient(value, path, code) {
  const client = /** @type {any} */ (value)
  if (typeof client?.getToken === 'function') return client
  throw invalidInput(code, `${path} must be a VeltAuthClient.`)
}

/**
 * @param {unknown} error
 * @param {string} [message] for an error that is not a `VeltAuthError`
 */
function errorResponse(error, message) {
  if (!(error instanceof VeltAuthError)) return problem('server_error', { message })
  // The browser must not retry after a permanent failure, such as a certificate that is not
  // trusted.
  const isPermanent = error.code === 'ERR_VELT_NETWORK' && !error.retryable
  const code = isPermanent ? 'upstream_error' : (UPSTREAM_PROBLEMS[error.code] ?? 'server_error')
  const seconds = Math.ceil((error.retryAfter ?? 0) / 1000) || DEFAULT_RETRY_AFTER
  const hasRetryAfter = code === 'rate_limited' || code === 'unavailable'
  return problem(code, hasRetryAfter ? { headers: { 'retry-after': String(seconds) } } : {})
}

/**
 * @param {ProblemCode} code
 * @param {{ message?: string, headers?: Record<string, string> }} [details]
 */
function problem(code, { message = PROBLEMS[code].message, headers } = {}) {
  const { status } = PROBLEMS[code]
  return problemResponse(status, { code, message, retryable: RETRYABLE.has(code) }, headers)
}

exports.createTokenHandler = createTokenHandler
