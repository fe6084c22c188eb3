// The responses of all endpoints: JSON that is never stored, and errors in one format.

'use strict'

/**
 * The parts of an HTTP request that an endpoint uses. Each adapter makes this object. `header` returns
 * the value of a request header; its name is in lower case. `vary` is the Vary header that the response
 * already has from another middleware. `isClosed` says whether the caller has closed the connection.
 *
 * @typedef {object} EndpointRequest
 * @property {string} [method]
 * @property {(name: string) => string | string[] | null | undefined} header
 * @property {number | string | string[]} [vary]
 * @property {() => boolean} isClosed
 *
 * @typedef {{ status: number, headers: Record<string, string>, body: string | null }} EndpointResponse
 * @typedef {{ code: string, message: string, retryable: boolean }} Problem
 */

/**
 * @param {number} status
 * @param {object} value
 * @param {Record<string, string>} [headers]
 * @returns {EndpointResponse}
 */
function jsonResponse(status, value, headers) {
  const body = JSON.stringify(value)
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      ...headers,
    },
    body,
  }
}

/**
 * @param {number} status
 * @param {Problem} error
 * @param {Record<string, string>} [headers]
 */
function problemResponse(status, { code, message, retryable }, headers) {
  return jsonResponse(status, { error: { code, message, retryable } }, headers)
}

/** @param {readonly string[]} methods the HTTP methods that the endpoint accepts */
function methodNotAllowed(methods) {
  const message = `Use ${methods.join(' or ')}.`
  const error = { code: 'method_not_allowed', message, retryable: false }
  return problemResponse(405, error, { allow: methods.join(', ') })
}

exports.jsonResponse = jsonResponse
exports.methodNotAllowed = methodNotAllowed
exports.problemResponse = problemResponse
