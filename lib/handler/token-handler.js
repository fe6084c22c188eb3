// The token endpoint, whatever the framework. Everything is decided here: status, headers, body.
// An adapter only carries.

'use strict'

const { VeltAuthError, invalidInput } = require('../errors.js')
const { arrayOf, object, oneOf } = require('../validate.js')

/**
 * What an adapter brings: no more of the request than this can matter.
 *
 * @typedef {{ method?: string, cacheControl?: string | null, hasLeft: () => boolean }} Call
 * @typedef {{ status: number, headers: Record<string, string>, body: string }} Reply
 * @typedef {'unauthenticated' | 'method_not_allowed' | 'rate_limited' | 'unavailable'
 *   | 'upstream_timeout' | 'upstream_error' | 'server_error'} PublicCode
 */

/** What the browser is told; the reason stays on the server, with `onError`. */
const PROBLEMS = /** @type {Record<PublicCode, [status: number, message: string]>} */ ({
  unauthenticated: [401, 'Sign in first.'],
  method_not_allowed: [405, 'This endpoint does not take this method.'],
  rate_limited: [429, 'Too many token requests; try again later.'],
  server_error: [500, 'The token endpoint is not set up correctly.'],
  upstream_error: [502, 'A token could not be had.'],
  unavailable: [503, 'Tokens are not available at the moment; try again later.'],
  upstream_timeout: [504, 'A token could not be had in time; try again.'],
})

const RETRYABLE = new Set(
  /** @type {PublicCode[]} */ (['rate_limited', 'unavailable', 'upstream_timeout']),
)

const UPSTREAM = /** @type {Record<string, PublicCode>} */ ({
  ERR_VELT_RATE_LIMITED: 'rate_limited',
  ERR_VELT_UNAVAILABLE: 'unavailable',
  ERR_VELT_NETWORK: 'unavailable',
  ERR_VELT_CLOSED: 'unavailable',
  ERR_VELT_TIMEOUT: 'upstream_timeout',
  ERR_VELT_UNAUTHORIZED: 'upstream_error',
  ERR_VELT_REJECTED: 'upstream_error',
  ERR_VELT_BAD_RESPONSE: 'upstream_error',
})

/** What a 429 or 503 asks for where Velt named no time, in seconds. */
const DEFAULT_RETRY_AFTER = 1

const CODE = 'ERR_VELT_CONFIG'

const readOptions = object({
  client: tokenSource,
  identify: callable,
  methods: arrayOf(oneOf('GET', 'POST')),
  onError: callable,
})

/**
 * @template {unknown[]} Subject what the framework calls a request, for `identify` to read
 * @param {import('./endpoint.js').TokenHandlerOptions<Subject>} options
 * @returns {(call: Call, ...subject: Subject) => Promise<Reply>}
 */
function createTokenHandler(options) {
  const { client, identify, methods, onError } = checked(options)

  return async ({ method, cacheControl, hasLeft }, ...subject) => {
    if (!methods.includes(/** @type {any} */ (method))) {
      return problem('method_not_allowed', { allow: methods.join(', ') })
    }
    try {
      const user = await identify(...subject)
      if (user === null || user === undefined || user === false) return problem('unauthenticated')
      return reply(200, await askForToken(client, user, cacheControl))
    } catch (error) {
      // A visitor who left is nobody's problem, and reads no answer.
      if (!hasLeft()) void report(onError, error, subject)
      return failure(error)
    }
  }
}

/**
 * A browser whose token failed before its time says `no-cache`: it must not get that one again. A
 * visitor who leaves cancels nothing: what was asked for is there for the next request.
 *
 * @param {import('./endpoint.js').TokenSource} client
 * @param {import('../../index.js').VeltUser | string} user
 * @param {string | null | undefined} cacheControl
 */
function askForToken(client, user, cacheControl) {
  const fresh = /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(cacheControl ?? '')
  return fresh ? client.generateToken(user) : client.getToken(user)
}

/**
 * @template {unknown[]} Subject
 * @param {import('./endpoint.js').TokenHandlerOptions<Subject>} options
 */
function checked(options) {
  const read = readOptions(options ?? {}, 'options', CODE)
  const { client, identify, methods = ['POST'], onError = logError } = read
  if (client === undefined) throw invalidInput(CODE, 'client is missing: pass a VeltAuthClient.')
  if (identify === undefined) {
    throw invalidInput(
      CODE,
      'identify is missing: pass a function that says who is signed in, as in ' +
        '(req) => req.user && { userId: req.user.id }.',
    )
  }
  if (methods.length === 0) throw invalidInput(CODE, "options.methods must list 'POST', 'GET' or both.")
  return { client, identify, methods, onError }
}

/** @type {import('../validate.js').Validator<import('./endpoint.js').TokenSource>} */
function tokenSource(value, path, code) {
  const client = /** @type {any} */ (value)
  const calls = [client?.getToken, client?.generateToken]
  if (calls.every((call) => typeof call === 'function')) return client
  throw invalidInput(code, `${path} must be a VeltAuthClient.`)
}

/** @type {import('../validate.js').Validator<(...values: any[]) => any>} */
function callable(value, path, code) {
  if (typeof value === 'function') return /** @type {() => any} */ (value)
  throw invalidInput(code, `${path} must be a function.`)
}

/** @param {unknown} error */
function logError(error) {
  console.error(error)
}

/**
 * @template {unknown[]} Subject
 * @param {(error: unknown, ...subject: Subject) => void} onError
 * @param {unknown} error
 * @param {Subject} subject
 */
async function report(onError, error, subject) {
  try {
    // It may be asynchronous, though its type does not ask for that.
    await onError(error, ...subject)
  } catch (second) {
    logError(second)
  }
}

/** @param {unknown} error */
function failure(error) {
  if (!(error instanceof VeltAuthError)) return problem('server_error')
  // TLS that cannot be agreed on does not mend itself: the visitor need not try again.
  const hopeless = error.code === 'ERR_VELT_NETWORK' && !error.retryable
  const code = hopeless ? 'upstream_error' : (UPSTREAM[error.code] ?? 'server_error')
  const seconds = Math.ceil((error.retryAfter ?? 0) / 1000) || DEFAULT_RETRY_AFTER
  const waits = code === 'rate_limited' || code === 'unavailable'
  return problem(code, waits ? { 'retry-after': String(seconds) } : {})
}

/**
 * @param {PublicCode} code
 * @param {Record<string, string>} [headers]
 */
function problem(code, headers) {
  const [status, message] = PROBLEMS[code]
  return reply(status, { error: { code, message, retryable: RETRYABLE.has(code) } }, headers)
}

/**
 * @param {number} status
 * @param {object} body
 * @param {Record<string, string>} [headers]
 * @returns {Reply}
 */
function reply(status, body, headers) {
  const text = JSON.stringify(body)
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(text)),
      'cache-control': 'no-store',
      ...headers,
    },
    body: text,
  }
}

exports.createTokenHandler = createTokenHandler
