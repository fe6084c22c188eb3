'use strict'

const { flag, integer, list, object, oneOf, text } = require('./shape.js')

const CODE = 'ERR_VELT_INVALID_USER'

const readResource = object(
  {
    type: oneOf('organization', 'folder', 'document'),
    id: text,
    organizationId: text,
    accessRole: oneOf('viewer', 'editor'),
    expiresAt: integer,
  },
  ['type', 'id'],
)

const readUser = object(
  {
    userId: text,
    organizationId: text,
    email: text,
    name: text,
    isAdmin: flag,
    permissions: object({ resources: list(readResource) }, ['resources']),
  },
  ['userId'],
)

/**
 * The user as the core takes it: only known claims, each of its type.
 *
 * @param {unknown} user a `VeltUser`, or just the user id
 */
function toUser(user) {
  const object = typeof user === 'string' ? { userId: user } : user
  return /** @type {import('./addon.js').User} */ (readUser(object, 'user', CODE))
}

const readUserId = object({ userId: text }, ['userId'])

/** @param {unknown} user `{ userId }` */
function toUserId(user) {
  return /** @type {{ userId: string }} */ (readUserId(user, 'user', CODE)).userId
}

exports.toUser = toUser
exports.toUserId = toUserId
