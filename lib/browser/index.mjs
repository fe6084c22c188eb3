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

/** @type {typeof import('./index.mjs').fetchVeltToken} */
export async function fetchVeltToken(endpoint = '/api/velt/token', options = {}) {
  requireType('string', 'fetchVeltToken: endpoint', endpoint, "'/api/velt/token'")
  requireType('object', 'fetchVeltToken: options', options, '{ fresh: true }')
  requireFields(['fresh'], 'fetchVeltToken: options', options)
  const { fresh = false } = options
  for (let attempt = 1; ; attempt++) {
    const result = await sendRequest(endpoint, fresh)
    if (!(result instanceof VeltTokenError)) return result
    const delay = result.retryAfter ?? 500 * 2 ** attempt
    if (!result.retryable || attempt === MAX_ATTEMPTS || delay > MAX_RETRY_DELAY) throw result
    // Jitter only adds time, since `Retry-After` is a minimum. It spreads the retries of many browsers.
    await new Promise((resolve) => setTimeout(resolve, delay * (1 + Math.random() / 2)))
  }
}

/** @type {typeof import('./index.mjs').createAuthProvider} */
export function createAuthProvider(options) {
  validateOptions(options)
  const { user, endpoint } = options
  let expiresAt = 0
  /** @type {Promise<string> | undefined} */
  let pending

  async function generate() {
    try {
      // A call before the last token has expired means that Velt rejected that token.
      const response = await fetchVeltToken(endpoint, { fresh: Date.now() < expiresAt })
      expiresAt = response.expiresAt
      return response.token
    } finally {
      pending = undefined
    }
  }

  return {
    user,
    // Velt's SDK must not retry, because `fetchVeltToken` already retries transient failures.
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
  requireFields(['user', 'endpoint'], path, options)
  const { user, endpoint } = options
  requireType('object', `${path}.user`, user, "{ userId: 'ada' }")
  requireType('string', `${path}.user.userId`, user.userId)
  if (endpoint !== undefined) {
    requireType('string', `${path}.endpoint`, endpoint, "'/api/velt/token'")
  }
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
 * @param {string} endpoint
 * @param {boolean} fresh
 */
async function sendRequest(endpoint, fresh) {
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      credentials: 'same-origin',
      headers: fresh ? { 'cache-control': 'no-cache' } : {},
      signal: AbortSignal.timeout(TIMEOUT),
    })
    return tokenOrError(endpoint, response, await response.text())
  } catch (cause) {
    return new VeltTokenError(`No response from ${endpoint}.`, {
      code: 'network_error',
      retryable: true,
      cause,
    })
  }
}

/**
 * @param {string} endpoint
 * @param {Response} response
 * @param {string} body
 */
function tokenOrError(endpoint, { status, headers }, body) {
  const { token, expiresAt, error } = parseJson(body)
  if (status === 200 && typeof token === 'string' && token) return { token, expiresAt }
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
