// What the token handler needs of Node's own request and response: every framework on Node has them.

'use strict'

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
function toCall({ method, headers }, res) {
  const visitor = new AbortController()
  // Every response closes; only of one that was cut short did the visitor not wait for the end.
  res.once('close', () => {
    if (!res.writableFinished) visitor.abort()
  })
  return { method, cacheControl: headers['cache-control'], signal: visitor.signal }
}

exports.toCall = toCall
