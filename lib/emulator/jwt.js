// @ts-check

'use strict'

const { createHmac, randomUUID, timingSafeEqual } = require('node:crypto')

/** @typedef {import('./index.js').TokenClaims} TokenClaims */

const HEADER = encode({ alg: 'HS256', typ: 'JWT' })

/**
 * A signed token that carries `claims`, with `iat`, `exp` and a `jti` of its own.
 *
 * @param {Omit<TokenClaims, 'iat' | 'exp' | 'jti'>} claims
 * @param {Buffer} secret
 * @param {number} now Unix time in milliseconds.
 * @param {number} lifetime Milliseconds.
 */
function sign(claims, secret, now, lifetime) {
  const iat = Math.floor(now / 1000)
  const exp = iat + Math.floor(lifetime / 1000)
  const text = `${HEADER}.${encode({ ...claims, iat, exp, jti: randomUUID() })}`
  return `${text}.${signature(text, secret)}`
}

/**
 * The claims of a token that `sign` made with the same secret and that has not expired. What this
 * secret signed has our own header, so there is no `alg` to be fooled by.
 *
 * @param {string} token
 * @param {Buffer} secret
 * @param {number} now Unix time in milliseconds.
 * @returns {TokenClaims}
 */
function verify(token, secret, now) {
  const end = token.lastIndexOf('.')
  const text = token.slice(0, Math.max(end, 0))
  const given = Buffer.from(token.slice(end + 1))
  const right = Buffer.from(signature(text, secret))
  if (given.length !== right.length || !timingSafeEqual(given, right)) {
    throw new Error('This token was not signed by this emulator')
  }
  const claims = JSON.parse(Buffer.from(text.split('.')[1], 'base64url').toString())
  if (now >= claims.exp * 1000) {
    throw new Error(`This token expired at ${new Date(claims.exp * 1000).toISOString()}`)
  }
  return claims
}

/** @param {object} value */
function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** @param {string} text @param {Buffer} secret */
function signature(text, secret) {
  return createHmac('sha256', secret).update(text).digest('base64url')
}

exports.sign = sign
exports.verify = verify
