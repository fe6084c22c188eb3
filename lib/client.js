'use strict'

const { Cancel, NativeClient } = require('./addon.js')
const { VeltAuthError } = require('./errors.js')
const {
  clientOptions,
  extraCertificates,
  readCallOptions,
  readGetOptions,
  refusePublicSecret,
} = require('./options.js')
const { toUser, toUserId } = require('./user.js')

/** @typedef {import('./addon.js').Token} Token */
/** @typedef {import('../index.js').VeltCallOptions} CallOptions */

class VeltAuthClient {
  /** In a private field, so that nothing that prints this object can reach it. */
  #native

  /** @param {import('../index.js').VeltAuthClientOptions} [options] */
  constructor(options = {}) {
    const complete = clientOptions(options)
    refusePublicSecret(complete)
    complete.extraCa = extraCertificates()
    const opened = NativeClient.open(complete)
    if ('code' in opened) throw new VeltAuthError(opened)
    this.#native = opened
  }

  /**
   * @param {unknown} user
   * @param {CallOptions} [options]
   * @returns {Promise<Token>}
   */
  async generateToken(user, options = {}) {
    const { signal, ...rest } = readCallOptions(options, 'options', 'ERR_VELT_CONFIG')
    const asked = toUser(user)
    return await settle(signal, (cancel) => this.#native.generateToken(asked, rest, cancel))
  }

  /**
   * @param {unknown} user
   * @param {import('../index.js').VeltGetOptions} [options]
   * @returns {Promise<Token>}
   */
  async getToken(user, options = {}) {
    const { signal, ...rest } = readGetOptions(options, 'options', 'ERR_VELT_CONFIG')
    const asked = toUser(user)
    signal?.throwIfAborted()
    const { userId, organizationId, email, name, isAdmin, permissions } = asked
    return (
      this.#native.lookUp(
        rest.minValidity,
        userId,
        organizationId,
        email,
        name,
        isAdmin,
        permissions,
      ) ?? (await settle(signal, (cancel) => this.#native.getToken(asked, rest, cancel)))
    )
  }

  /** @param {{ userId: string }} user */
  async invalidate(user) {
    const failure = await this.#native.invalidate(toUserId(user))
    if (failure) throw new VeltAuthError(failure)
  }

  stats() {
    const { failures, ...counts } = this.#native.stats()
    return { ...counts, failures: Object.fromEntries(failures.map((f) => [f.code, f.count])) }
  }

  close() {
    this.#native.close()
  }
}

/**
 * Runs a call of the core to its token, its error, or `signal.reason`.
 *
 * @param {AbortSignal | undefined} signal
 * @param {(cancel?: Cancel) => ReturnType<NativeClient['generateToken']>} call
 */
async function settle(signal, call) {
  if (!signal) return unwrap(await call())
  signal.throwIfAborted()
  const cancel = new Cancel()
  const onAbort = () => cancel.cancel()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const outcome = await call(cancel)
    if (outcome === null) throw signal.reason
    return unwrap(outcome)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** @param {Awaited<ReturnType<NativeClient['generateToken']>>} outcome */
function unwrap(outcome) {
  if (outcome === null) throw new Error('velt-auth: a call was cancelled that nobody cancelled')
  if ('code' in outcome) throw new VeltAuthError(outcome)
  return outcome
}

/** How many sets of options `generateVeltAuthToken` keeps a connection pool for. */
const MAX_CLIENTS = 16

/** Clients by their options, the last used one last. @type {Map<string, VeltAuthClient>} */
const clients = new Map()

/** @param {import('../index.js').VeltAuthClientOptions} options */
function clientFor(options) {
  const key = JSON.stringify(clientOptions(options))
  const client = clients.get(key) ?? new VeltAuthClient(options)
  clients.delete(key)
  clients.set(key, client)
  // The evicted one is not closed: its calls in flight end as they would have.
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

exports.VeltAuthClient = VeltAuthClient
exports.generateVeltAuthToken = generateVeltAuthToken
