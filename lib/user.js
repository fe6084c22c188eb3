'use strict'

const { invalidInput } = require('./errors.js')
const {
  arrayOf,
  boolean,
  integer,
  isObject,
  object,
  oneOf,
  string,
  typeName,
  useString,
} = require('./validate.js')

const CODE = 'ERR_VELT_INVALID_USER'

const RESOURCE_ID = {
  type: oneOf('organization', 'folder', 'document'),
  id: string,
  organizationId: string,
}

const resource = object(
  {
    ...RESOURCE_ID,
    accessRole: oneOf('viewer', 'editor'),
    expiresAt: integer,
    expiresIn: integer,
  },
  ['type', 'id'],
)

const resourceId = object(RESOURCE_ID, ['type', 'id'])

const validateUser = object(
  {
    userId: string,
    organizationId: string,
    email: string,
    name: string,
    isAdmin: boolean,
    permissions: object({ resources: arrayOf(resource) }, ['resources']),
  },
  ['userId'],
)

/**
 * The user as the addon takes it.
 *
 * @param {unknown} user a `VeltUser`, or the user id as a string
 */
function toUser(user) {
  const fields = typeof user === 'string' ? { userId: user } : user
  if (!isObject(fields)) throw notAUser(user)
  const simple = simpleUser(fields)
  if (simple) return simple
  // A Promise has no fields of its own, so the message would be that `userId` is missing.
  if ('then' in fields) throw invalidInput(CODE, 'user is a Promise: await it.')
  return /** @type {import('./addon.js').User} */ (validateUser(fields, 'user', CODE))
}

/**
 * What `validateUser` returns, for a valid user without permissions; else `undefined`. Every cache hit
 * validates its user, and this takes a quarter of the time of `validateUser`.
 *
 * @param {Record<string, any>} fields
 */
function simpleUser(fields) {
  /** @type {any} */
  let userId
  /** @type {any} */
  let organizationId
  /** @type {any} */
  let email
  /** @type {any} */
  let name
  /** @type {any} */
  let isAdmin
  for (const field of Object.keys(fields)) {
    const value = fields[field] ?? undefined
    if (field === 'userId') userId = value
    else if (field === 'organizationId') organizationId = value
    else if (field === 'email') email = value
    else if (field === 'name') name = value
    else if (field === 'isAdmin') isAdmin = value
    else return undefined
  }
  const isValid =
    userId !== undefined &&
    [userId, organizationId, email, name].every(isTextOrAbsent) &&
    (isAdmin === undefined || typeof isAdmin === 'boolean')
  return isValid
    ? { userId, organizationId, email, name, isAdmin, permissions: undefined }
    : undefined
}

/** @param {any} value */
function isTextOrAbsent(value) {
  return value === undefined || (typeof value === 'string' && value.isWellFormed())
}

/** @param {unknown} value neither a string nor an object */
function notAUser(value) {
  const given = `${typeName(value)}${useString(value)}`
  return invalidInput(
    CODE,
    `user must be a string id or an object such as { userId }, not ${given}.`,
  )
}

const validateUserId = object({ userId: string }, ['userId'])

/** @param {unknown} user `{ userId }` */
function toUserId(user) {
  return /** @type {{ userId: string }} */ (validateUserId(user, 'user', CODE)).userId
}

/**
 * A change of permissions as the addon takes it.
 *
 * @param {unknown} user `{ userId }`, or the user id as a string
 * @param {unknown} resources
 * @param {boolean} [isRemoval] Velt takes no role and no end to remove a permission
 */
function toChange(user, resources, isRemoval) {
  const userId = typeof user === 'string' ? user : toUserId(user)
  const validate = arrayOf(isRemoval ? resourceId : resource)
  const validated = /** @type {import('./addon.js').Resource[]} */ (
    validate(resources, 'resources', CODE)
  )
  return { userId: string(userId, 'user', CODE), resources: validated }
}

const validateQuery = object(
  {
    organizationId: string,
    userIds: arrayOf(string),
    folderIds: arrayOf(string),
    documentIds: arrayOf(string),
  },
  ['organizationId', 'userIds'],
)

/** @param {unknown} query */
function toQuery(query) {
  const validated = validateQuery(query, 'query', CODE)
  return /** @type {import('./addon.js').PermissionsQuery} */ (validated)
}

exports.toChange = toChange
exports.toQuery = toQuery
exports.toUser = toUser
exports.toUserId = toUserId
