// Checks of the way to Velt. They read one connection attempt.

'use strict'

const { isIP } = require('node:net')
const { DOCS, failure, ok, skipped } = require('./result.js')

/**
 * @typedef {import('./connection.js').Attempt} Attempt
 * @typedef {import('./connection.js').ConnectionError} ConnectionError
 * @typedef {import('./connection.js').Route} Route
 * @typedef {import('./connection.js').Step} Step
 */

/** @param {Route} route @param {Attempt} attempt */
function dns(route, attempt) {
  const { host } = route.proxy ?? route
  if (isIP(host)) return skipped('DNS', `${host} is an IP address.`)
  return step('DNS', 'dns', attempt, {
    done: `${host}: ${attempt.addresses.join(', ')}`,
    failed: (error) =>
      failure(
        'DNS',
        `The name ${host} cannot be resolved (${error.code}).`,
        route.proxy
          ? 'Correct the host name in HTTPS_PROXY.'
          : 'Correct VELT_BASE_URL, or check the DNS of this machine or container. If it reaches the ' +
              'internet only through a proxy, set HTTPS_PROXY.',
      ),
  })
}

/** @param {Route} route @param {Attempt} attempt */
function tcp(route, attempt) {
  const { host, port } = route.proxy ?? route
  const place = `${route.proxy ? 'the proxy ' : ''}${host}:${port}`
  return step('TCP', 'tcp', attempt, {
    done: `connected to ${place}`,
    failed: (error) => {
      if (error.code === 'ECONNREFUSED') {
        return failure(
          'TCP',
          `Nothing listens on ${place} (ECONNREFUSED).`,
          'Correct VELT_BASE_URL or HTTPS_PROXY, or start the server: for the emulator, run ' +
            '"npx velt-auth emulator".',
        )
      }
      return failure(
        'TCP',
        `No connection to ${place} (${error.code}).`,
        'A firewall or security group probably blocks it: allow outgoing connections to this ' +
          'address, or set HTTPS_PROXY.',
      )
    },
  })
}

/** @param {Route} route @param {Attempt} attempt */
function proxy(route, attempt) {
  if (!route.proxy) return ok('proxy', 'none, according to HTTPS_PROXY and NO_PROXY')
  return step('proxy', 'proxy', attempt, {
    done: `the proxy connects to ${route.host}:${route.port}`,
    failed: (error) => {
      if (error.code === '407') {
        return failure(
          'proxy',
          'The proxy rejects the user name or the password (HTTP 407).',
          'Correct them in HTTPS_PROXY, as in http://user:password@proxy:3128. Write special ' +
            'characters in percent encoding: @ is %40.',
        )
      }
      if (/^\d+$/.test(error.code)) {
        return failure(
          'proxy',
          `The proxy does not connect to ${route.host}:${route.port} (HTTP ${error.code}).`,
          'Ask the operator of the proxy to allow this host, or add the host to NO_PROXY.',
        )
      }
      return certificateFailure('proxy', error) ?? noProxyAnswer(error)
    },
  })
}

/** @param {ConnectionError} error */
function noProxyAnswer(error) {
  return failure(
    'proxy',
    `The proxy does not answer a CONNECT request (${error.code}).`,
    'Check the scheme and the port of HTTPS_PROXY: it must be the URL of an HTTP proxy.',
  )
}

/** @param {Route} route @param {Attempt} attempt */
function tls(route, attempt) {
  if (!route.secure) return skipped('TLS', 'The URL is http, to this machine.')
  const { socket } = attempt
  const protocol = socket && 'getProtocol' in socket ? socket.getProtocol() : ''
  return step('TLS', 'tls', attempt, {
    done: `${protocol}, the certificate is valid`,
    failed: (error) =>
      certificateFailure('TLS', error) ??
      failure(
        'TLS',
        `The TLS handshake fails (${error.code}).`,
        'The server must speak TLS 1.2 or newer. Check the port: it may be plain http.',
      ),
  })
}

const TRUST =
  'If your company or your test server has its own certificate authority (CA), set ' +
  'NODE_EXTRA_CA_CERTS to a PEM file with the certificate of this CA, before the process starts, or ' +
  'pass it as the option ca of the client (here: --ca).'

/** @type {Record<string, [string, string]>} */
const CERTIFICATE_FAILURES = {
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'The certificate is self-signed: no authority has issued it',
    `${TRUST} A self-signed certificate must also have CA:FALSE.`,
  ],
  SELF_SIGNED_CERT_IN_CHAIN: ['The certificate is from an unknown authority', TRUST],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['The certificate is from an unknown authority', TRUST],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['The certificate is from an unknown authority', TRUST],
  UNABLE_TO_GET_ISSUER_CERT: ['The certificate is from an unknown authority', TRUST],
  CERT_HAS_EXPIRED: [
    'The certificate has expired',
    'Check the clock of this machine. If it is right, the operator of the server must renew the ' +
      'certificate.',
  ],
  CERT_NOT_YET_VALID: ['The certificate is not valid yet', 'Check the clock of this machine.'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'The certificate is for another host name',
    'Correct the host name in VELT_BASE_URL, or correct the certificate.',
  ],
  CA_AS_SERVER: [
    'The certificate is that of an authority (CA:TRUE). The addon does not accept it for a server',
    `Make a server certificate with CA:FALSE: ${DOCS}/emulator.md has the command.`,
  ],
  CERTIFICATE: ['The certificate is invalid', TRUST],
}

/** @param {string} name @param {ConnectionError} error */
function certificateFailure(name, { code, message }) {
  if (!Object.hasOwn(CERTIFICATE_FAILURES, code)) return undefined
  const [detail, cure] = CERTIFICATE_FAILURES[code]
  return failure(name, `${detail} (${message}).`, cure)
}

/**
 * @param {string} name
 * @param {Step} stepName
 * @param {Attempt} attempt
 * @param {{ done: string, failed: (error: ConnectionError) => import('./result.js').Result }} texts
 */
function step(name, stepName, { milliseconds, failure: failed }, texts) {
  const ms = milliseconds[stepName]
  if (ms !== undefined) return ok(name, `${texts.done} (${ms.toFixed(1)} ms)`)
  if (failed?.step === stepName) return texts.failed(failed.error)
  return skipped(name, 'An earlier step failed.')
}

exports.certificateFailure = certificateFailure
exports.dns = dns
exports.proxy = proxy
exports.tcp = tcp
exports.tls = tls
