// Reads the parts that the token endpoint needs from Node's own request and response. All frameworks that run on
// `node:http` give access to these.

'use strict'

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 * @returns {import('./responses.js').EndpointRequest}
 */
function toEndpointRequest({ method, headers }, res) {
  return {
    method,
    header: (name) => headers[name],
    vary: res.getHeader('vary'),
    isClosed: () => res.destroyed,
  }
}

exports.toEndpointRequest = toEndpointRequest
