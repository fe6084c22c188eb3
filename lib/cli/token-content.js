// Reads a token without verifying its signature, and finds what is wrong with it.

'use strict'

/**
 * All times are Unix times in milliseconds.
 *
 * @typedef {object} TokenContent
 * @property {false} signatureVerified
 * @property {Record<string, any> | undefined} header
 * @property {Record<string, any> | undefined} claims
 * @property {number | undefined} issuedAt
 * @property {number | undefined} expiresAt
 * @property {number | undefined} millisecondsLeft
 * @property {Permission[]} permissions
 * @property {string[]} notes
 * @property {string[]} problems
 */

/**
 * @typedef {{ type: unknown, id: unknown, organizationId?: unknown, accessRole: unknown,
 *   endsAt?: number, millisecondsLeft?: number }} Permission
 */

/** A Unix time in seconds from here on (the year 5138) is probably in milliseconds. */
const MILLISECONDS = 1e11

/** How far the clock of this machine may be behind Velt's. */
const CLOCK_TOLERANCE = 60_000

/** How many characters a signature of Velt has at least, by its algorithm. RSA keys have at least 2048 bits. */
const SHORTEST_SIGNATURE = new Map([
  ['HS256', 43],
  ['RS256', 342],
])

/** @param {string} token @param {number} now @returns {TokenContent} */
function inspectToken(token, now) {
  /** @type {TokenContent} */
  const content = {
    signatureVerified: false,
    header: undefined,
    claims: undefined,
    issuedAt: undefined,
    expiresAt: undefined,
    millisecondsLeft: undefined,
    permissions: [],
    notes: [],
    problems: [],
  }
  const parts = token.split('.')
  content.header = decodePart(parts[0])
  content.claims = parts.length === 3 ? decodePart(parts[1]) : undefined
  if (!content.header || !content.claims) {
    content.problems.push(notAToken(token, parts.length))
    return content
  }
  const { alg } = content.header
  if (parts[2] === '') content.problems.push('The signature is missing: the token was cut off.')
  else if (parts[2].length < (SHORTEST_SIGNATURE.get(alg) ?? 0)) {
    content.problems.push(`The signature is too short for ${alg}: the token was cut off.`)
  }
  if (/^none$/i.test(alg)) {
    content.problems.push('The algorithm is "none": the token is not signed, so Velt rejects it.')
  }
  inspectUser(content)
  inspectTimes(content, now)
  inspectPermissions(content, now)
  return content
}

/** @param {string} part @returns {Record<string, any> | undefined} */
function decodePart(part) {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** @param {string} token @param {number} count */
function notAToken(token, count) {
  if (token === '' || token === 'undefined' || token === 'null') {
    return 'There is no token. Print the response of your token endpoint to see what it sends.'
  }
  if (count === 3) return 'This is not a JWT: a part of it is not JSON. Copy the whole token again.'
  const parts = count === 1 ? '1 part' : `${count} parts`
  return (
    `This is not a JWT: a JWT has 3 parts with dots between them, this has ${parts}. ` +
    'Check that it is the token, and not the API key or the auth token, and that it is complete.'
  )
}

/** @param {TokenContent} content */
function inspectUser({ claims, notes, problems }) {
  const { userId } = /** @type {Record<string, any>} */ (claims)
  if (typeof userId === 'string' && userId !== '') return
  if (userId === undefined) notes.push('The claim userId is missing. This is not a token of Velt.')
  else problems.push('The claim userId is not a string: write String(user.id) on your server.')
}

/** @param {TokenContent} content @param {number} now */
function inspectTimes(content, now) {
  const { iat, nbf, exp } = /** @type {Record<string, any>} */ (content.claims)
  for (const [name, value] of Object.entries({ iat, nbf, exp })) {
    if (value === undefined) continue
    if (typeof value !== 'number') content.problems.push(`The claim ${name} is not a number.`)
    else if (value >= MILLISECONDS) {
      content.problems.push(`The claim ${name} is in milliseconds. It must be in seconds.`)
    }
  }
  content.issuedAt = milliseconds(iat)
  content.expiresAt = milliseconds(exp)
  if (content.expiresAt === undefined) {
    content.notes.push('There is no end (exp). velt-auth counts 48 hours from when it is received.')
  } else {
    content.millisecondsLeft = content.expiresAt - now
    if (content.millisecondsLeft <= 0) {
      content.problems.push(
        'The token has expired: fetch a new one. The emulator and Velt reject it.',
      )
    }
  }
  const start = Math.max(content.issuedAt ?? 0, milliseconds(nbf) ?? 0)
  if (start > now + CLOCK_TOLERANCE) {
    content.problems.push(
      'The token is from the future: the clock of this machine, or of the machine that made the ' +
        'token, is wrong. "npx velt-auth doctor" compares the clock with Velt.',
    )
  }
}

/** @param {TokenContent} content @param {number} now */
function inspectPermissions(content, now) {
  const { permissions, organizationId } = /** @type {Record<string, any>} */ (content.claims)
  const resources = permissions?.resources ?? []
  if (!Array.isArray(resources)) {
    content.problems.push('permissions.resources is not an array.')
    return
  }
  for (const resource of resources) inspectPermission(resource ?? {}, content, now)
  const inOrganization = resources.some((resource) => resource?.type === 'organization')
  if (organizationId === undefined && !inOrganization) {
    content.notes.push(
      'The token names no organization. If your page passes organizationId to identify(), and ' +
        'Require JWT Token is on, Velt rejects the user: pass organizationId on the server too.',
    )
  }
}

/** @param {Record<string, any>} resource @param {TokenContent} content @param {number} now */
function inspectPermission({ type, id, organizationId, accessRole, expiresAt }, content, now) {
  /** @type {Permission} */
  const permission = { type, id, organizationId, accessRole: accessRole ?? 'editor' }
  content.permissions.push(permission)
  const name = `The permission for ${type} ${id}`
  if (!['organization', 'folder', 'document'].includes(type)) {
    content.problems.push(`${name}: the type must be organization, folder or document.`)
  } else if (type !== 'organization' && organizationId === undefined) {
    content.problems.push(`${name} has no organizationId. It is required for a ${type}.`)
  }
  if (expiresAt === undefined) return
  const endsAt = milliseconds(expiresAt)
  if (endsAt === undefined) {
    content.problems.push(`${name}: expiresAt must be a Unix time in seconds, not milliseconds.`)
    return
  }
  permission.endsAt = endsAt
  permission.millisecondsLeft = endsAt - now
  if (endsAt <= now) content.problems.push(`${name} has ended: fetch a new token.`)
  else if (content.expiresAt !== undefined && endsAt < content.expiresAt) {
    content.notes.push(`${name} ends before the token expires.`)
  }
}

/** A Unix time in seconds as milliseconds; `undefined` if it is none. @param {unknown} seconds */
function milliseconds(seconds) {
  const isTime = typeof seconds === 'number' && seconds >= 0 && seconds < MILLISECONDS
  return isTime ? seconds * 1000 : undefined
}

exports.inspectToken = inspectToken
