// @ts-check

// Velt's side of the permission provider: asks an endpoint, and checks its answer.

'use strict'

/**
 * @typedef {import('./index.js').PermissionQuery} PermissionQuery
 * @typedef {import('./index.js').PermissionResult} PermissionResult
 */

/** Velt's documented default for the permission provider of the browser, in milliseconds. */
const TIMEOUT = 60_000

/** The fields of a result, and a check of each. @type {Record<string, (value: any) => boolean>} */
const FIELDS = {
  userId: (value) => typeof value === 'string',
  resourceId: (value) => typeof value === 'string',
  type: (value) => typeof value === 'string',
  organizationId: (value) => typeof value === 'string',
  hasAccess: (value) => typeof value === 'boolean',
  accessRole: (value) => value === 'viewer' || value === 'editor',
  // A value below 1e11 (March 1973) is probably in seconds.
  expiresAt: (value) => Number.isInteger(value) && value >= 1e11,
}

const OPTIONAL = ['accessRole', 'expiresAt']

/**
 * @param {string} url
 * @param {readonly PermissionQuery[]} queries
 * @param {{ token?: string | undefined }} [options]
 * @returns {Promise<PermissionResult[]>}
 */
async function askPermission(url, queries, { token } = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ data: { requests: queries } }),
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT),
  })
  const text = await response.text()
  const problem = response.status === 200 ? problemIn(text, queries) : 'expected HTTP status 200'
  if (problem) {
    const error = new Error(`The permission provider answered with ${response.status}: ${problem}`)
    throw Object.assign(error, { status: response.status })
  }
  /** @type {PermissionResult[]} */
  const results = JSON.parse(text).data
  return queries.map((query) => /** @type {PermissionResult} */ (results.find(isAbout(query))))
}

/**
 * Describes a difference from Velt's reference.
 *
 * @param {string} text
 * @param {readonly PermissionQuery[]} queries
 */
function problemIn(text, queries) {
  const { data, success, statusCode } = parseObject(text)
  if (!Array.isArray(data)) return 'the body must be an object with an array `data`'
  if (success !== true || statusCode !== 200) return '`success` must be true, and `statusCode` 200'
  if (data.length !== queries.length) {
    return `expected one result for each query: ${queries.length}, not ${data.length}`
  }
  for (const [i, result] of data.entries()) {
    const problem = problemInResult(result)
    if (problem) return `data[${i}]${problem}`
  }
  const unanswered = queries.findIndex((query) => !data.some(isAbout(query)))
  return unanswered < 0 ? undefined : `there is no result for query ${unanswered}`
}

/** @param {any} result */
function problemInResult(result) {
  if (typeof result !== 'object' || result === null) return ' must be an object'
  for (const name of Object.keys(result)) {
    if (!Object.hasOwn(FIELDS, name)) return `.${name} is not a known field`
  }
  for (const [name, isValid] of Object.entries(FIELDS)) {
    const isAbsent = !Object.hasOwn(result, name)
    if (isAbsent && OPTIONAL.includes(name)) continue
    if (isAbsent) return `.${name} is required`
    if (!isValid(result[name])) return `.${name} has a wrong value`
  }
  if (!result.hasAccess && OPTIONAL.some((name) => Object.hasOwn(result, name))) {
    return ` must have no ${OPTIONAL.join(' and no ')} without access`
  }
  return undefined
}

/** @param {string} text @returns {Record<string, unknown>} `{}` if the text is not a JSON object. */
function parseObject(text) {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

/** @param {PermissionQuery} query @returns {(result: PermissionResult) => boolean} */
function isAbout({ userId, resource }) {
  return (result) =>
    result.userId === userId &&
    result.resourceId === resource.id &&
    result.type === resource.type &&
    result.organizationId === resource.organizationId
}

exports.askPermission = askPermission
