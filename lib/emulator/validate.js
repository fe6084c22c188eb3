// @ts-check

// Validators for the `data` of a request, and Velt's error.

'use strict'

/**
 * @typedef {import('./index.js').RpcStatus} RpcStatus
 * @typedef {(value: any, path: string) => void} Validator Throws an RpcError that names `path`.
 */

/** An error response of Velt. */
class RpcError extends Error {
  /** @param {RpcStatus} status @param {string} message @param {unknown} [details] */
  constructor(status, message, details) {
    super(message)
    this.status = status
    this.details = details
  }
}

/** @param {string} message @returns {never} */
function invalidArgument(message) {
  throw new RpcError('INVALID_ARGUMENT', message)
}

/**
 * An object with these fields and no others. It rejects unknown fields, since Velt might ignore them
 * silently.
 *
 * @param {Record<string, Validator>} fields
 * @param {string[]} required
 * @returns {Validator}
 */
function object(fields, required = []) {
  return (value, path) => {
    anyObject(value, path)
    for (const name of required) {
      if (!Object.hasOwn(value, name)) invalidArgument(`${path}.${name} is required.`)
    }
    for (const [name, field] of Object.entries(value)) {
      if (!Object.hasOwn(fields, name)) invalidArgument(`${path}.${name} is not a known field.`)
      fields[name](field, `${path}.${name}`)
    }
  }
}

/** @type {Validator} */
function anyObject(value, path) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    invalidArgument(`${path} must be an object.`)
  }
}

/** @param {Validator} item @returns {Validator} */
function arrayOf(item) {
  return (value, path) => {
    if (!Array.isArray(value)) invalidArgument(`${path} must be an array.`)
    for (const [i, element] of value.entries()) item(element, `${path}[${i}]`)
  }
}

/** @type {Validator} */
function nonEmptyString(value, path) {
  if (typeof value !== 'string' || value === '')
    invalidArgument(`${path} must be a non-empty string.`)
}

/** @type {Validator} */
function boolean(value, path) {
  if (typeof value !== 'boolean') invalidArgument(`${path} must be a boolean.`)
}

/**
 * A Unix time in seconds. A value of 1e11 (the year 5138) or more is rejected, because it is
 * probably in milliseconds.
 *
 * @type {Validator}
 */
function unixSeconds(value, path) {
  if (!Number.isInteger(value) || value <= 0 || value >= 1e11) {
    invalidArgument(`${path} must be a Unix time in seconds.`)
  }
}

/** @param {...string} names @returns {Validator} */
function oneOf(...names) {
  return (value, path) => {
    if (!names.includes(value)) invalidArgument(`${path} must be one of ${names.join(', ')}.`)
  }
}

exports.RpcError = RpcError
exports.anyObject = anyObject
exports.arrayOf = arrayOf
exports.boolean = boolean
exports.invalidArgument = invalidArgument
exports.nonEmptyString = nonEmptyString
exports.object = object
exports.oneOf = oneOf
exports.unixSeconds = unixSeconds
