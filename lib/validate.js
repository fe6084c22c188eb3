// Validates the names and types of options and users. Only JavaScript can see these: N-API converts
// values before Rust reads them. The Rust core validates the content, such as URLs and ranges.

'use strict'

const { invalidInput } = require('./errors.js')

/**
 * Returns the value with its type, or throws a `VeltAuthError` with `code` that names `path`.
 *
 * @template T
 * @typedef {(value: unknown, path: string, code: Code) => T} Validator
 */
/** @typedef {Parameters<typeof invalidInput>[0]} Code */

/**
 * Validates an object. Other fields than `fields` are an error. `null` counts as absent, since
 * databases return it for missing values.
 *
 * The result has all fields, in the order of `fields`. Absent fields are `undefined`. N-API also reads
 * inherited properties, so a missing `isAdmin` would be read from a polluted `Object.prototype`.
 *
 * @template T
 * @param {{ [K in keyof T]-?: Validator<T[K]> }} fields
 * @param {(keyof T & string)[]} [required]
 * @returns {Validator<Partial<T>>}
 */
function object(fields, required = []) {
  const names = Object.keys(fields)
  const validators = new Map(/** @type {[string, Validator<any>][]} */ (Object.entries(fields)))
  const absent = Object.fromEntries(names.map((name) => [name, undefined]))
  return (value, path, code) => {
    if (!isObject(value)) {
      throw invalidInput(code, `${path} must be an object, not ${typeName(value)}.`)
    }
    const result = /** @type {any} */ ({ ...absent })
    for (const name of Object.keys(value)) {
      const validate = validators.get(name)
      if (!validate) {
        const known = names.join(', ')
        throw invalidInput(code, `${path} cannot have '${name}': its fields are ${known}.`)
      }
      const field = /** @type {any} */ (value)[name]
      if (field !== undefined && field !== null) {
        result[name] = validate(field, `${path}.${name}`, code)
      }
    }
    for (const name of required) {
      if (result[name] === undefined) {
        throw invalidInput(code, `${path}.${name} is missing, and required.`)
      }
    }
    return result
  }
}

/**
 * @template T
 * @param {Validator<T>} item
 * @returns {Validator<T[]>}
 */
function arrayOf(item) {
  return (value, path, code) => {
    if (!Array.isArray(value)) {
      throw invalidInput(code, `${path} must be an array, not ${typeName(value)}.`)
    }
    // `map` would skip the holes of a sparse array.
    return Array.from(value, (element, index) => item(element, `${path}[${index}]`, code))
  }
}

/** @type {Validator<string>} */
function string(value, path, code) {
  if (typeof value !== 'string') {
    throw invalidInput(code, `${path} must be a string, not ${typeName(value)}${useString(value)}.`)
  }
  // The conversion to UTF-8 turns a lone surrogate into U+FFFD: two user ids could become equal.
  if (!value.isWellFormed()) {
    throw invalidInput(code, `${path} must be well-formed Unicode; it has a lone surrogate.`)
  }
  return value
}

/** @type {Validator<boolean>} */
function boolean(value, path, code) {
  if (typeof value !== 'boolean') {
    throw invalidInput(code, `${path} must be true or false, not ${typeName(value)}.`)
  }
  return value
}

/** The longest delay of a Node timer, in milliseconds. It is the limit of other units too. */
const MAX_INTEGER = 2 ** 31 - 1

/**
 * An integer from `min` to `max`.
 *
 * @param {string} unit for the error message, such as `'milliseconds'`
 * @param {0 | 1} [min]
 * @param {number} [max]
 * @returns {Validator<number>}
 */
function integerInRange(unit, min = 1, max = MAX_INTEGER) {
  return (value, path, code) => {
    if (!Number.isInteger(value) || Number(value) < min || Number(value) > max) {
      const given = typeof value === 'number' ? value : typeName(value)
      throw invalidInput(
        code,
        `${path} must be a whole number of ${unit}, ${min} to ${max}, not ${given}.`,
      )
    }
    return Number(value)
  }
}

/** @type {Validator<number>} */
function integer(value, path, code) {
  if (!Number.isSafeInteger(value)) {
    const given = typeof value === 'number' ? value : typeName(value)
    throw invalidInput(code, `${path} must be a whole number, not ${given}.`)
  }
  return Number(value)
}

/**
 * @template {string} T
 * @param {T[]} choices
 * @returns {Validator<T>}
 */
function oneOf(...choices) {
  return (value, path, code) => {
    const choice = choices.find((each) => each === value)
    if (choice === undefined) {
      const known = choices.map((each) => `'${each}'`).join(' or ')
      throw invalidInput(code, `${path} must be ${known}.`)
    }
    return choice
  }
}

/** @param {unknown} value @returns {value is object} */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * A property of the value itself, and not of its prototype.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {unknown}
 */
function own(value, name) {
  return isObject(value) && Object.hasOwn(value, name)
    ? /** @type {any} */ (value)[name]
    : undefined
}

/**
 * The type of a value, for an error message. The value itself may be a secret.
 *
 * @param {unknown} value
 */
function typeName(value) {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

/**
 * The hint in an error message if a number was given instead of a string.
 *
 * @param {unknown} value
 */
function useString(value) {
  return typeof value === 'number' || typeof value === 'bigint' ? '; use String(…)' : ''
}

exports.arrayOf = arrayOf
exports.boolean = boolean
exports.integer = integer
exports.integerInRange = integerInRange
exports.isObject = isObject
exports.object = object
exports.oneOf = oneOf
exports.own = own
exports.string = string
exports.typeName = typeName
exports.useString = useString
