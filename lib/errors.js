'use strict'

/** Marks every `VeltAuthError`, so that `instanceof` also works between two copies of the package. */
const BRAND = Symbol.for('velt-auth.VeltAuthError')

class VeltAuthError extends Error {
  /** @param {import('./addon.js').Failure} failure */
  constructor({ message, cause, code, retryable, attempts, httpStatus, status, retryAfter }) {
    super(message, cause === undefined ? undefined : { cause: new Error(cause) })
    this.code = code
    this.retryable = retryable
    this.attempts = attempts
    if (httpStatus !== undefined) this.httpStatus = httpStatus
    if (status !== undefined) this.status = status
    if (retryAfter !== undefined) this.retryAfter = retryAfter
  }
}

Object.defineProperties(VeltAuthError.prototype, {
  name: { value: 'VeltAuthError', configurable: true, writable: true },
  [BRAND]: { value: true },
})

// Not a static method: esbuild renames a class that names itself.
Object.defineProperty(VeltAuthError, Symbol.hasInstance, {
  /** @this {unknown} @param {any} value */
  value(value) {
    return this === VeltAuthError
      ? value?.[BRAND] === true
      : Function.prototype[Symbol.hasInstance].call(this, value)
  },
})

/**
 * An error for invalid input. It is thrown before a request is sent.
 *
 * @param {'ERR_VELT_CONFIG' | 'ERR_VELT_INVALID_USER'} code
 * @param {string} message names the field and says what to write instead
 */
function invalidInput(code, message) {
  return new VeltAuthError({ code, message, retryable: false, attempts: 0 })
}

exports.VeltAuthError = VeltAuthError
exports.invalidInput = invalidInput
