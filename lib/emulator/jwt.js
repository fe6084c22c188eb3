// @ts-check

// Signs and verifies JWTs with HS256.

'use strict'

const { createHmac, randomUUID, timingSafeEqual } = require('node:crypto')

/** @typedef {import('./index.js').TokenClaims} TokenClaims */

const HEADER = encode({ alg: 'HS256', typ: 'JWT' })

/**
 * Makes a signed token with `claims`, `iat`, `exp` and a random `jti`.
 *
 * @param {Omit<TokenClaims, 'iat' | 'exp' | 'jti'>} claims
 * @param {Buffer} secret
 * @param {number} now Unix time in milliseconds.
 * @param {number} lifetime Milliseconds.
 */
function sign(claims, secret, now, lifetime) {
  const iat = Math.floor(now / 1000)
  const exp = iat + Math.floor(lifetime / 1000)
  const signed = `${HEADER}.${encode({ ...claims, iat, exp, jti: randomUUID() })}`
  return `${signed}.${signature(signed, secret)}`
}

/**
 * Returns the claims of a token. Throws if `sign` did not make the token with the same secret, or
 * if it has expired. The `alg` header needs no check: the signature covers the header, and `sign`
 * always writes the same `alg`.
 *
 * @param {string} token
 * @param {Buffer} secret
 * @param {number} now Unix time in milliseconds.
 * @returns {TokenClaims}
 */
function verify(token, secret, now) {
  if (typeof token !== 'string') {
    throw new TypeError(`verify: pass the token string, not ${typeof token}`)
  }
  const end = token.lastIndexOf('.')
  const signed = token.slice(0, Math.max(end, 0))
  const given = Buffer.from(token.slice(end + 1))
  const expected = Buffer.from(signature(signed, secret))
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new Error('This token was not signed by this emulator')
  }
  const claims = JSON.parse(Buffer.from(signed.split('.')[1], 'base64url').toString())
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
