'use strict'

const { flag, integer, list, object, oneOf, text, values } = require('./validate.js')

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

/** In the order in which the core takes them. */
const readClaims = values(
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
 * The user's claims as the core takes them: only known ones, each of its type.
 *
 * @param {unknown} user a `VeltUser`, or just the user id
 */
function toClaims(user) {
  const given = typeof user === 'string' ? { userId: user } : user
  return /** @type {import('./addon.js').Claims} */ (readClaims(given, 'user', CODE))
}

const readUserId = object({ userId: text }, ['userId'])

/** @param {unknown} user `{ userId }` */
function toUserId(user) {
  return /** @type {{ userId: string }} */ (readUserId(user, 'user', CODE)).userId
}

exports.toClaims = toClaims
exports.toUserId = toUserId
