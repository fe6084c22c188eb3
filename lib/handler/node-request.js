// Reads the parts that the endpoints need from Node's own request and response. All frameworks that run on
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

/**
 * The value of a body parser counts only if the body was read: Express 4 and others set an empty object
 * for a body that their parser has not read.
 *
 * @param {import('node:http').IncomingMessage} req
 * @param {unknown} parsed the value that a body parser has set
 * @returns {import('./body.js').Body}
 */
function toBody(req, parsed) {
  return req.readableDidRead || req.readableEnded ? { parsed } : { stream: req }
}

exports.toBody = toBody
exports.toEndpointRequest = toEndpointRequest
