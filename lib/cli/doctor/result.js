// The results of checks.

'use strict'

/**
 * The result of one check. `detail` says what was found, and `cure` says what to do about it.
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {'ok' | 'warning' | 'failure' | 'skipped'} status
 * @property {string} detail
 * @property {string} [cure]
 */

/** Where the documents are: the package does not contain them. */
const DOCS = 'https://github.com/velt-auth/velt-auth/blob/main/docs'

/** @param {string} name @param {string} detail @returns {Result} */
function ok(name, detail) {
  return { name, status: 'ok', detail }
}

/** @param {string} name @param {string} detail @param {string} cure @returns {Result} */
function warning(name, detail, cure) {
  return { name, status: 'warning', detail, cure }
}

/** @param {string} name @param {string} detail @param {string} cure @returns {Result} */
function failure(name, detail, cure) {
  return { name, status: 'failure', detail, cure }
}

/** @param {string} name @param {string} detail @param {string} [cure] @returns {Result} */
function skipped(name, detail, cure) {
  return { name, status: 'skipped', detail, ...(cure && { cure }) }
}

exports.DOCS = DOCS
exports.failure = failure
exports.ok = ok
exports.skipped = skipped
exports.warning = warning
