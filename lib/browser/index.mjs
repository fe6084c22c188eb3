// Fetches tokens in the browser, from the endpoint that `veltTokenHandler` makes on the server.

/** The first request and three retries. */
const MAX_ATTEMPTS = 4

/**
 * The timeout of a request, in milliseconds. It is longer than the default deadline of the server (15
 * seconds), since the server's own error has more details than a timeout.
 */
const TIMEOUT = 30_000

/** The longest `Retry-After` to wait for, in milliseconds. A longer one ends the call. */
const MAX_RETRY_DELAY = 60_000

/** Statuses to retry if the response is not from our endpoint, but for example from a proxy. */
const TRANSIENT_STATUSES = [429, 502, 503, 504]

export class VeltTokenError extends Error {
  name = 'VeltTokenError'

  /**
   * @param {string} message
   * @param {Pick<import('./index.mjs').VeltTokenError,
   *   'code' | 'status' | 'retryable' | 'retryAfter' | 'cause'>} fields
   */
  constructor(message, { code, status, retryable, retryAfter, cause }) {
    super(message, { cause })
    this.code = code
    this.status = status
    this.retryable = retryable
    this.retryAfter = retryAfter
  }
}

/** The options that both functions pass on to the request. */
const REQUEST_OPTIONS = ['headers', 'credentials', 'signal']
const EXAMPLE_HEADERS = "{ authorization: 'Bearer …' }"

/** @type {typeof import('./index.mjs').fetchVeltToken} */
export async function fetchVeltToken(endpoint = '/api/velt/token', options = {}) {
  const path = 'fetchVeltToken: options'
  requireType('string', 'fetchVeltToken: endpoint', endpoint, "'/api/velt/token'")
  requireType('object', path, options, '{ fresh: true }')
  requireFields(['fresh', ...REQUEST_OPTIONS], path, options)
  requireRequestOptions(path, options)
  const { token, validFor } = await requestToken(endpoint, options)
  return { token, expiresAt: Date.now() + validFor }
}

/** @type {typeof import('./index.mjs').createAuthProvider} */
export function createAuthProvider(options) {
  validateOptions(options)
  const { user, endpoint = '/api/velt/token', ...requestOptions } = options
  // Not a time of the computer's clock, which the visitor can change.
  let expiresAt = 0
  /** @type {Promise<string> | undefined} */
  let pending

  async function generate() {
    try {
      // A call before the last token has expired means that Velt rejected that token.
      const fresh = performance.now() < expiresAt
      const { token, validFor } = await requestToken(endpoint, { ...requestOptions, fresh })
      expiresAt = performance.now() + validFor
      return token
    } finally {
      pending = undefined
    }
  }

  return {
    user,
    // Velt's SDK must not retry, because `requestToken` already retries transient failures.
    retryConfig: { retryCount: 0 },
    generateToken: () => {
      pending ??= generate()
      return pending
    },
  }
}

/** @param {any} options */
function validateOptions(options) {
  const path = 'createAuthProvider: options'
  requireType('object', path, options, "{ user: { userId: 'ada' } }")
  requireFields(['user', 'endpoint', ...REQUEST_OPTIONS], path, options)
  const { user, endpoint } = options
  requireType('object', `${path}.user`, user, "{ userId: 'ada' }")
  requireType('string', `${path}.user.userId`, user.userId)
  if (endpoint !== undefined) {
    requireType('string', `${path}.endpoint`, endpoint, "'/api/velt/token'")
  }
  requireRequestOptions(path, options)
}

/**
 * @param {string} path
 * @param {import('./index.mjs').RequestOptions} options
 */
function requireRequestOptions(path, { headers, credentials, signal }) {
  if (headers !== undefined && typeof headers !== 'function') toHeaders(headers, `${path}.headers`)
  if (credentials !== undefined && !['same-origin', 'include', 'omit'].includes(credentials)) {
    throw new TypeError(`${path}.credentials must be 'same-origin', 'include' or 'omit'.`)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`${path}.signal must be an AbortSignal.`)
  }
}

/**
 * An error names the header and not its value, which may be a secret.
 *
 * @param {Record<string, string>} values
 * @param {string} path
 */
function toHeaders(values, path) {
  requireType('object', path, values, EXAMPLE_HEADERS)
  if (values instanceof Headers)
    throw new TypeError(`${path} must be ${EXAMPLE_HEADERS}, not Headers.`)
  const headers = new Headers()
  for (const [name, value] of Object.entries(values)) {
    requireType('string', `${path}['${name}']`, value)
    try {
      headers.set(name, value)
    } catch {
      throw new TypeError(`${path}['${name}'] has a character that a header cannot have.`)
    }
  }
  return headers
}

