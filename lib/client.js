'use strict'

const { NativeClient } = require('./addon.js')
const { AuthTokenFunction, reportRefusals } = require('./auth-token.js')
const { cachedToken, run, tokenOf } = require('./calls.js')
const { hasSubscribers } = require('./channels.js')
const { VeltAuthError } = require('./errors.js')
const {
  clientOptions,
  extraCertificates,
  refusePublicSecret,
  validateCallOptions,
  validateGetOptions,
} = require('./options.js')
const { Permissions } = require('./permissions.js')
const { toUser, toUserId } = require('./user.js')

/** @typedef {import('../index.js').VeltToken} Token */
/** @typedef {import('../index.js').VeltCallOptions} CallOptions */

class VeltAuthClient {
  /** It holds the credentials. A private field is not printed by `console.log` or `util.inspect`. */
  #native

  /** @type {ReturnType<NativeClient['lookUp']>} */
  #lookUp

  /** Exists while somebody subscribes to a channel. @type {import('./tracing.js').Tracer | undefined} */
  #tracer

  /** @type {AuthTokenFunction | undefined} */
  #authToken

  #onCredentialRefused

  /** @param {import('../index.js').VeltAuthClientOptions} [options] */
  constructor(options = {}) {
    const { authToken, onCredentialRefused, ...others } = clientOptions(options)
    refusePublicSecret([authToken, others.cache?.secret].flat())
    const isFunction = typeof authToken === 'function'
    const result = NativeClient.open(
      nativeOptions({ ...others, authToken: isFunction ? undefined : authToken }),
    )
    if (!(result instanceof NativeClient)) throw new VeltAuthError(result)
    this.#native = result
    this.#lookUp = result.lookUp()
    this.#authToken = isFunction ? new AuthTokenFunction(authToken, result) : undefined
    this.#onCredentialRefused = onCredentialRefused
    /** @type {import('../index.js').VeltPermissionsClient} */
    this.permissions = new Permissions(
      result,
      (call) => this.#during(call),
      (method, start) => this.#currentTracer()?.call(method, start) ?? start(),
    )
  }

  /**
   * @param {unknown} user
   * @param {CallOptions} [options]
   * @returns {Promise<Token>}
   */
  generateToken(user, options) {
    const tracer = this.#currentTracer()
    if (!tracer) return this.#generateToken(user, options)
    return tracer.call('generateToken', (traced) => this.#generateToken(user, options, traced))
  }

  /**
   * @param {unknown} user
   * @param {CallOptions} [options]
   * @param {import('./addon.js').TracedCall} [traced] the call in `#tracer`
   */
  async #generateToken(user, options, traced) {
    const callOptions = validateCallOptions(options)
    const nativeUser = toUser(user)
    return await this.#during(() =>
      tokenOf(callOptions.signal, (calls, call, cancel) =>
        this.#native.generateToken(calls, call, cancel, nativeUser, callOptions, traced),
      ),
    )
  }

  /**
   * @param {unknown} user
   * @param {import('../index.js').VeltGetOptions} [options]
   * @returns {Promise<Token>}
   */
  getToken(user, options) {
    const tracer = this.#currentTracer()
    if (!tracer) return this.#getToken(user, options)
    return tracer.call('getToken', (traced) => this.#getToken(user, options, traced))
  }

  /**
   * @param {unknown} user
   * @param {import('../index.js').VeltGetOptions} [options]
   * @param {import('./addon.js').TracedCall} [traced] the call in `#tracer`
   */
  async #getToken(user, options, traced) {
    const callOptions = validateGetOptions(options)
    const nativeUser = toUser(user)
    const { signal, minValidity, maxAge } = callOptions
    signal?.throwIfAborted()
    if (maxAge === undefined) {
      // Written out: to spread `Object.values` over the arguments takes 0.3 µs.
      const cached = this.#lookUp(
        nativeUser.userId,
        nativeUser.organizationId,
        nativeUser.email,
        nativeUser.isAdmin,
        nativeUser.name,
        nativeUser.permissions,
        minValidity,
      )
      if (cached) {
        this.#reportRefusals()
        if (traced) this.#tracer?.hit(traced)
        return cachedToken(cached)
      }
    }
    return await this.#during(() =>
      tokenOf(signal, (calls, call, cancel) =>
        this.#native.getToken(calls, call, cancel, nativeUser, callOptions, traced),
      ),
    )
  }

  /** @param {{ userId: string }} user */
  async invalidate(user) {
    const userId = toUserId(user)
    const invalidate = () =>
      run(undefined, (calls, call) => this.#native.invalidate(calls, call, userId))
    const tracer = this.#currentTracer()
    await (tracer ? tracer.invalidation(invalidate) : invalidate())
  }

  /**
   * Runs a call of the addon that may need an auth token.
   *
   * @template T
   * @param {() => Promise<T>} call
   */
  async #during(call) {
    try {
      return await (this.#authToken ? this.#authToken.during(call) : call())
    } finally {
      this.#reportRefusals()
    }
  }

  #reportRefusals() {
    if (this.#onCredentialRefused) void reportRefusals(this.#native, this.#onCredentialRefused)
  }

  stats() {
    this.#currentTracer()?.flush()
    const { failures, ...counts } = this.#native.stats()
    return {
      ...counts,
      failures: Object.fromEntries(failures.map(({ code, count }) => [code, count])),
    }
  }

  close() {
    this.#native.close()
  }

  /** The tracer, if somebody subscribes to a channel. */
  #currentTracer() {
    if (hasSubscribers()) {
      // Loaded here, because most programs do not need it.
      this.#tracer ??= new (require('./tracing.js').Tracer)(this.#native)
    } else if (this.#tracer) {
      this.#tracer.stop()
      this.#tracer = undefined
    }
    return this.#tracer
  }
}

/**
 * The options as the addon takes them.
 *
 * @param {Omit<import('./addon.js').ClientOptions, 'extraCa'>} options
 */
function nativeOptions(options) {
  return Object.assign(Object.create(null), { ...options, extraCa: extraCertificates() })
}

/** How many clients `generateVeltAuthToken` keeps: one for each set of options. */
const MAX_CLIENTS = 16

/** Clients by their options as JSON; the least recently used client is first. @type {Map<string, VeltAuthClient>} */
const clients = new Map()

/** A number for each function, because a function has no JSON. @type {WeakMap<Function, number>} */
const functionNumbers = new WeakMap()
let functionCount = 0

/** @param {string} _ @param {unknown} value */
function numberOfFunction(_, value) {
  if (typeof value !== 'function') return value
  const number = functionNumbers.get(value) ?? ++functionCount
  functionNumbers.set(value, number)
  return { function: number }
}

/** @param {import('../index.js').VeltAuthClientOptions} options */
function clientFor(options) {
  const key = JSON.stringify(clientOptions(options), numberOfFunction)
  const client = clients.get(key) ?? new VeltAuthClient(options)
  clients.delete(key)
  clients.set(key, client)
  // The evicted client is not closed, so that its pending calls complete.
  for (const oldest of clients.keys()) {
    if (clients.size <= MAX_CLIENTS) break
    clients.delete(oldest)
  }
  return client
}

/**
 * @param {unknown} user
 * @param {import('../index.js').VeltAuthClientOptions & CallOptions} [options]
 */
async function generateVeltAuthToken(user, options) {
  const { signal, deadline, ...rest } = options ?? {}
  const { token } = await clientFor(rest).generateToken(user, { signal, deadline })
  return token
}

exports.generateVeltAuthToken = generateVeltAuthToken
exports.VeltAuthClient = VeltAuthClient
exports.VeltAuthError = VeltAuthError
