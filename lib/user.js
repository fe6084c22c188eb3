'use strict'

const { invalidInput } = require('./errors.js')
const {
  arrayOf,
  boolean,
  fieldValues,
  integer,
  isObject,
  object,
  oneOf,
  string,
  typeName,
  useString,
} = require('./validate.js')

const CODE = 'ERR_VELT_INVALID_USER'

const resource = object(
  {
    type: oneOf('organization', 'folder', 'document'),
    id: string,
    organizationId: string,
    accessRole: oneOf('viewer', 'editor'),
    expiresAt: integer,
  },
  ['type', 'id'],
)

/** The order of the fields is the order in which the addon takes them. */
const validateUser = fieldValues(
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
 * The fields of a user, as the list that the addon takes.
 *
 * @param {unknown} user a `VeltUser`, or the user id as a string
 */
function toClaims(user) {
  const fields = typeof user === 'string' ? { userId: user } : user
  if (!isObject(fields)) throw notAUser(user)
  return /** @type {import('./addon.js').Claims} */ (validateUser(fields, 'user', CODE))
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

exports.toClaims = toClaims
exports.toUserId = toUserId
