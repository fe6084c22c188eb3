// Reads the JSON body of a request, whether or not the framework has already parsed it.

'use strict'

const { finished } = require('node:stream')

/**
 * The body of a request: a stream that nobody has read yet, or the value that another middleware has made
 * of it. The value may be JSON text, bytes of it, or the parsed JSON.
 *
 * @typedef {{ stream: import('node:stream').Readable } | { parsed: unknown }} Body
 */

/** A body that cannot be used. `code` and `status` are those of the response. */
class BodyError extends Error {
  /**
   * @param {'invalid_request' | 'request_too_large'} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/**
 * @param {Body} body
 * @param {number} maxBytes the limit for a body that is read here
 * @returns {Promise<unknown>} the parsed JSON
 * @throws {BodyError} if the body is too large, incomplete or not JSON
 */
async function readJson(body, maxBytes) {
  const content = 'stream' in body ? await readAll(body.stream, maxBytes) : body.parsed
  if (content === undefined) {
    throw new Error(
      'Another middleware has read the body of the request, and did not keep it. Mount the handler ' +
        'before this middleware. In frameworks with Web requests, pass `request.clone()` to one of both.',
    )
  }
  if (typeof content !== 'string' && !(content instanceof Uint8Array)) return content
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'))
  } catch {
    throw new BodyError('invalid_request', 'The body must be JSON.')
  }
}

/**
 * @param {import('node:stream').Readable} stream
 * @param {number} maxBytes
 * @returns {Promise<Buffer>}
 */
function readAll(stream, maxBytes) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const chunks = []
    let size = 0
    finished(stream, { writable: false }, (error) => {
      if (!error) return resolve(Buffer.concat(chunks))
      const message = 'The connection was closed before the body was complete.'
      reject(new BodyError('invalid_request', message))
    })
    stream.on('data', collect)

    /** @param {Buffer | string} chunk */
    function collect(chunk) {
      const bytes = Buffer.from(chunk)
      size += bytes.length
      if (size <= maxBytes) {
        chunks.push(bytes)
        return
      }
      // The rest is read and dropped. If the connection was closed instead, the caller might not see
      // the response.
      stream.off('data', collect).resume()
      chunks.length = 0
      reject(
        new BodyError('request_too_large', `The body must not have more than ${maxBytes} bytes.`),
      )
    }
  })
}

exports.BodyError = BodyError
exports.readJson = readJson
