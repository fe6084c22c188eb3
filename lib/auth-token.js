// The option `authToken` as a function, and the callback `onCredentialRefused`.

'use strict'

const { setTimeout, clearTimeout } = require('node:timers')
const { VeltAuthError, invalidInput } = require('./errors.js')
const { refusePublicSecret } = require('./options.js')
const { string } = require('./validate.js')

/** @typedef {import('./addon.js').NativeClient} NativeClient */

/** After this time, in milliseconds, a call of the function counts as failed. */
const TIME_LIMIT = 30_000

class AuthTokenFunction {
  #call
  #native

  /** The calls of the addon that are pending. */
  #pendingCalls = 0

  /** Whether the function is running. */
  #isRunning = false

  /** The last error of the function. @type {unknown} */
  #failure

  /** @param {() => unknown} call @param {NativeClient} native */
  constructor(call, native) {
    this.#call = call
    this.#native = native
  }

  /**
   * Runs a call of the addon. Meanwhile the addon can call the function.
   *
   * @template T
   * @param {() => Promise<T>} call
   */
  async during(call) {
    // The addon keeps this callback, and with it the whole realm, until `detach`.
    if (this.#pendingCalls === 0) this.#native.attach(() => void this.#provide())
    this.#pendingCalls += 1
    try {
      return await call()
    } catch (error) {
      throw this.#withCause(error)
    } finally {
      this.#pendingCalls -= 1
      if (this.#pendingCalls === 0) this.#native.detach()
    }
  }

  async #provide() {
    // The addon gets the result of the call that is running.
    if (this.#isRunning) return
    this.#isRunning = true
    /** @type {string | undefined} */
    let authToken
    try {
      authToken = checked(await withTimeLimit(this.#call))
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
    } finally {
      this.#isRunning = false
    }
    this.#native.provide(authToken)
  }

  /** An error of the function does not cross to Rust: it may contain anything. @param {unknown} error */
  #withCause(error) {
    const lacksCause = error instanceof VeltAuthError && error.cause === undefined
    if (lacksCause && error.code === 'ERR_VELT_UNAUTHORIZED' && this.#failure !== undefined) {
      const cause = { value: this.#failure, configurable: true, writable: true }
      Object.defineProperty(error, 'cause', cause)
    }
    return error
  }
}

/** @param {unknown} authToken */
function checked(authToken) {
  const text = string(authToken, 'The result of authToken()', 'ERR_VELT_CONFIG')
  refusePublicSecret([text])
  return text
}

/** @param {() => unknown} call */
async function withTimeLimit(call) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const isLate = new Promise((_, reject) => {
    const message = `authToken() returned no auth token within ${TIME_LIMIT} milliseconds.`
    timer = setTimeout(() => reject(invalidInput('ERR_VELT_CONFIG', message)), TIME_LIMIT)
    // While a call waits, `calls.js` keeps the process alive.
    timer.unref()
  })
  try {
    return await Promise.race([call(), isLate])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Calls `onCredentialRefused` for each refusal. An error of the callback changes no call.
 *
 * @param {NativeClient} native
 * @param {(refusal: import('../index.js').VeltCredentialRefusal) => unknown} onCredentialRefused
 */
async function reportRefusals(native, onCredentialRefused) {
  for (const { index, error } of native.takeRefusals()) {
    try {
      // `await` prevents that a rejection of an async callback is unhandled.
      await onCredentialRefused({
        index,
        error: /** @type {import('../index.js').VeltAuthError} */ (new VeltAuthError(error)),
      })
    } catch (failure) {
      console.error('velt-auth: onCredentialRefused failed:', failure)
    }
  }
}

exports.AuthTokenFunction = AuthTokenFunction
exports.reportRefusals = reportRefusals
