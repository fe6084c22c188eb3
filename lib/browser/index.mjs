// The browser's half: brings tokens from the endpoint that `veltTokenHandler` makes.

/** How many requests one call may send. */
const MAX_ATTEMPTS = 4

/** Of one request, in milliseconds: longer than the server's own deadline, which says more. */
const TIMEOUT = 30_000

/** The longest wait, in milliseconds, that a visitor may be kept for. */
const MAX_WAIT = 60_000

/** What may mend itself where the answer is not our endpoint's, but of something before it. */
const PASSING = [429, 502, 503, 504]

export class VeltTokenError extends Error {
  name = 'VeltTokenError'

  /**
   * @param {string} message
   * @param {Pick<import('./index.mjs').VeltTokenError,
   *   'code' | 'status' | 'retryable' | 'retryAfter' | 'cause'>} detail
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
export async function fetchVeltToken(endpoint = '/api/velt/token', { fresh = false } = {}) {
  for (let attempt = 1; ; attempt++) {
    const outcome = await ask(endpoint, fresh)
    if (!(outcome instanceof VeltTokenError)) return outcome
    const wait = outcome.retryAfter ?? 500 * 2 ** attempt
    if (!outcome.retryable || attempt === MAX_ATTEMPTS || wait > MAX_WAIT) throw outcome
    // Never sooner than the server said, and not with all other visitors at once.
    await new Promise((resolve) => setTimeout(resolve, wait * (1 + Math.random() / 2)))
  }
}

/** @type {typeof import('./index.mjs').createAuthProvider} */
export function createAuthProvider({ user, endpoint }) {
  let expiresAt = 0
  /** @type {Promise<string> | undefined} */
  let pending

  async function generate() {
    try {
      // Whoever asks again before its time has found that the last token is no good.
      const answer = await fetchVeltToken(endpoint, { fresh: Date.now() < expiresAt })
      expiresAt = answer.expiresAt
      return answer.token
    } finally {
      pending = undefined
    }
  }

  return {
    user,
    // Velt's SDK need not try again: `fetchVeltToken` has, and knows when it is of no use.
    retryConfig: { retryCount: 0 },
    generateToken: () => {
      pending ??= generate()
      return pending
    },
  }
}

/**
 * One request.
 *
 * @param {string} endpoint
 * @param {boolean} fresh
 */
async function ask(endpoint, fresh) {
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      credentials: 'same-origin',
      headers: fresh ? { 'cache-control': 'no-cache' } : {},
      signal: AbortSignal.timeout(TIMEOUT),
    })
    return read(endpoint, response, await response.text())
  } catch (cause) {
    return new VeltTokenError(`${endpoint} gave no answer.`, {
      code: 'network_error',
      retryable: true,
      cause,
    })
  }
}

/**
 * @param {string} endpoint
 * @param {Response} response
 * @param {string} text
 */
function read(endpoint, { status, headers }, text) {
  const { token, expiresAt, error } = parse(text)
  if (status === 200 && typeof token === 'string' && token) return { token, expiresAt }
  const said = error?.message ?? 'this is not the answer of a veltTokenHandler.'
  return new VeltTokenError(`${endpoint} answered ${status}: ${said}`, {
    code: error?.code ?? 'bad_response',
    status,
    retryable: error?.retryable ?? PASSING.includes(status),
    retryAfter: waitOf(headers.get('retry-after')),
  })
}

/** Seconds or a date, in milliseconds from now. @param {string | null} retryAfter */
function waitOf(retryAfter) {
  if (!retryAfter) return undefined
  const seconds = Number(retryAfter)
  const wait = Number.isNaN(seconds) ? Date.parse(retryAfter) - Date.now() : seconds * 1000
  return Number.isNaN(wait) ? undefined : Math.max(wait, 0)
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
