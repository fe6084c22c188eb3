// What the token handler needs of Node's own request and response: every framework on Node has them.

'use strict'

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
function toCall({ method, headers }, res) {
  const visitor = new AbortController()
  res.once('close', () => visitor.abort())
  return { method, cacheControl: headers['cache-control'], signal: visitor.signal }
}

exports.toCall = toCall
