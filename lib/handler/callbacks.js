// The functions that users pass to the handlers.

'use strict'

const { invalidInput } = require('../errors.js')

/** @type {import('../validate.js').Validator<(...args: any[]) => any>} */
function callback(value, path, code) {
  if (typeof value === 'function') return /** @type {() => any} */ (value)
  throw invalidInput(code, `${path} must be a function.`)
}

/** @param {unknown} error */
function logError(error) {
  console.error(error)
}

/**
 * @template {unknown[]} Args
 * @param {(error: unknown, ...args: Args) => void} onError
 * @param {unknown} error
 * @param {Args} args
 */
async function reportError(onError, error, args) {
  try {
    // `onError` may be an async function. `await` prevents that its rejection is unhandled.
    await onError(error, ...args)
  } catch (onErrorFailure) {
    // `onError` may have failed before it logged the original error.
    logError(error)
    logError(onErrorFailure)
  }
}

exports.callback = callback
exports.logError = logError
exports.reportError = reportError
