// The endpoint of Velt's permission provider, for all frameworks. This file decides status, headers and
// body. The adapters only translate between a framework and this file.

'use strict'

const { VeltAuthError, invalidInput } = require('../errors.js')
const { boolean, integerInRange, isObject, object, own } = require('../validate.js')
const { bearerCheck, bearerTokens } = require('./bearer.js')
const { BodyError, readJson } = require('./body.js')
const { callback, logError, reportError } = require('./callbacks.js')
const { corsOptions, withCors } = require('./cors.js')
const { identityOf, toDecision, toQuery } = require('./permission-query.js')
const { jsonResponse, methodNotAllowed, problemResponse } = require('./responses.js')

/**
 * @typedef {import('./permissions.js').PermissionHandlerOptions} PermissionHandlerOptions
 * @typedef {import('./permissions.js').PermissionProblem['error']['code']} ProblemCode
 * @typedef {import('./responses.js').EndpointRequest} EndpointRequest
 * @typedef {import('./responses.js').EndpointResponse} EndpointResponse
 * @typedef {import('./body.js').Body} Body
 */

const CODE = 'ERR_VELT_CONFIG'

const METHODS = ['POST']

/** The limits of a request. 1,000 queries with ids of 100 characters have about 0.5 MiB. */
const MAX_BYTES = 2 ** 20
const MAX_QUERIES = 1000

const DEFAULT_TIMEOUT = 5000
const DEFAULT_CONCURRENCY = 32

const STATUS = /** @type {Record<Exclude<ProblemCode, 'method_not_allowed'>, number>} */ ({
  invalid_request: 400,
  unauthenticated: 401,
  request_timeout: 408,
  request_too_large: 413,
  server_error: 500,
})

const validateOptions = object({
  authorize: callback,
  token: bearerTokens,
  allowUnauthenticated: boolean,
  timeout: integerInRange('milliseconds'),
  maxConcurrency: integerInRange('queries'),
  cors: corsOptions,
  onError: callback,
})

/**
 * @param {PermissionHandlerOptions} options
 * @returns {(request: EndpointRequest, body: () => Body) => Promise<EndpointResponse>} `body` is called
 *   once at most, and only for a request with the right bearer token
 */
function createPermissionHandler(options) {
  const { authorize, isAllowed, timeout, maxConcurrency, cors, onError } = completeOptions(options)
  return withCors(cors, METHODS, handle)

  /** @param {EndpointRequest} request @param {() => Body} body */
  async function handle({ method, header, isClosed }, body) {
    if (method !== 'POST') return methodNotAllowed(METHODS)
    if (!isAllowed(header('authorization'))) {
      const message = 'The bearer token is missing or wrong.'
      return problem('unauthenticated', message, { 'www-authenticate': 'Bearer' })
    }
    const deadline = startDeadline(timeout)
    try {
      const queries = await Promise.race([readQueries(body()), deadline.expired])
      if (queries === EXPIRED) {
        // The rest of the body would be taken for the next request on this connection.
        const headers = { connection: 'close' }
        return problem('request_timeout', 'The body did not arrive in time.', headers)
      }
      const data = await mapConcurrently(queries, maxConcurrency, answer)
      const message = 'Permissions validated successfully'
      return jsonResponse(200, { data, success: true, statusCode: 200, message })
    } catch (error) {
      if (error instanceof BodyError) return problem(error.code, error.message)
      if (!isClosed()) void reportError(onError, error, [undefined])
      return problem('server_error', 'The permission endpoint is not set up correctly.')
    } finally {
      deadline.clear()
    }

    /** The result for one query. It never rejects. @param {unknown} given the query as Velt sent it */
    async function answer(given) {
      const identity = identityOf(given)
      const denied = { ...identity, hasAccess: false }
      // Velt does not wait for the response any more.
      if (isClosed()) return denied
      let query
      try {
        query = toQuery(given)
        if (deadline.isOver()) throw timedOut(timeout)
        const result = await Promise.race([authorize(query), deadline.expired])
        if (result === EXPIRED) throw timedOut(timeout)
        return { ...identity, ...toDecision(result, Date.now()) }
      } catch (error) {
        if (!isClosed()) void reportError(onError, error, [query])
        return denied
      }
    }
  }
}

/** @param {PermissionHandlerOptions} options */
function completeOptions(options) {
  if (!isObject(options)) {
    throw invalidInput(CODE, 'pass one object: veltPermissionHandler({ authorize, token }).')
  }
  const given = validateOptions(options, 'options', CODE)
  const { authorize, token, allowUnauthenticated = false, cors, onError = logError } = given
  const { timeout = DEFAULT_TIMEOUT, maxConcurrency = DEFAULT_CONCURRENCY } = given
  if (authorize === undefined) {
    throw invalidInput(
      CODE,
      'authorize is missing: pass a function that returns whether the user of a query has access.',
    )
  }
  if (token === undefined && !allowUnauthenticated) {
    throw invalidInput(
      CODE,
      "token is missing: pass the auth token of the permission provider from Velt's console. Only for " +
        'development without a token, pass allowUnauthenticated: true.',
    )
  }
  if (token !== undefined && allowUnauthenticated) {
    throw invalidInput(CODE, 'pass either token or allowUnauthenticated: true, and not both.')
  }
  const isAllowed = token === undefined ? () => true : bearerCheck(token)
  return { authorize, isAllowed, timeout, maxConcurrency, cors, onError }
}

/** @param {Body} body @returns {Promise<unknown[]>} */
async function readQueries(body) {
  const queries = own(own(await readJson(body, MAX_BYTES), 'data'), 'requests')
  if (!Array.isArray(queries)) {
    throw new BodyError('invalid_request', 'The body must be { "data": { "requests": […] } }.')
  }
  if (queries.length > MAX_QUERIES) {
    const message = `The body must not have more than ${MAX_QUERIES} requests, not ${queries.length}.`
    throw new BodyError('request_too_large', message)
  }
  return queries
}

/**
 * Calls `map` for all items, at most `limit` at a time.
 *
 * @template T, R
 * @param {T[]} items
 * @param {number} limit
 * @param {(item: T) => Promise<R>} map must not reject
 * @returns {Promise<R[]>} in the order of the items
 */
async function mapConcurrently(items, limit, map) {
  /** @type {R[]} */
  const results = new Array(items.length)
  const entries = items.entries() // one iterator for all workers
  const work = async () => {
    for (const [i, item] of entries) results[i] = await map(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work))
  return results
}

const EXPIRED = Symbol('expired')

/** @param {number} ms */
function startDeadline(ms) {
  let isOver = false
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  /** @type {Promise<typeof EXPIRED>} */
  const expired = new Promise((resolve) => {
    timer = setTimeout(() => {
      isOver = true
      resolve(EXPIRED)
    }, ms)
  })
  return { expired, isOver: () => isOver, clear: () => clearTimeout(timer) }
}

/** @param {number} timeout */
function timedOut(timeout) {
  return new VeltAuthError({
    code: 'ERR_VELT_TIMEOUT',
    message: `authorize did not answer within ${timeout} ms; access is denied.`,
    retryable: false,
    attempts: 0,
  })
}

/**
 * @param {keyof typeof STATUS} code
 * @param {string} message
 * @param {Record<string, string>} [headers]
 */
function problem(code, message, headers) {
  const retryable = code === 'request_timeout'
  return problemResponse(STATUS[code], { code, message, retryable }, headers)
}

exports.createPermissionHandler = createPermissionHandler
