// The check of the permission provider: the endpoint of your server that Velt asks for permissions.

'use strict'

const { postJson } = require('./connection.js')
const { certificateFailure } = require('./network.js')
const { failure, ok, skipped, warning } = require('./result.js')
const { routeTo } = require('./settings.js')

const NAME = 'permission provider'

/** A user that does not exist, so the answer must be "no". */
const NOBODY = 'velt-auth-doctor'

/**
 * @param {import('./workspace.js').Answer} answer
 * @param {string | undefined} givenUrl The URL of `--permission-provider`.
 * @param {string | undefined} ca
 */
async function permissionProvider({ data, problem }, givenUrl, ca) {
  if (!data) {
    return skipped(NAME, problem ? problem.detail : 'The configuration cannot be read.')
  }
  const { permissionProviderUrl, authToken } = data.permissionProviderConfig ?? {}
  const isUsed = data.usePermissionProvider === true && Boolean(permissionProviderUrl)
  const url = givenUrl ?? (isUsed ? String(permissionProviderUrl) : undefined)
  if (url === undefined) return ok(NAME, 'not used: console.velt.dev has no URL for it')
  const route = routeTo(url, ca)
  if (!route) {
    return failure(
      NAME,
      'Its URL is not an https URL.',
      'Correct the URL in console.velt.dev. Velt would send the token unencrypted with http.',
    )
  }
  const result = await ask(route, new URL(url), authToken)
  if (isUsed || result.status !== 'ok') return result
  return warning(
    NAME,
    `${result.detail}, but Velt does not use it.`,
    'Enter the URL in console.velt.dev, and enable the permission provider.',
  )
}

/**
 * @param {import('./connection.js').Route} route
 * @param {URL} url
 * @param {string | undefined} token
 */
async function ask(route, { host, pathname, search }, token) {
  const resource = { id: NOBODY, type: 'organization', source: 'identify', organizationId: NOBODY }
  const body = { data: { requests: [{ userId: NOBODY, resource }] } }
  const headers = { authorization: token ? `Bearer ${token}` : undefined }
  try {
    // The path is that of the URL, without a prefix.
    const answer = await postJson({ ...route, path: '' }, pathname + search, headers, body)
    return judge(answer, `${host}${pathname}`)
  } catch (error) {
    const failed = /** @type {import('./connection.js').ConnectionError} */ (error)
    return (
      certificateFailure(NAME, failed) ??
      failure(
        NAME,
        `${host} does not answer (${failed.code}).`,
        'Start your server, or correct the URL. Velt denies access while it gets no answer.',
      )
    )
  }
}

/** @param {{ status: number, json: any, milliseconds: number }} answer @param {string} place */
function judge({ status, json, milliseconds }, place) {
  if (status === 401 || status === 403) {
    return failure(
      NAME,
      `${place} rejects the token that console.velt.dev has for it (HTTP ${status}).`,
      'Use the same token in console.velt.dev and on your server.',
    )
  }
  const entry = json?.data?.[0]
  if (status !== 200 || typeof entry?.hasAccess !== 'boolean') {
    return failure(
      NAME,
      `${place} does not answer in the format of Velt (HTTP ${status}).`,
      'Check the path of the URL. veltPermissionHandler answers in the right format.',
    )
  }
  if (entry.hasAccess) {
    return warning(
      NAME,
      `${place} gives access to a user that does not exist (${NOBODY}).`,
      'Deny by default: give access only to users that your database knows.',
    )
  }
  return ok(NAME, `${place} answers, and denies an unknown user (${milliseconds.toFixed(1)} ms)`)
}

exports.permissionProvider = permissionProvider
