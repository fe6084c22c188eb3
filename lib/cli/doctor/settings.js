// What the client would use: the credentials, the URL of Velt's API, the proxy and the certificates.

'use strict'

const { readFileSync } = require('node:fs')
const net = require('node:net')
const { rootCertificates } = require('node:tls')
const { UsageError } = require('../errors.js')

/**
 * @typedef {import('./connection.js').Route} Route
 * @typedef {object} Settings
 * @property {string} apiKey Empty if it is missing.
 * @property {string} authToken Empty if it is missing.
 * @property {string} baseUrl
 * @property {string | undefined} ca The certificates of `--ca`, in PEM format.
 * @property {Route | undefined} route How to reach `baseUrl`; `undefined` if a URL is invalid.
 */

/** @param {string | undefined} caFile @returns {Settings} */
function readSettings(caFile) {
  const baseUrl = variable('VELT_BASE_URL') ?? 'https://api.velt.dev'
  const ca = caFile === undefined ? undefined : readCertificates(caFile)
  return {
    apiKey: variable('VELT_API_KEY') ?? '',
    authToken: variable('VELT_AUTH_TOKEN') ?? '',
    baseUrl,
    ca,
    route: routeTo(baseUrl, ca),
  }
}

/** An environment variable; an empty one counts as not set. @param {string} name */
function variable(name) {
  return process.env[name] || undefined
}

/** @param {string} file */
function readCertificates(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error)
    throw new UsageError(`--ca: ${file} cannot be read (${code}).`)
  }
}

/**
 * The route to a URL, with the rules of the client: https, or http to this machine without a proxy.
 *
 * @param {string} url
 * @param {string | undefined} ca
 * @returns {Route | undefined}
 */
function routeTo(url, ca) {
  const target = parseUrl(url)
  if (!target || (target.protocol === 'http:' && !isLoopback(target.hostname))) return undefined
  const secure = target.protocol === 'https:'
  const proxyUrl = secure ? proxyFor(target.hostname) : undefined
  const proxy = parseUrl(proxyUrl)
  if (proxyUrl !== undefined && !proxy) return undefined
  return {
    ...address(target),
    path: target.pathname.replace(/\/$/, ''),
    ca: ca === undefined ? [...rootCertificates, ...extraCertificates()] : [ca],
    proxy: proxy && { ...address(proxy), authorization: basicAuthorization(proxy) },
  }
}

/** An http or https URL. @param {string | undefined} text */
function parseUrl(text) {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  return url && /^https?:$/.test(url.protocol) ? url : undefined
}

/** @param {URL} url */
function address({ protocol, hostname, port }) {
  const secure = protocol === 'https:'
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (secure ? 443 : 80),
    secure,
  }
}

/** @param {string} host */
function isLoopback(host) {
  return host === 'localhost' || host === '[::1]' || (net.isIPv4(host) && host.startsWith('127.'))
}

/** The variables and rules of the option `proxy` of the client. @param {string} host */
function proxyFor(host) {
  const bypass = variable('no_proxy') ?? variable('NO_PROXY') ?? ''
  const names = bypass.split(',').map((name) => name.trim().toLowerCase().replace(/^\./, ''))
  if (names.some((name) => name === '*' || (name && matches(host, name)))) return undefined
  return variable('https_proxy') ?? variable('HTTPS_PROXY')
}

/** @param {string} host @param {string} name A host name, a domain, an IP address or a network. */
function matches(host, name) {
  const [network, bits] = name.split('/')
  const ip = host.replace(/^\[|\]$/g, '')
  const family = net.isIP(ip)
  if (family === 0) return host === name || host.endsWith(`.${name}`)
  if (net.isIP(network) !== family) return false
  const list = new net.BlockList()
  const type = family === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(network, Number(bits ?? (family === 4 ? 32 : 128)), type)
  return list.check(ip, type)
}

/** @param {URL} proxy */
function basicAuthorization({ username, password }) {
  if (!username && !password) return undefined
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

/** The certificates in `NODE_EXTRA_CA_CERTS`, which the client adds to Mozilla's. */
function extraCertificates() {
  const file = variable('NODE_EXTRA_CA_CERTS')
  if (file === undefined) return []
  try {
    return [readFileSync(file, 'utf8')]
  } catch {
    return [] // Node.js has printed a warning about this file.
  }
}

exports.isLoopback = isLoopback
exports.readSettings = readSettings
exports.routeTo = routeTo
exports.variable = variable