/**
 * @param {'object' | 'string'} type
 * @param {string} path
 * @param {unknown} value
 * @param {string} [example]
 */
function requireType(type, path, value, example) {
  const given = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
  if (given !== type) {
    const wanted = `${type === 'object' ? 'an object' : 'a string'}${example ? ` such as ${example}` : ''}`
    const hint = type === 'string' && given === 'number' ? '; use String(…)' : ''
    throw new TypeError(`${path} must be ${wanted}, not ${given}${hint}.`)
  }
  if (value === '') throw new TypeError(`${path} is empty.`)
}

/**
 * @param {string[]} known
 * @param {string} path
 * @param {object} value
 */
function requireFields(known, path, value) {
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      throw new TypeError(`${path} cannot have '${name}': its fields are ${known.join(', ')}.`)
    }
  }
}

/**
 * @typedef {import('./index.mjs').RequestOptions & { fresh?: boolean }} Options
 *
 * @param {string} endpoint
 * @param {Options} options
 */
async function requestToken(endpoint, options) {
  for (let attempt = 1; ; attempt++) {
    const result = await sendRequest(endpoint, options)
    if (!(result instanceof VeltTokenError)) return result
    const delay = result.retryAfter ?? 500 * 2 ** attempt
    if (!result.retryable || attempt === MAX_ATTEMPTS || delay > MAX_RETRY_DELAY) throw result
    // Jitter only adds time, since `Retry-After` is a minimum. It spreads the retries of many browsers.
    const jittered = delay * (1 + Math.random() / 2)
    await unlessAborted(new Promise((resolve) => setTimeout(resolve, jittered)), options.signal)
  }
}

/**
 * @param {string} endpoint
 * @param {Options} options
 */
async function sendRequest(endpoint, { headers = {}, credentials = 'same-origin', signal, fresh }) {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  let waitingFor = 'the function headers'
  const timer = setTimeout(() => {
    controller.abort(networkError(`${waitingFor} within ${TIMEOUT / 1000} seconds`))
  }, TIMEOUT)
  try {
    const values =
      typeof headers === 'function' ? await unlessAborted(headers(), controller.signal) : headers
    const ownHeaders = toHeaders(values, 'headers')
    if (fresh) ownHeaders.set('cache-control', 'no-cache')
    waitingFor = endpoint
    const init = { method: 'POST', credentials, headers: ownHeaders, signal: controller.signal }
    const sentAt = performance.now()
    const response = await fetch(endpoint, init)
    const result = tokenOrError(endpoint, response, await response.text())
    // The endpoint counted from an unknown time between the request and the response. The token must
    // not look valid when it has expired.
    if (!(result instanceof VeltTokenError)) result.validFor -= performance.now() - sentAt
    return result
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    // An error of the function `headers` is for its author.
    if (waitingFor !== endpoint) throw cause
    return cause instanceof VeltTokenError ? cause : networkError(endpoint, cause)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * @param {string} source
 * @param {unknown} [cause]
 */
function networkError(source, cause) {
  return new VeltTokenError(`No response from ${source}.`, {
    code: 'network_error',
    retryable: true,
    cause,
  })
}

/**
 * Rejects as soon as the signal aborts.
 *
 * @template T
 * @param {T | Promise<T>} value
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<T>}
 */
async function unlessAborted(value, signal) {
  /** @type {() => void} */
  let abort = () => {}
  const aborted = new Promise((_resolve, reject) => {
    abort = () => reject(signal?.reason)
  })
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  try {
    return await Promise.race([value, aborted])
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * @param {string} endpoint
 * @param {Response} response
 * @param {string} body
 */
function tokenOrError(endpoint, { status, headers }, body) {
  // Without `expiresIn`, the endpoint is not a veltTokenHandler, but returns the result of `getToken`.
  const { token, expiresAt, expiresIn, error } = parseJson(body)
  const validFor = expiresIn === undefined ? expiresAt - Date.now() : expiresIn * 1000
  if (status === 200 && typeof token === 'string' && token) return { token, validFor }
  const reason =
    error?.message ?? 'the response is not from a veltTokenHandler; check the endpoint.'
  return new VeltTokenError(`${endpoint} responded with ${status}: ${reason}`, {
    code: error?.code ?? 'bad_response',
    status,
    retryable: error?.retryable ?? TRANSIENT_STATUSES.includes(status),
    retryAfter: parseRetryAfter(headers.get('retry-after')),
  })
}

/**
 * The header has seconds or a date. The result is in milliseconds from now.
 *
 * @param {string | null} header
 */
function parseRetryAfter(header) {
  if (!header) return undefined
  const seconds = Number(header)
  const delay = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000
  return Number.isNaN(delay) ? undefined : Math.max(delay, 0)
}

/** @param {string} text */
function parseJson(text) {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
