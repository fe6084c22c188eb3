// What the token handler needs of Node's own request and response: every framework on Node has them.

'use strict'

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
function toCall({ method, headers }, res) {
  return { method, cacheControl: headers['cache-control'], hasLeft: () => res.destroyed }
}

exports.toCall = toCall
