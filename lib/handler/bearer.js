// The bearer token of a request.

'use strict'

const { createHash, timingSafeEqual } = require('node:crypto')
const { invalidInput } = require('../errors.js')
const { arrayOf, string } = require('../validate.js')

/**
 * Validates one token, or a list of tokens.
 *
 * @type {import('../validate.js').Validator<string[]>}
 */
function bearerTokens(value, path, code) {
  const tokens = Array.isArray(value)
    ? arrayOf(bearerToken)(value, path, code)
    : [bearerToken(value, path, code)]
  if (tokens.length > 0) return tokens
  throw invalidInput(code, `${path} is an empty list: pass at least one token.`)
}

/** @type {import('../validate.js').Validator<string>} */
function bearerToken(value, path, code) {
  const token = string(value, path, code)
  // A header cannot carry other characters unchanged, so such a token would never be accepted.
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw invalidInput(
    code,
    `${path} must be a token of visible ASCII characters, without spaces and line breaks. It may be an ` +
      'environment variable that is empty, or that ends with a line break.',
  )
}

/**
 * Makes a function that checks the `Authorization` header. Its time does not depend on the expected
 * tokens: it compares digests of equal length with `timingSafeEqual`, and compares with all of them.
 *
 * @param {string[]} tokens
 * @returns {(authorization: string | string[] | null | undefined) => boolean}
 */
function bearerCheck(tokens) {
  const expected = tokens.map(digest)
  return (authorization) => {
    const given = digest(/^bearer +(.*)$/i.exec(String(authorization ?? ''))?.[1] ?? '')
    return expected.filter((each) => timingSafeEqual(each, given)).length > 0
  }
}

/** @param {string} token */
function digest(token) {
  return createHash('sha256').update(token).digest()
}

exports.bearerCheck = bearerCheck
exports.bearerTokens = bearerTokens
