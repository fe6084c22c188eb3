// One query of Velt's permission provider, and the result for it.

'use strict'

const { invalidInput } = require('../errors.js')
const {
  boolean,
  integerInRange,
  isObject,
  object,
  oneOf,
  own,
  typeName,
} = require('../validate.js')

/**
 * @typedef {import('./permissions.js').PermissionQuery} PermissionQuery
 * @typedef {{ hasAccess: boolean, accessRole?: 'viewer' | 'editor', expiresAt?: number }} Decision
 */

const TYPES = ['organization', 'folder', 'document', 'context']

const CODE = 'ERR_VELT_CONFIG'

const validateAnswer = object(
  {
    hasAccess: boolean,
    accessRole: oneOf('viewer', 'editor'),
    expiresIn: integerInRange('seconds'),
  },
  ['hasAccess'],
)

/**
 * The fields that connect a result to its query. A query that cannot be read gets a result too, so fields
 * that are not strings are left out.
 *
 * @param {unknown} query as Velt sent it
 */
function identityOf(query) {
  const resource = own(query, 'resource')
  return {
    userId: text(own(query, 'userId')),
    resourceId: text(own(resource, 'id')),
    type: text(own(resource, 'type')),
    organizationId: text(own(resource, 'organizationId')),
  }
}

/**
 * The query with the fields that Velt documents, and no others.
 *
 * @param {unknown} query as Velt sent it
 * @returns {PermissionQuery}
 * @throws {TypeError} if a field is missing or wrong
 */
function toQuery(query) {
  const resource = own(query, 'resource')
  const type = required(resource, 'type')
  if (!TYPES.includes(type))
    throw unusable(`has an unknown resource.type: ${JSON.stringify(type.slice(0, 40))}`)
  const checked = {
    id: required(resource, 'id'),
    type,
    source: required(resource, 'source'),
    organizationId: required(resource, 'organizationId'),
  }
  const userId = required(query, 'userId')
  if (type === 'context')
    return { userId, resource: { ...checked, type, context: contextOf(resource) } }
  // A missing field stays missing: Velt's guide says to check with `'parentFolderId' in resource`.
  const isInFolder = type === 'document' && own(resource, 'parentFolderId') !== undefined
  const folder = isInFolder ? { parentFolderId: required(resource, 'parentFolderId') } : {}
  return { userId, resource: /** @type {any} */ ({ ...checked, ...folder }) }
}

/** @param {unknown} resource */
function contextOf(resource) {
  const access = own(own(resource, 'context'), 'access')
  if (!isObject(access)) throw unusable('has no resource.context.access')
  const entries = Object.entries(access)
  for (const [, value] of entries) {
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw unusable('has a value in resource.context.access that is neither a string nor a number')
    }
  }
  return { access: /** @type {Record<string, string | number>} */ (Object.fromEntries(entries)) }
}

/**
 * The decision as Velt takes it: with the end of the access as Unix time in milliseconds.
 *
 * @param {unknown} answer of `authorize`
 * @param {number} now Unix time in milliseconds
 * @returns {Decision}
 */
function toDecision(answer, now) {
  if (typeof answer === 'boolean') return { hasAccess: answer }
  if (!isObject(answer)) {
    throw invalidInput(
      CODE,
      'authorize must return true, false or { hasAccess, accessRole?, expiresIn? }, not ' +
        `${typeName(answer)}.`,
    )
  }
  const { hasAccess, accessRole, expiresIn } = validateAnswer(
    answer,
    'the result of authorize',
    CODE,
  )
  // Velt's reference: a role and an end only where there is access.
  if (!hasAccess) return { hasAccess: false }
  return {
    hasAccess,
    accessRole,
    expiresAt: expiresIn === undefined ? undefined : now + expiresIn * 1000,
  }
}

/** A non-empty string. @param {unknown} value @param {string} name */
function required(value, name) {
  const field = text(own(value, name))
  if (field) return field
  throw unusable(`has no usable ${name === 'userId' ? '' : 'resource.'}${name}`)
}

/** @param {string} problem */
function unusable(problem) {
  return new TypeError(`A query of the permission provider ${problem}; access is denied.`)
}

/**
 * A string that is well-formed Unicode. With a lone surrogate, two ids could become equal in a database.
 *
 * @param {unknown} value
 */
function text(value) {
  return typeof value === 'string' && value.isWellFormed() ? value : undefined
}

exports.identityOf = identityOf
exports.toDecision = toDecision
exports.toQuery = toQuery
