// The JavaScript side of validation: names and types, which only JavaScript can see. What values
// mean is checked once, by the core.

'use strict'

const { mistake } = require('./errors.js')

/**
 * Reads one value, or throws what is wrong with it.
 *
 * @template T
 * @typedef {(value: unknown, path: string, code: Code) => T} Reader
 */
/** @typedef {Parameters<typeof mistake>[0]} Code */

/**
 * Reads an object with exactly these fields, into their values in the same order; `null` counts as
 * absent, since it is what databases say. Only own properties count: a polluted `Object.prototype`
 * makes nobody an admin.
 *
 * @template T
 * @param {{ [K in keyof T]-?: Reader<T[K]> }} fields
 * @param {(keyof T & string)[]} [required]
 * @returns {Reader<(T[keyof T] | undefined)[]>}
 */
function values(fields, required = []) {
  const names = Object.keys(fields)
  const readers = /** @type {Reader<T[keyof T]>[]} */ (Object.values(fields))
  const places = new Map(names.map((name, place) => [name, place]))
  const needed = required.map((name) => Number(places.get(name)))
  return (value, path, code) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw mistake(code, `${path} must be an object, not ${kind(value)}.`)
    }
    const read = Array(names.length).fill(undefined)
    for (const name of Object.keys(value)) {
      const place = places.get(name)
      if (place === undefined) {
        throw mistake(code, `${path} cannot have '${name}': its fields are ${names.join(', ')}.`)
      }
      const given = /** @type {any} */ (value)[name]
      if (given !== undefined && given !== null) {
        read[place] = readers[place](given, `${path}.${name}`, code)
      }
    }
    for (const place of needed) {
      if (read[place] === undefined) {
        throw mistake(code, `${path}.${names[place]} is missing, and required.`)
      }
    }
    return read
  }
}

/**
 * As `values`, into an object of what was given. It has no prototype, since N-API would read what
 * is inherited.
 *
 * @template T
 * @param {{ [K in keyof T]-?: Reader<T[K]> }} fields
 * @param {(keyof T & string)[]} [required]
 * @returns {Reader<Partial<T>>}
 */
function object(fields, required) {
  const names = /** @type {(keyof T)[]} */ (Object.keys(fields))
  const readValues = values(fields, required)
  return (value, path, code) => {
    const read = /** @type {Partial<T>} */ (Object.create(null))
    readValues(value, path, code).forEach((each, place) => {
      if (each !== undefined) read[names[place]] = each
    })
    return read
  }
}

/**
 * @template T
 * @param {Reader<T>} item
 * @returns {Reader<T[]>}
 */
function list(item) {
  return (value, path, code) => {
    if (!Array.isArray(value)) {
      throw mistake(code, `${path} must be an array, not ${kind(value)}.`)
    }
    // Not `map`, which leaves out what a sparse array lacks.
    return Array.from(value, (entry, index) => item(entry, `${path}[${index}]`, code))
  }
}

/** @type {Reader<string>} */
function text(value, path, code) {
  if (typeof value !== 'string') {
    const hint = typeof value === 'number' || typeof value === 'bigint' ? '; use String(…)' : ''
    throw mistake(code, `${path} must be a string, not ${kind(value)}${hint}.`)
  }
  // On its way to UTF-8 a lone surrogate becomes U+FFFD, and two users could become one.
  if (!value.isWellFormed()) {
    throw mistake(code, `${path} must be well-formed Unicode; it holds half a surrogate pair.`)
  }
  return value
}

/** @type {Reader<boolean>} */
function flag(value, path, code) {
  if (typeof value !== 'boolean') {
    throw mistake(code, `${path} must be true or false, not ${kind(value)}.`)
  }
  return value
}

/** What every timer can wait. */
const MOST = 2 ** 31 - 1

/**
 * A whole number that is not above `MOST`.
 *
 * @param {string} unit
 * @param {0 | 1} [least]
 * @returns {Reader<number>}
 */
function whole(unit, least = 1) {
  return (value, path, code) => {
    if (!Number.isInteger(value) || Number(value) < least || Number(value) > MOST) {
      const given = typeof value === 'number' ? value : kind(value)
      throw mistake(
        code,
        `${path} must be a whole number of ${unit}, ${least} to ${MOST}, not ${given}.`,
      )
    }
    return Number(value)
  }
}

/** @type {Reader<number>} */
function integer(value, path, code) {
  if (!Number.isSafeInteger(value)) {
    const given = typeof value === 'number' ? value : kind(value)
    throw mistake(code, `${path} must be a whole number, not ${given}.`)
  }
  return Number(value)
}

/**
 * @template {string} T
 * @param {T[]} choices
 * @returns {Reader<T>}
 */
function oneOf(...choices) {
  return (value, path, code) => {
    const choice = choices.find((each) => each === value)
    if (choice === undefined) {
      throw mistake(code, `${path} must be ${choices.map((each) => `'${each}'`).join(' or ')}.`)
    }
    return choice
  }
}

/** @param {unknown} value the value itself may be a secret, so only its type is ever named */
function kind(value) {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

exports.flag = flag
exports.integer = integer
exports.list = list
exports.object = object
exports.oneOf = oneOf
exports.text = text
exports.values = values
exports.whole = whole
