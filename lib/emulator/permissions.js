// @ts-check

// The permissions that `/v2/auth/permissions/add` has stored, the access context that a permission provider
// has allowed, and the answers of `get`.

'use strict'

const { RpcError } = require('./validate.js')

/**
 * @typedef {import('./index.js').Resource} Resource
 * @typedef {Resource['type']} Type
 * @typedef {{ organizationId: string, userIds: string[], folderIds?: string[], documentIds?: string[] }} Query
 * @typedef {import('./index.js').PermissionQuery} PermissionQuery
 * @typedef {import('./index.js').PermissionResult} PermissionResult
 * @typedef {{ accessRole: 'viewer' | 'editor', expiresAt?: number }} Permission
 */

const LABELS = { organization: 'Organization', folder: 'Folder', document: 'Document' }

class Permissions {
  /** The permissions of all users, by `keyOf(userId, resource)`. @type {Map<string, Permission>} */
  #granted = new Map()

  /**
   * The resources that an `add` has named, by `keyOf`. They still exist after `remove`.
   *
   * @type {Set<string>}
   */
  #existing = new Set()

  /**
   * The access fields (`field:value`) of each user and organization, by `keyOf`, with their end: Unix time in
   * milliseconds.
   *
   * @type {Map<string, Map<string, number>>}
   */
  #accessFields = new Map()

  /** @param {string} userId @param {Resource[]} resources */
  add(userId, resources) {
    for (const resource of resources) {
      const { type, id, organizationId, accessRole = 'editor', expiresAt } = resource
      const organization = type === 'organization' ? id : organizationId
      this.#existing.add(keyOf('organization', organization, organization))
      this.#existing.add(keyOf(type, organization, id))
      this.#granted.set(keyOf(userId, type, organization, id), { accessRole, expiresAt })
    }
  }

  /** @param {string} userId @param {Resource[]} resources */
  remove(userId, resources) {
    for (const { type, id, organizationId } of resources) {
      const organization = type === 'organization' ? id : organizationId
      this.#granted.delete(keyOf(userId, type, organization, id))
    }
  }

  /**
   * Keeps the answers of a permission provider about the access context.
   *
   * @param {readonly PermissionQuery[]} queries
   * @param {readonly PermissionResult[]} results in the order of the queries
   */
  setContext(queries, results) {
    for (const [i, { userId, resource }] of queries.entries()) {
      if (resource.type !== 'context') continue
      const key = keyOf(userId, resource.organizationId)
      const fields = this.#accessFields.get(key) ?? new Map()
      this.#accessFields.set(key, fields)
      const { hasAccess, expiresAt = Infinity } = results[i]
      for (const [name, value] of Object.entries(resource.context?.access ?? {})) {
        fields.delete(`${name}:${value}`)
        if (hasAccess) fields.set(`${name}:${value}`, expiresAt)
      }
    }
  }

  /**
   * The `result.data` of `/v2/auth/permissions/get`. Throws NOT_FOUND with the same tree in `details`
   * if one of the resources does not exist.
   *
   * @param {Query} query
   * @param {number} now Unix time in milliseconds.
   */
  get({ organizationId, userIds, folderIds, documentIds }, now) {
    /** @type {Set<Type>} */
    const missing = new Set()
    /** @param {string} userId @param {Type} type @param {string[] | undefined} ids */
    const entries = (userId, type, ids) => {
      if (!ids) return undefined
      return Object.fromEntries(
        ids.map((id) => {
          const exists = this.#existing.has(keyOf(type, organizationId, id))
          if (!exists) missing.add(type)
          const permission = this.#granted.get(keyOf(userId, type, organizationId, id))
          return [id, exists ? entry(type, permission, now) : doesNotExist(type)]
        }),
      )
    }
    const tree = Object.fromEntries(
      userIds.map((userId) => [
        userId,
        {
          folders: entries(userId, 'folder', folderIds),
          documents: entries(userId, 'document', documentIds),
          organization: entries(userId, 'organization', [organizationId]),
          context: this.#context(userId, organizationId, now),
        },
      ]),
    )
    if (missing.size === 0) return tree
    const label = missing.has('organization') ? 'Organization' : 'Folder or document'
    throw new RpcError('NOT_FOUND', `${label} does not exist`, tree)
  }

  /** @param {string} userId @param {string} organizationId @param {number} now */
  #context(userId, organizationId, now) {
    const fields = this.#accessFields.get(keyOf(userId, organizationId)) ?? new Map()
    const accessFields = [...fields].filter(([, end]) => end > now).map(([field]) => field)
    return accessFields.length > 0 ? { accessFields } : undefined
  }

  clear() {
    this.#accessFields.clear()
    this.#granted.clear()
    this.#existing.clear()
  }
}

/**
 * What a user may do with a resource that exists. Velt's reference shows `accessType` for folders and
 * documents only. It is always `restricted`: a user has access only through a permission of their own.
 *
 * @param {Type} type
 * @param {Permission | undefined} permission
 * @param {number} now Unix time in milliseconds.
 */
function entry(type, permission, now) {
  const accessType = type === 'organization' ? undefined : 'restricted'
  if (permission && (permission.expiresAt ?? Infinity) * 1000 > now) {
    const { accessRole, expiresAt } = permission
    return { accessRole, accessType, expiresAt }
  }
  const error = `User does not have access to ${type}`
  return { error, errorCode: 'permission_denied', accessType }
}

/** @param {Type} type */
function doesNotExist(type) {
  return { error: `${LABELS[type]} does not exist`, errorCode: 'does_not_exist' }
}

/** One string for several ids. Any id may contain any character. @param {...unknown} ids */
function keyOf(...ids) {
  return JSON.stringify(ids)
}

exports.Permissions = Permissions
