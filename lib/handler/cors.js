// CORS for the endpoints: answers preflight requests, and adds the CORS headers to all responses.

'use strict'

const { invalidInput } = require('../errors.js')
const { arrayOf, boolean, object, string } = require('../validate.js')

/**
 * @typedef {import('./endpoint.js').CorsOptions} CorsOptions
 * @typedef {import('./responses.js').EndpointRequest} EndpointRequest
 * @typedef {import('./responses.js').EndpointResponse} EndpointResponse
 */

/** The request headers that pages of the allowed origins can send without `headers`. */
const REQUEST_HEADERS = ['authorization', 'cache-control', 'content-type']

/** How long a browser may reuse the response to a preflight request, in seconds. */
const PREFLIGHT_MAX_AGE = 600

const validateFields = object(
  { origins: arrayOf(origin), credentials: boolean, headers: arrayOf(headerName) },
  ['origins'],
)

/** @type {import('../validate.js').Validator<CorsOptions>} */
function corsOptions(value, path, code) {
  const options = /** @type {CorsOptions} */ (validateFields(value, path, code))
  const { origins, credentials } = options
  if (origins.length === 0) {
    throw invalidInput(code, `${path}.origins is empty: list origins, or leave out cors.`)
  }
  if (origins.includes('*') && origins.length > 1) {
    throw invalidInput(code, `${path}.origins cannot have '*' together with other origins.`)
  }
  if (origins.includes('*') && credentials) {
    throw invalidInput(
      code,
      `${path} cannot have the origin '*' with credentials: every site could then read tokens with ` +
        "your visitors' cookies. List the origins of your own pages.",
    )
  }
  return options
}

/** The origin of a page whose scheme the URL standard does not define, such as `capacitor://localhost`. */
const OTHER_SCHEME = /^[a-z][a-z\d+.-]*:\/\/[^/?#@]+$/

/** @type {import('../validate.js').Validator<string>} */
function origin(value, path, code) {
  const given = string(value, path, code)
  if (given === '*') return given
  const parsed = URL.canParse(given) ? new URL(given).origin : undefined
  const isExact = parsed === 'null' ? OTHER_SCHEME.test(given) : parsed === given
  if (isExact && !given.includes('*')) return given
  throw invalidInput(
    code,
    `${path} must be an origin as browsers send it, such as 'https://app.example.com': without a ` +
      "path, a '/' at the end, a default port or a wildcard.",
  )
}

/** @type {import('../validate.js').Validator<string>} */
function headerName(value, path, code) {
  const name = string(value, path, code)
  if (/^[\w!#$%&'+.^`|~-]+$/.test(name)) return name
  throw invalidInput(code, `${path} must be the name of a request header.`)
}

/**
 * Adds CORS to the handler of an endpoint. Without options, the handler is returned unchanged.
 *
 * An origin that is not allowed gets no CORS headers, so its pages cannot read the response. Its preflight
 * request is passed to the handler, like any other OPTIONS request.
 *
 * @template {unknown[]} Args
 * @param {CorsOptions | undefined} options
 * @param {string[]} methods the HTTP methods of the endpoint
 * @param {(request: EndpointRequest, ...args: Args) => Promise<EndpointResponse>} handle
 * @returns {(request: EndpointRequest, ...args: Args) => Promise<EndpointResponse>}
 */
function withCors(options, methods, handle) {
  if (!options) return handle
  const { origins, credentials, headers: requestHeaders = [] } = options
  const isPublic = origins.includes('*')
  const preflightHeaders = {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': [...REQUEST_HEADERS, ...requestHeaders].join(', '),
    'access-control-max-age': String(PREFLIGHT_MAX_AGE),
  }

  return async (request, ...args) => {
    const from = String(request.header('origin') ?? '')
    const isAllowed = from !== '' && (isPublic || origins.includes(from))
    /** @type {Record<string, string>} */
    const headers = {}
    // With '*', the headers are the same for all origins.
    if (!isPublic) headers.vary = addOrigin(request.vary)
    if (isAllowed) {
      headers['access-control-allow-origin'] = isPublic ? '*' : from
      // Browsers hide this header from pages on other origins. `velt-auth/browser` waits that long.
      headers['access-control-expose-headers'] = 'retry-after'
      if (credentials) headers['access-control-allow-credentials'] = 'true'
    }
    if (
      isAllowed &&
      request.method === 'OPTIONS' &&
      request.header('access-control-request-method')
    ) {
      return { status: 204, headers: { ...headers, ...preflightHeaders }, body: null }
    }
    const response = await handle(request, ...args)
    return { ...response, headers: { ...response.headers, ...headers } }
  }
}

/**
 * Adds `Origin` to the Vary header that another middleware has set.
 *
 * @param {import('./responses.js').EndpointRequest['vary']} vary
 */
function addOrigin(vary) {
  const names = String(vary ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  const isListed = names.some((name) => name === '*' || name.toLowerCase() === 'origin')
  return [...names, ...(isListed ? [] : ['Origin'])].join(', ')
}

exports.corsOptions = corsOptions
exports.withCors = withCors
